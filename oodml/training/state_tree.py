"""Nested state as JSON and named tensors, and back: what a checkpoint holds, without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from oodml.core.errors import OodmlError


def flatten(state: Any) -> tuple[Any, dict[str, Tensor]]:
    """(JSON, tensors): dictionaries with any plain keys, lists, tuples, numbers, text, tensors.

    A container or tensor is {kind: content}, all else stands for itself.

    >>> import torch
    >>> plain, tensors = flatten({"rate": 0.1, 3: [torch.ones(2), None]})
    >>> plain
    {'dict': [['rate', 0.1], [3, {'list': [{'tensor': '0'}, None]}]]}
    >>> unflatten(plain, tensors)
    {'rate': 0.1, 3: [tensor([1., 1.]), None]}

    Raises:
        OodmlError: something else is in it.
    """
    tensors: dict[str, Tensor] = {}
    return _flattened(state, tensors), tensors


def _flattened(one: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(one, Tensor):
        name = str(len(tensors))
        # a copy: tensors of one storage cannot stand in one file
        tensors[name] = one.detach().to("cpu", copy=True).contiguous()
        return {"tensor": name}
    if isinstance(one, Mapping):
        return {"dict": [[_key(key), _flattened(value, tensors)] for key, value in one.items()]}
    if isinstance(one, list | tuple):
        kind = "list" if isinstance(one, list) else "tuple"
        return {kind: [_flattened(value, tensors) for value in one]}
    if isinstance(one, np.generic):
        return one.item()
    if one is None or isinstance(one, bool | int | float | str):
        return one
    raise OodmlError(
        f"a checkpoint cannot hold a {type(one).__name__}; state is made of dictionaries, lists, "
        "numbers, text and tensors"
    )


def _key(key: Any) -> Any:
    if isinstance(key, bool | int | float | str):
        return key
    raise OodmlError(f"a checkpoint cannot hold a key of type {type(key).__name__}")


def unflatten(plain: Any, tensors: Mapping[str, Tensor]) -> Any:
    """What `flatten` was given; KeyError, TypeError or ValueError where it is not of its making."""
    if not isinstance(plain, dict):
        return plain
    ((kind, content),) = plain.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: unflatten(value, tensors) for key, value in content}
    values = [unflatten(value, tensors) for value in content]
    return tuple(values) if kind == "tuple" else values
