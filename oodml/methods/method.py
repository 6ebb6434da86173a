"""Method: what a benchmark compares, as data about parts."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from oodml.core.errors import UsageError
from oodml.core.hashing import sha256_json
from oodml.core.parameters import Parameter, Parametrised, readable_value
from oodml.methods.adaptation import Adaptation
from oodml.methods.batch_rule import BatchRule
from oodml.methods.batches.m_per_class import MPerClass
from oodml.methods.heads.batch_norm import BatchNormHead
from oodml.methods.step import Dims
from oodml.methods.term import LossTerm, Term


class Method(Parametrised):
    """Base of all methods. ``terms`` is the only must; head, batches and adaptation have defaults.

    Class attributes:
        version: raised when the same parameters give other results; it enters the identity of
            every result, so that mending one method does not outdate those of the others.
        trains: False for methods that use the backbone as it is; they do not depend on a seed.
        fits: True for methods that do not train but are fitted to the training side at once, by
            ``fit``; they do not depend on a seed either.
        learns_from_source: False for a method that trains on support sets alone.
        source: the publication.
        formula: the loss in plain text, for ``oodml methods show``.
        family: what ``oodml methods list`` lists it under.
        loss_outputs: names of the head's outputs that the terms act on; where a constraint on norms
            belongs.
        fixed_head: terms read the features beside the head, so nothing may stand between the two.
    """

    owner_kind = "method"
    noun = "hyper-parameter"
    version: ClassVar[int] = 1
    trains: ClassVar[bool] = True
    fits: ClassVar[bool] = False
    learns_from_source: ClassVar[bool] = True
    source: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    family: ClassVar[str] = "others"
    loss_outputs: ClassVar[tuple[str, ...]] = ("embedding",)
    fixed_head: ClassVar[bool] = False

    images_per_class = Parameter(4, "images of a class in a batch", minimum=1, search=(2, 8))
    learning_rate_factor = Parameter(
        1.0, "times the protocol's learning rate", minimum=0.0, search=(0.1, 10.0), log=True
    )
    head_batch_norm = Parameter(
        False, "batch norm of the features below the head, as in SEC", silent=True
    )

    def __init__(self, /, **given: Any) -> None:
        super().__init__(**given)
        if self.fixed_head and self.head_batch_norm:
            raise UsageError(
                f"method {self.name!r}: its terms read the features that its head reads; leave out "
                "head_batch_norm",
                key="head_batch_norm",
            )

    def fit(self, features: NDArray[np.float32], labels: NDArray[np.int64]) -> nn.Module:
        """A head [n, F] -> [n, D] in closed form from training rows [n, F] and labels 0..C-1."""
        raise NotImplementedError(f"method {self.name!r} is not fitted")

    def unfitted_head(self, features: int) -> nn.Module:
        """A head of the kind that ``fit`` gives on rows of this length, to load weights into.

        By default one that is fitted to noise; a method that knows its head's kind says it.
        """
        rows = np.random.default_rng(0).normal(size=(16, features)).astype(np.float32)
        return self.fit(rows, np.arange(16, dtype=np.int64) % 2)

    def terms(self, dims: Dims) -> dict[str, Term]:
        """The summands of the loss by name, for the sizes at hand."""
        raise NotImplementedError(f"method {self.name!r} declares no terms")

    def head(self, dims: Dims) -> nn.Module:
        """What stands on the trunk: features [n, F] -> embedding [n, D], or a dictionary of named
        outputs with "embedding" among them."""
        return nn.Linear(dims.features, dims.embedding)

    def whole_head(self, dims: Dims) -> nn.Module:
        """The head as it is trained: ``head``, below it batch norm where that is asked for."""
        head = self.head(dims)
        return BatchNormHead(dims.features, head) if self.head_batch_norm else head

    def batches(self) -> BatchRule:
        """Which items an update sees."""
        return MPerClass(images_per_class=self.images_per_class)

    def adaptation(self) -> Adaptation | None:
        """How the method adapts to k-shot support sets; None when it does not."""
        return None

    def adaptation_or_error(self) -> Adaptation:
        """The adaptation; UsageError for a method that has none."""
        found = self.adaptation()
        if found is None:
            raise UsageError(f"method {self.name!r} has no adaptation to a support set")
        return found

    @property
    def all_parameters(self) -> dict[str, Parameter[Any]]:
        """Every hyper-parameter's declaration by the name it is given by."""
        return self.declared()

    @property
    def accepted_names(self) -> set[str]:
        """Every name a hyper-parameter may be given by."""
        return names_of(self.declared())

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Every hyper-parameter with its value, but for silent ones at their default."""
        declared = self.declared()
        return {
            name: value
            for name, value in self.parameters.items()
            if not (declared[name].silent and value == declared[name].default)
        }

    @property
    def description(self) -> str:
        """The definition in words; a wrapped method's, and then what is put around it."""
        return inspect.getdoc(type(self)) or ""

    @property
    def summary(self) -> str:
        """The first line of the definition."""
        return self.description.split("\n")[0]

    @property
    def sources(self) -> tuple[str, ...]:
        """The publications, a wrapped method's first."""
        return (self.source,)

    @property
    def formulas(self) -> tuple[str, ...]:
        """The loss's formula, a wrapped method's first."""
        return (self.formula,) if self.formula else ()

    @property
    def full_version(self) -> str:
        """The version as results carry it; a wrapped method's names all that take part."""
        return str(self.version)

    @property
    def needs(self) -> frozenset[str]:
        """What the method's terms need beyond features and labels; see `Term.needs`."""
        if not self.trains:
            return frozenset()
        with torch.random.fork_rng(devices=[]):
            found = self.terms(Dims(features=8, embedding=8, classes=2)).values()
        return frozenset().union(*(term.needs for term in found))

    @property
    def parts(self) -> tuple[type, ...]:
        """The classes whose code decides what the method does; a wrapped method's too."""
        return (type(self), type(self.batches())) if self.trains else (type(self),)

    @property
    def label(self) -> str:
        """The name, with the hyper-parameters that differ from their defaults."""
        defaults = {name: p.default for name, p in self.all_parameters.items()}
        changed = {k: v for k, v in self.hyper_parameters.items() if v != defaults[k]}
        inside = ", ".join(f"{k}={readable_value(v)}" for k, v in changed.items())
        return f"{self.name} ({inside})" if inside else self.name

    @property
    def key(self) -> str:
        """Hash of the name, the version and every hyper-parameter."""
        return sha256_json([self.name, self.full_version, self.hyper_parameters])


def names_of(declared: dict[str, Parameter[Any]]) -> set[str]:
    """Names and aliases of declared parameters."""
    return {*declared, *(alias for p in declared.values() for alias in p.aliases)}


class LossMethod(Method):
    """A method that is one loss on the embedding: a subclass gives ``loss``, and a miner if any."""

    def loss(self, dims: Dims) -> nn.Module:
        """A module ``(embeddings [n, D], labels [n][, mined]) -> scalar``."""
        raise NotImplementedError(f"method {self.name!r} declares no loss")

    def miner(self) -> Any:
        """``(embeddings, labels) -> mined`` for the loss's third argument; None for all."""
        return None

    def terms(self, dims: Dims) -> dict[str, Term]:
        return {"loss": LossTerm(self.loss(dims), self.miner())}
