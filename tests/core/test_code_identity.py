"""Hashes of other people's code: they change with the code, and with nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import oodml
from oodml.core.code import code_id, code_ids

LOSS = """
import beside
from numpy import exp
FACTOR = {factor}

class Loss:
    def value(self):
        return beside.scaled(FACTOR)
"""


def ids_in(folder: Path, program: str) -> str:
    """What a fresh interpreter prints of a program run in ``folder``."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


ASK = "from oodml.core.code import code_id; from {module} import Loss; print(code_id(Loss))"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(oodml.__file__).parents[1]))


def test_oodmls_own_parts_have_versions_and_no_hash() -> None:
    import torch

    from oodml.methods import Method, list_methods

    for name in list_methods():
        assert code_ids(oodml.create_method(name).parts) == {}
    assert code_id(Method) == ""
    assert code_id(torch.nn.Linear) == ""
    assert code_id(Path) == ""


def test_a_module_counts_with_what_it_imports_from_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LOSS.format(factor=1))
    (tmp_path / "beside.py").write_text(
        "import further\n\ndef scaled(x):\n    return further.twice(x)\n"
    )
    (tmp_path / "further.py").write_text("def twice(x):\n    return 2 * x\n")
    (tmp_path / "unused.py").write_text("x = 1\n")
    ask = ASK.format(module="mine")
    first = ids_in(tmp_path, ask)
    assert len(first) == 12
    (tmp_path / "unused.py").write_text("x = 2\n")
    assert ids_in(tmp_path, ask) == first
    seen = {first}
    for file, old, new in [
        ("mine.py", "FACTOR = 1", "FACTOR = 2"), ("beside.py", "twice(x)", "twice(-x)"),
        ("further.py", "2 * x", "3 * x"),
    ]:  # fmt: skip
        path = tmp_path / file
        path.write_text(path.read_text().replace(old, new))
        seen.add(ids_in(tmp_path, ask))
    assert len(seen) == 4


def test_a_package_counts_as_a_whole_wherever_it_lies(tmp_path: Path) -> None:
    for place in ("here", "there"):
        package = tmp_path / place / "lab" / "losses"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package.parent / "__init__.py").write_text("")
        (package.parent / "maths.py").write_text("SCALE = 1\n")
        (package / "mine.py").write_text("from lab import maths\n\nclass Loss:\n    pass\n")
    ask = ASK.format(module="lab.losses.mine")
    first = ids_in(tmp_path / "here", ask)
    assert ids_in(tmp_path / "there", ask) == first
    (tmp_path / "there" / "lab" / "maths.py").write_text("SCALE = 2\n")
    assert ids_in(tmp_path / "there", ask) != first


SCRIPT = """
from oodml.core.code import code_id

SCALE = {scale}
NAMES = {names}

def helper(x):
    return SCALE * x

class Base:
    def start(self):
        return {start}

class Loss(Base):
    @property
    def value(self):
        return helper(self.start())

    @staticmethod
    def other():
        return {other}

print(code_id(Loss))
"""


@pytest.mark.parametrize("how", ["script", "standard input"])
def test_a_script_counts_where_the_class_reaches(tmp_path: Path, how: str) -> None:
    def asked(**changed: int) -> str:
        text = SCRIPT.format(**{"scale": 1, "names": 1, "start": 1, "other": 1, **changed})
        (tmp_path / "script.py").write_text(text)
        command = [sys.executable, *(["script.py"] if how == "script" else ["-c", text])]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    first = asked()
    assert len(first) == 12
    assert asked() == first
    assert asked(names=2) == first  # what the class does not reach
    assert len({first, asked(scale=2), asked(start=2), asked(other=2)}) == 4
