"""Foreign split files in and out; hostile ones stay out."""

from __future__ import annotations

import csv
import json
import math
import os
import pickle
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from shift_reference import clustered

from oodml import generate_ladder, load_ladder
from oodml.core.errors import DataError, UsageError
from oodml.core.hashing import sha256_file
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.formats import read_split_file
from oodml.shift.formats.dataset_card import write_dataset_card
from oodml.shift.formats.draft import ladder_of_draft
from oodml.shift.formats.oml_table import write_oml_tables

AUTHORS_FIDS = [8.5912, 14.3345, 32.1780, 43.5843, 63.2861, 86.1238, 101.1723, 123.0311]
AUTHORS_CLASSES = [98, 98, 98, 98, 98, 86, 74, 62]


@pytest.fixture(scope="module")
def authors(tmp_path_factory, request):
    data = request.getfixturevalue("shared_data")
    draft = read_split_file(data / "cars196_splits.pkl", "cars196")
    folder = tmp_path_factory.mktemp("cars")
    ladder_of_draft(draft).save(folder)
    return load_ladder(folder)


def test_authors_levels(authors):
    assert [round(level.shift, 4) for level in authors.levels] == AUTHORS_FIDS
    for level, classes in zip(authors.levels, AUTHORS_CLASSES, strict=True):
        assert len(level.training_side) == len(level.test) == classes
        assert len(level.train) == int(0.75 * classes)
        assert not set(level.training_side) & set(level.test)
        assert all(type(name) is str for name in level.test)
    assert authors.generator == "imported"
    assert authors.dataset == "cars196"


def test_authors_episodes(authors):
    for level in authors.levels:
        for shots in (2, 5, 10):
            drawn = authors.episodes(level.index, shots)
            assert len(drawn) == 10
            for episode in drawn:
                assert tuple(episode) == level.test
                assert {len(ids) for ids in episode.values()} == {shots}


