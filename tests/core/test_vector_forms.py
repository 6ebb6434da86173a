"""Vectors in every form they are given, to every function that takes some."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from oodml import frechet_distance, generate_ladder
from oodml.core.errors import DataError
from oodml.core.matrix import as_matrix
from oodml.evaluation import episode_accuracy, evaluate, positive_ranks, verification

LABELS = [f"c{i}" for i in np.repeat(np.arange(8), 4)]
ROWS = np.random.default_rng(0).integers(-8, 8, size=(32, 6)).astype(np.float32)  # exact in all

FUNCTIONS = {
    "evaluate": lambda x: evaluate(x, LABELS, ["map", "alignment"]).metrics,
    "positive_ranks": lambda x: positive_ranks(x, LABELS, similarity="euclidean").ranks.tolist(),
    "verification": lambda x: verification(x, [0, 1, 4], [1, 2, 9], [1, 1, 0], folds=[0, 1, 1]).auc,
    "few_shot": lambda x: episode_accuracy(x, LABELS, [[0, 4, 8]]).tolist(),
    "frechet": lambda x: frechet_distance(x, ROWS[::-1][:9]),
    "ladder": lambda x: generate_ladder(x, LABELS, levels=2).sha256,
}
FORMS = {
    "half": lambda x: torch.tensor(x, dtype=torch.bfloat16),
    "float16": lambda x: x.astype(np.float16),
    "double": lambda x: x.astype(np.float64),
    "longdouble": lambda x: x.astype(np.longdouble),
    "gradient": lambda x: torch.tensor(x, requires_grad=True),
    "strided": lambda x: torch.tensor(np.ascontiguousarray(x.T)).T,
    "sparse": lambda x: torch.tensor(x).to_sparse(),
    "negative view": lambda x: (
        torch.view_as_complex(torch.tensor(np.stack([x, -x], -1))).conj().imag
    ),
    "lists": lambda x: x.tolist(),
    "list of tensors": lambda x: [torch.tensor(row, requires_grad=True) for row in x],
    "frame": lambda x: pd.DataFrame(x),
    "nullable frame": lambda x: pd.DataFrame(x).astype("Float64"),
    "integers": lambda x: x.astype(np.int64),
    "bytes": lambda x: x.astype(np.int8),
    "fortran": np.asfortranarray,
    "memory map": lambda x: x[::-1].copy()[::-1],
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same(form, function):
    given = FORMS[form](ROWS)
    assert FUNCTIONS[function](given) == FUNCTIONS[function](ROWS)


def _with(row, value):
    rows = ROWS.copy()
    rows[row, 2] = value
    return rows


BAD = {
    "one-dimensional": (ROWS[:, 0], r"shape \(32,\)"),
    "scalar": (np.float32(3), r"shape \(\)"),
    "cube": (ROWS[None], r"shape \(1, 32, 6\)"),
    "no columns": (ROWS[:, :0], r"shape \(32, 0\)"),
    "empty list": ([], r"shape \(0,\)"),
    "none": (None, "expected"),
    "text": ([["a", "b"]] * 32, "expected real numbers"),
    "complex": (ROWS.astype(complex), "expected real numbers"),
    "ragged": ([[1.0], [1.0, 2.0]] * 16, "rows differ in length"),
    "nan": (_with(5, np.nan), "row 5 has NaN"),
    "infinite": (torch.tensor(_with(31, np.inf)).bfloat16(), "row 31 has NaN"),
    "frame with a gap": (pd.DataFrame(_with(3, np.nan)).astype("Float64"), "row 3 has NaN"),
    "frame with text": (pd.DataFrame({"a": ["x"] * 32, "b": [1.0] * 32}), "no numbers"),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("case", BAD)
def test_what_is_no_matrix_is_refused(case, function):
    given, text = BAD[case]
    with pytest.raises(DataError, match=text):
        FUNCTIONS[function](given)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_rows_are_refused(function):
    with pytest.raises(DataError):
        FUNCTIONS[function](ROWS[:0])


def test_nothing_is_copied_without_need():
    assert as_matrix(ROWS, "x") is ROWS
    tensor = torch.tensor(ROWS)
    assert np.shares_memory(as_matrix(tensor, "x"), tensor.numpy())


@pytest.mark.parametrize(
    ("same", "first", "text"),
    [
        ([True, None, False], [0, 1, 4], "pair 1 is neither"),
        ([1.0, float("nan"), 0.0], [0, 1, 4], "pair 1 is neither"),
        ([1, 2, 0], [0, 1, 4], "pair 1 is neither"),
        ([1, 1, 0], [0.5, 1, 4], "first: expected a list of row numbers"),
        ([1, 1, 0], [0, 1, 99], r"must lie in 0\.\.31"),
    ],
)
def test_pairs_are_not_guessed(same, first, text):
    with pytest.raises(DataError, match=text):
        verification(ROWS, first, [1, 2, 9], same, folds=[0, 1, 1])
