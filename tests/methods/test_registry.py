from __future__ import annotations

import pytest

import oodml
from oodml.core.errors import UsageError
from oodml.methods import Method, Parameter
from oodml.methods import method as base


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
        method = base.method_class(name)
        assert method.__doc__, name
        assert method.source, name


def test_one_class_and_one_decorator_add_a_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base._registry, "_entries", dict(base._registry._entries))

    @oodml.register_method("my-triplet")
    class Mine(base.method_class("triplet")):  # type: ignore[misc]
        """Mine."""

        temperature = Parameter(0.5, "how warm", minimum=0.0)

    made = oodml.create_method("my-triplet", temperature=2)
    assert isinstance(made, Mine)
    assert made.temperature == 2.0
    assert made.hyper_parameters["margin"] == 1.0
    assert made.label == "my-triplet (temperature=2)"
    with pytest.raises(UsageError, match="registered already"):
        oodml.register_method("my-triplet")(Mine)


@pytest.mark.parametrize(
    ("name", "hyper_parameters", "message"),
    [
        ("sec-tripplet", {}, "did you mean sec-triplet"),
        ("triplet", {"margn": 1.0}, "did you mean 'margin'"),
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
