"""Nothing that was stored is believed unless it holds, and nothing is lost before its better is there."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rounds import rounds
from small_specs import SMALL, records, toml

import oodml
from oodml.cli import run_command
from oodml.core.errors import IntegrityError, OodmlError, UsageError
from oodml.core.hashing import sha256_json
from oodml.core.this_process import host_name, process_start
from oodml.evaluation import load_ranks
from oodml.reports import summarise_all
from oodml.runs import class_sums, parse_spec, read_results
from oodml.runs.benchmark import CellsFailed
from oodml.runs.plan.plan_file import read_plan
from oodml.runs.prepare import prepare
from oodml.runs.results.table import RESULTS_FILE
from oodml.runs.store.cells import CellStore
from oodml.runs.store.status import benchmark_status
from oodml.shift import load_ladder

SPEC: dict[str, Any] = {**SMALL, "tasks": [{"name": "retrieval"}]}


@pytest.fixture
def out(vector_data: str, tmp_path: Path) -> Path:
    """The folder of a finished benchmark of four cells."""
    oodml.run(SPEC, tmp_path / "out", executor="serial")
    return tmp_path / "out"


def again(out: Path, **arguments: Any) -> pd.DataFrame:
    return oodml.run(SPEC, out, executor="serial", **arguments)


def changed_json(path: Path, change: Callable[[Any], Any]) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content)))


def test_a_finished_benchmark_says_that_nothing_was_computed(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in records(out).values()}
    capsys.readouterr()
    again(out)
    assert "nothing computed: all 4 cells were done" in "".join(capsys.readouterr())
    assert {path: path.stat().st_mtime_ns for path in records(out).values()} == before


def _value(record: dict[str, Any]) -> dict[str, Any]:
    record["rows"][0]["value"] = 0.99
    return record


def _resealed(record: dict[str, Any]) -> dict[str, Any]:
    """Who mends the seal too must still name the right cell."""
    record["cell"]["seed"] = 7
    plain = {key: value for key, value in record.items() if key != "seal"}
    return {**plain, "seal": sha256_json(plain)}


CHANGES: dict[str, Callable[[Any], Any]] = {
    "value": _value,
    "list": lambda _: [],
    "empty": lambda _: {},
    "no rows": lambda record: {**record, "rows": []},
    "other cell": _resealed,
    "newer": lambda record: {**record, "schema_version": 99},
    "no seal": lambda record: {key: value for key, value in record.items() if key != "seal"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_record_is_no_result(
    out: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = (out / RESULTS_FILE).read_bytes()
    run_id, path = next(iter(records(out).items()))
    changed_json(path, CHANGES[name])
    capsys.readouterr()
    left = oodml.run(SPEC, out, executor="serial", overwrite="never")
    assert run_id not in set(left["run_id"])
    assert left["run_id"].nunique() == 3
    told = "".join(capsys.readouterr())
    assert "left out of the results" in told
    assert "record that does not hold" in told
    state = benchmark_status(out)
    assert (state["done"], state["open"], len(state["damaged"])) == (3, 1, 1)
    again(out)
    assert (out / RESULTS_FILE).read_bytes() == table


def test_two_cells_in_each_others_folders_are_no_results(out: Path) -> None:
    table = (out / RESULTS_FILE).read_bytes()
    first, second = (path.parent for path in list(records(out).values())[:2])
    first.rename(out / "aside")
    second.rename(first)
    (out / "aside").rename(second)
    damaged = benchmark_status(out)["damaged"]
    assert len(damaged) == 2
    assert all("lies in the folder of" in one["reason"] for one in damaged)
    again(out)
    assert (out / RESULTS_FILE).read_bytes() == table


@pytest.mark.parametrize("name", ["classes.parquet", "ranks.parquet", "embedder.safetensors"])
def test_a_file_of_another_cell_is_told(out: Path, name: str) -> None:
    trained = [run_id for run_id in records(out) if (out / "cells" / run_id / name).is_file()]
    first, second = (out / "cells" / run_id / name for run_id in trained[:2])
    content = first.read_bytes()
    shutil.copyfile(second, first)
    with pytest.raises(IntegrityError, match=rf"{name}: not the file that its record lists"):
        CellStore(out).file(trained[0], name)
    if name == "classes.parquet":  # which tables read
        with pytest.raises(IntegrityError, match="`oodml run` computes the cell again"):
            class_sums(out, trained[0], "recall_at_1")
        with pytest.raises(IntegrityError, match="`oodml run` computes the cell again"):
            summarise_all(read_results(out), "recall_at_1", folder=out)
    assert [name in one["reason"] for one in benchmark_status(out)["damaged"]] == [True]
    again(out)
    assert name == "embedder.safetensors" or first.read_bytes() == content
    assert benchmark_status(out, verify=True)["damaged"] == []


def test_status_verify_reads_what_looks_untouched(out: Path, tmp_path: Path, capsys: Any) -> None:
    path = next(out.glob("cells/*/embedder.safetensors"))
    times, whole = path.stat(), path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert benchmark_status(out)["damaged"] == []
    (tmp_path / "spec.toml").write_text(toml(SPEC))
    arguments = ["status", str(tmp_path / "spec.toml"), "--out", str(out)]
    assert run_command([*arguments, "--verify"]) == 0
    assert "embedder.safetensors: not the file" in capsys.readouterr().out
    assert run_command([*arguments, "--verify", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["damaged"]) == 1


def test_no_flipped_bit_in_any_stored_file_changes_a_number(
    vector_data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every reader of a benchmark's folder and of the caches gives the same numbers or an error.

    Whatever was hit, running again heals it or says what to do.
    """
    out = tmp_path / "out"
    spec = {**SPEC, "methods": [{"name": "frozen"}, {"name": "triplet"}]}
    table = oodml.run(spec, out, executor="serial")
    markdown = shown(out)
    ranks = {path: load_ranks(path) for path in out.glob("cells/*/ranks.parquet")}
    shutil.copytree(tmp_path, tmp_path.parent / f"{tmp_path.name}-whole")
    whole = tmp_path.parent / f"{tmp_path.name}-whole"
    files = [
        path.relative_to(tmp_path)
        for path in sorted(tmp_path.rglob("*"))
        if path.is_file() and path.stat().st_size and path.suffix != ".lock"
    ]
    rng = random.Random(0)
    noticed = 0
    for _ in range(rounds(12)):
        path = tmp_path / rng.choice(files)
        content = path.read_bytes()
        place = rng.randrange(len(content))
        path.write_bytes(
            content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]
        )
        errors = []
        for read in (
            lambda: pd.testing.assert_frame_equal(read_results(out), table),
            lambda: shown(out) == markdown or pytest.fail("another table"),
            lambda: [same_ranks(load_ranks(one), ranks[one]) for one in ranks],
            lambda: pd.testing.assert_frame_equal(oodml.run(spec, out, executor="serial"), table),
        ):
            try:
                read()
            except OodmlError as error:
                errors.append(error)
        noticed += bool(errors) or path.read_bytes() != content
        shutil.rmtree(tmp_path)
        shutil.copytree(whole, tmp_path)
    assert noticed
    shutil.rmtree(whole)


