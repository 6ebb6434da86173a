"""Settings drawn from declared ranges and chosen on validation classes."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_specs import SMALL, toml

import oodml.runs.search.run_points as run_points_module
from oodml.cli import run_command
from oodml.core.errors import UsageError
from oodml.methods import create_method
from oodml.methods.presets import load_preset
from oodml.runs import load_spec, parse_spec, read_results
from oodml.runs.search import Range, SearchIncomplete, search_ranges
from oodml.runs.search.choice import METRIC
from oodml.runs.search.declared import TRAINING, searched_ranges
from oodml.runs.search.draws import drawn
from oodml.runs.search.points import searched_methods
from oodml.runs.search.ranges import at_grid_edge, at_range_edge

SPEC: dict[str, Any] = {
    **SMALL,
    "training": {"steps": 5, "batch_size": 24, "embedding_dim": 8, "learning_rate": 0.01},
    "methods": [
        {"name": "frozen"},
        {"name": "triplet", "margin": 0.3},
        {"name": "multi-similarity", "training": {"steps": 4}},
    ],
}
needs_optuna = pytest.mark.skipif(
    importlib.util.find_spec("optuna") is None, reason="Optuna (oodml[optuna]) is not installed"
)


def found(choices: list) -> list[tuple[str, list]]:
    return [(one.method, one.scores) for one in choices]


class TestDraws:
    def test_each_parameter_has_its_own_stream(self) -> None:
        ranges = {"a": Range(0.0, 1.0), "b": Range(1e-4, 1.0, log=True)}
        values = drawn(ranges, 3, "triplet", 5)
        assert drawn({"b": ranges["b"]}, 3, "triplet", 5) == {"b": values["b"]}
        assert drawn({"c": Range(0.0, 1.0), **ranges}, 3, "triplet", 5)["a"] == values["a"]
        for other in ((4, "triplet", 5), (3, "npair", 5), (3, "triplet", 6)):
            assert drawn(ranges, *other) != values

    def test_draws_are_spread_evenly_over_a_range(self) -> None:
        one = Range(1e-5, 1e-1, log=True)
        shares = [
            one.share_of(drawn({"x": one}, 0, "triplet", trial)["x"]) for trial in range(2_000)
        ]
        counts, _ = np.histogram(shares, bins=8, range=(0.0, 1.0))
        assert counts.sum() == 2_000
        expected = 2_000 / 8
        assert ((counts - expected) ** 2 / expected).sum() < 24.3, "chi-square, 7 df, 0.1 %"

    def test_whole_numbers_and_choices_are_all_drawn(self) -> None:
        whole, chosen = Range(2, 5, whole=True), Range(choices=("x", False))
        values = [drawn({"n": whole, "c": chosen}, 0, "m", trial) for trial in range(200)]
        assert {one["n"] for one in values} == {2, 3, 4, 5}
        assert all(type(one["n"]) is int for one in values)
        assert {one["c"] for one in values} == {"x", False}

    @pytest.mark.parametrize("share", [0.0, 0.3, 1 - 2**-53])
    @pytest.mark.parametrize(
        "one", [Range(0.1234, 0.98765), Range(1.2345e-4, 0.9876, log=True), Range(2, 9, True, True)]
    )
    def test_rounding_leaves_no_range(self, one: Range, share: float) -> None:
        assert one.low <= one.at(share) <= one.high

    def test_ends_are_told(self) -> None:
        one = Range(1e-4, 1e-2, log=True)
        assert [at_range_edge(v, one) for v in (1e-4, 1.1e-4, 1e-3, 9.9e-3, 1.0)] == [
            True, True, False, True, True,
        ]  # fmt: skip
        assert [at_range_edge(v, Range(2, 8, whole=True)) for v in (2, 3, 8)] == [True, False, True]
        assert not at_range_edge("x", Range(choices=("x", "y")))
        assert at_grid_edge(1, [1, 2, 3])
        assert not at_grid_edge("a", ["a", "b", "c"])


class TestRanges:
    def test_the_methods_own_and_the_learning_rate_by_default(self) -> None:
        methods = [{"name": "sec-triplet"}, {"name": "adapted-histogram"}]
        spec = parse_spec({**SPEC, "methods": methods})
        triplet, histogram = searched_methods(spec)
        ranges = searched_ranges(triplet, None, {})
        assert list(ranges) == ["learning_rate", "margin", "sec_weight", "sec_momentum"]
        assert ranges["learning_rate"] == TRAINING["learning_rate"]
        declared = create_method("sec-triplet").all_parameters["sec_weight"]
        assert declared.search == (ranges["sec_weight"].low, ranges["sec_weight"].high)
        assert ranges["sec_weight"].log
        assert not any(
            name.startswith("adaptation_") for name in searched_ranges(histogram, None, {})
        )

    def test_common_ones_only_when_asked_for(self) -> None:
        (one, _) = searched_methods(parse_spec(SPEC))
        ranges = searched_ranges(one, ["images_per_class"], {"margin": Range(0.1, 0.2)})
        assert ranges == {
            "images_per_class": Range(2, 8, whole=True),
            "margin": Range(0.1, 0.2),
        }

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"parameters": ["margni"]}, "did you mean margin"),
            ({"parameters": ["steps"]}, "--range steps=LOW,HIGH"),
            ({"ranges": {"margin": Range(2.0, 1.0)}}, "2 is not below 1"),
            ({"ranges": {"margin": Range(0.0, 1.0, log=True)}}, "begins above 0"),
            ({"methods": ["triplett"]}, "did you mean triplet"),
            ({"sampler": "tpee"}, "did you mean tpe"),
            ({"trials": 0}, "at least 1"),
        ],
    )
    def test_wrong_arguments_are_named(
        self, vector_data: str, tmp_path: Path, arguments: dict, message: str
    ) -> None:
        arguments = {"trials": 2, **arguments}
        with pytest.raises(UsageError, match=message):
            search_ranges(SPEC, tmp_path / "out", **arguments)
        assert not (tmp_path / "out").exists()


def test_trials_are_those_drawn_and_the_first_is_the_specs(
    vector_data: str, tmp_path: Path
) -> None:
    choices = search_ranges(SPEC, tmp_path / "out", 4, seed=7, executor="serial")
    assert [one.method for one in choices] == [
        "triplet (margin=0.3)",
        "multi-similarity (steps=4)",
    ]
    triplet = choices[0]
    assert triplet.scores[0][0] == {"learning_rate": 0.01, "margin": 0.3}
    ranges = {"learning_rate": TRAINING["learning_rate"], "margin": Range(0.05, 1.5)}
    assert [values for values, _ in triplet.scores[1:]] == [
        drawn(ranges, 7, "triplet", trial) for trial in (1, 2, 3)
    ]
    rows = read_results(tmp_path / "out")
    assert set(rows["condition"]) == {"validation"}, "no test item is opened"
    for choice in choices:
        assert choice.score == max(score for _, score in choice.scores)
        assert choice.interval is not None
        assert choice.interval.value == pytest.approx(choice.score, abs=1e-12)
        assert choice.interval.low <= choice.score <= choice.interval.high
        for (values, score), behind in zip(choice.scores, choice.behind, strict=True):
            if values == choice.values:
                assert behind is None
            else:
                assert behind is not None
                assert behind.value == pytest.approx(score - choice.score, abs=1e-12)


def test_a_method_s_own_selection_rule_is_no_part_of_a_search(
    vector_data: str, tmp_path: Path
) -> None:
    """There are no validation classes left to select by, and the oracle would look at those scored."""
    methods = [
        {"name": "triplet", "training": {"selection": one, "selection_options": {}}}
        for one in ("best-val", "oracle")
    ]
    for number, method in enumerate(methods):
        out = tmp_path / str(number)
        (choice,) = search_ranges(
            {**SPEC, "methods": [method]}, out, 2, parameters=["learning_rate"], executor="serial"
        )
        assert len(choice.scores) == 2
        rows = read_results(out)
        assert set(rows["selection"]) == {"fixed-steps"}
        assert rows["selection_fair"].all()


def test_more_trials_keep_those_that_are_there(
    vector_data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = search_ranges(SPEC, tmp_path / "out", 2, executor="serial", methods=["triplet"])
    three = search_ranges(SPEC, tmp_path / "out", 3, executor="serial", methods=["triplet"])
    assert three[0].scores[:2] == two[0].scores
    assert "4 of 6 cells are done already" in " ".join(capsys.readouterr().err.split())


@needs_optuna
class TestOneByOne:
    def test_an_interrupted_search_continues_with_the_same_trials(
        self, vector_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("oodml.runs.search.tpe.FIRST_DRAWN", 1)
        arguments: dict[str, Any] = {"sampler": "tpe", "executor": "serial"}
        whole = search_ranges(SPEC, tmp_path / "whole", 5, **arguments)
        ran: list[int] = []
        run = run_points_module.run

        def interrupted(spec: Any, *rest: Any, **more: Any) -> Any:
            if len(ran) == 3:
                raise KeyboardInterrupt
            ran.append(len(spec.method_entries))
            return run(spec, *rest, **more)

        monkeypatch.setattr(run_points_module, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            search_ranges(SPEC, tmp_path / "parts", 5, **arguments)
        assert ran == [2, 4, 6]
        ran.clear()
        monkeypatch.setattr(run_points_module, "run", lambda *a, **k: ran.append(1) or run(*a, **k))
        again = search_ranges(SPEC, tmp_path / "parts", 5, **arguments)
        assert found(again) == found(whole)
        assert len(ran) == 3, "the last trial that was there, and two more"

    def test_the_first_trials_are_those_of_the_random_sampler(
        self, vector_data: str, tmp_path: Path
    ) -> None:
        arguments: dict[str, Any] = {"executor": "serial", "methods": ["triplet"]}
        random = search_ranges(SPEC, tmp_path / "out", 3, **arguments)
        model = search_ranges(SPEC, tmp_path / "out", 3, sampler="tpe", **arguments)
        assert found(model) == found(random)

    def test_it_goes_where_the_scores_are(self) -> None:
        from oodml.runs.search.tpe import suggested

        ranges = {"rate": Range(1e-5, 1e-1, log=True), "kind": Range(choices=("a", "b"))}

        def score(values: dict[str, Any]) -> float:
            return -abs(math.log10(values["rate"]) + 3) - (values["kind"] == "a")

        history: list[tuple[dict[str, Any], float]] = [({"rate": 5.0, "kind": "a"}, 9.0)]
        for trial in range(1, 40):
            values = suggested(ranges, 0, "triplet", trial, history)
            assert suggested(ranges, 0, "triplet", trial, history) == values
            history.append((values, score(values)))
        late = [score(values) for values, _ in history[25:]]
        assert np.mean(late) > np.mean([score(values) for values, _ in history[1:9]]) + 0.3

    def test_a_failed_point_is_passed_over(
        self, vector_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import oodml.runs.work as work

        whole, tried = work.run_cell, []

        def failing(cell: Any, *arguments: Any) -> str | None:
            if cell.hyper_parameters["margin"] > 0.5:
                tried.append((cell.level, cell.label))
                raise ValueError("diverged")
            return whole(cell, *arguments)

        monkeypatch.setattr(work, "run_cell", failing)
        arguments: dict[str, Any] = {"sampler": "tpe", "executor": "serial"}
        with pytest.raises(SearchIncomplete, match="diverged") as caught:
            search_ranges(SPEC, tmp_path / "out", 4, methods=["triplet"], **arguments)
        (choice,) = caught.value.choices
        assert all(values["margin"] <= 0.5 for values, _ in choice.scores)
        assert len(tried) == len(set(tried)), "once each"


def test_without_optuna_the_extra_is_named(
    vector_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from oodml.runs.search.tpe import suggested

    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match=r"oodml\[optuna\]"):
        suggested({}, 0, "triplet", 1, ())
    with pytest.raises(UsageError, match=r"oodml\[optuna\]"):
        search_ranges(SPEC, tmp_path / "out", 3, sampler="tpe", executor="serial")
    assert not (tmp_path / "out").exists()


class TestCommand:
    def test_it_writes_a_preset_that_a_spec_takes(
        self, vector_data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "spec.toml"
        path.write_text(toml(SPEC))
        file = tmp_path / "found.toml"
        command = ["search", str(path), "--trials", "3", "--executor", "serial"]
        command += ["--methods", "triplet", "--range", "margin=0.1,0.9"]
        command += ["--out", str(tmp_path / "out"), "--write-preset", str(file)]
        assert run_command(command) == 0
        printed = capsys.readouterr().out
        assert "95 % over" in printed
        assert max(map(len, printed.splitlines()[:-2])) <= 80
        (chosen,) = json.loads((tmp_path / "out" / "chosen.json").read_text())
        assert len(chosen["points"]) == 3
        assert chosen["interval"]["low"] <= chosen[METRIC]
        preset = load_preset(f"{file}#triplet")
        assert preset.values["margin"] == chosen["values"]["margin"]
        assert preset.training["learning_rate"].certainty == "searched"
        assert "--trials 3 --seed 0 --sampler random" in preset.found_by["command"]
        assert preset.found_by["spec_sha256"] == load_spec(path).sha256
        beside = tmp_path / "with_preset.toml"
        beside.write_text(toml({**SPEC, "methods": [{"preset": "found.toml#triplet"}]}))
        spec = load_spec(beside)
        (planned,) = spec.methods()
        assert planned.method == preset.create()
        assert "preset" not in spec.resolved()["methods"][0], "a path is no part of a result"

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--trials", "2", "--grid", "margin=1"], "not both"),
            (["--sampler", "tpe"], "need --trials"),
            (["--parameters", "margin"], "need --trials"),
            (["--trials", "2", "--range", "margin=a,b"], "NAME=LOW,HIGH"),
            (["--trials", "2", "--range", "margin"], "NAME=LOW,HIGH"),
            (["--trials", "2", "--methods", ","], "NAME,NAME"),
        ],
    )
    def test_wrong_options_are_named(
        self,
        vector_data: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        options: list[str],
        message: str,
    ) -> None:
        path = tmp_path / "spec.toml"
        path.write_text(toml(SPEC))
        assert run_command(["search", str(path), *options, "--out", str(tmp_path / "out")]) == 2
        assert message in " ".join(capsys.readouterr().err.split())
        assert not (tmp_path / "out").exists()
