"""``oodml verify`` and the files of pairs it reads; ``oodml metrics list``."""

from __future__ import annotations

import json

import numpy as np
import pytest

from oodml.cli import run_command
from oodml.core.vectors import VectorTable, write_vectors
from oodml.evaluation import list_metrics, verification


@pytest.fixture
def files(tmp_path):
    random = np.random.default_rng(0)
    labels = random.integers(0, 6, 60)
    rows = (random.normal(size=(6, 5))[labels] + random.normal(size=(60, 5))).astype(np.float32)
    ids = tuple(f"im{i}" for i in range(60))
    write_vectors(tmp_path / "e.parquet", VectorTable(ids, rows, {}))
    np.save(tmp_path / "e.npy", rows)
    first, second = random.integers(0, 60, (2, 200))
    same = labels[first] == labels[second]
    fold = random.integers(0, 5, 200)
    lines = {"ids": "first,second,same\n", "rows": "first,second,same,fold\n"}
    for a, b, one, part in zip(first, second, same, fold, strict=True):
        lines["ids"] += f"im{a},im{b},{'same' if one else 'Different'}\n"
        lines["rows"] += f"{a},{b},{int(one)},part {part}\n"
    for name, text in lines.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path, (rows, first, second, same), fold


def printed(capsys, *arguments):
    assert run_command([str(one) for one in arguments]) == 0
    return capsys.readouterr().out


def test_ids_and_row_numbers(files, capsys):
    folder, pairs, fold = files
    for embeddings, name, folds in [("e.parquet", "ids", 10), ("e.npy", "rows", fold)]:
        expected = verification(*pairs, folds=folds)
        found = json.loads(
            printed(
                capsys, "verify", folder / embeddings, "--pairs", folder / f"{name}.csv", "--json"
            )
        )
        for key in ("accuracy", "accuracy_std", "folds", "auc", "eer", "same_pairs"):
            assert found[key] == pytest.approx(getattr(expected, key)), key
        assert found["tar_at_far"]["0.01"] == expected.tar_at_far[0.01]


def test_table(files, capsys):
    folder, pairs, _ = files
    out = printed(
        capsys, "verify", folder / "e.npy", "--pairs", folder / "ids.csv",
        "--ids", _ids(folder), "--folds", 4,
    )  # fmt: skip
    report = verification(*pairs, folds=4)
    assert f"{report.accuracy:.4f} ± {report.accuracy_std:.4f}" in out
    assert "over 4 folds" in " ".join(out.split())


def _ids(folder):
    (folder / "ids_only.csv").write_text("id\n" + "\n".join(f"im{i}" for i in range(60)) + "\n")
    return folder / "ids_only.csv"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("first,second\nim0,im1\n", "no column 'same'"),
        ("first,second,same\nim0,im99,1\n", "data row 1, column second: no embedding has the id"),
        ("first,second,same\nim0,im1,1\nim0,im2,maybe\n", "data row 2, column same: 'maybe'"),
        ("first,second,same\nim0,im1,1\nim0,im2,1\n", "pairs of both kinds"),
        ("first,second,same,fold\nim0,im1,1,a\nim0,im2,0,\n", "data row 2, column fold is empty"),
    ],
)
def test_wrong_pairs(files, capsys, text, message):
    folder, _, _ = files
    (folder / "bad.csv").write_text(text)
    command = ["verify", str(folder / "e.parquet"), "--pairs", str(folder / "bad.csv")]
    assert run_command(command) == 1
    assert message in capsys.readouterr().err


def test_wrong_use(files, capsys):
    folder, _, _ = files
    pairs = ["--pairs", str(folder / "rows.csv")]
    assert run_command(["verify", str(folder / "e.npy"), *pairs, "--folds", "3"]) == 2
    assert "has a column fold" in capsys.readouterr().err
    ids = str(folder / "ids.csv")
    assert run_command(["verify", str(folder / "e.parquet"), "--pairs", ids, "--folds", "0"]) == 2
    assert "folds=0: expected 2 to" in capsys.readouterr().err
    (folder / "twice.csv").write_text("id\n" + "a\n" * 2 + "".join(f"b{i}\n" for i in range(58)))
    ids = ["--ids", str(folder / "twice.csv")]
    assert run_command(["verify", str(folder / "e.npy"), *pairs, *ids]) == 1
    assert "'a' stands again" in capsys.readouterr().err
    np.save(folder / "scalar.npy", np.float32(1))
    assert run_command(["verify", str(folder / "scalar.npy"), *pairs]) == 1
    assert "expected an array [N, D]" in capsys.readouterr().err


def test_spaces_numbers_and_brackets(files, capsys):
    folder, pairs, _ = files
    text = (folder / "ids.csv").read_text().replace(",same\n", ", 1.0\n").replace("im", " im")
    (folder / "loose.csv").write_text(text.replace("first,second, 1.0", "first,second,same"))
    (folder / "run[a]").mkdir()
    embeddings = (folder / "e.parquet").rename(folder / "run[a]" / "e.parquet")
    out = printed(capsys, "verify", embeddings, "--pairs", folder / "loose.csv")
    assert f"{verification(*pairs).auc:.4f}" in out
    assert "run[a]" in "".join(out.split())


def test_metrics_are_listed_with_formula_and_source(capsys):
    listed = json.loads(printed(capsys, "metrics", "list", "--json"))
    assert list(listed) == list_metrics()
    assert all(one["formula"] and one["source"] for one in listed.values())
    assert (listed["map"]["higher_is_better"], listed["map"]["unit"]) == (True, "share")
    assert (listed["alignment"]["higher_is_better"], listed["norm_mean"]["higher_is_better"]) == (
        False,
        None,
    )
    assert "map_at_r" in printed(capsys, "metrics", "list")
