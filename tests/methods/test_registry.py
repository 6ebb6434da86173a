from __future__ import annotations

import pytest
import torch

import oodml
import oodml.methods
from oodml.core.errors import UsageError
from oodml.methods import Dims, LossTerm, Method, Parameter, Wrapper, create_method, registry
from oodml.methods.builtin.triplet import Triplet


def test_built_in_methods_are_listed() -> None:
    assert {
        "adapted-histogram",
        "classification",
        "frozen",
        "multi-similarity",
        "sec-multi-similarity",
        "sec-triplet",
        "triplet",
        "weight-transfer",
    } <= set(oodml.list_methods())


def test_every_method_says_what_it_is() -> None:
    for name in oodml.list_methods():
        method = create_method(name)
        assert method.description, name
        assert all(method.sources), name


def test_one_class_and_one_decorator_add_a_method(monkeypatch: pytest.MonkeyPatch) -> None:
    oodml.list_methods()
    monkeypatch.setattr(registry._methods, "_entries", dict(registry._methods._entries))

    @oodml.register_method("my-triplet")
    class Mine(Triplet):
        """Mine."""

        temperature = Parameter(0.5, "how warm", minimum=0.0)

    made = oodml.create_method("my-triplet", temperature=2)
    assert isinstance(made, Mine)
    assert made.temperature == 2.0
    assert made.hyper_parameters["margin"] == 1.0
    assert made.label == "my-triplet (temperature=2)"
    wrapped = oodml.create_method("sec-l2-my-triplet", temperature=2)
    assert wrapped.label == "sec-l2-my-triplet (temperature=2)"
    with pytest.raises(UsageError, match="registered already"):
        oodml.register_method("my-triplet")(Mine)


