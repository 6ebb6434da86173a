from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import typer
from shift_reference import clustered

from oodml.cli import split, split_inputs
from oodml.core.vectors import VectorTable, write_vectors
from oodml.shift.formats import Origin


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs ``oodml split ...`` on a small data set; gives (exit code, stdout, stderr)."""
    features, names, ids = clustered(24, 12, 6)
    classes = tuple(sorted(set(names)))
    loaded = SimpleNamespace(
        name="toy", fingerprint="f" * 64, superclass_of=None, default_split=None
    )
    table = SimpleNamespace(
        features=features,
        image_ids=tuple(ids),
        labels=np.searchsorted(classes, names),
        class_names=classes,
        manifest={"backbone": "identity", "dataset": "toy", "key": "k"},
    )
    monkeypatch.setattr(split_inputs, "features_of", lambda *_: (loaded, table))
    monkeypatch.setattr(split, "features_of", lambda *_: (loaded, table))
    from oodml.cli import root, run_command

    tree = typer.Typer()
    tree.add_typer(split.app, name="split")
    monkeypatch.setattr(root, "app", tree)

    def command(*arguments):
        code = run_command(["split", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


MAKE = ("make", "toy", "--generator", "oodml", "--levels", "3")


def test_make_show_check(run, tmp_path):
    out = tmp_path / "ladder"
    code, text, _ = run(*MAKE, "--out", out, "--seed", 1)
    assert code == 0
    assert "sha256" in text
    code, text, _ = run("show", out, "--json")
    summary = json.loads(text)
    assert [level["index"] for level in summary["levels"]] == [0, 1, 2]
    assert summary["features"]["backbone"] == "identity"
    assert summary["dataset"] == "toy"
    for flags in ((), ("--recompute",)):
        code, text, _ = run("check", out, *flags)
        assert code == 0
        assert "sound" in text


def test_check_with_a_file_of_features(run, tmp_path):
    run(*MAKE, "--out", tmp_path / "ladder")
    features, names, ids = clustered(24, 12, 6)
    good, wrong = tmp_path / "good.parquet", tmp_path / "wrong.parquet"
    write_vectors(good, VectorTable(tuple(ids), features, {"label": tuple(names)}))
    write_vectors(wrong, VectorTable(tuple(ids), features * 1.01, {"label": tuple(names)}))
    assert run("check", tmp_path / "ladder", "--features", good)[0] == 0
    code, _, error = run("check", tmp_path / "ladder", "--features", wrong)
    assert code == 1
    assert "levels.0.shift" in error


def test_overwrite(run, tmp_path):
    run(*MAKE, "--out", tmp_path)
    code, _, error = run(*MAKE, "--out", tmp_path)
    assert code == 2
    assert "--overwrite always" in error
    before = (tmp_path / "ladder.json").read_bytes()
    assert run(*MAKE, "--out", tmp_path, "--seed", 5, "--overwrite", "missing")[0] == 0
    assert (tmp_path / "ladder.json").read_bytes() == before
    assert run(*MAKE, "--out", tmp_path, "--seed", 5, "--overwrite", "always")[0] == 0
    assert (tmp_path / "ladder.json").read_bytes() != before


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("--option", "histori=3"), "did you mean 'history'"),
        (("--option", "history"), "NAME=VALUE"),
        (("--targets", "1,x"), "--targets"),
        (("--overwrite", "maybe"), "never, missing or always"),
        (("--generator", "nothing"), "unknown generator"),
    ],
)
def test_wrong_arguments_end_with_2(run, tmp_path, flags, text):
    code, _, error = run(*MAKE, "--out", tmp_path / "x", *flags)
    assert code == 2
    assert text in error


def test_steps(run, tmp_path):
    flags = ("--steps", "0, 6", "--step", "10", "--out", tmp_path / "a", "--json")
    code, text, _ = run("make", "toy", "--generator", "oodml", *flags)
    assert code == 0
    found = json.loads(text)
    assert found["name"] == "oodml-3"
    assert [level["step"] for level in found["levels"]] == [0, 6, 10]
    code, _, error = run("make", "toy", "--generator", "oodml", "--steps", "-2,0", "--out", "x")
    assert code == 2
    assert "does not from '-2'" in error
    code, _, error = run(*MAKE, "--steps", "0,6", "--out", tmp_path / "b")
    assert code == 2
    assert "levels is 3, but 2 steps are named" in error


@pytest.fixture
def ladder(run, tmp_path):
    run("make", "toy", "--levels", "3", "--out", tmp_path / "ladder")
    return tmp_path / "ladder"


def test_measure(run, ladder):
    code, text, _ = run("measure", ladder, "--measure", "energy,nearest_class", "--json")
    assert code == 0
    found = json.loads(text)
    assert len(found["levels"]) == 3
    assert set(found["kendall_tau"]) >= {"energy", "nearest_class"}
    code, text, _ = run("measure", ladder)
    assert "frechet_class_means" in text
    assert run("measure", ladder, "--measure", "enrgy")[0] == 2


def test_plot(run, ladder, tmp_path, monkeypatch):
    monkeypatch.setattr(split, "superclasses_of", lambda _: None)
    code, text, _ = run("plot", ladder, "--out", tmp_path / "plots")
    assert code == 0
    assert len(text.split()) == 6
    assert (tmp_path / "plots" / "map.png").exists()


def test_diff_ends_with_1_when_lists_differ(run, ladder, tmp_path):
    assert run("diff", ladder, ladder)[0] == 0
    run("make", "toy", "--levels", "3", "--seed", "9", "--out", tmp_path / "other")
    code, text, _ = run("diff", ladder, tmp_path / "other", "--json")
    assert code == 1
    assert not json.loads(text)["same_splits"]


def test_export_and_import_again(run, ladder, tmp_path, monkeypatch):
    features, names, ids = clustered(24, 12, 6)
    images: dict[str, list[str]] = {}
    for name, image in zip(names, ids, strict=True):
        images.setdefault(str(name), []).append(image)
    monkeypatch.setattr(Origin, "images_of", lambda _: images)
    assert run("export", ladder, "--format", "oml", "--out", tmp_path / "oml")[0] == 0
    table = tmp_path / "oml" / "level_0_test.csv"
    assert run("import", table, "--out", tmp_path / "back", "--dataset", "toy")[0] == 0
    assert run("check", tmp_path / "back")[0] == 0
    vectors = tmp_path / "vectors.parquet"
    write_vectors(vectors, VectorTable(tuple(ids), features, {"label": tuple(names)}))
    code, text, _ = run(
        "import", ladder, "--out", tmp_path / "again", "--features", vectors, "--json"
    )
    assert code == 0
    shifts = [level["shift"] for level in json.loads(text)["levels"]]
    original = [level["shift"] for level in json.loads(run("show", ladder, "--json")[1])["levels"]]
    assert shifts == pytest.approx(original)
    assert run("export", ladder, "--out", tmp_path / "hf")[0] == 0
    assert (tmp_path / "hf" / "croissant.json").exists()
    assert run("export", ladder, "--format", "xml", "--out", tmp_path / "x")[0] == 2


def test_import_of_the_authors_file(run, shared_data, tmp_path):
    file = shared_data / "cars196_splits.pkl"
    code, text, _ = run("import", file, "--out", tmp_path / "cars", "--json")
    assert code == 0
    levels = json.loads(text)["levels"]
    assert levels[5]["shift"] == pytest.approx(86.1238, abs=1e-4)
    assert run("show", tmp_path / "cars")[0] == 0


@pytest.fixture
def cars(run, shared_data, tmp_path):
    """The authors' ladder imported, and a file of features for its classes under own image ids."""
    from oodml import load_ladder

    run("import", shared_data / "cars196_splits.pkl", "--out", tmp_path / "cars")
    levels = load_ladder(tmp_path / "cars").levels
    classes = sorted({n for level in levels for n in level.training_side + level.test})
    rng = np.random.default_rng(0)
    # The hardest level's sides lie apart, as they do in real features.
    apart = np.array([name in levels[-1].test for name in classes], float)
    centres = rng.normal(size=(len(classes), 16)) + 2 * apart[:, None] * np.eye(16)[0]
    names = tuple(name for name in classes for _ in range(2))
    vectors = np.repeat(centres, 2, axis=0) + 0.1 * rng.normal(size=(len(names), 16))
    ids = tuple(f"own/{row}" for row in range(len(names)))
    file = tmp_path / "cars.parquet"
    write_vectors(file, VectorTable(ids, vectors.astype(np.float32), {"label": names}))
    return tmp_path / "cars", file


