"""``oodml split make``: straight from a path, and beside a ladder that is there already."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shift_reference import clustered

from oodml import load_ladder
from oodml.cli import run_command
from oodml.core.vectors import VectorTable, write_vectors


@pytest.fixture
def here(oodml_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a table of vectors and a folder a class of images."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    features, names, ids = clustered(16, 8, 4)
    columns = {"label": tuple(map(str, names))}
    write_vectors(work / "Vectors 1.parquet", VectorTable(tuple(ids), features, columns))
    rng = np.random.default_rng(0)
    for number in range(12):
        folder = work / "My Photos" / f"class-{number:02d}"
        folder.mkdir(parents=True)
        for image in range(3):
            pixels = rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{image}.png")
    return work


def make(*arguments: object) -> int:
    return run_command(["split", "make", *map(str, arguments)])


PHOTOS = ("My Photos", "--backbone", "conv4", "--levels", 2)


@pytest.mark.parametrize(
    ("given", "name"), [(("Vectors 1.parquet", "--levels", 2), "vectors-1"), (PHOTOS, "my-photos")]
)
def test_a_path_gives_what_the_added_data_set_gives(
    here: Path, given: tuple, name: str, oodml_home: Path
) -> None:
    assert make(*given) == 0
    straight = load_ladder(here / "splits" / name / "target-2")
    assert straight.dataset == name
    assert not (oodml_home / "data").exists()  # nothing was copied or remembered
    kind = ("vectors", "--table") if given[0].endswith(".parquet") else ("image-folder", "--dir")
    added = ["data", "add", "same", "--kind", kind[0], kind[1], str(given[0]), "--json"]
    assert run_command(added) == 0
    assert make("same", *given[1:]) == 0
    same = load_ladder(here / "splits" / "same" / "target-2")
    assert straight.dataset_fingerprint == same.dataset_fingerprint
    assert straight.levels == same.levels
    # the ladder checks against the path it came from
    ladder = f"splits/{name}/target-2"
    assert run_command(["split", "check", ladder, "--recompute", "--dataset", given[0]]) == 0
    assert run_command(["split", "check", ladder, "--recompute"]) == 2


def test_features_of_a_path_are_cached(here: Path, oodml_home: Path) -> None:
    assert make(*PHOTOS) == 0
    matrix = next((oodml_home / "features" / "my-photos").glob("*/features.npy"))
    before = matrix.stat().st_mtime_ns
    assert make(*PHOTOS, "--seed", 1, "--out", "other") == 0
    assert matrix.stat().st_mtime_ns == before


def test_names_and_paths(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A data set's name is taken before a path of the same name, and that is said."""
    (here / "taken.parquet").write_bytes((here / "Vectors 1.parquet").read_bytes())
    assert make("taken.parquet", "--dataset-name", "mine", "--levels", 2, "--json") == 0
    assert json.loads(capsys.readouterr().out)["dataset"] == "mine"
    for name, number in (("toy", 0), ("other", 5)):
        features, names, ids = clustered(16, 8, 4, seed=number)
        file = here / f"{name}.parquet"
        columns = {"label": tuple(map(str, names))}
        write_vectors(file, VectorTable(tuple(ids), features, columns))
    added = ["data", "add", "toy", "--kind", "vectors", "--table", "toy.parquet", "--json"]
    assert run_command(added) == 0
    (here / "toy").mkdir()
    assert make("toy", "--levels", 2) == 0
    assert "the data set of this name is taken; for the path say ./toy" in capsys.readouterr().err
    # the same content may have its name; other content needs one of its own
    assert make("./toy.parquet", "--levels", 2, "--out", "same") == 0
    (here / "toy.parquet").unlink()
    (here / "other.parquet").rename("toy.parquet")
    assert make("./toy.parquet", "--levels", 2, "--out", "not") == 2
    assert "--dataset-name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (("no/such",), "no such folder or file"),
        (("gone.parquet",), "no such folder or file"),
        (("gone",), "unknown data set 'gone'"),
        (("file.zip",), "oodml data add"),
        (("glyphs", "--dataset-name", "x"), "has a name already"),
        (("My Photos", "--dataset-name", "X y"), "lower-case letters"),
        (("Vectors 1.parquet", "--backbone", "conv4"), "use the backbone 'identity'"),
        (("My Photos", "--backbone", "conv5"), "did you mean conv4"),
        (("My Photos", "--generator", "stepest"), "did you mean steepest"),
    ],
)
def test_wrong_data_ends_with_2(
    here: Path, given: tuple, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "file.zip").touch()
    assert make(*given, "--out", "x") == 2
    assert text in capsys.readouterr().err
    assert not (here / "x").exists()


