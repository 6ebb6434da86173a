"""The README's code runs as it stands."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from oodml.cli import run_command
from oodml.core.vectors import VectorTable, write_vectors
from oodml.runs.plan import packaged

ROOT = Path(__file__).resolve().parents[2]


def blocks(name: str, language: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)


def test_python_blocks_run(capsys: pytest.CaptureFixture[str]) -> None:
    code = "\n".join(blocks("README.md", "python"))
    exec(compile(code, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    shifts = [float(line.split()[1]) for line in lines[:3]]
    assert shifts == sorted(shifts)


def test_the_two_commands_are_tox_environments() -> None:
    commands = [line for block in blocks("README.md", "sh")[:2] for line in block.splitlines()]
    environments = re.findall(r"^\[testenv:(\w+)\]", (ROOT / "tox.ini").read_text(), re.MULTILINE)
    wanted = [re.search(r"tox -e (\w+)", line) for line in commands]
    assert [m and m[1] for m in wanted] == ["demo", "test"]
    assert {"demo", "test"} <= set(environments)


def test_shell_commands_run(
    oodml_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vector_data: str
) -> None:
    """Every oodml command of the README, on stand-ins for the files a reader brings along."""
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    table = VectorTable(
        tuple(map(str, range(40))),
        rng.normal(size=(40, 8)).astype(np.float32),
        {"label": tuple(f"c{i % 8}" for i in range(40))},
    )
    write_vectors(tmp_path / "embeddings.parquet", table)
    for name in ("a", "b", "c", "d", "e", "f"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    demo = packaged.packaged_spec("demo").read_text()
    quick = re.sub(r"^steps = \d+", "steps = 2", demo, flags=re.MULTILINE)
    quick = quick.replace('"glyphs"', '"toy"').replace('"tf_efficientnet_lite0"', '"identity"')
    quick = re.sub(r"^image_size.*$", "", quick, flags=re.MULTILINE)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "demo.toml").write_text(quick)
    monkeypatch.setattr(packaged, "_FOLDER", tmp_path / "specs")
    lines = [line for block in blocks("README.md", "sh") for line in block.splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("oodml ")]
    assert len(commands) > 10
    for command in commands:
        if "cub200" in " ".join(command):
            continue  # needs the real archive: tests/datasets covers it
        if command[0] == "embed":
            cells = json.loads((tmp_path / "runs" / "demo" / "plan.json").read_text())["cells"]
            run_id = next(cell["run_id"] for cell in cells if cell["method"] == "triplet")
            command = [word.replace("RUN_ID", run_id).replace("photos/", "toy") for word in command]
        command = ["toy" if word == "glyphs" else word for word in command]
        if command[:3] == ["split", "make", "photos/"]:
            command += ["--backbone", "conv4"]
        if "--image-size" in command:
            place = command.index("--image-size")
            command[place : place + 2] = ["--backbone", "identity"]
        assert run_command(command) == 0, command
    assert (tmp_path / "runs" / "demo" / "accuracy_5_shot.png").is_file()
