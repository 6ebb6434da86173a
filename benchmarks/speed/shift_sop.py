"""SOP's size: 11,318 + 11,316 class means in 2048 dimensions.

    python benchmarks/speed/shift_sop.py [--repeats 1] [--ladder]

Targets: one distance at most 3 s and 500 MiB beyond the means themselves, a further step after
some swaps at most half of the first, a whole 8-level ladder in minutes. The reference is scipy's
sqrtm on D x D.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from shift_reference import (
    class_mean_like,
    in_fresh_process,
    median,
    papers_distance,
    peak_bytes,
    report,
    resident_bytes,
    timed,
)

from oodml.shift import generate_ladder
from oodml.shift.distance.means import ClassMeans
from oodml.shift.generators.large import Moments

_LEFT, _RIGHT, _DIMS = 11_318, 11_316, 2048
_SWAPS = 500
_MIB = 1024**2


def main() -> None:
    parser = argparse.ArgumentParser(description="SOP-size speed")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--ladder", action="store_true", help="also make a whole 8-level ladder")
    parser.add_argument("--no-reference", action="store_true", help="leave scipy's sqrtm out")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    firsts, seconds, theirs = [], [], []
    rows: dict[str, Any] = {}
    for _ in range(chosen.repeats):
        rows = in_fresh_process(first_and_next)
        firsts.append(rows["first"])
        seconds.append(rows["next"])
        if not chosen.no_reference:
            theirs.append(in_fresh_process(reference))
    figures: dict[str, Any] = {
        "first distance, ours [s]": median(firsts),
        "next distance after 500 swaps, ours [s]": median(seconds),
        "next over first": median(seconds) / median(firsts),
        "peak memory beyond the means [MiB]": rows["peak"] / _MIB,
        "updated against from scratch, relative": rows["drift"],
    }
    if theirs:
        figures["scipy sqrtm [s]"] = median([seconds for seconds, _ in theirs])
        figures["times as fast, first"] = figures["scipy sqrtm [s]"] / median(firsts)
        figures["times as fast, next"] = figures["scipy sqrtm [s]"] / median(seconds)
        figures["relative difference"] = abs(rows["value"] / theirs[0][1] - 1)
    if chosen.ladder:
        figures |= in_fresh_process(whole_ladder)
    report(figures, chosen.json)


def first_and_next() -> dict[str, float]:
    """Seconds and peak memory of the first distance and of one after some swaps."""
    means = class_means_of(class_mean_like(_LEFT + _RIGHT, _DIMS))
    left, right = np.arange(_LEFT), np.arange(_LEFT, _LEFT + _RIGHT)
    before = resident_bytes()
    start, moments = timed(lambda: Moments.of(means, left, right))
    finish, value = timed(moments.distance)
    update, after = timed(lambda: moments.exchanged(left[:_SWAPS], right[:_SWAPS]))
    again, updated = timed(after.distance)
    peak = peak_bytes() - before
    scratch = Moments.of(
        means,
        np.concatenate([left[_SWAPS:], right[:_SWAPS]]),
        np.concatenate([right[_SWAPS:], left[:_SWAPS]]),
    ).distance()
    return {
        "first": start + finish,
        "next": update + again,
        "value": value,
        "peak": float(peak),
        "drift": abs(updated / scratch - 1),
    }


def reference() -> tuple[float, float]:
    """Seconds and value of the papers' way (without eps: the covariances have full rank)."""
    rows = class_mean_like(_LEFT + _RIGHT, _DIMS)
    return timed(lambda: papers_distance(rows[:_LEFT], rows[_LEFT:], eps=0.0))


def whole_ladder() -> dict[str, Any]:
    """Seconds of a whole 8-level ladder by ``target``, from features of two images a class."""
    rows = class_mean_like(_LEFT + _RIGHT, _DIMS).astype(np.float32)
    names = [f"class{number:06d}" for number in range(len(rows))]
    features = np.repeat(rows, 2, axis=0)
    labels = np.repeat(names, 2)
    default = names[:_LEFT], names[_LEFT:]
    seconds, ladder = timed(
        lambda: generate_ladder(features, labels, "target", 8, default_split=default)
    )
    return {
        "8-level ladder [s]": seconds,
        "levels": " ".join(f"{level.shift:.4g}" for level in ladder.levels),
        "levels within 1 % of target": sum(level.reached for level in ladder.levels),
    }


def class_means_of(rows: np.ndarray) -> ClassMeans:
    rows -= rows.mean(axis=0)
    names = tuple(f"class{number:06d}" for number in range(len(rows)))
    return ClassMeans(names, rows, np.full(len(rows), 5))


if __name__ == "__main__":
    main()
