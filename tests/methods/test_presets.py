"""Presets: what papers' runs used, and what a search found."""

from __future__ import annotations

from pathlib import Path

import pytest

from oodml.core.errors import UsageError
from oodml.methods import create_method, list_methods
from oodml.methods.presets import CERTAINTIES, list_presets, load_preset, presets_of
from oodml.training import TrainingSettings

SEC_LOSSES = ("triplet", "semihard-triplet", "npair", "multi-similarity")
OODML = [
    "margin",
    "r-margin",
    "multi-similarity",
    "arcface",
    "proxy-anchor",
    "uniform-prior",
    "s2sd",
    "diva",
]


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_can_be_made_and_trained_with(name: str) -> None:
    preset = load_preset(name)
    method = preset.create()
    assert method.trains or method.adaptation() is not None
    for key, value in preset.values.items():
        assert key in method.all_parameters, "by the name that is shown, not by another"
        assert {**method.hyper_parameters}.get(key, value) == _plain(value)
    TrainingSettings(**preset.training_values)
    for one in (*preset.hyper_parameters.values(), *preset.training.values()):
        assert one.source
        assert one.certainty in CERTAINTIES


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def test_the_papers_methods_have_theirs() -> None:
    names = set(list_presets())
    for data in ("cub200", "cars196", "sop", "in-shop"):
        for loss in SEC_LOSSES:
            assert {f"sec/{data}/{prefix}{loss}" for prefix in ("", "l2-", "sec-")} <= names
    for data in ("cub200", "cars196", "sop"):
        assert {f"oodml/{data}/{name}" for name in OODML} <= names
    assert {load_preset(name).method for name in names} <= set(list_methods())


def test_known_values() -> None:
    triplet = load_preset("sec/cub200/triplet")
    assert triplet.create() == create_method("triplet", margin=1.0, head_batch_norm=True)
    assert triplet.training_values["learning_rate"] == 0.5e-5
    assert triplet.training["milestones"].certainty == "read"
    assert "sec/cub200/triplet" in presets_of("triplet")
    assert load_preset("sec/cub200/sec-triplet").hyper_parameters["sec_weight"].certainty == "read"
    others = load_preset("sec/sop/sec-triplet").hyper_parameters["sec_weight"]
    assert (others.value, others.certainty) == (1.0, "stand-in")
    margin = load_preset("oodml/cub200/margin")
    rate = margin.training_values["learning_rate"] * margin.values["beta_learning_rate_factor"]
    assert rate == pytest.approx(5e-4)
    anchor = load_preset("oodml/cars196/proxy-anchor")
    rate = anchor.training_values["learning_rate"] * anchor.values["proxy_learning_rate_factor"]
    assert rate == pytest.approx(0.02)
    assert load_preset("oodml/cub200/margin").training_values["steps"] == 200 * (5864 // 112)
    assert load_preset("oodml/sop/diva").training_values["steps"] == 150 * (59551 // 108)


def test_multi_similarity_alone_has_no_batch_norm_in_the_head() -> None:
    for data in ("cub200", "cars196", "sop", "in-shop"):
        for loss in SEC_LOSSES:
            for prefix in ("", "l2-", "sec-"):
                plain = loss == "multi-similarity" and not prefix
                values = load_preset(f"sec/{data}/{prefix}{loss}").values
                assert values["head_batch_norm"] is not plain


def test_unknown_presets_are_named() -> None:
    with pytest.raises(UsageError, match="did you mean sec/cub200/triplet"):
        load_preset("sec/cub200/tripplet")


class TestFiles:
    def test_what_is_shared_stands_once(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.toml"
        value = 'certainty = "stand-in", source = "me" }'
        path.write_text(
            f'[shared]\nnote = "For all."\n[shared.training]\nsteps = {{ value = 5, {value}\n'
            f"batch_size = {{ value = 6, {value}\n"
            f'[a]\nmethod = "triplet"\nnote = "For a."\n[a.training]\nsteps = {{ value = 7, {value}\n'
            '[b]\nmethod = "frozen"\n'
        )
        found = load_preset(f"{path}#a")
        assert found.training_values == {"steps": 7, "batch_size": 6}
        assert found.note == "For all. For a."
        assert load_preset(f"{path}#b").training_values == {"steps": 5, "batch_size": 6}

    def test_a_single_preset_needs_no_key(self, tmp_path: Path) -> None:
        path = tmp_path / "one.toml"
        path.write_text('[mine]\nmethod = "triplet"\n')
        assert load_preset(str(path)).create() == create_method("triplet")
        assert f"{path}#mine" not in list_presets()

    @pytest.mark.parametrize(
        ("text", "key", "message"),
        [
            (None, "#a", "expected a file of presets"),
            ("[a", "#a", "not valid TOML"),
            ("a = 1", "#a", "needs a text `method`"),
            ("[a]\nmethod = 1", "#a", "needs a text `method`"),
            ('[a]\nmethod = "triplet"\nhyper = 1', "#a", "unknown key 'hyper'"),
            ('[a]\nmethod = "triplet"\ntraining = 1', "#a", "training must be a table"),
            ('[a]\nmethod = "triplet"\n[a.training]\nsteps = 1', "#a", "training.steps: expected"),
            (
                '[a]\nmethod = "triplet"\n[a.training]\n'
                'steps = { value = 1, certainty = "sure", source = "me" }',
                "#a",
                "expected one of read",
            ),
            ('[aa]\nmethod = "triplet"', "#a", "did you mean aa"),
            ('[a]\nmethod = "triplet"\n[b]\nmethod = "triplet"', "", "2 presets; add #KEY"),
            ("shared = 1", "#a", "shared must be a table"),
        ],
    )
    def test_what_is_no_preset_is_named(
        self, tmp_path: Path, text: str | None, key: str, message: str
    ) -> None:
        path = tmp_path / "mine.toml"
        if text is not None:
            path.write_text(text)
        with pytest.raises(UsageError, match=message) as caught:
            load_preset(f"{path}{key}")
        assert "mine.toml" in str(caught.value)