def test_an_empty_folder_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "empty").mkdir()
    assert make("empty") == 1
    assert "no images found" in capsys.readouterr().err


VECTORS = ("Vectors 1.parquet", "--levels", 2, "--out", "ladder")


OTHER_ARGUMENTS = [
    (("--seed", 1), "rules.seed: 0 there, 1 asked for"),
    (("--levels", 3), "rules.levels: 2 there, 3 asked for"),
    (("--generator", "oodml"), 'generator: "target" there, "oodml" asked for'),
    (("--option", "restarts=2"), "options.restarts: 1 there, 2 asked for"),
    (("--val-fraction", 0.5), "rules.val_fraction: 0.25 there, 0.5 asked for"),
    (("--shots", "2"), "rules.shots: [2, 5, 10] there, [2] asked for"),
    (("--name", "mine"), 'name: "target-2" there, "mine" asked for'),
    (("--dataset-name", "mine"), 'dataset: "vectors-1" there, "mine" asked for'),
    (("--pin-test", "class001"), "rules.pinned_test"),
    (("--image-tolerance", 0.5), "rules.image_tolerance: null there, 0.5 asked for"),
    (("--keep-superclasses",), "rules.keep_superclasses"),
    (("--remove-classes", 1), "rules.remove_classes"),
    (("--min-images", 3), "rules.min_images"),
    (("--episodes", 3), "rules.episodes"),
    (("--targets", "1,2"), "rules.targets"),
    (("--steps", "0,2"), "rules.steps"),
]


def test_missing_refuses_a_ladder_of_other_arguments(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(*VECTORS) == 0
    before = (here / "ladder" / "ladder.json").read_bytes()
    for change, text in OTHER_ARGUMENTS:
        capsys.readouterr()
        assert make(*VECTORS, *change, "--overwrite", "missing") == 2, change
        error = capsys.readouterr().err
        assert text in error
        assert "--overwrite always replaces it" in error
    assert (here / "ladder" / "ladder.json").read_bytes() == before


def test_missing_refuses_a_ladder_of_other_data(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(*PHOTOS, "--out", "ladder") == 0
    assert make(*PHOTOS, "--out", "ladder", "--image-size", 32, "--overwrite", "missing") == 2
    assert "features.preprocessing.size: 28 there, 32 asked for" in capsys.readouterr().err
    (here / "My Photos" / "class-00" / "0.png").unlink()
    assert make(*PHOTOS, "--out", "ladder", "--overwrite", "missing") == 2
    assert "features.dataset_fingerprint" in capsys.readouterr().err


def test_missing_keeps_a_ladder_of_the_same_arguments(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(*VECTORS) == 0
    before = (here / "ladder" / "ladder.json").stat().st_mtime_ns
    assert make(*VECTORS, "--overwrite", "missing") == 0
    assert "made with the same arguments" in capsys.readouterr().err
    assert (here / "ladder" / "ladder.json").stat().st_mtime_ns == before


def test_a_ladder_that_does_not_say_is_made_again_and_compared(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Folders of earlier versions, and a ladder.json that was exchanged beside its note."""
    assert make(*VECTORS) == 0
    (here / "ladder" / "made_from.json").unlink()
    assert make(*VECTORS, "--overwrite", "missing") == 0
    assert "has the ladder that these arguments make" in capsys.readouterr().err
    assert (here / "ladder" / "made_from.json").is_file()
    assert make(*VECTORS[:-1], "other", "--seed", 7) == 0
    for name in ("ladder.json", "episodes.parquet"):
        (here / "other" / name).rename(here / "ladder" / name)
    assert make(*VECTORS, "--overwrite", "missing") == 2
    assert "seed: 7 there, 0 asked for" in capsys.readouterr().err


def test_import_keeps_only_what_came_of_the_same_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(*VECTORS) == 0
    command = ["split", "import", "ladder", "--out", "imported", "--overwrite", "missing"]
    assert run_command(command) == 0
    assert run_command(command) == 0
    assert "made with the same arguments" in capsys.readouterr().err
    assert run_command([*command, "--seed", "4"]) == 2
    assert "seed: 0 there, 4 asked for" in capsys.readouterr().err
    assert make(*VECTORS, "--seed", 1, "--overwrite", "always") == 0
    assert run_command(command) == 2
    assert "file: " in capsys.readouterr().err