class Hostile:
    """Runs a command when unpickled by an unpickler that lets it."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def hostile_pickles(target):
    bomb = Hostile(target)
    good = {"train": ["a"], "test": ["b"], "fid": 1.0}
    yield pickle.dumps(bomb)
    yield pickle.dumps({1: {**good, "fid": bomb}})
    yield pickle.dumps({1: good}) + pickle.dumps(bomb)[2:]
    yield f"cos\nsystem\n(S'touch {target}'\ntR.".encode()
    yield f'cbuiltins\neval\n(S\'__import__("os").system("touch {target}")\'\ntR.'.encode()
    yield b"cnumpy\nload\n(S'/etc/passwd'\ntR."
    yield b"cnumpy.core.multiarray\n_reconstruct\n(tR."
    yield b"cnumpy\ndtype.__class__\n(tR."
    # An object scalar: NumPy's own reconstruction would hand out whatever object is given.
    yield b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O8'\nK\x00K\x01tRS'x'\ntR."
    yield b"\x80\x02Pid\n."
    yield b"\x82\x01."


def test_hostile_pickles_are_refused_and_nothing_runs(tmp_path):
    target = tmp_path / "pwned"
    for number, content in enumerate(hostile_pickles(target)):
        file = tmp_path / f"{number}.pkl"
        file.write_bytes(content)
        if number == 2:
            # What stands behind the end of a pickle is never read.
            read_split_file(file)
        else:
            with pytest.raises(DataError, match=f"{number}.pkl"):
                read_split_file(file)
        assert not target.exists()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([1, 2], "expected the ooDML"),
        ({}, "expected the ooDML"),
        ({"x": {}}, "level 'x'"),
        ({1: 5}, "level 1: expected a mapping"),
        ({1: {"train": ["a"], "test": "b"}}, "test must be a list"),
        ({1: {"train": ["a", "a"], "test": ["b"]}}, "none twice"),
        ({1: {"train": ["a", "c"], "test": ["b"], "split_train": ["a"]}}, "together"),
        ({1: {"train": ["a"], "test": ["b"], "fid": "far"}}, "fid is 'far'"),
        ({1: {"train": ["a"], "test": ["b"], "fid": 1.0, "test_episodes": {2: 3}}}, "2 shots"),
        ({1: {"train": ["a"], "test": ["b"], "fid": 1.0, "test_episodes": [3]}}, "test_episodes"),
    ],
)
def test_pickles_of_another_structure(tmp_path, content, text):
    file = tmp_path / "split.pkl"
    file.write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match=text):
        read_split_file(file)


def test_torn_and_missing_files(tmp_path):
    file = tmp_path / "split.pkl"
    file.write_bytes(pickle.dumps({1: {"train": ["a"], "test": ["b"]}})[:-8])
    with pytest.raises(DataError, match=r"split\.pkl: refused"):
        read_split_file(file)
    with pytest.raises(DataError, match="no such file"):
        read_split_file(tmp_path / "none.pkl")
    (tmp_path / "split.yaml").write_text("x")
    with pytest.raises(UsageError, match=r"no format is known by '\.yaml'.*oml \(\.csv\)"):
        read_split_file(tmp_path / "split.yaml")


def test_numpy_scalars_of_every_pickle_protocol(tmp_path):
    file = tmp_path / "split.pkl"
    content = {
        1: {"train": [np.str_("ä b"), np.str_("c")], "test": [np.str_("d"), "e"],
            "fid": np.float64(2.5)},
    }  # fmt: skip
    for protocol in range(3, 6):
        file.write_bytes(pickle.dumps(content, protocol=protocol))
        level = read_split_file(file).levels[0]
        assert level.train == ("c", "ä b")
        assert level.test == ("d", "e")
        assert level.shift == 2.5


@pytest.fixture(scope="module")
def data():
    features, names, ids = clustered(24, 12, 6)
    return LabelledFeatures.of(features, names, ids)


@pytest.fixture(scope="module")
def ladder(data):
    return generate_ladder(
        data.features, data.names, "target", 3, image_ids=data.image_ids, dataset="toy"
    )


def images_of(data):
    images = {}
    for name, image in zip(data.names, data.image_ids, strict=True):
        images.setdefault(str(name), []).append(image)
    return images


def test_oml_out_and_in(data, ladder, tmp_path):
    written = write_oml_tables(ladder, images_of(data), tmp_path)
    assert len(written) == 6
    rows = list(csv.DictReader((tmp_path / "level_1_test.csv").open()))
    level = ladder.levels[1]
    by_split = {s: {r["class_name"] for r in rows if r["split"] == s} for s in
                ("train", "validation")}  # fmt: skip
    assert by_split["train"] == set(level.train)
    assert by_split["validation"] == set(level.test)
    assert all((r["is_query"] == "True") == (r["split"] == "validation") for r in rows)
    assert len({(r["label"], r["class_name"]) for r in rows}) == len({r["label"] for r in rows})
    back = ladder_of_draft(read_split_file(tmp_path / "level_1_test.csv", "toy"), data)
    assert back.levels[0].test == level.test
    assert back.levels[0].training_side == level.train
    means = data.means()
    expected = means.frechet(means.rows_of(level.train), means.rows_of(level.test))
    assert back.levels[0].shift == pytest.approx(expected)


def test_oml_without_features_is_unmeasured_but_complete(data, ladder, tmp_path):
    write_oml_tables(ladder, images_of(data), tmp_path)
    found = ladder_of_draft(read_split_file(tmp_path / "level_0_test.csv"))
    found.save(tmp_path / "ladder")
    again = load_ladder(tmp_path / "ladder")
    assert math.isnan(again.levels[0].shift)
    assert again == found
    assert again.levels[0].counts["test_images"] == 72
    assert len(again.episodes(0, 2)) == 10
    assert (
        json.loads((tmp_path / "ladder" / "ladder.json").read_text())["levels"][0]["shift"] is None
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,split\nx,train\n", "no column 'label'"),
        ("label,path,split\na,x,train\nb,y,holdout\n", "line 3: split 'holdout'"),
        ("label,path,split\na,x,train\na,y,validation\n", "line 3: class 'a' stands on both"),
        ("label,path,split\na,x,train\nb,x,validation\n", "line 3: path 'x'"),
        ("label,path,split\na,x,train\n", "no class on the test side"),
        ("label,path,split\n,x,train\n", "must not be empty"),
        ("", "no column 'label'"),
    ],
)
def test_bad_oml_tables(tmp_path, text, message):
    file = tmp_path / "table.csv"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        read_split_file(file)


def test_class_lists(data, tmp_path):
    names = sorted(set(data.names))
    file = tmp_path / "mine.json"
    levels = [
        {"train": names[:12], "test": names[12:]},
        {"train": names[:8], "val": names[8:12], "test": names[12:]},
    ]
    file.write_text(json.dumps({"levels": levels[:1], "name": "mine"}))
    found = ladder_of_draft(read_split_file(file), data, seed=4)
    assert found.name == "mine"
    level = found.levels[0]
    assert (len(level.train), len(level.val), len(level.test)) == (9, 3, 12)
    assert level.shift > 0
    assert found.images[names[0]] == 6
    found.save(tmp_path / "ladder")
    assert load_ladder(tmp_path / "ladder") == found
    file.write_text(json.dumps(levels[1]))
    assert ladder_of_draft(read_split_file(file), data).levels[0].val == tuple(names[8:12])


def test_levels_of_class_lists_are_put_in_order_of_shift(data, ladder, tmp_path):
    file = tmp_path / "mine.json"
    levels = [{"train": level.training_side, "test": level.test} for level in ladder.levels]
    file.write_text(json.dumps({"levels": levels[::-1]}))
    found = ladder_of_draft(read_split_file(file), data)
    assert [level.test for level in found.levels] == [level.test for level in ladder.levels]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"levels": []}, "levels is empty"),
        ({"levels": [{"train": ["a"]}]}, "levels.0.test"),
        ({"levels": [{"train": ["a"], "test": ["a"]}]}, "both train and test"),
        ({"levels": [{"train": ["a", "a"], "test": ["b"]}]}, "more than once"),
        ({"levels": [{"train": ["a"], "val": ["b"], "test": ["b"]}]}, "both val and test"),
        ([1], "expected"),
    ],
)
def test_bad_class_lists(tmp_path, content, message):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        read_split_file(file)


def test_classes_without_features_are_named(data, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"train": ["class000", "nobody"], "test": ["class002", "class003"]}))
    with pytest.raises(DataError, match="'nobody'"):
        ladder_of_draft(read_split_file(file), data)


def test_dataset_card_and_croissant(ladder, tmp_path):
    written = write_dataset_card(ladder, tmp_path, licence="cc0-1.0", homepage="https://x.test")
    assert {path.name for path in written} == {
        "ladder.json", "episodes.parquet", "classes.parquet", "croissant.json", "README.md"
    }  # fmt: skip
    assert load_ladder(tmp_path) == ladder
    table = pq.read_table(tmp_path / "classes.parquet").to_pylist()
    assert len(table) == sum(len(v.training_side) + len(v.test) for v in ladder.levels)
    first = {row["class"] for row in table if row["level"] == 0 and row["split"] == "test"}
    assert first == set(ladder.levels[0].test)
    described = json.loads((tmp_path / "croissant.json").read_text())
    assert described["conformsTo"].endswith("croissant/1.0")
    for entry in described["distribution"]:
        file = tmp_path / entry["contentUrl"]
        assert entry["sha256"] == sha256_file(file)
    for records in described["recordSet"]:
        for entry in records["field"]:
            source = entry["source"]
            columns = pq.read_schema(tmp_path / source["fileObject"]["@id"]).names
            assert source["extract"]["column"] in columns
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("---\nlicense: cc0-1.0\n")
    assert Path("classes.parquet").name in card
