"""Neighbours against sorted lists, and what the pictures show."""

from __future__ import annotations

import numpy as np
import pytest
import retrieval_reference as reference
from PIL import Image
from typer.testing import CliRunner

from oodml.cli.eval import app
from oodml.core.errors import DataError, UsageError
from oodml.core.figures import save_figure
from oodml.core.vectors import VectorTable, write_vectors
from oodml.evaluation import evaluate
from oodml.evaluation.search.neighbours import nearest_neighbours
from oodml.reports.image_lookup import find_images
from oodml.reports.pictures import (
    per_class_picture,
    retrieval_picture,
    spread_queries,
)


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    labels = [f"class ${i % 6}" for i in range(48)]
    rows = random.normal(size=(6, 5))[np.arange(48) % 6] + random.normal(size=(48, 5))
    return rows.astype(np.float32), labels


@pytest.mark.parametrize("kind", ["cosine", "dot", "euclidean"])
def test_neighbours_against_sorted_lists(data, kind):
    rows, _ = data
    rows = rows.copy()
    rows[10:14] = rows[30]
    found = nearest_neighbours(rows, [3, 11, 30], 20, similarity=kind)
    table = reference.similarities(rows, rows, kind)
    for query, near in zip([3, 11, 30], found, strict=True):
        others = [j for j in range(48) if j != query]
        others.sort(key=lambda j: -round(table[query][j], 10))
        assert near.tolist() == others[:20]
    with pytest.raises(UsageError, match="k=48"):
        nearest_neighbours(rows, [0], 48)


def test_neighbours_agree_with_the_ranks(data):
    rows, labels = data
    report = evaluate(rows, labels)
    near = nearest_neighbours(rows, range(48), 47)
    for query in range(48):
        hits = [p + 1 for p, j in enumerate(near[query]) if labels[j] == labels[query]]
        assert report.ranks.of(query).tolist() == hits


def test_spread_queries():
    values = np.array([0.5, np.nan, 0.1, 0.9, 0.3, 0.7])
    assert spread_queries(values, 3).tolist() == [2, 0, 3]
    assert spread_queries(values, 99).tolist() == [2, 4, 0, 5, 3]


def test_retrieval_picture_marks_wrong_neighbours(data, tmp_path):
    rows, labels = data
    queries = [0, 7, 20]
    near = nearest_neighbours(rows, queries, 4)
    picture = retrieval_picture(
        queries, near, labels, lambda row: Image.new("L", (8, 6), row), notes={7: "worst"}
    )
    axes = np.array(picture.axes).reshape(3, 5)
    for line, query in enumerate(queries):
        for place, row in enumerate(near[line]):
            wrong = labels[row] != labels[query]
            assert any("✕" in text.get_text() for text in axes[line, place + 1].texts) == wrong
            assert (axes[line, place + 1].get_xlabel() != "") == wrong
    assert "worst" in axes[1, 0].get_xlabel()
    for ending in ("png", "svg"):
        save_figure(picture, tmp_path / f"p.{ending}")
        assert (tmp_path / f"p.{ending}").stat().st_size > 1000
    with pytest.raises(UsageError, match="png"):
        save_figure(picture, tmp_path / "p.gif")


@pytest.mark.parametrize("classes", [6, 100])
def test_per_class_picture(classes, tmp_path):
    random = np.random.default_rng(1)
    labels = np.arange(classes * 4) % classes
    rows = random.normal(size=(classes, 5))[labels] + 0.5 * random.normal(size=(len(labels), 5))
    report = evaluate(rows, labels)
    interval = report.intervals(average="macro", resamples=200)["map_at_r"]
    picture = per_class_picture(report, "map_at_r", interval=interval)
    axis = picture.axes[0]
    expected = sorted((100 * one for one in report.per_class("map_at_r").values()), reverse=True)
    if classes == 6:
        assert [bar.get_width() for bar in axis.patches[:6]] == pytest.approx(expected)
    else:
        assert axis.lines[0].get_ydata() == pytest.approx(expected)
    save_figure(picture, tmp_path / "classes.png")


def test_images_by_id(tmp_path):
    (tmp_path / "a").mkdir()
    Image.new("RGB", (4, 4), "red").save(tmp_path / "a" / "one.png")
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    load = find_images(str(tmp_path), ["a/one.png", "a/one", "missing", "bad"])
    assert load(0).getpixel((0, 0)) == load(1).getpixel((0, 0)) == (255, 0, 0)
    with pytest.raises(DataError, match="no image for id 'missing'"):
        load(2)
    with pytest.raises(DataError, match="not a readable image"):
        load(3)
    with pytest.raises(UsageError, match="neither a folder nor a data set"):
        find_images("no-such-data-set", ["x"])


def test_command_draws(data, tmp_path):
    rows, labels = data
    ids = tuple(f"im{i}" for i in range(48))
    write_vectors(tmp_path / "e.parquet", VectorTable(ids, rows, {"label": tuple(labels)}))
    for one in ids:
        Image.new("RGB", (6, 6)).save(tmp_path / f"{one}.png")
    arguments = ["--labels", "label", "--plot-classes", "c.svg", "--plot-retrieval", "r.png"]
    arguments = [str(tmp_path / one) if "." in one else one for one in arguments]
    result = CliRunner().invoke(
        app, [str(tmp_path / "e.parquet"), *arguments, "--images", str(tmp_path)]
    )
    assert result.exception is None
    assert (tmp_path / "c.svg").is_file()
    assert Image.open(tmp_path / "r.png").size[0] > 500
    refused = CliRunner().invoke(app, [str(tmp_path / "e.parquet"), *arguments])
    assert "needs --images" in str(refused.exception)
