"""Method: what a benchmark compares. Adding one is one file and one decorator."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

from torch import Tensor, nn

import oodml.methods.builtin as _builtin
from oodml.core.hashing import sha256_json
from oodml.core.parameters import Parameter, Parametrised
from oodml.core.registry import Registry


class Objective(nn.Module):
    """What training minimises: ``forward(embeddings [B, d], labels int64 [B]) -> scalar``.

    Embeddings come un-normalised; an objective normalises inside where its definition does.
    Labels run over 0..C-1 of the classes trained on. Parameters of the objective (classifier
    weights, proxies) are trained along, at ``learning_rate_factor`` times the learning rate.
    """

    learning_rate_factor: float = 1.0

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        raise NotImplementedError

    def predict(self, embeddings: Tensor) -> Tensor:
        """Class index [B] of each embedding, for objectives that carry a classifier."""
        raise NotImplementedError(f"{type(self).__name__} has no classifier")


@dataclass(frozen=True)
class Adaptation:
    """How a trained embedder goes on learning from the k-shot support of new classes.

    Attributes:
        objective: (embedding_dim, num_classes) -> the objective on the support set.
        predictor: "classifier" (the objective's own) or "nearest" (cosine 1-NN to the support).
        steps: updates on the support set.
        learning_rate_factor: times the training learning rate.
        minimum_shots: with fewer shots the unadapted embedder is scored instead.
    """

    objective: Callable[[int, int], Objective]
    predictor: Literal["classifier", "nearest"]
    steps: int
    learning_rate_factor: float
    minimum_shots: int = 1


class Method(Parametrised):
    """Base of all methods. Subclasses declare hyper-parameters and build an objective.

    Class attributes:
        trains: False for methods that use the backbone as it is; they do not depend on a seed.
        source: the publication.
    """

    owner_kind = "method"
    noun = "hyper-parameter"
    trains: ClassVar[bool] = True
    source: ClassVar[str] = ""

    images_per_class = Parameter(4, "images of a class in a batch", minimum=1, search=(2, 8))
    learning_rate_factor = Parameter(
        1.0, "times the protocol's learning rate", minimum=0.0, search=(0.1, 10.0), log=True
    )

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Every hyper-parameter with its value."""
        return self.parameters

    @property
    def label(self) -> str:
        """The name, with the hyper-parameters that differ from their defaults."""
        changed = {
            k: v for k, v in self.hyper_parameters.items() if v != self.declared()[k].default
        }
        inside = ", ".join(
            f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in changed.items()
        )
        return f"{self.name} ({inside})" if inside else self.name

    @property
    def key(self) -> str:
        """Hash of the name and every hyper-parameter."""
        return sha256_json([self.name, self.hyper_parameters])

    def objective(self, embedding_dim: int, num_classes: int) -> Objective:
        """The objective for ``num_classes`` training classes."""
        raise NotImplementedError

    def adaptation(self) -> Adaptation | None:
        """How the method adapts to k-shot support sets; None when it does not."""
        return None


M = TypeVar("M", bound=type[Method])
_registry: Registry[type[Method]] = Registry("method")


def register_method(name: str) -> Callable[[M], M]:
    """Class decorator: make a Method available as ``name``; duplicates raise UsageError."""

    def add(method: M) -> M:
        _registry.register(name)(method)
        method.name = name
        return method

    return add


def list_methods() -> list[str]:
    """Names of all methods, third-party ones (entry points ``oodml.methods``) included."""
    _load_builtin()
    return _registry.names()


def method_class(name: str) -> type[Method]:
    """The class registered as ``name``; UsageError with near names when there is none."""
    _load_builtin()
    return _registry.get(name)


def create_method(name: str, **hyper_parameters: Any) -> Method:
    """A method with given hyper-parameters, the others at their defaults.

    Raises:
        UsageError: unknown method or hyper-parameter, or a value out of its domain.
    """
    return method_class(name)(**hyper_parameters)


def _load_builtin() -> None:
    for module in pkgutil.iter_modules(_builtin.__path__):
        importlib.import_module(f"{_builtin.__name__}.{module.name}")