def shown(out: Path) -> str:
    from oodml.reports import render

    return render(summarise_all(read_results(out), "recall_at_1", folder=out), "markdown")


def same_ranks(one: Any, other: Any) -> None:
    for name, value in vars(one).items():
        np.testing.assert_array_equal(value, getattr(other, name))


def test_overwrite_always_replaces_a_cell_when_its_new_record_is_there(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, before = (out / RESULTS_FILE).read_bytes(), _contents(out)
    with pytest.raises(Exception):  # noqa: B017, PT011  (whatever a wrong device raises)
        again(out, overwrite="always", device="foo")
    assert _contents(out) == before

    from oodml.runs import work

    original, count = work.run_cell, iter(range(99))

    def third_fails(*arguments: Any) -> Any:
        if next(count) == 2:
            raise RuntimeError("no luck")
        return original(*arguments)

    monkeypatch.setattr(work, "run_cell", third_fails)
    with pytest.raises(CellsFailed, match="1 of 4 cells failed"):
        again(out, overwrite="always")
    after = _contents(out)
    assert sum(after[run_id] != before[run_id] for run_id in before) == 3
    assert (out / RESULTS_FILE).read_bytes() == table
    assert benchmark_status(out)["done"] == 4


def test_a_whole_record_is_not_replaced_by_one_with_a_failed_task(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oodml.runs.tasks.retrieval import Retrieval

    before = _contents(out)
    monkeypatch.setattr(Retrieval, "run", lambda self, context: 1 / 0)
    with pytest.raises(CellsFailed, match="ZeroDivisionError"):
        again(out, overwrite="always")
    assert _contents(out) == before


def _contents(out: Path) -> dict[str, str]:
    return {run_id: path.read_text() for run_id, path in records(out).items()}


def test_a_changed_spec_loses_no_result(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, before = (out / RESULTS_FILE).read_bytes(), read_results(out)
    kept = out / f"results-{read_plan(out).spec_sha256[:8]}.parquet"
    more = {**SPEC, "methods": [*SPEC["methods"], {"name": "triplet"}]}
    oodml.run(more, out, executor="serial")  # nothing goes by adding
    assert not kept.exists()
    oodml.run(SPEC, out, executor="serial")
    for other in out.glob("results-*.parquet"):
        other.unlink()
    capsys.readouterr()
    other = {**SPEC, "training": {**SPEC["training"], "learning_rate": 0.02}}
    (tmp_path / "spec.toml").write_text(toml(other))
    assert run_command(["status", str(tmp_path / "spec.toml"), "--out", str(out)]) == 0
    assert (
        "the spec was changed since: 2 of these cells are not in it, 2 of its"
        in capsys.readouterr().out
    )
    oodml.run(other, out, executor="serial")
    told = "".join(capsys.readouterr())
    assert "spec was changed since the last run here: 2 finished cells" in told.replace("\n", " ")
    assert kept.read_bytes() == table
    pd.testing.assert_frame_equal(read_results(kept), before)
    oodml.run(SPEC, out, executor="serial")
    assert "nothing computed" in "".join(capsys.readouterr())
    assert (out / RESULTS_FILE).read_bytes() == table


def test_another_benchmark_is_refused_in_the_folder(out: Path) -> None:
    before = _contents(out), (out / "plan.json").read_bytes()
    with pytest.raises(UsageError, match=r"holds the benchmark 'small', this spec is 'other'"):
        oodml.run({**SPEC, "name": "other"}, out, executor="serial")
    assert (_contents(out), (out / "plan.json").read_bytes()) == before


def test_a_replaced_ladder_is_kept_aside(out: Path) -> None:
    plan = read_plan(out)
    old = load_ladder(out / plan.settings[0].ladder_folder)
    other = {**SPEC, "ladder": {**SPEC["ladder"], "seed": 5}}
    prepare(parse_spec(other), out)
    kept = out / f"{plan.settings[0].ladder_folder}-{old.sha256[:8]}"
    assert load_ladder(kept).sha256 == old.sha256
    assert load_ladder(out / plan.settings[0].ladder_folder).sha256 != old.sha256


def test_records_without_a_seal_are_of_the_schema_before(out: Path) -> None:
    """Cells that an earlier oodml finished count, as far as their hashes go."""
    table = (out / RESULTS_FILE).read_bytes()

    def older(record: dict[str, Any]) -> dict[str, Any]:
        cell = {key: value for key, value in record["cell"].items() if key != "code"}
        files = [{k: v for k, v in one.items() if k != "mtime_ns"} for one in record["files"]]
        return {**record, "schema_version": 1, "cell": cell, "files": files}

    for path in records(out).values():
        changed_json(path, older)
    assert benchmark_status(out)["done"] == 4
    again(out)
    assert (out / RESULTS_FILE).read_bytes() == table
    changed_json(path, lambda record: {**record, "run_id": "0" * 16})
    assert benchmark_status(out)["done"] == 3


def test_a_failure_note_that_is_none_leaves_the_cell_open(out: Path) -> None:
    run_id, path = next(iter(records(out).items()))
    path.unlink()
    (out / "failed").mkdir(exist_ok=True)
    for text in ("{}", "[]", "nothing", '{"reason": "x"}'):
        (out / "failed" / f"{run_id}.json").write_text(text)
        assert CellStore(out).failure(run_id) is None
        state = benchmark_status(out)
        assert (state["done"], state["open"], state["failed"]) == (3, 1, [])


def test_dead_leases_of_a_spec_before_are_swept(out: Path) -> None:
    """A living one stays, and one on a cell that is still to be done tells that a run died there."""
    leases = out / "leases"
    leases.mkdir(exist_ok=True)
    planned = next(iter(records(out)))
    (out / "cells" / planned / "record.json").unlink()
    us = {"run": "r", "owner": "o", "beat": 0, "host": host_name(), "pid": os.getpid()}
    alive = {**us, "started": process_start(os.getpid())}
    dead = {**us, "started": "long ago"}
    contents = {"0" * 16: dead, "1" * 16: alive, planned: dead}
    for run_id, content in contents.items():
        (leases / f"{run_id}.0.json").write_text(json.dumps(content))
    prepare(parse_spec(SPEC), out)
    left = {path.name.partition(".")[0] for path in leases.iterdir()}
    assert left == {"1" * 16, planned}
