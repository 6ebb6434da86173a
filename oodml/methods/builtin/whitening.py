"""Within-class whitening: a linear map in closed form."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.method import Method
from oodml.methods.registry import register_method


@register_method("whitening")
class Whitening(Method):
    """W = (S + s m I)^(-1/2) on unit features, S their covariance within the training classes.

    m is the mean eigenvalue of S, s the shrinkage. No loop, no seed: what a trained head should
    beat. Directions in which images of one class differ are shortened, which is what linear
    discriminant analysis does before it looks at classes.
    """

    family = "references"
    source = "within-class whitening of linear discriminant analysis; Fukunaga 1990, chapter 10"
    trains = False
    fits = True

    shrinkage = Parameter(
        1.0, "mean eigenvalues added to the covariance", above=0.0, search=(0.01, 10.0), log=True
    )

    def fit(self, features: NDArray[np.float32], labels: NDArray[np.int64]) -> nn.Module:
        rows = features.astype(np.float64)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        rows /= np.where(lengths == 0, 1.0, lengths)
        counts = np.bincount(labels)
        sums = np.zeros((len(counts), rows.shape[1]))
        np.add.at(sums, labels, rows)
        rows -= (sums / np.maximum(counts, 1)[:, None])[labels]
        values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
        values = values.clip(min=0.0)
        scale = (values + self.shrinkage * values.mean()) ** -0.5
        head = self.unfitted_head(features.shape[1])
        weight = (vectors * scale) @ vectors.T
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(weight / np.linalg.norm(weight, 2)))
        return head

    def unfitted_head(self, features: int) -> nn.Linear:
        return UnitLinear(features, features)


class UnitLinear(nn.Linear):
    """A linear map of unit rows, without bias."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return super().forward(nn.functional.normalize(rows, dim=1))