def test_plot_of_an_imported_ladder(run, cars, tmp_path):
    ladder, features = cars
    code, _, error = run("plot", ladder, "--features", features, "--out", tmp_path / "plots")
    assert code == 0, error
    assert {"map.png", "map.svg", "moves.png"} <= {
        file.name for file in (tmp_path / "plots").iterdir()
    }
    assert run("measure", ladder, "--features", features, "--measure", "energy")[0] == 0


def test_plot_names_a_class_without_features(run, cars, tmp_path):
    ladder, _ = cars
    write_vectors(
        tmp_path / "other.parquet",
        VectorTable(("a", "b"), np.eye(2, dtype=np.float32), {"label": ("x", "y")}),
    )
    flags = ("--features", tmp_path / "other.parquet", "--out", tmp_path / "plots")
    code, _, error = run("plot", ladder, *flags)
    assert code == 1
    assert "(of 196) of the ladder has no features" in error


def test_import_with_a_map_of_ids(run, cars, shared_data, tmp_path):
    from oodml import load_ladder

    ladder, _ = cars
    table = load_ladder(ladder).episode_table
    named = sorted(set(zip(table.classes, table.ids, strict=True)))
    rows = [f'"{name}",{image},own/{row}\n' for row, (name, image) in enumerate(named)]
    (tmp_path / "map.csv").write_text("class,from,to\n" + "".join(rows))
    flags = ("--id-map", tmp_path / "map.csv", "--out", tmp_path / "mapped")
    code, _, error = run("import", shared_data / "cars196_splits.pkl", *flags)
    assert code == 0, error
    assert load_ladder(tmp_path / "mapped").episode_table.ids[0].startswith("own/")


