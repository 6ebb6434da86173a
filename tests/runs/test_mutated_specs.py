"""Specs damaged at random: each is a plan or a message, never a traceback.

A few in the suite; ``OODML_TEST_ROUNDS=500`` for the long check.
"""

from __future__ import annotations

import copy
import datetime
import json
import math
import random
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rounds import rounds

from oodml.cli import run_command
from oodml.runs import load_spec, parse_spec

ROOT = Path(__file__).resolve().parents[2]
# Every kind of table there is, on data of any machine.
EVERYTHING: dict[str, Any] = {
    "schema_version": 2,
    "name": "everything",
    "description": "x",
    "dataset": ["toy"],
    "seeds": [0, 1],
    "levels": [0, 1],
    "conditions": ["forward", "reverse", "ceiling", "size-matched", "held-out"],
    "features": {"backbone": "identity", "batch_size": 8, "precision": "float32", "engine": "auto"},
    "ladder": {
        "generator": "oodml", "start": "halves", "levels": 2, "seed": 1, "val_fraction": 0.3,
        "shots": [2, 5], "episodes": 2, "options": {"iterations": 3, "min_images": 2},
    },
    "training": {
        "mode": "head", "selection": "best-val", "selection_options": {"patience": 2}, "steps": 5,
        "batch_size": 24, "embedding_dim": 8, "learning_rate": 1e-3, "milestones": [2, 4],
    },
    "tasks": [
        {"name": "retrieval", "metrics": ["recall_at_1", "nmi"], "similarity": "cosine"},
        {"name": "k-shot", "shots": [2], "episodes": 2, "classifiers": ["nearest"]},
        {"name": "few-shot", "shots": [2]},
        {"name": "verification", "pairs": 40, "folds": 2, "fars": [0.1]},
        {"name": "probe", "shots": [5], "classifier": "linear"},
    ],
    "methods": [
        {"name": "frozen"},
        {"name": "triplet", "margin": 0.2, "training": {"learning_rate": 1e-2}},
        {"name": "sec-triplet", "eta": 0.1, "images_per_class": 4},
        {"name": "triplet", "regularizers": [{"sec": {"weight": 0.5}}]},
        {"preset": "sec/cub200/triplet"},
        {"name": "s2sd-triplet", "widths": [16, 32], "pooled": False},
        {"name": "weight-transfer", "adaptation_steps": 2},
    ],
}  # fmt: skip
WORDS = ["", " ", "x", "[/]", "[bold]x", "../..", "/etc/passwd", "a" * 3000, "Ω漢字\u202e", "\x7f",
         "nan", "true", "0", "name", "self", "levels", "frozen", "triplet", "%s{0}", "\\"]  # fmt: skip
NUMBERS = [0, -1, 1, 2, 3, 10**6, 10**9, 2**31, 2**63 - 1, 2**63, -(10**30), 10**23, 0.0, -0.5, 2.5,
           1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf]  # fmt: skip
OTHERS = [True, False, [], {}, [[]], [{}], {"x": {"y": [1, {"z": 2}]}}, [1, "a", 2.5],
          datetime.date(2020, 1, 1), datetime.time(1, 2), "text", ["text"], [0, 0]]  # fmt: skip


def _bases() -> list[dict[str, Any]]:
    """The specs that ship, on data that every machine has, and one with everything."""
    here = {"cub200": "glyphs", "caltech101": "icons", "omniglot": "emoji"}
    found = []
    for path in sorted({*ROOT.glob("benchmarks/*.toml"), *ROOT.glob("oodml/benchmarks/*.toml")}):
        spec = tomllib.loads(path.read_text(encoding="utf-8"))
        names = spec["dataset"] if isinstance(spec["dataset"], list) else [spec["dataset"]]
        spec["dataset"] = [here.get(name, name) for name in names]
        spec["schema_version"] = 2
        spec["training"] = {**spec.get("training", {}), "batch_size": 24, "mode": "head"}
        spec["methods"] = spec["methods"][:4]
        for ladder in spec["ladder"] if isinstance(spec.get("ladder"), list) else [spec["ladder"]]:
            ladder.pop("path", None)
        found.append(spec)
    return [*found, *[EVERYTHING] * (2 * len(found))]


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inside:
        yield (*at, key)
        if isinstance(one, dict | list):
            yield from _places(one, (*at, key))


