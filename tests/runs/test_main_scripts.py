"""``oodml.run`` with workers from any main program: no guard, standard input, a thread, a notebook."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from drivers import ended, start
from small_specs import SMALL, toml

import oodml
from oodml.core.errors import OodmlError
from oodml.runs import parse_spec, read_results
from oodml.runs.executors import Job, get_executor
from oodml.runs.executors import processes as module
from oodml.runs.prepare import prepare
from oodml.runs.work import Resources

METHOD = """
from torch import nn
from oodml.methods import Method, register_method

@register_method("mine")
class Mine(Method):
    trains, fits = False, True

    def fit(self, features, labels):
        import os
        print("fitted in", os.getpid())
        return nn.Identity()
"""
RUN = """
import os, oodml
print("main", os.getpid())
results = oodml.run({file!r}, {out!r}, workers=2)
print(len(results), "rows")
"""


@pytest.fixture
def mine(tmp_path: Path, vector_data: str) -> dict[str, str]:
    methods = [{"name": "frozen"}, {"name": "mine"}]
    file = tmp_path / "mine.toml"
    file.write_text(toml(SMALL | {"tasks": [{"name": "retrieval"}], "methods": methods}))
    return {"file": str(file), "out": str(tmp_path / "out")}


def where(printed: str) -> tuple[set[str], set[str]]:
    """(the main process, processes that fitted)."""
    lines = [line.split() for line in printed.splitlines()]
    return (
        {line[1] for line in lines if line[:1] == ["main"]},
        {line[2] for line in lines if line[:2] == ["fitted", "in"]},
    )


def test_a_script_without_a_guard_whose_methods_stand_in_a_module(
    mine: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "my_methods.py").write_text(METHOD)
    script = tmp_path / "train.py"
    script.write_text("import my_methods\n" + RUN.format(**mine))
    printed = ended(start([str(script)]))
    main, fitted = where(printed)
    assert "rows" in printed, printed
    assert printed.count("main ") == 1, "the script is not run again by workers"
    assert fitted
    assert not fitted & main
    assert len(read_results(Path(mine["out"]))) == 4 * 7


@pytest.mark.parametrize("place", ["script", "standard input"])
def test_a_method_of_the_main_script_runs_in_it_and_that_is_said(
    mine: dict[str, str], tmp_path: Path, place: str
) -> None:
    code = METHOD + RUN.format(**mine)
    script = tmp_path / "train.py"
    script.write_text(code)
    if place == "script":
        printed = ended(start([str(script)]))
    else:
        with script.open() as text:
            printed = ended(start(["-"], stdin=text))
    main, fitted = where(printed)
    assert "rows" in printed, printed
    assert fitted == main
    said = " ".join(printed.split())
    assert "method 'mine': defined in the main script, which worker processes do not run" in said
    assert "put it into a module of its own for several workers" in said


def test_standard_input_and_a_thread(mine: dict[str, str], tmp_path: Path) -> None:
    """What a REPL or a notebook is to workers: a main module without a file."""
    (tmp_path / "my_methods.py").write_text(METHOD)
    lines = RUN.format(**mine).replace("\n", "\n    ")
    code = (
        f"import my_methods, threading\ndef run():{lines}\nthreading.Thread(target=run).start()\n"
    )
    process = start(["-"], stdin=subprocess.PIPE, cwd=tmp_path)
    assert process.stdin is not None
    process.stdin.write(code.encode())
    printed = ended(process)
    main, fitted = where(printed)
    assert "rows" in printed, printed
    assert fitted
    assert not fitted & main


def test_a_module_that_workers_cannot_import_is_named(
    vector_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    plan = prepare(parse_spec(SMALL | {"tasks": [{"name": "retrieval"}]}), out)
    monkeypatch.setattr(module, "entries_from_outside", lambda: {"loaded_by_path": ["method 'm'"]})
    with pytest.raises(OodmlError, match="cannot import module 'loaded_by_path', which has method"):
        list(get_executor("processes")(Job(out, Resources(), 2, len(plan.cells))))
    assert len(oodml.run(SMALL | {"tasks": [{"name": "retrieval"}]}, out, executor="serial"))
