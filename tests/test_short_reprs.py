"""Whatever results hold, a session shows a line of them and a notebook a small table."""

from __future__ import annotations

from dataclasses import is_dataclass
from html.parser import HTMLParser

import numpy as np
import pytest

from oodml import generate_ladder
from oodml.core.vectors import VectorTable
from oodml.evaluation import (
    GalleryShard,
    approximate_neighbours,
    evaluate,
    list_metrics,
    register_metric,
    verification,
)
from oodml.evaluation.files.embedding_files import LabelledEmbeddings
from oodml.evaluation.inputs.search_input import read_input
from oodml.evaluation.metrics import registry
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.measures import sides_of
from oodml.shift.measuring import measure_ladder

COUNT = 3000
ROWS = np.random.default_rng(0).normal(size=(COUNT, 6))
NAMES = [f"a class with a long name <b>{i:03d}</b>" for i in np.arange(COUNT) % 300]
IDS = tuple(f"folder/of/images/image-number-{i:06d}.jpg" for i in range(COUNT))


@pytest.fixture(scope="module")
def results():
    report = evaluate(
        ROWS, NAMES, [n for n in list_metrics() if "_at_k" not in n and "oodml" not in n]
    )
    ladder = generate_ladder(ROWS, NAMES, levels=3, image_ids=IDS, name="n" * 500)
    data = LabelledFeatures.of(ROWS, NAMES, IDS)
    sides = sides_of(data, data.means(), ladder.levels[0].train, ladder.levels[0].test)
    given = read_input(ROWS, NAMES, IDS, None, None, None)
    pairs = np.random.default_rng(0).integers(0, COUNT, (2, 500))
    same = np.arange(500) % 2 == 0
    return {
        "Report": report,
        "PositiveRanks": report.ranks,
        "ClassSums": report.class_sums("map"),
        "VerificationReport": verification(ROWS, *pairs, same, fars=np.linspace(0.01, 0.9, 90)),
        "NeighbourLists": approximate_neighbours(ROWS, NAMES, 20, ids=IDS, index="Flat"),
        "GalleryShard": GalleryShard(ROWS, NAMES, IDS),
        "SearchInput": given,
        "Pairing": given.pairing,
        "LabelledEmbeddings": LabelledEmbeddings(ROWS, tuple(NAMES), IDS),
        "VectorTable": VectorTable(IDS, ROWS.astype(np.float32), {"label": tuple(NAMES)}),
        "Ladder": ladder,
        "Level": ladder.levels[1],
        "EpisodeTable": ladder.episode_table,
        "LadderMeasurement": measure_ladder(ladder, data),
        "LabelledFeatures": data,
        "ClassMeans": data.means(),
        "Sides": sides,
    }


KINDS = (
    "Report", "PositiveRanks", "ClassSums", "VerificationReport", "NeighbourLists", "GalleryShard",
    "SearchInput", "Pairing", "LabelledEmbeddings", "VectorTable", "Ladder", "Level",
    "EpisodeTable", "LadderMeasurement", "LabelledFeatures", "ClassMeans", "Sides",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_line(kind, results):
    one = results[kind]
    assert is_dataclass(one)
    text = repr(one)
    assert text.startswith(f"{kind}(")
    assert text.endswith(")")
    assert len(text) < 1000
    assert "\n" not in text
    assert str(one) == text


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)


@pytest.mark.parametrize(
    "kind",
    [
        "Report",
        "PositiveRanks",
        "VerificationReport",
        "NeighbourLists",
        "Ladder",
        "LadderMeasurement",
    ],
)
def test_a_table_in_a_notebook(kind, results):
    page = results[kind]._repr_html_()
    assert len(page) < 8000
    parser = _Tags()
    parser.feed(page)
    assert "table" in parser.tags
    assert parser.tags <= {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td"}


def test_a_report_shows_its_metrics_with_intervals(results):
    report = evaluate(ROWS, NAMES, ["recall_at_1", "nmi"])
    found = report.intervals(resamples=1000)["recall_at_1"]
    text = f"recall_at_1 {found.value:.4g} [{found.low:.4g}, {found.high:.4g}]"
    assert repr(report).startswith(
        f"Report(3000 queries of 300 classes, gallery 2999, cosine: {text}, nmi 0."
    )
    assert text.removeprefix("recall_at_1 ") in report._repr_html_()
    assert "n levels" not in repr(results["Ladder"])
    assert "3 levels, frechet_class_means" in repr(results["Ladder"])


def test_names_of_others_are_escaped(monkeypatch):
    registry._metrics.names()
    monkeypatch.setattr(registry._metrics, "_entries", dict(registry._metrics._entries))
    function = register_metric("tests-x", formula="x", source="x")
    function(lambda ranks: (_ for _ in ()).throw(ValueError("<script>alert(1)</script>")))
    report = evaluate(ROWS[:600], NAMES[:600], ["map", "tests-x"], keep_going=True)
    assert "<script>" not in report._repr_html_()
    assert "&lt;script&gt;" in report._repr_html_()
    assert "failed: tests-x" in repr(report)
