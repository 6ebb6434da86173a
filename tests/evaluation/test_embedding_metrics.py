"""Geometry and clustering metrics against plain loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from oodml.core.errors import DataError, UsageError
from oodml.evaluation import evaluate, get_metric, positive_ranks, report_from_ranks
from oodml.evaluation.inputs import search_input
from oodml.evaluation.metrics.embedding_set import EmbeddingSet


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    labels = np.concatenate([np.repeat(np.arange(5), [6, 9, 2, 7, 4]), [5]])
    rows = 3 * random.normal(size=(6, 7))[labels] + random.normal(size=(29, 7))
    return rows.astype(np.float32), labels


def value(name, rows, labels, **options):
    return get_metric(name).of_embeddings(EmbeddingSet(rows, np.asarray(labels), **options))


def units(rows):
    return [np.asarray(r, float) / math.sqrt(sum(float(v) ** 2 for v in r)) for r in rows]


def test_class_distances(data):
    rows, labels = data
    unit = units(rows)
    within = []
    for c in range(5):
        members = [unit[i] for i in range(29) if labels[i] == c]
        within.append(np.mean([1 - a @ b for a, b in itertools.combinations(members, 2)]))
    centres = units(
        [np.mean([unit[i] for i in range(29) if labels[i] == c], axis=0) for c in range(6)]
    )
    between = np.mean([1 - a @ b for a, b in itertools.combinations(centres, 2)])
    assert value("intra_class_distance", rows, labels) == pytest.approx(np.mean(within), abs=1e-6)
    assert value("inter_class_distance", rows, labels) == pytest.approx(between, abs=1e-6)
    ratio = value("intra_inter_ratio", rows, labels)
    assert ratio == pytest.approx(np.mean(within) / between, abs=1e-6)


def test_alignment_and_uniformity(data):
    rows, labels = data
    unit = units(rows)
    pairs = list(itertools.combinations(range(29), 2))
    square = {p: float(((unit[p[0]] - unit[p[1]]) ** 2).sum()) for p in pairs}
    aligned = np.mean([square[p] for p in pairs if labels[p[0]] == labels[p[1]]])
    assert value("alignment", rows, labels) == pytest.approx(aligned, abs=1e-6)
    uniform = math.log(np.mean([math.exp(-2 * d) for d in square.values()]))
    assert value("uniformity", rows, labels) == pytest.approx(uniform, abs=1e-6)
    big = np.random.default_rng(1).normal(size=(400, 5))
    whole = value("uniformity", big, np.zeros(400, int))
    pieces = get_metric("uniformity").of_embeddings(
        EmbeddingSet(big, np.zeros(400, int), memory_mib=0)
    )
    assert pieces == pytest.approx(whole, abs=1e-6)


def test_spectrum(data):
    rows, labels = data
    singular = np.linalg.svd(np.array(units(rows)), compute_uv=False)
    for k in (1, 2, 5):
        share = singular[k - 1 :] / singular[k - 1 :].sum()
        expected = stats.entropy(np.full(len(share), 1 / len(share)), share)
        assert value(f"spectral_decay_at_{k}", rows, labels) == pytest.approx(expected, abs=1e-6)
    share = singular / singular.sum()
    expected = math.exp(stats.entropy(share))
    assert value("effective_rank", rows, labels) == pytest.approx(expected, abs=1e-5)
    flat = np.vstack([np.eye(7), -np.eye(7)])
    assert value("spectral_decay_at_1", flat, np.zeros(14, int)) == pytest.approx(0, abs=1e-9)
    assert value("effective_rank", flat, np.zeros(14, int)) == pytest.approx(7)
    one_direction = np.outer(np.ones(9), np.arange(1, 5))
    assert value("effective_rank", one_direction, np.zeros(9, int)) == pytest.approx(1, abs=1e-5)
    assert math.isfinite(value("spectral_decay_at_1", one_direction, np.zeros(9, int)))
    with pytest.raises(UsageError):
        value("spectral_decay_at_8", rows, labels)


def test_spectrum_in_pieces(monkeypatch):
    random = np.random.default_rng(2)
    rows = random.normal(size=(500, 20)) * np.linspace(1, 0.01, 20)
    whole = EmbeddingSet(rows, np.zeros(500, int)).singular_values
    monkeypatch.setattr(
        EmbeddingSet, "pieces", lambda self: iter([slice(i, i + 30) for i in range(0, 500, 30)])
    )
    np.testing.assert_allclose(EmbeddingSet(rows, np.zeros(500, int)).singular_values, whole)


def test_norms(data):
    rows, labels = data
    norms = [math.sqrt(sum(float(v) ** 2 for v in row)) for row in rows]
    assert value("norm_mean", rows, labels) == pytest.approx(np.mean(norms))
    assert value("norm_variance", rows, labels) == pytest.approx(np.var(norms))


def test_hubness(data):
    rows, labels = data
    unit = units(rows)
    counts = np.zeros(29)
    for i in range(29):
        others = sorted((j for j in range(29) if j != i), key=lambda j: -float(unit[i] @ unit[j]))
        for j in others[:3]:
            counts[j] += 1
    assert value("hubness_at_3", rows, labels) == pytest.approx(stats.skew(counts))
    assert value("hubness_at_28", rows, labels) == 0.0
    with pytest.raises(UsageError, match="more than 29"):
        value("hubness_at_29", rows, labels)


def test_clustering_metrics_through_evaluate():
    random = np.random.default_rng(3)
    labels = np.repeat(np.arange(8), 15)
    rows = 4 * random.normal(size=(8, 6))[labels] + random.normal(size=(120, 6))
    names = ["nmi", "recall_at_1", "ami", "f1_pairwise", "nmi_sec", "norm_mean"]
    report = evaluate(rows, labels, names)
    assert list(report.metrics) == names
    assert set(report.macro) == {"recall_at_1"}
    assert report.metrics["nmi"] > 0.85
    assert evaluate(rows, labels, names, seed=0).metrics == report.metrics
    some = [None if i % 9 == 0 else int(label) for i, label in enumerate(labels)]
    kept = [i for i in range(120) if some[i] is not None]
    assert (
        evaluate(rows, some, ["nmi"]).metrics == evaluate(rows[kept], labels[kept], ["nmi"]).metrics
    )
    with pytest.raises(UsageError, match="train_classes"):
        evaluate(rows, labels, ["nmi_oodml"])
    assert (
        evaluate(rows, labels, ["nmi_oodml"], train_classes=8).metrics["nmi_oodml"]
        == (report.metrics["nmi"])
    )
    with pytest.raises(UsageError, match="without a gallery"):
        evaluate(rows, labels, ["nmi"], gallery_embeddings=rows, gallery_labels=labels)
    with pytest.raises(UsageError, match="needs the embeddings"):
        report_from_ranks(positive_ranks(rows, labels), ["nmi"])


def test_errors(data):
    rows, _ = data
    for name in ("intra_class_distance", "alignment"):
        with pytest.raises(DataError, match="every class has one image"):
            value(name, rows, np.arange(29))
    with pytest.raises(DataError, match="two classes"):
        value("inter_class_distance", rows, np.zeros(29, int))


def test_evaluate_reads_once_and_gives_what_each_part_gives_alone(monkeypatch):
    random = np.random.default_rng(5)
    labels = [None if i % 7 == 0 else f"c{i % 9}" for i in range(150)]
    rows = random.normal(size=(150, 6))
    calls = []
    read = search_input.as_matrix
    monkeypatch.setattr(
        search_input, "as_matrix", lambda *given: calls.append(given) or read(*given)
    )
    both = evaluate(rows, labels, ["recall_at_1", "nmi", "uniformity"])
    assert len(calls) == 1
    kept = [i for i in range(150) if labels[i] is not None]
    codes = np.unique([labels[i] for i in kept], return_inverse=True)[1]
    for name in ("nmi", "uniformity"):
        assert both.metrics[name] == value(name, rows[kept], codes)
    ranks = report_from_ranks(positive_ranks(rows, labels), ["recall_at_1"])
    assert both.metrics["recall_at_1"] == ranks.metrics["recall_at_1"]