def test_import_notes_episodes_of_other_images(run, cars, shared_data, tmp_path, monkeypatch):
    """Where levels keep the file's order by own features; here they do by a stand-in distance."""
    from oodml.shift.distance.means import ClassMeans

    growing = iter(range(1, 100))
    monkeypatch.setattr(ClassMeans, "frechet", lambda *_, **__: float(next(growing)))
    _, features = cars
    flags = ("--features", features, "--out", tmp_path / "measured")
    code, _, error = run("import", shared_data / "cars196_splits.pkl", *flags)
    assert code == 0, error
    assert "note: " in error
    assert "image(s) that the data set does not have" in error


def test_what_there_is_to_choose_from(run):
    code, text, _ = run("list", "--json")
    parts = json.loads(text)
    assert code == 0
    assert {"oodml", "steepest", "target"} <= set(parts["generators"])
    assert parts["generators"]["target"]["options"]["restarts"]["default"] == 1
    assert "energy" in parts["measures"]
    assert parts["backbones"]["conv4"] == {
        "dim": 128, "image_size": 28, "pretraining": "none",
    }  # fmt: skip
    assert parts["formats"]["oml"] | {"summary": ""} == {
        "summary": "", "endings": [".csv"], "reads": True, "writes": True,
    }  # fmt: skip
    code, text, _ = run("list")
    assert code == 0
    assert "annealing_temperature" in text


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["import", "x.json", "--format", "huggingface", "--out", "o"], "can only be written"),
        (["import", "x.json", "--format", "om", "--out", "o"], "did you mean oml"),
    ],
)
def test_formats_say_what_they_cannot(run, tmp_path, monkeypatch, flags, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.json").write_text("{}")
    code, _, error = run(*flags)
    assert code == 2
    assert text in error
