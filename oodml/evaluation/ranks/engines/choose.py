"""Which counting runs where; all give the same numbers."""

from __future__ import annotations

from oodml.evaluation.inputs.pairing import Pairing
from oodml.evaluation.inputs.prepare import PreparedRows
from oodml.evaluation.ranks.close_calls import Tally
from oodml.evaluation.ranks.engines import compiled
from oodml.evaluation.ranks.thresholds import Thresholds


def count_negatives(
    queries: PreparedRows,
    gallery: PreparedRows,
    pairing: Pairing,
    thresholds: Thresholds,
    budget_bytes: int,
    device: str,
) -> Tally:
    """Count the negatives above each threshold on ``device``.

    The CPU has compiled loops (numba), any other device torch; without numba torch does both.
    """
    if device == "cpu" and compiled.compiled_loops_available():
        from oodml.evaluation.ranks.engines.compiled_counting import count_negatives_above_on_cpu

        return count_negatives_above_on_cpu(
            queries, gallery, pairing, thresholds, budget_bytes=budget_bytes
        )
    import torch

    from oodml.evaluation.ranks.engines.torch_counting import count_negatives_above

    return count_negatives_above(
        queries,
        gallery,
        pairing,
        thresholds,
        budget_bytes=budget_bytes,
        device=torch.device(device),
    )
