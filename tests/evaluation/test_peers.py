"""Where definitions coincide, pytorch-metric-learning gives the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from oodml.evaluation import evaluate


@pytest.mark.parametrize("classes", [5, 40])
def test_pytorch_metric_learning(classes):
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
    from pytorch_metric_learning.utils.inference import CustomKNN

    random = np.random.default_rng(0)
    labels = np.arange(400) % classes
    rows = random.normal(size=(classes, 12))[labels] + 1.2 * random.normal(size=(400, 12))
    rows = rows.astype(np.float32)
    calculator = AccuracyCalculator(
        include=(
            "precision_at_1", "r_precision", "mean_average_precision_at_r", "mean_reciprocal_rank",
        ),
        k=399, knn_func=CustomKNN(CosineSimilarity()), device=torch.device("cpu"),
    )  # fmt: skip
    theirs = calculator.get_accuracy(torch.from_numpy(rows), torch.from_numpy(labels))
    ours = evaluate(rows, labels, ["precision_at_1", "r_precision", "map_at_r", "mrr"]).metrics
    assert ours["precision_at_1"] == pytest.approx(theirs["precision_at_1"], abs=1e-6)
    assert ours["r_precision"] == pytest.approx(theirs["r_precision"], abs=1e-6)
    assert ours["map_at_r"] == pytest.approx(theirs["mean_average_precision_at_r"], abs=1e-6)
    assert ours["mrr"] == pytest.approx(theirs["mean_reciprocal_rank"], abs=1e-6)
