"""Wrapper: another method with something added, whatever that method is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from torch import nn

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.methods.adaptation import Adaptation
from oodml.methods.batch_rule import BatchRule
from oodml.methods.method import Method, names_of
from oodml.methods.step import Dims
from oodml.methods.term import Term


class Wrapper(Method):
    """A method around another: its parts and one or more terms added to them.

    ``sec`` around ``triplet`` is called ``sec-triplet``; a parameter ``weight`` of ``sec`` is given
    as ``sec_weight``, or as ``weight`` where the wrapped method has none of that name.

    Class attributes:
        useful_with: methods that ``oodml methods list`` shows it around.
        alone_around: the method that the wrapper's name alone puts it around, so that the name is
            a method's; "" where it is none.
        version: of the wrapper alone.
    """

    owner_kind = "wrapper"
    noun = "parameter"
    useful_with: ClassVar[tuple[str, ...]] = ()
    alone_around: ClassVar[str] = ""

    def __init__(self, base: Method, /, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.base = base
        self.check(base)

    def check(self, base: Method) -> None:
        """Raise UsageError for a method this cannot be put around."""
        name = type(self).name
        if not base.trains:
            raise UsageError(f"{name!r} cannot be put around {base.name!r}: no training")
        if any(type(one) is type(self) for one in wrappers_of(base)):
            # the names of its terms and parameters would be those of the one inside
            raise UsageError(f"{name!r} cannot be put around {base.name!r}: it is there already")

    def extra_terms(self, dims: Dims) -> dict[str, Term]:
        """What is added to the wrapped method's terms."""
        raise NotImplementedError

    def wrapped_terms(self, dims: Dims) -> dict[str, Term]:
        """The wrapped method's terms as they enter the sum."""
        return self.base.terms(dims)

    def terms(self, dims: Dims) -> dict[str, Term]:
        # the base first: its parameters are drawn as they are without the wrapper
        found = self.wrapped_terms(dims)
        for name, term in self.extra_terms(dims).items():
            found[f"{type(self).name}/{name}"] = term
        return found

    @property
    def learns_from_source(self) -> bool:  # type: ignore[override]
        """That of the wrapped method."""
        return self.base.learns_from_source

    @property
    def learning_rate_factor(self) -> float:  # type: ignore[override]
        """That of the wrapped method; it is no parameter of the wrapper."""
        return self.base.learning_rate_factor

    @property
    def images_per_class(self) -> int:  # type: ignore[override]
        """That of the wrapped method."""
        return self.base.images_per_class

    @property
    def head_batch_norm(self) -> bool:  # type: ignore[override]
        """That of the wrapped method."""
        return self.base.head_batch_norm

    @property
    def loss_outputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the wrapped method."""
        return self.base.loss_outputs

    @property
    def family(self) -> str:  # type: ignore[override]
        """That of the wrapped method."""
        return self.base.family

    def head(self, dims: Dims) -> nn.Module:
        return self.base.head(dims)

    def batches(self) -> BatchRule:
        return self.base.batches()

    def adaptation(self) -> Adaptation | None:
        return self.base.adaptation()

    @classmethod
    def declared(cls) -> dict[str, Parameter[Any]]:
        inherited = set(Method.declared())
        return {k: v for k, v in super().declared().items() if k not in inherited}

    @property
    def prefix(self) -> str:
        """What the parameters' names begin with: ``uniform_prior`` of ``uniform-prior``."""
        return type(self).name.replace("-", "_")

    @property
    def all_parameters(self) -> dict[str, Parameter[Any]]:
        own = {f"{self.prefix}_{name}": p for name, p in self.declared().items()}
        return {**self.base.all_parameters, **own}

    @property
    def accepted_names(self) -> set[str]:
        own = names_of(self.declared())
        return self.base.accepted_names | own | {f"{self.prefix}_{name}" for name in own}

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        own = {f"{self.prefix}_{name}": value for name, value in self.parameters.items()}
        return {**self.base.hyper_parameters, **own}

    @property
    def description(self) -> str:
        return f"{self.base.description}\n\n{super().description}"

    @property
    def summary(self) -> str:
        return f"{self.base.name} with: {super().description.splitlines()[0]}"

    @property
    def sources(self) -> tuple[str, ...]:
        return (*self.base.sources, self.source)

    @property
    def formulas(self) -> tuple[str, ...]:
        return (*self.base.formulas, *super().formulas)

    @property
    def parts(self) -> tuple[type, ...]:
        return (type(self), *self.base.parts)

    @property
    def full_version(self) -> str:
        return f"{self.version}+{self.base.full_version}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Method) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base!r}, {self.parameters})"


def wrappers_of(method: Method) -> Iterator[Wrapper]:
    """The wrappers around a method, the outermost first; none for a plain method."""
    while isinstance(method, Wrapper):
        yield method
        method = method.base


def split_parameters(
    wrapper: type[Wrapper], base_known: set[str], given: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(own, rest) of flat parameters: those of ``wrapper`` by their own names, and the others.

    A plain name (or alias) is the wrapper's only where the wrapped method has none of that name.
    """
    prefix = wrapper.name.replace("-", "_") + "_"
    plain = names_of(wrapper.declared())
    own: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for name, value in given.items():
        if name.startswith(prefix) and name.removeprefix(prefix) in plain:
            own[name.removeprefix(prefix)] = value
        elif name in plain and name not in base_known:
            own[name] = value
        else:
            rest[name] = value
    return own, rest
