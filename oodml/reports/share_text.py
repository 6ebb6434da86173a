"""Transfer shares in words: a value, a row, and what stands below the table."""

from __future__ import annotations

from oodml.evaluation import Estimate, TransferShare
from oodml.reports.caption import MISSING, metric_text, parted_estimators
from oodml.reports.summary import Summary

UNDECIDED = "not decidable"


def share_words(share: Estimate) -> str:
    """In prose: "73 % [60, 85]"."""
    return f"{100 * share.value:.0f} % [{100 * share.low:.0f}, {100 * share.high:.0f}]"


def share_cell(found: TransferShare | None) -> str:
    """In a table headed by the unit: "73 [60, 85]"."""
    if found is None:
        return MISSING
    return share_words(found.share).replace(" %", "") if found.decidable else UNDECIDED


def share_rows(summary: Summary) -> list[tuple[str, list[str]]]:
    """Methods in the table's order, each with a cell a level."""
    ranked = {label: index for index, label in enumerate(summary.labels)}
    labels = sorted(summary.shares.labels, key=lambda one: (ranked.get(one, len(ranked)), one))
    return [
        (
            label,
            [
                share_cell(summary.shares.entries.get((label, column.level)))
                for column in summary.levels
            ],
        )
        for label in labels
    ]


def share_caption(summary: Summary) -> str:
    """What the numbers are, what the brackets cover, and what they depend on."""
    c = summary.context
    entries = summary.shares.entries.values()
    names = parted_estimators([one.share for one in entries])
    undecided = any(not one.decidable for one in entries)
    return (
        f"Transfer share (%) of {metric_text(summary)} on {c['dataset']}, ladder {c['ladder']} "
        f"({c['ladder_sha256'][:12]}); backbone {c['backbone']}, mode {c['mode']}, selection "
        f"{c['selection']}; protocol {c['protocol']}. Of the gain over frozen that training on other "
        "images of the test classes themselves brings (the ceiling), the part that training on the "
        "other side of the level brings: (method - frozen) / (ceiling - frozen), all three scored on "
        "the same held-out half of the test images. 100: as good as the ceiling; 0: no better than "
        "frozen; below 0: worse than frozen. [ ]: 95 % interval over test classes, drawn alike for "
        f"all three, and trainings where there are several ({names})."
        + (
            f" {UNDECIDED}: the ceiling is not clearly above frozen there (its interval reaches 0), "
            "so there is no gain to have a share of."
            if undecided
            else ""
        )
    )
