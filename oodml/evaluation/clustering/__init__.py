"""k-means of embeddings and how well the clusters agree with the classes."""

from __future__ import annotations

from oodml.evaluation.clustering.contingency import (
    Contingency,
    ami,
    contingency,
    f1_pairwise,
    nmi,
)
from oodml.evaluation.clustering.lloyd import Clustering, k_means

__all__ = ["Clustering", "Contingency", "ami", "contingency", "f1_pairwise", "k_means", "nmi"]
