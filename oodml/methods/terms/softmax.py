"""Classification of the training classes by a linear layer on the embedding."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from oodml.methods.step import full_precision


class SoftmaxLoss(nn.Module):
    """Cross-entropy of Linear(relu(embedding)) or Linear(embedding) over the classes.

    Args:
        embedding_dim: d of the embeddings [B, d].
        num_classes: classes told apart.
        learning_rate_factor: the classifier's, times that of the embedding.
        rectify: put a ReLU before the classifier, as Adapted Deep Embeddings (NeurIPS 2018) does.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        *,
        learning_rate_factor: float = 1.0,
        rectify: bool = False,
    ) -> None:
        super().__init__()
        self.learning_rate_factor = learning_rate_factor
        self.classifier = nn.Linear(embedding_dim, num_classes)
        self.rectify = rectify

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(self._logits(embeddings), labels)

    def predict(self, embeddings: Tensor) -> Tensor:
        return self._logits(embeddings).argmax(dim=1)

    def _logits(self, embeddings: Tensor) -> Tensor:
        embeddings = full_precision(embeddings)
        logits: Tensor = self.classifier(F.relu(embeddings) if self.rectify else embeddings)
        return logits
