"""Episodes of an imported ladder against the images one has, and maps of ids."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from shift_reference import clustered

from oodml import generate_ladder
from oodml.core.errors import DataError, UsageError
from oodml.shift import check_episode_ids, episode_id_problem, unknown_episode_ids
from oodml.shift.formats import ladder_of_draft, read_split_file
from oodml.shift.formats.id_map import read_id_map, with_mapped_ids
from oodml.shift.ladder.checks import structural_problems


@pytest.fixture(scope="module")
def data():
    return clustered(20, 8, 5)


@pytest.fixture(scope="module")
def ladder(data):
    features, names, ids = data
    return generate_ladder(features, names, levels=3, image_ids=ids, shots=(1, 2), episodes=2)


def supports(ladder, level, shots):
    return {
        image
        for episode in ladder.episodes(level, shots)
        for images in episode.values()
        for image in images
    }


def test_all_ids_are_known(ladder, data):
    assert unknown_episode_ids(ladder, data[2]) == []
    assert episode_id_problem(ladder, data[2]) == ""
    check_episode_ids(ladder, data[2], 1)
    bare = replace(ladder, episode_table=None)
    assert unknown_episode_ids(bare, []) == []


def test_unknown_ids_of_a_level_and_of_some_shots(ladder, data):
    missing = sorted(supports(ladder, 1, 2))[0]
    rest = [image for image in data[2] if image != missing]
    assert unknown_episode_ids(ladder, rest) == [missing]
    for level in range(3):
        for shots in (1, 2):
            expected = [missing] if missing in supports(ladder, level, shots) else []
            assert unknown_episode_ids(ladder, rest, level, [shots]) == expected
    assert unknown_episode_ids(ladder, rest, 1, []) == []


def test_the_message_names_file_count_first_and_mend(ladder):
    everything = supports(ladder, 2, 1) | supports(ladder, 2, 2)
    with pytest.raises(DataError) as caught:
        check_episode_ids(ladder, ["mine/1.png"], 2, file="splits/cars/ladder.json")
    text = str(caught.value)
    assert text.startswith("splits/cars/ladder.json, level 2: the few-shot episodes name ")
    assert f"name {len(everything)} image(s)" in text
    assert f"first {min(everything)!r} (its ids look like 'mine/1.png')" in text
    assert "shots = []" in text
    assert "--id-map FILE.csv" in text
    assert f"ladder {ladder.name!r}: " in episode_id_problem(ladder, [])


@pytest.fixture(scope="module")
def draft(shared_data):
    return read_split_file(shared_data / "cars196_splits.pkl")


def written(path, rows, columns=("class", "from", "to")):
    with open(path, "w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([columns, *rows])
    return path


def own_ids(draft):
    """(class, id) -> an id of one's own, in another order than the file's."""
    table = draft.episode_table
    named = sorted(set(zip(table.classes, table.ids, strict=True)))
    return {key: f"mine/{len(named) - row:06d}.png" for row, key in enumerate(named)}


def test_the_authors_ladder_with_ids_of_ones_own(draft, tmp_path):
    to = own_ids(draft)
    path = written(tmp_path / "map.csv", [(*key, value) for key, value in to.items()])
    plain = ladder_of_draft(draft)
    mapped = ladder_of_draft(with_mapped_ids(draft, read_id_map(path)))
    assert structural_problems(mapped) == []
    assert unknown_episode_ids(mapped, to.values()) == []
    assert mapped.options["id_map"] == "map.csv"
    for level, shots in ((0, 2), (7, 10)):
        for one, other in zip(
            plain.episodes(level, shots), mapped.episodes(level, shots), strict=True
        ):
            assert {n: sorted(to[n, image] for image in ids) for n, ids in one.items()} == other


def test_an_id_in_two_classes_needs_the_class(draft, tmp_path):
    ids = sorted(set(draft.episode_table.ids))
    path = written(tmp_path / "map.csv", [(i, f"mine/{i}") for i in ids], ("from", "to"))
    with pytest.raises(DataError, match=r"stands in classes '.*' and '.*' .*column 'class'"):
        with_mapped_ids(draft, read_id_map(path))


def table_draft(tmp_path):
    rows = [(c, f"{c}/{i}.png", s) for c, s in zip("abcd", ("train", "test") * 2, strict=True)
            for i in range(3)]  # fmt: skip
    return read_split_file(written(tmp_path / "split.csv", rows, ("label", "path", "split")))


def test_image_lists_are_mapped_too(tmp_path):
    draft = table_draft(tmp_path)
    rows = [(i, i.upper()) for ids in draft.images_of.values() for i in ids]
    path = written(tmp_path / "map.csv", rows, ("from", "to"))
    mapped = with_mapped_ids(draft, read_id_map(path))
    assert mapped.images_of["a"] == ["A/0.PNG", "A/1.PNG", "A/2.PNG"]
    ladder = ladder_of_draft(mapped, shots=(1,))
    assert supports(ladder, 0, 1) <= {i.upper() for ids in draft.images_of.values() for i in ids}


@pytest.mark.parametrize(
    ("columns", "rows", "text"),
    [
        (("from", "into"), [("a/0.png", "x")], "no column 'to'"),
        (("from", "to"), [("a/0.png", "")], "line 2: from and to must not be empty"),
        (("from", "to"), [("a", "x"), ("a", "y")], "line 3: id 'a' stands more than once"),
        (("from", "to"), [("a/0.png", "x")], "no row from 'a/1.png'"),
        (("from", "to"), [(f"{c}/{i}.png", "x") for c in "abcd" for i in range(3)], "both go to"),
    ],
)
def test_wrong_maps(tmp_path, columns, rows, text):
    with pytest.raises(DataError, match=text):
        with_mapped_ids(
            table_draft(tmp_path), read_id_map(written(tmp_path / "map.csv", rows, columns))
        )


def test_nothing_to_map(tmp_path):
    (tmp_path / "lists.json").write_text('{"train": ["a", "b"], "test": ["c", "d"]}')
    path = written(tmp_path / "map.csv", [("a", "x")], ("from", "to"))
    with pytest.raises(UsageError, match="names no images"):
        with_mapped_ids(read_split_file(tmp_path / "lists.json"), read_id_map(path))
    with pytest.raises(DataError, match="no such file"):
        read_id_map(tmp_path / "other.csv")