class TestWrappers:
    def test_a_name_and_regularizers_give_the_same_object(self) -> None:
        named = create_method("sec-triplet", sec_weight=0.3, margin=0.2)
        added = create_method("triplet", margin=0.2, regularizers=[{"sec": {"weight": 0.3}}])
        assert named == added
        assert named.key == added.key
        assert named.label == added.label == "sec-triplet (margin=0.2, sec_weight=0.3)"

    def test_older_and_plain_names_of_parameters(self) -> None:
        wanted = create_method("sec-triplet", sec_weight=0.3)
        assert create_method("sec-triplet", eta=0.3) == wanted
        assert create_method("sec-triplet", weight=0.3) == wanted
        with pytest.raises(UsageError, match="given twice"):
            create_method("sec-triplet", eta=0.3, sec_weight=0.3)

    def test_each_of_two_wrappers_has_its_parameters(self) -> None:
        method = create_method("sec-l2-triplet", sec_weight=2.0, l2_weight=0.5)
        assert method.hyper_parameters["sec_weight"] == 2.0
        assert method.hyper_parameters["l2_weight"] == 0.5
        assert list(method.terms(Dims(4, 4, 2))) == ["loss", "l2/norms", "sec/constraint"]

    def test_every_wrapper_goes_around_classifiers_and_self_supervision(self) -> None:
        for base in ("classification", "simclr", "prototypical", "diva", "adapted-histogram"):
            method = create_method(f"sec-{base}")
            plain = create_method(base)
            assert method.needs == plain.needs
            assert type(method.batches()) is type(plain.batches())
            assert method.adaptation() == plain.adaptation()

    def test_nothing_is_put_around_what_does_not_train(self) -> None:
        with pytest.raises(UsageError, match="'sec' cannot be put around 'frozen'"):
            create_method("sec-frozen")

    @pytest.mark.parametrize(
        "name",
        ["sec-sec-triplet", "sec-l2-sec-triplet", "s2sd-s2sd", "uniform-prior-uniform-prior"],
    )
    def test_a_wrapper_stands_once_around_a_method(self, name: str) -> None:
        # a second one's terms would replace those of the first
        with pytest.raises(UsageError, match="it is there already"):
            create_method(name)
        with pytest.raises(UsageError, match="it is there already"):
            create_method("sec-triplet", regularizers=[{"l2": {}}, {"sec": {}}])

    def test_what_learns_nothing_from_the_source_does_not_inside_a_wrapper(self) -> None:
        assert create_method("sec-triplet").learns_from_source
        assert not create_method("baseline").learns_from_source
        assert not create_method("l2-sec-baseline").learns_from_source

    def test_a_wrapper_adds_to_the_version(self) -> None:
        assert create_method("triplet").full_version == "1"
        assert create_method("sec-triplet").full_version == "1+1"
        assert create_method("sec-triplet").key != create_method("triplet").key

    def test_the_wrapped_terms_are_drawn_as_without_it(self) -> None:
        found = []
        for name in ("classification", "sec-classification"):
            torch.manual_seed(0)
            (loss, *_) = create_method(name).terms(Dims(4, 4, 3)).values()
            assert isinstance(loss, LossTerm)
            found.append(loss.loss.classifier.weight)
        assert torch.equal(*found)

    def test_one_class_and_one_decorator_add_a_wrapper(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create_method("sec-triplet")
        monkeypatch.setattr(registry._wrappers, "_entries", dict(registry._wrappers._entries))

        @oodml.methods.register_wrapper("twice")
        class Twice(Wrapper):
            """Adds the method's terms once more."""

            source = "a test"

            def extra_terms(self, dims: Dims) -> dict:
                return self.base.terms(dims)

        assert isinstance(create_method("twice-triplet"), Twice)
        assert list(create_method("twice-triplet").terms(Dims(4, 4, 2))) == ["loss", "twice/loss"]

    def test_a_wrappers_name_alone_is_a_method(self, monkeypatch: pytest.MonkeyPatch) -> None:
        create_method("sec-triplet")
        monkeypatch.setattr(registry._wrappers, "_entries", dict(registry._wrappers._entries))

        @oodml.methods.register_wrapper("as-usual")
        class AsUsual(Wrapper):
            """Adds the method's terms once more."""

            source = "a test"
            alone_around = "triplet"
            useful_with = ("triplet", "classification")
            weight = Parameter(1.0, "unused")

            def extra_terms(self, dims: Dims) -> dict:
                return self.base.terms(dims)

        listed = [name for name in oodml.list_methods() if "as-usual" in name]
        assert listed == ["as-usual", "as-usual-classification"]
        made = [
            create_method("as-usual", weight=2.0, margin=0.3),
            create_method("as-usual-triplet", weight=2.0, margin=0.3),
            create_method("triplet", margin=0.3, regularizers=[{"as-usual": {"weight": 2.0}}]),
        ]
        for one in made:
            assert one == made[0]
            assert one.key == made[0].key
            assert one.label == "as-usual (margin=0.3, as_usual_weight=2)"
        assert create_method("sec-as-usual") == create_method("sec-as-usual-triplet")
        assert create_method("as-usual-sec-triplet").name == "as-usual-sec-triplet"
        with pytest.raises(UsageError, match="did you mean 'margin'"):
            create_method("as-usual", margn=1.0)

    def test_a_wrappers_name_alone_is_none_where_its_method_is_not_there(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create_method("sec-triplet")
        monkeypatch.setattr(registry._wrappers, "_entries", dict(registry._wrappers._entries))

        @oodml.methods.register_wrapper("homeless")
        class Homeless(Wrapper):
            """Around nothing there is."""

            alone_around = "no-such-method"

        assert "homeless" not in oodml.list_methods()
        for name in ("homeless", "sec"):
            with pytest.raises(UsageError, match=f"unknown method '{name}'"):
                create_method(name)

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ({"sek": {}}, "did you mean sec"),
            ({"sec": {"wait": 1.0}}, "did you mean 'weight'"),
            ({"sec": 1.0}, "expected {wrapper"),
            ("sec", "expected {wrapper"),
        ],
    )
    def test_wrong_regularizers_are_named(self, entry: object, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            create_method("triplet", regularizers=[entry])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("name", "hyper_parameters", "message"),
    [
        ("sec-tripplet", {}, "did you mean sec-triplet"),
        ("triplet", {"margn": 1.0}, "did you mean 'margin'"),
        ("sec-triplet", {"margn": 1.0}, "did you mean 'margin'"),
        ("sec-triplet", {"sec_wait": 1.0}, "did you mean 'sec_weight'"),
        ("sec-triplet", {"sec_momentum": 1.5}, "at most 1"),
        ("triplet", {"margin": "big"}, "expected float"),
        ("triplet", {"margin": -1.0}, "at least 0"),
        ("triplet", {"margin": float("nan")}, "finite"),
        ("triplet", {"images_per_class": 2.5}, "expected int"),
        ("triplet", {"margin": True}, "expected float"),
    ],
)
def test_wrong_names_and_values_are_named(name: str, hyper_parameters: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        oodml.create_method(name, **hyper_parameters)


def test_the_key_depends_on_every_hyper_parameter() -> None:
    assert oodml.create_method("triplet").key == oodml.create_method("triplet", margin=1).key
    assert oodml.create_method("triplet").key != oodml.create_method("triplet", margin=0.9).key


def test_hyper_parameters_cannot_be_set_later() -> None:
    method: Method = oodml.create_method("triplet")
    with pytest.raises(AttributeError):
        method.margin = 2.0  # type: ignore[attr-defined]
