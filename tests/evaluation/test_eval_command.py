"""``oodml eval`` on every file format."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from oodml.cli.eval import app
from oodml.core.errors import OodmlError
from oodml.core.vectors import VectorTable, write_vectors
from oodml.evaluation import evaluate, load_ranks


@pytest.fixture
def files(tmp_path):
    random = np.random.default_rng(0)
    rows = random.normal(size=(30, 8)).astype(np.float32)
    ids = tuple(f"im{i}" for i in range(30))
    labels = tuple(f"class {i % 5}" for i in range(30))
    write_vectors(tmp_path / "e.parquet", VectorTable(ids, rows, {"label": labels}))
    np.save(tmp_path / "e.npy", rows)
    save_file({"embeddings": torch.from_numpy(rows)}, tmp_path / "e.safetensors")
    order = random.permutation(30)
    lines = [f"{ids[i]},{labels[i]}" for i in order]
    (tmp_path / "labels.csv").write_text("id,label\n" + "\n".join(lines) + "\nother,x\n")
    (tmp_path / "ids.csv").write_text("id\n" + "\n".join(ids) + "\n")
    (tmp_path / "rowwise.csv").write_text("label\n" + "\n".join(labels) + "\n")
    return tmp_path, evaluate(rows, labels).metrics


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if code == 0 and result.exception:
        raise result.exception
    return result


def test_formats_agree(files):
    folder, expected = files
    for arguments in [
        (folder / "e.parquet", "--labels", "label"),
        (folder / "e.parquet", "--labels", folder / "labels.csv"),
        (folder / "e.npy", "--labels", folder / "labels.csv", "--ids", folder / "ids.csv"),
        (folder / "e.npy", "--labels", folder / "rowwise.csv"),
        (folder / "e.safetensors", "--labels", folder / "labels.csv", "--ids", folder / "ids.csv"),
    ]:
        printed = json.loads(run(*arguments, "--json").stdout)
        assert printed["metrics"] == pytest.approx(expected)


def test_table_and_saved_ranks(files):
    folder, _ = files
    out = folder / "out" / "ranks.parquet"
    result = run(
        folder / "e.parquet", "--labels", "label", "--metrics", "recall_at_3,mrr",
        "--similarity", "euclidean", "--save-ranks", out,
    )  # fmt: skip
    assert "recall_at_3" in result.stdout
    assert "30 queries of 5 classes" in result.stdout
    assert load_ranks(out).query_ids[3] == "im3"


def test_gallery(files):
    folder, _ = files
    result = run(
        folder / "e.parquet", "--labels", "label", "--gallery", folder / "e.parquet", "--json"
    )
    assert json.loads(result.stdout)["counts"]["gallery"] == 29  # oneself is left out by id


def test_groups(files):
    folder, _ = files
    lines = [f"class {i},{'even' if i % 2 == 0 else 'odd'}" for i in range(5)]
    (folder / "groups.csv").write_text("class,group\n" + "\n".join(lines) + "\n")
    arguments = [folder / "e.parquet", "--labels", "label", "--metrics", "recall_at_1,norm_mean"]
    printed = json.loads(run(*arguments, "--groups", folder / "groups.csv", "--json").stdout)
    whole = printed["metrics"]["recall_at_1"]
    found = printed["groups"]["recall_at_1"]
    assert set(printed["groups"]) == {"recall_at_1"}
    assert printed["group_queries"] == {"even": 18, "odd": 12}
    assert (18 * found["even"] + 12 * found["odd"]) / 30 == pytest.approx(whole)
    table = run(*arguments, "--groups", folder / "groups.csv").stdout
    assert f"{found['even']:.4f}" in table.split("by group")[1]
    for text, message in [
        ("class,group\nclass 0,a\n", "groups.csv: no group for class 'class 1' (4 missing)"),
        ("class,group\nclass 0,\n", "class 'class 0' has an empty group"),
        ("class,group\nclass 0,a\nclass 0,b\n", "class 'class 0' is in 'a' and in 'b'"),
        ("class,set\nclass 0,a\n", "no column 'group'"),
    ]:
        (folder / "groups.csv").write_text(text)
        result = run(*arguments, "--groups", folder / "groups.csv", code=1)
        assert isinstance(result.exception, OodmlError)
        assert message in str(result.exception)


def test_group_names_are_plain_text(files):
    folder, _ = files
    lines = [f"class {i},[/odd]" for i in range(5)]
    (folder / "groups.csv").write_text("class,group\n" + "\n".join(lines) + "\n")
    arguments = [folder / "e.parquet", "--labels", "label", "--groups", folder / "groups.csv"]
    assert "[/odd]" in run(*arguments).stdout
    result = run(*arguments, "--metrics", "nmi", code=1)
    assert "needs a retrieval metric" in str(result.exception)


def test_approximate(files):
    pytest.importorskip("faiss", reason="faiss is not installed (oodml[faiss])")
    folder, expected = files
    arguments = [folder / "e.parquet", "--labels", "label", "--approximate"]
    printed = json.loads(run(*arguments, 20, "--json").stdout)
    assert printed["approximate"] is True
    assert printed["list_recall"] == 1.0, "so few items are all looked at"
    assert printed["index"] == "Flat"
    assert set(printed["metrics"]) == set(expected) - {"map_at_1000_oodml"}
    for name, value in printed["metrics"].items():
        assert value == pytest.approx(expected[name])
    assert "recall_at_1" in run(*arguments, 3).stdout
    assert "map_at_r" not in run(*arguments, 3).stdout, "needs 5 neighbours"
    assert "APPROXIMATE" in run(*arguments, 3, "--metrics", "recall_at_2").stdout
    for more, message in [
        (["--metrics", "map_at_r"], "search with k=5"),
        (["--metrics", "recall_at_5"], "search with k=5"),
        (["--metrics", "nmi"], "without --approximate"),
        (["--probes", 0], "probes=0"),
        (["--save-ranks", folder / "r.parquet"], "--approximate finds no ranks"),
    ]:
        result = run(*arguments, 3, *more, code=1)
        assert isinstance(result.exception, OodmlError)
        assert message in str(result.exception)


def test_options_of_the_other_kind_of_search(files):
    folder, _ = files
    for more in (["--index", "Flat"], ["--probes", 4]):
        result = run(folder / "e.parquet", "--labels", "label", *more, code=1)
        assert "go with --approximate" in str(result.exception)


def test_messages(files):
    folder, _ = files
    (folder / "few.csv").write_text("id,label\nim0,a\n")
    for arguments, message in [
        ((folder / "e.parquet", "--labels", "species"), "neither a file nor a column"),
        ((folder / "e.parquet", "--labels", folder / "few.csv"), "no label for 29 of 30"),
        ((folder / "e.npy", "--labels", folder / "few.csv"), "must match row by row"),
        ((folder / "e.npy", "--labels", "label"), "columns: none"),
        ((folder / "gone.npy", "--labels", "label"), "no such file"),
        ((folder / "e.txt", "--labels", "label"), "expected a .parquet"),
        ((folder / "e.parquet", "--labels", "label", "--metrics", "recal_at_1"), "did you mean"),
        ((folder / "e.parquet", "--labels", "label", "--ids", folder / "ids.csv"), "has ids"),
    ]:
        result = run(*arguments, code=1)
        assert isinstance(result.exception, OodmlError)
        assert message in str(result.exception)