def _changed(spec: dict[str, Any], draw: random.Random) -> None:
    """One change of the content, in place."""
    at = draw.choice(list(_places(spec)))
    holder: Any = spec
    for key in at[:-1]:
        holder = holder[key]
    key, kind = at[-1], draw.randrange(8)
    value = holder[key]
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[draw.choice([*WORDS, str(key) + "x", str(key)[:-1]])] = holder.pop(key)
    elif kind == 2:
        holder[key] = draw.choice(NUMBERS)
    elif kind == 3:
        holder[key] = draw.choice(WORDS)
    elif kind == 4:
        holder[key] = copy.deepcopy(draw.choice(OTHERS))
    elif kind == 5 and isinstance(holder, list):
        holder.insert(draw.randrange(len(holder) + 1), copy.deepcopy(value))
    elif kind == 6 and isinstance(value, int | float) and not isinstance(value, bool):
        holder[key] = draw.choice([-value, value * 1000, value / 3, str(value), [value], value + 1])
    else:
        where = draw.choice(list(_places(spec)))
        other: Any = spec
        for step in where:
            other = other[step]
        holder[key] = copy.deepcopy(other)


def _toml(value: Any) -> str:
    """Any value as TOML, tables inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return _text(value) if isinstance(value, str) else str(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _bytes(text: str, draw: random.Random) -> bytes:
    """The file as it is, or with bytes flipped, lost, put in, or lines twice."""
    data = bytearray(text.encode())
    kind = draw.randrange(10)
    if kind == 0:
        for _ in range(draw.choice([1, 1, 3])):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif kind == 1:
        del data[draw.randrange(len(data)) :]
    elif kind == 2:
        lines = data.split(b"\n")
        lines.insert(draw.randrange(len(lines)), draw.choice(lines))
        return b"\n".join(lines)
    elif kind == 3:
        place = draw.randrange(len(data))
        data[place:place] = draw.choice(
            [b"\x00", b"\xff", b"\xef\xbb\xbf", b"]", b'"""', b"\r", b"#"]
        )
    elif kind == 4:
        return b"\xef\xbb\xbf" + bytes(data).replace(b"\n", b"\r\n")
    return bytes(data)


def _mutated(bases: list[dict[str, Any]], number: int) -> bytes:
    draw = random.Random(number)
    spec = copy.deepcopy(draw.choice(bases))
    for _ in range(draw.choice([0, 1, 1, 1, 2, 4])):
        _changed(spec, draw)
    return _bytes("".join(f"{_text(k)} = {_toml(v)}\n" for k, v in spec.items()), draw)


def test_a_damaged_spec_is_a_plan_or_a_message(
    vector_data: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    bases, codes, path = _bases(), {0: 0, 1: 0, 2: 0}, tmp_path / "S.toml"
    for number in range(rounds(25)):
        path.write_bytes(_mutated(bases, number))
        code = run_command(["run", "S.toml", "--out", "out", "--dry-run", "--json"])
        printed = capsys.readouterr()
        said = f"spec {number}: {code} {printed.err[:2000]}"
        assert code in codes, said
        codes[code] += 1
        assert "Traceback" not in printed.err, said
        assert "This is a bug" not in printed.err, said
        if code == 0:
            _check_plan(path, printed.out, said)
        else:
            assert printed.err.startswith("oodml: "), said
        assert [one.name for one in tmp_path.glob("out*")] == [], said
    with capsys.disabled():
        if sum(codes.values()) >= 100:
            print(f"\n{sum(codes.values())} specs: by exit code {codes}")


def _check_plan(path: Path, printed: str, said: str) -> None:
    """What was accepted is what the file says: every cell of it once, and a spec that is one again."""
    cells = json.loads(printed)["cells"]
    spec = load_spec(path)
    assert parse_spec(spec.resolved()).sha256 == spec.sha256, said
    assert len({json.dumps(one, sort_keys=True) for one in cells}) == len(cells) > 0, said
    asked: list[Callable[[dict[str, Any]], bool]] = [
        lambda one: one["dataset"] in spec.datasets,
        lambda one: one["condition"] in spec.conditions,
        lambda one: one["seed"] in (*spec.seeds, 0),
        lambda one: spec.levels is None or one["level"] in spec.levels,
    ]
    assert all(holds(one) for holds in asked for one in cells), said
