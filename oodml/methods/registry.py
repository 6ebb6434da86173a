"""Methods by name: registered ones, and wrappers around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from oodml.core.errors import UsageError
from oodml.core.hints import near_names
from oodml.core.registry import Registry
from oodml.core.values import shown
from oodml.methods.method import Method
from oodml.methods.wrapper import Wrapper, split_parameters

M = TypeVar("M", bound=type[Method])
W = TypeVar("W", bound=type[Wrapper])
_methods: Registry[type[Method]] = Registry(
    "method", packages=("oodml.methods.builtin",), base=Method
)
_wrappers: Registry[type[Wrapper]] = Registry(
    "wrapper", packages=("oodml.methods.wrappers",), base=Wrapper
)


def register_method(name: str) -> Callable[[M], M]:
    """Class decorator: make a Method available as ``name``; duplicates raise UsageError."""
    return _methods.register_class(name)


def register_wrapper(name: str) -> Callable[[W], W]:
    """Class decorator: make a Wrapper available as ``name-...`` before any method it allows."""
    return _wrappers.register_class(name)


def list_methods() -> list[str]:
    """Names of all methods, third-party ones (entry points ``oodml.methods``) included, and of the
    useful combinations of wrappers and methods, each once: a wrapper that is a method by its name
    alone is listed by that.

    A wrapper may be useful with methods of a package that is not installed; those are left out.
    """
    combined = {
        f"{name}-{base}"
        for name, wrapper in _wrappers.items()
        for base in wrapper.useful_with
        if base != wrapper.alone_around and _is_known(base)
    }
    alone = {name for name in _wrappers.names() if _is_known(name)}
    return sorted({*_methods.names(), *combined, *alone})


def list_wrappers() -> list[str]:
    """Names of all wrappers."""
    return _wrappers.names()


def wrapper_class(name: str) -> type[Wrapper]:
    """The class registered as ``name``; UsageError with near names when there is none."""
    return _wrappers.get(name)


def create_method(
    name: str,
    *,
    regularizers: Sequence[Mapping[str, Mapping[str, Any]]] = (),
    **hyper_parameters: Any,
) -> Method:
    """A method with given hyper-parameters, the others at their defaults.

    A name that is not registered is read as wrapper + method: ``sec-triplet`` is ``sec`` around
    ``triplet``. ``regularizers`` says the same in another way and gives the same object. A wrapper
    with a usual method is that by its name alone: ``uniform-prior`` is ``uniform-prior-margin``.

    Args:
        regularizers: ``[{"sec": {"weight": 1.0}}]``: wrappers with their parameters, the innermost
            first.

    Raises:
        UsageError: unknown method or hyper-parameter, a value out of its domain, or a wrapper that
            does not go with the method.

    >>> create_method("sec-triplet", margin=0.2).label
    'sec-triplet (margin=0.2)'
    >>> add = [{"sec": {"weight": 0.5}}]
    >>> create_method("triplet", regularizers=add) == create_method("sec-triplet", sec_weight=0.5)
    True
    """
    method = _create(name, name, hyper_parameters)
    for entry in regularizers:
        for wrapper, parameters in _checked_entry(entry).items():
            method = _wrap(_wrappers.get(wrapper), method, dict(parameters))
    return method


def _create(name: str, asked: str, given: dict[str, Any]) -> Method:
    if name in _methods:
        return _methods.get(name)(**given)
    for wrapper, base_name in _readings(name):
        plain = _wrap(wrapper, _create(base_name, asked, {}), {})
        unknown = [key for key in given if key not in plain.accepted_names]
        if unknown:
            text = _no_such(asked, unknown[0], list(plain.all_parameters))
            raise UsageError(text, key=unknown[0])
        own, rest = split_parameters(wrapper, plain.base.accepted_names, given)
        return _wrap(wrapper, _create(base_name, asked, rest), own)
    hint = _methods.hint(asked, list_methods())
    raise UsageError(f"unknown method {shown(asked)}; {hint}", key="name")


def _readings(name: str) -> Iterator[tuple[type[Wrapper], str]]:
    """What a name can be read as: a wrapper and the method inside, the longest wrapper first."""
    for wrapper_name in sorted(_wrappers.names(), key=len, reverse=True):
        wrapper = _wrappers.get(wrapper_name)
        alone = name == wrapper_name
        base = wrapper.alone_around if alone else name.removeprefix(f"{wrapper_name}-")
        if base and base != name and _is_known(base):
            yield wrapper, base


def _is_known(name: str) -> bool:
    return name in _methods or any(True for _ in _readings(name))


def _wrap(wrapper: type[Wrapper], base: Method, parameters: dict[str, Any]) -> Wrapper:
    made = wrapper(base, **parameters)
    # the instance carries the whole name, the shorter of two; the class keeps the wrapper's
    alone = base.name == wrapper.alone_around
    made.__dict__["name"] = wrapper.name if alone else f"{wrapper.name}-{base.name}"
    return made


def _no_such(method: str, parameter: str, known: list[str]) -> str:
    near = near_names(parameter, known, most=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(known)}"
    return f"method {method!r} has no hyper-parameter {shown(parameter)}; {hint}"


def _checked_entry(entry: object) -> dict[str, dict[str, Any]]:
    if not isinstance(entry, Mapping) or not all(isinstance(v, Mapping) for v in entry.values()):
        raise UsageError(
            f"regularizers: expected {{wrapper: {{parameter: value}}}} entries, got {shown(entry)}",
            key="regularizers",
        )
    return {str(name): dict(parameters) for name, parameters in entry.items()}
