"""Whether an engine gives torch's rows, for batches of every kind of length."""

from __future__ import annotations

import torch
from torch import Tensor

from oodml.features.engines.engine import Engine, EngineUnfit

_ROWS = 5
_PARTS = ((0, _ROWS), (0, 1), (1, _ROWS), (2, _ROWS))  # all, one, an even and an odd number
# Half precision keeps 8 or 11 bits, and every engine rounds at other places.
_HALF_PRECISION = 5e-2


def probe(engine: Engine, reference: Engine, example: Tensor, precision: str) -> float:
    """Largest difference of the two engines' rows, relative to the largest feature.

    Two items of ``example`` and noise of its shape are run in batches of several lengths: a graph
    with a batch length built in, and rows that depend on their neighbours, show here.

    Args:
        engine: to be checked.
        reference: the torch engine on the same module and device.
        example: float32 [B, ...], B >= 2.
        precision: in half precisions the tolerance is 5e-2.

    Raises:
        EngineUnfit: the difference is above ``engine.tolerance``, or it cannot run such a batch.
    """
    tolerance = engine.tolerance if precision == "float32" else _HALF_PRECISION
    noise = torch.randn((_ROWS - 2, *example.shape[1:]), generator=torch.Generator().manual_seed(0))
    batch = torch.cat([example[:2].cpu(), noise])
    expected = reference.run(batch)
    scale = float(expected.abs().max())
    worst = 0.0
    for first, last in _PARTS:
        try:
            rows = engine.run(batch[first:last])
        except Exception as error:  # an engine may raise anything
            first_line = (str(error).strip().splitlines() or [""])[0]
            raise EngineUnfit(
                f"it fails on a batch of {last - first} ({type(error).__name__}: {first_line})"
            ) from error
        if rows.shape != expected[first:last].shape:
            raise EngineUnfit(
                f"a batch of {last - first} gives rows {list(rows.shape)}, "
                f"torch gives {list(expected[first:last].shape)}"
            )
        difference = float((rows - expected[first:last]).abs().max())
        relative = difference / scale if scale else difference
        # "not <=" rather than ">": NaN on either side is a disagreement too
        if not relative <= tolerance:
            raise EngineUnfit(
                f"its rows differ from torch's by {relative:.1e} of the largest feature in a "
                f"batch of {last - first}; the limit is {tolerance:.0e}"
            )
        worst = max(worst, relative)
    return worst
