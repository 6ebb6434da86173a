"""The figure of docs/shift-and-difficulty.md, from made-up classes whose shift and difficulty are set.

A feature has 10 directions A, 10 directions B, which the backbone sees weaker, and 40 of noise.
Training classes differ along A only. Test classes differ along A turned towards B by an angle (the
shift), by a spread (small: difficult). A "method" is linear discriminant analysis: it keeps and
weights the 10 directions along which its training classes differ.

    python docs/images/shift_and_difficulty.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from oodml.core.figures import save_figure
from oodml.evaluation import ClassSums, evaluate, stack_runs, transfer_share

KEPT, DIMS, CLASSES, IMAGES, SEEDS = 10, 60, 100, 40, 3
SEEN = np.repeat([1.0, 0.75, 1.0], [10, 10, 40])  # how strongly the backbone sees a direction
NOISE = np.repeat([1.0, 1.0, 1.6], [10, 10, 40])
LEVELS = 5


def images(angle: float, spread: float, random: np.random.Generator) -> np.ndarray:
    """Features [classes, images, D] of classes that differ along A turned towards B."""
    means = np.zeros((CLASSES, DIMS))
    along = spread * random.normal(size=(CLASSES, KEPT))
    means[:, :KEPT], means[:, KEPT : 2 * KEPT] = np.cos(angle) * along, np.sin(angle) * along
    noise = NOISE * random.normal(size=(CLASSES, IMAGES, DIMS))
    return SEEN * means[:, None] + noise


def trained(features: np.ndarray) -> np.ndarray:
    """Linear discriminant analysis of [classes, images, D]: a projection [D, KEPT]."""
    means = features.mean(axis=1, keepdims=True)
    within = np.cov((features - means).reshape(-1, DIMS).T) + 0.05 * np.eye(DIMS)
    values, vectors = np.linalg.eigh(within)
    white = vectors / np.sqrt(values)
    _, _, directions = np.linalg.svd((means[:, 0] - means.mean(axis=0)) @ white, False)
    return white @ directions[:KEPT].T


def scored(features: np.ndarray) -> ClassSums:
    """Recall@1 by class of [classes, images, D]."""
    labels = [f"class {index:02}" for index in range(CLASSES) for _ in range(features.shape[1])]
    report = evaluate(features.reshape(len(labels), -1), labels, ["recall_at_1"])
    return report.class_sums("recall_at_1")


def level(angle: float, spread: float, number: int) -> dict[str, ClassSums]:
    """Frozen, method and ceiling on the same half of the test images."""
    random = np.random.default_rng([7, number])
    test = images(angle, spread, random)
    held_out, other = test[:, ::2], test[:, 1::2]
    found = {"frozen": scored(held_out)}
    method, ceiling = [], []
    for _ in range(SEEDS):
        # other trainings: other training images of the one, two left out at random of the other
        method.append(scored(held_out @ trained(images(0.0, 2.2, random)[:, : IMAGES // 2])))
        few = random.permutation(IMAGES // 2)[: IMAGES // 2 - 2]
        ceiling.append(scored(held_out @ trained(other[:, few])))
    return found | {"method": stack_runs(method), "ceiling": stack_runs(ceiling)}


def main() -> None:
    steps = np.linspace(0, 1, LEVELS)
    ladders = {
        "only the shift grows": [level(0.15 + 1.3 * s, 2.2, i) for i, s in enumerate(steps)],
        "only the difficulty grows": [level(0.6, 2.2 - 0.6 * s, i) for i, s in enumerate(steps)],
    }
    figure = Figure(figsize=(8.6, 6.4), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey="row")
    styles = {"ceiling": ("#009E73", "s", ":"), "method": ("#0072B2", "o", "-"),
              "frozen": ("black", ".", "--")}  # fmt: skip
    for column, (title, levels) in enumerate(ladders.items()):
        top, below = axes[:, column]
        top.set_title(title, loc="left", fontsize=11)
        for name, (colour, marker, line) in styles.items():
            means = [100 * one[name].estimate("micro").mean() for one in levels]
            top.plot(means, color=colour, marker=marker, linestyle=line, label=name)
        shares = [transfer_share(o["method"], o["ceiling"], o["frozen"]).share for o in levels]
        middle = np.array([100 * one.value for one in shares])
        ends = np.array([[100 * one.low, 100 * one.high] for one in shares]).T
        print(title, [f"{m:.0f} [{a:.0f}, {b:.0f}]" for m, a, b in zip(middle, *ends, strict=True)])
        print({n: [round(100 * o[n].estimate("micro").mean(), 1) for o in levels] for n in styles})
        below.errorbar(range(LEVELS), middle, [middle - ends[0], ends[1] - middle],
                       color="#0072B2", marker="o", capsize=3)  # fmt: skip
        below.axhline(100, color="#009E73", linestyle=":")
        below.axhline(0, color="black", linestyle="--", linewidth=1)
        below.set_xlabel("level")
        below.set_xticks(range(LEVELS))
    axes[0, 0].set_ylabel("Recall@1 (%)")
    axes[1, 0].set_ylabel("transfer share (%)")
    axes[0, 0].legend(frameon=False, fontsize=9)
    for one in axes.flat:
        one.spines[["top", "right"]].set_visible(False)
        one.grid(axis="y", color="#dddddd", linewidth=0.8)
    save_figure(figure, Path(__file__).with_name("shift-and-difficulty.png"), dpi=110)


if __name__ == "__main__":
    main()
