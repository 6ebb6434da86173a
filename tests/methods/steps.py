"""Steps made by hand, for tests of terms."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from oodml.methods import Step


def step_of(rows: torch.Tensor, labels: torch.Tensor, **changes: Any) -> Step:
    """A step whose embeddings, features and inputs are ``rows``."""
    fields: dict[str, Any] = {
        "number": 0,
        "labels": labels,
        "items": torch.arange(len(rows)),
        "views": torch.zeros(len(rows), dtype=torch.int64),
        "support": None,
        "inputs": rows,
        "features": rows,
        "heads": {"embedding": rows},
    }
    return Step(**{**fields, **changes})


def random_rows(seed: int, rows: int, columns: int) -> torch.Tensor:
    """Float64 rows of different lengths."""
    rng = np.random.default_rng(seed)
    lengths = rng.uniform(0.5, 3, (rows, 1))
    return torch.from_numpy(rng.normal(size=(rows, columns)) * lengths)
