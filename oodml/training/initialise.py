"""Weights drawn anew, for networks that are trained from scratch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from torch import nn

from oodml.core.errors import UsageError
from oodml.methods.terms.softmax import SoftmaxLoss

Scheme = Literal["torch", "xavier", "normal", "normal-biases"]
_WEIGHED = (nn.Linear, nn.modules.conv._ConvNd)


@torch.no_grad()
def initialise(module: nn.Module, scheme: Scheme) -> None:
    """Draw all weights of a module from torch's generator as it stands.

    Every layer is reset as torch has it; then linear and convolutional layers get, by ``scheme``:

    - "torch": nothing else;
    - "xavier": Glorot's uniform weights and biases of 0, TensorFlow's default;
    - "normal": weights from N(0, 1) and biases of 0, the code of Adapted Deep Embeddings as it is
      released since 2018-11;
    - "normal-biases": weights and biases from N(0, 1), what its paper was run with.

    Raises:
        UsageError: a parameter that no layer can draw anew.
    """
    reset: set[int] = set()
    for layer in module.modules():
        redraw = getattr(layer, "reset_parameters", None)
        if callable(redraw):
            redraw()
            reset |= {id(parameter) for parameter in layer.parameters()}
        if isinstance(layer, _WEIGHED) and scheme != "torch":
            _draw(layer, scheme)
    left = [name for name, one in module.named_parameters() if id(one) not in reset]
    if left:
        raise UsageError(
            f"parameter {left[0]!r} of {type(module).__name__} cannot be drawn anew: no layer of it "
            "has reset_parameters(); a network from scratch needs other layers"
        )


def initialise_classifiers(terms: Iterable[nn.Module], scheme: Scheme) -> None:
    """The same for the softmax layers of terms, which are layers of the paper's networks."""
    for term in terms:
        for module in term.modules():
            if isinstance(module, SoftmaxLoss):
                initialise(module.classifier, scheme)


def _draw(layer: nn.Module, scheme: Scheme) -> None:
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, torch.Tensor)
    if scheme == "xavier":
        nn.init.xavier_uniform_(weight)
    else:
        nn.init.normal_(weight)
    if isinstance(bias, torch.Tensor):
        nn.init.normal_(bias) if scheme == "normal-biases" else nn.init.zeros_(bias)
