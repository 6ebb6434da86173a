"""What a method is made of, in words: for commands and the page of methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from oodml.core.parameters import Parameter, Parametrised, readable_value
from oodml.methods.adaptation import Adaptation
from oodml.methods.batch_rule import BatchRule
from oodml.methods.method import Method
from oodml.methods.registry import create_method, list_methods, list_wrappers, wrapper_class
from oodml.methods.step import Dims
from oodml.methods.wrapper import Wrapper

# In the order of lists; families that others name come after them.
FAMILIES = (
    "pairs and triplets",
    "proxies and classification",
    "adapted to a support set",
    "self-supervised",
    "references",
)
_LIBRARY = "pytorch_metric_learning"
_PREDICTORS = {
    "classifier": "its own classifier decides",
    "nearest": "the nearest support item by cosine decides",
    "prototype": "the nearest class mean decides",
    "linear": "a linear classifier decides",
}
_NEEDS = {
    "maps": "feature maps (training.mode network)",
    "views": "several views of an image (training.mode network)",
    "trunk": "a backbone that is trained (training.mode network)",
    "inputs": "the images themselves (training.mode network)",
}


@dataclass(frozen=True)
class Listed:
    """A method of the list, and the names of the useful combinations around it."""

    name: str
    method: Method
    combinations: tuple[str, ...]


def methods_by_family() -> dict[str, list[Listed]]:
    """Every method once, by family; a combination stands with the method inside."""
    made = {name: create_method(name) for name in list_methods()}
    around: dict[str, list[str]] = {}
    own: list[str] = []
    for name, method in made.items():
        base = method.base.name if isinstance(method, Wrapper) else ""
        if base in made and name not in list_wrappers():
            around.setdefault(base, []).append(name)
        else:
            own.append(name)
    families = [*FAMILIES, *sorted({one.family for one in made.values()} - set(FAMILIES))]
    found = {
        family: [
            Listed(name, made[name], tuple(around.get(name, ())))
            for name in own
            if made[name].family == family
        ]
        for family in families
    }
    return {family: listed for family, listed in found.items() if listed}


def wrapper_summaries() -> dict[str, str]:
    """Prefix -> the first line of what the wrapper adds."""
    return {name: (wrapper_class(name).__doc__ or "").split("\n")[0] for name in list_wrappers()}


def shown_parameters(method: Method) -> dict[str, Parameter[Any]]:
    """The hyper-parameters that have an effect; a fit draws no batches and has no learning rate."""
    declared = method.all_parameters if method.trains or method.fits else {}
    if method.trains:
        return declared
    return {key: one for key, one in declared.items() if key not in Method.declared()}


def code_of(method: Method) -> str:
    """Whose code the loss is: "own", "pytorch-metric-learning", "own and ...", or "" without a loss."""
    if not method.trains:
        return ""
    with torch.random.fork_rng(devices=[]):
        terms = method.terms(Dims(features=8, embedding=8, classes=2)).values()
    modules = [part for term in terms for part in term.modules() if _is_loss(part)]
    library = [any(_LIBRARY in base.__module__ for base in type(m).__mro__) for m in modules]
    if not any(library):
        return "own"
    whole = len(terms) == 1 and all(library)
    return "pytorch-metric-learning" if whole else "own and pytorch-metric-learning"


def batches_of(method: Method) -> str:
    """The batch rule with its parameters; "" for a method that does not train."""
    return _with_parameters(method.batches()) if method.trains else ""


def adaptation_of(method: Method) -> str:
    """What happens on a support set, in a sentence; "" for a method that has no adaptation."""
    found = method.adaptation()
    if found is None:
        return ""
    if not found.steps:
        return f"none is learnt; {_PREDICTORS[found.predictor]}"
    start = "from new random weights, " if found.fresh else ""
    what = "all weights" if found.trains == "all" else "the head"
    fewest = f" from {found.minimum_shots} shots on" if found.minimum_shots > 1 else ""
    return (
        f"{start}{what}, at most {found.steps} updates at {found.learning_rate_factor:g} times the "
        f"learning rate, rule {found.rule}{_by(found)}{fewest}; {_PREDICTORS[found.predictor]}"
    )


def needs_of(method: Method) -> tuple[str, ...]:
    """What cached features do not give, in words."""
    found = method.needs
    if method.trains and method.batches().views > 1:
        found = found | {"views"}
    return tuple(_NEEDS.get(one, one) for one in sorted(found))


def validity(one: Parameter[Any]) -> str:
    """The values a parameter takes, in words; "" for any of its type."""
    if one.choices is not None:
        return f"one of {', '.join(map(str, one.choices))}"
    parts = []
    if one.above is not None:
        parts.append(f"above {one.above:g}")
    if one.minimum is not None:
        parts.append(f"at least {one.minimum:g}")
    if one.maximum is not None:
        parts.append(f"at most {one.maximum:g}")
    if one.optional:
        parts.append("or null")
    return ", ".join(parts)


def search_range(one: Parameter[Any]) -> str:
    """The range of searches, in words; "" where none is declared."""
    if one.search is None:
        return ""
    low, high = one.search
    return f"{low:g} to {high:g}{', log' if one.log else ''}"


def _by(found: Adaptation) -> str:
    return "" if found.by is None else f", by {found.by.label}"


def _with_parameters(rule: BatchRule | Parametrised) -> str:
    inside = ", ".join(f"{key}={readable_value(one)}" for key, one in rule.parameters.items())
    return f"{rule.name} ({inside})" if inside else rule.name


def _is_loss(module: nn.Module) -> bool:
    """Leave out torch's own layers and oodml's holders of a loss."""
    return not module.__module__.startswith(("torch.", "oodml.methods.term"))
