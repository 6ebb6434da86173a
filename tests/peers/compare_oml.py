"""Compare oodml's retrieval metrics with open-metric-learning's (OML) on the same embeddings.

    tox -e oml

OML needs numpy < 2 and an undeclared omegaconf, so it has an environment of its own. Prints a table
and ends with 1 if a figure that both define alike differs by more than 1e-6. Figures that OML
defines otherwise are compared with the same sum taken over oodml's ranks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from oodml import evaluate
from oodml._bootstrap import import_torchvision

TOLERANCE = 1e-6


class Case(NamedTuple):
    """One set of embeddings: [N, D] float32, labels [N], and which rows are queries / gallery."""

    name: str
    rows: Any
    labels: Any
    queries: Any
    gallery: Any


class Line(NamedTuple):
    """One figure of the table; ``plain`` is oodml's metric where OML's definition is another."""

    case: str
    theirs: str
    ours: str
    their_value: float
    our_value: float
    plain: float | None = None


def cases() -> Iterator[Case]:
    """Leave-one-out with equal and unequal classes, and queries against a gallery."""
    random = np.random.default_rng(0)

    def rows_of(labels: Any, noise: float) -> Any:
        centres = random.normal(size=(int(labels.max()) + 1, 24))
        return (centres[labels] + noise * random.normal(size=(len(labels), 24))).astype(np.float32)

    everything = np.arange(720)
    equal = np.arange(720) % 60
    yield Case("12 of each class", rows_of(equal, 1.3), equal, everything, everything)
    sizes = np.concatenate([np.arange(2, 22), np.arange(2, 22), [300]])
    unequal = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    everything = np.arange(len(unequal))
    yield Case("2 to 300 of a class", rows_of(unequal, 1.6), unequal, everything, everything)
    mixed = random.permutation(np.arange(900) % 50)
    queries, gallery = np.arange(300), np.arange(300, 900)
    yield Case("queries and gallery", rows_of(mixed, 1.5), mixed, queries, gallery)


def ask_oml(case: Case) -> dict[str, dict[int, float]]:
    """OML's own search and metrics, on unit rows in float64 (its distance is Euclidean).

    In float32 its search rounds so much that near-ties change places, which is not the definition.
    """
    import torch
    from oml.functional.knn import batched_knn
    from oml.functional.metrics import calc_retrieval_metrics

    exact = case.rows.astype(np.float64)
    unit = (exact / np.linalg.norm(exact, axis=1, keepdims=True)).astype(np.float32)
    _, retrieved, true = batched_knn(
        torch.from_numpy(unit.astype(np.float64)),
        ids_query=torch.from_numpy(case.queries),
        ids_gallery=torch.from_numpy(case.gallery),
        top_n=len(case.gallery),
        labels_gt=torch.from_numpy(case.labels),
    )
    depth = len(case.gallery)
    return calc_retrieval_metrics(
        retrieved, true, cmc_top_k=(1, 5, 10), precision_top_k=(1, 5, 11), map_top_k=(10, depth),
        verbose=False,
    )  # fmt: skip


def compare(case: Case) -> Iterator[Line]:
    """All figures of one case."""
    theirs = ask_oml(case)
    names = ["recall_at_1", "recall_at_5", "recall_at_10", "cmc_at_10", "precision_at_1"]
    names += ["precision_at_5", "precision_at_11", "r_precision", "map_at_10", "map"]
    if case.queries is case.gallery:
        report = evaluate(case.rows, case.labels, names)
    else:
        report = evaluate(
            case.rows[case.queries], case.labels[case.queries], names,
            gallery_embeddings=case.rows[case.gallery], gallery_labels=case.labels[case.gallery],
        )  # fmt: skip
    ours, ranks = report.metrics, report.ranks.scored()
    if len(ranks) != len(case.queries):
        raise SystemExit(f"{case.name}: a query has no positive; OML counts it, oodml does not")
    depth = len(case.gallery)

    def value(kind: str, k: int) -> float:
        return float(theirs[kind][k])

    for k in (1, 5, 10):
        yield Line(case.name, f"cmc@{k}", f"recall_at_{k}", value("cmc", k), ours[f"recall_at_{k}"])
    yield Line(case.name, "cmc@10", "cmc_at_10", value("cmc", 10), ours["cmc_at_10"])
    yield Line(case.name, f"map@{depth} (all)", "map", value("map", depth), ours["map"])
    yield Line(case.name, "precision@1", "precision_at_1", value("precision", 1),
               ours["precision_at_1"])  # fmt: skip
    for k in (5, 11):
        yield divided_by_fewer(case, ranks, k, value("precision", k), ours[f"precision_at_{k}"])
    if np.all(ranks.positives == 11):
        yield Line(case.name, "precision@11", "r_precision", value("precision", 11),
                   ours["r_precision"])  # fmt: skip
    yield divided_by_found(case, ranks, value("map", 10), ours["map_at_10"])


def divided_by_fewer(case: Case, ranks: Any, k: int, their_value: float, plain: float) -> Line:
    """OML's precision@k divides by min(k, P): the same as precision_at_k if all P >= k."""
    if np.all(ranks.positives >= k):
        return Line(case.name, f"precision@{k}", f"precision_at_{k}", their_value, plain)
    hits = ranks.sum_by_query((ranks.ranks <= k).astype(np.float64))
    same = float(np.mean(hits / np.minimum(ranks.positives, k)))
    name = f"precision_at_{k} over min(k, P)"
    return Line(case.name, f"precision@{k}", name, their_value, same, plain)


def divided_by_found(case: Case, ranks: Any, their_value: float, plain: float) -> Line:
    """OML's map@k divides by the positives found among the k, map_at_k by min(P, k)."""
    inside = ranks.ranks <= 10
    found = ranks.sum_by_query(inside.astype(np.float64))
    total = ranks.sum_by_query(np.where(inside, ranks.place / ranks.ranks, 0.0))
    same = float(np.mean(total / np.maximum(found, 1)))
    return Line(case.name, "map@10", "map_at_10 over hits found", their_value, same, plain)


def main() -> int:
    """Print the table; 1 if anything differs."""
    import_torchvision()  # oml imports torchvision, whose build need not match torch's
    from importlib.metadata import version

    print(f"open-metric-learning {version('open-metric-learning')}, numpy {np.__version__}")
    lines = [line for case in cases() for line in compare(case)]
    print(f"{'embeddings':<21}{'OML':<17}{'oodml':<33}{'OML':>10}{'oodml':>10}{'apart':>9}  plain")
    for line in lines:
        apart = abs(line.their_value - line.our_value)
        plain = "" if line.plain is None else f"{line.plain:.6f}"
        print(
            f"{line.case:<21}{line.theirs:<17}{line.ours:<33}{line.their_value:>10.6f}"
            f"{line.our_value:>10.6f}{apart:>9.1e}  {plain}"
        )
    # Written so that a NaN counts as a disagreement.
    wrong = [one for one in lines if not abs(one.their_value - one.our_value) <= TOLERANCE]
    print(f"{len(lines)} figures, {len(wrong)} differ by more than {TOLERANCE:g}")
    print("plain: oodml's metric of the same name, where OML divides by something else")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
