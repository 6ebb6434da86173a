from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from shift_reference import clustered

from oodml import generate_ladder, load_ladder
from oodml.core.errors import DataError, IntegrityError, OodmlError, UsageError
from oodml.core.hashing import sha256_json
from oodml.shift import class_means
from oodml.shift.ladder.checks import shift_problems, structural_problems
from oodml.shift.ladder.file import read_ladder
from oodml.shift.validation_classes import split_validation


@pytest.fixture(scope="module")
def data():
    return clustered(40, 24, 8)


@pytest.fixture(scope="module")
def ladder(data):
    features, names, ids = data
    return generate_ladder(features, names, "oodml", 4, image_ids=ids, seed=3)


def test_levels_grow_and_sides_are_disjoint(ladder):
    shifts = [level.shift for level in ladder.levels]
    assert shifts == sorted(set(shifts))
    for level in ladder.levels:
        sides = [set(level.train), set(level.val), set(level.test)]
        assert sum(map(len, sides)) == len(set.union(*sides)) == 40
        assert (len(level.train), len(level.val), len(level.test)) == (15, 5, 20)
    assert ladder.levels[0].target == pytest.approx(shifts[0])
    assert ladder.levels[-1].target == pytest.approx(shifts[-1])


def test_survives_save_and_load(ladder, tmp_path):
    ladder.save(tmp_path / "ladder")
    again = load_ladder(tmp_path / "ladder")
    assert again == ladder
    assert again == load_ladder(tmp_path / "ladder" / "ladder.json")
    assert again.episodes(2, 5) == ladder.episodes(2, 5)
    again.save(tmp_path / "second")
    first, second = (tmp_path / n / "ladder.json" for n in ("ladder", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_same_ladder_for_any_order_of_rows_and_classes(data, ladder):
    features, names, ids = data
    order = np.random.default_rng(5).permutation(len(ids))
    other = generate_ladder(
        features[order], names[order], "oodml", 4, image_ids=[ids[i] for i in order], seed=3
    )
    assert other.sha256 == ladder.sha256


def test_seed_changes_the_ladder(data, ladder):
    features, names, ids = data
    other = generate_ladder(features, names, "oodml", 4, image_ids=ids, seed=4)
    assert other.levels[1].test != ladder.levels[1].test


def test_episodes(data, ladder):
    _, names, ids = data
    of = dict(zip(ids, names, strict=True))
    for shots in (2, 5):
        drawn = ladder.episodes(1, shots)
        assert len(drawn) == 10
        assert drawn[0] != drawn[1]
        for episode in drawn:
            assert tuple(episode) == ladder.levels[1].test
            for name, support in episode.items():
                assert len(set(support)) == shots
                assert {of[i] for i in support} == {name}
    assert ladder.episodes(0, 10) == [{}] * 10
    assert ladder.too_few_images(0, 10) == dict.fromkeys(ladder.levels[0].test, 8)
    with pytest.raises(UsageError, match="no 3-shot"):
        ladder.episodes(0, 3)
    with pytest.raises(UsageError, match="levels 0 to 3"):
        ladder.episodes(4, 2)


def test_shift_values_are_confirmed_by_the_features(data, ladder):
    features, names, ids = data
    means = class_means(features, names, image_ids=ids)
    assert shift_problems(ladder, means) == []
    moved = class_means(features + 0.05 * (names == "class003")[:, None], names, image_ids=ids)
    assert any("levels.0.shift" in text for text in shift_problems(ladder, moved))


def single_field_changes(content):
    """(name, changed copy) for changes of every kind of field."""

    def changed(name, edit):
        other = copy.deepcopy(content)
        edit(other)
        return name, other

    for key in content:
        if key == "levels":
            continue
        yield changed(f"without {key}", lambda c, key=key: c.pop(key))
        yield changed(f"null {key}", lambda c, key=key: c.update({key: None}))
    for key, value in [("name", "x"), ("seed", 9), ("dataset", "y"), ("generator", "z")]:
        yield changed(key, lambda c, key=key, value=value: c.update({key: value}))
    yield changed("extra", lambda c: c.update({"more": 1}))
    yield changed("no levels", lambda c: c.update({"levels": []}))
    for key in content["levels"][1]:
        yield changed(f"level without {key}", lambda c, key=key: c["levels"][1].pop(key))
    level = "levels"
    yield changed("shift", lambda c: c[level][1].update(shift=c[level][1]["shift"] * 1.001))
    yield changed("text shift", lambda c: c[level][1].update(shift="7"))
    yield changed("index", lambda c: c[level][1].update(index=2))
    yield changed("order", lambda c: c[level].reverse())
    yield changed("drop class", lambda c: c[level][1]["test"].pop())
    yield changed("move class", lambda c: c[level][1]["test"].append(c[level][1]["train"].pop()))
    yield changed("copy class", lambda c: c[level][1]["test"].append(c[level][1]["train"][0]))
    yield changed("count", lambda c: c[level][1]["counts"].update(test_images=1))
    yield changed("images", lambda c: c["images"].update(class000=1))
    yield changed("episodes", lambda c: c["episodes"].update(sha256="0" * 64))
    yield changed("sha256", lambda c: c.update(sha256="0" * 64))


def refused(folder):
    """Whether loading fails with an IntegrityError that names a file of the ladder."""
    try:
        load_ladder(folder)
    except IntegrityError as error:
        return "ladder.json" in str(error) or "episodes.parquet" in str(error)
    return False


def test_each_single_field_corruption_is_caught(ladder, tmp_path):
    ladder.save(tmp_path)
    file = tmp_path / "ladder.json"
    content = json.loads(file.read_text())
    for name, other in single_field_changes(content):
        file.write_text(json.dumps(other))
        assert refused(tmp_path), name


def test_changes_with_a_fresh_hash_are_caught_by_the_rules(ladder, tmp_path):
    """Someone edits the lists and recomputes the hash: structure still gives them away."""
    ladder.save(tmp_path)
    file = tmp_path / "ladder.json"
    content = json.loads(file.read_text())
    caught = {
        "order",
        "index",
        "drop class",
        "move class",
        "copy class",
        "count",
        "images",
        "no levels",
    }
    for name, other in single_field_changes(content):
        if name not in caught:
            continue
        other.pop("sha256")
        other["sha256"] = sha256_json(other)
        file.write_text(json.dumps(other))
        assert refused(tmp_path), name


def test_messages_name_file_and_field(ladder, tmp_path):
    ladder.save(tmp_path)
    file = tmp_path / "ladder.json"
    content = json.loads(file.read_text())
    content["levels"][2]["shift"] = "high"
    file.write_text(json.dumps(content))
    with pytest.raises(IntegrityError, match=r"ladder\.json: levels\.2\.shift"):
        read_ladder(tmp_path)
    file.write_text("{")
    with pytest.raises(IntegrityError, match="not valid JSON"):
        read_ladder(tmp_path)
    file.write_text('{"schema_version": 99}')
    with pytest.raises(IntegrityError, match="schema_version is 99"):
        read_ladder(tmp_path)
    with pytest.raises(OodmlError, match="no such file"):
        load_ladder(tmp_path / "nowhere.json")


def test_lost_or_torn_episodes(ladder, tmp_path):
    ladder.save(tmp_path)
    episodes = tmp_path / "episodes.parquet"
    whole = episodes.read_bytes()
    episodes.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(IntegrityError, match=r"episodes\.parquet"):
        load_ladder(tmp_path)
    episodes.unlink()
    with pytest.raises(IntegrityError, match="no such file"):
        load_ladder(tmp_path)


def test_structure_check_lists_all_problems(ladder):
    assert structural_problems(ladder) == []


def test_validation_split_has_the_papers_sizes():
    for classes, train in [(98, 73), (86, 64), (74, 55), (62, 46), (100, 75)]:
        one, other = split_validation([f"c{i}" for i in range(classes)], 0.25, 0)
        assert (len(one), len(other)) == (train, classes - train)
        assert not set(one) & set(other)
    assert split_validation(["a", "b"], 0.0, 0) == (("a", "b"), ())


def test_starts_from_the_default_split(data):
    features, names, ids = data
    classes = sorted(set(names))
    split = (classes[:20], classes[20:])
    ladder = generate_ladder(
        features, names, "oodml", 3, image_ids=ids, default_split=split, iterations=6
    )
    means = class_means(features, names)
    default = means.frechet(range(20), range(20, 40))
    assert ladder.levels[0].shift <= default * (1 + 1e-9) <= ladder.levels[-1].shift


def bad(**changes):
    features, names, ids = clustered(12, 6, 4)
    arguments = {
        "features": features,
        "labels": names,
        "generator": "oodml",
        "levels": 3,
        "image_ids": ids,
    }
    return generate_ladder(**(arguments | changes))


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"features": np.full((48, 6), np.nan)}, DataError, "NaN"),
        ({"features": np.ones((48, 6))}, DataError, "do not differ"),
        ({"features": np.ones(48)}, DataError, "expected an array \\[N, D\\]"),
        ({"labels": ["only"] * 48}, DataError, "1 classes"),
        ({"labels": ["a"] * 47}, DataError, "labels"),
        ({"labels": None}, UsageError, "labels are missing"),
        ({"levels": 13}, UsageError, "13 levels out of 12 classes"),
        ({"levels": 0}, UsageError, "at least 1"),
        ({"generator": "oodm"}, UsageError, "did you mean oodml"),
        ({"iteration": 3}, UsageError, "did you mean 'iterations'"),
        ({"iterations": "many"}, UsageError, "expected int"),
        ({"targets": [3.0, 2.0, 1.0]}, UsageError, "growing"),
        ({"targets": [3.0]}, UsageError, "levels is 3, but 1 targets"),
        ({"image_ids": ["same"] * 48}, DataError, "unique"),
        ({"val_fraction": 1.0}, UsageError, "val_fraction"),
        ({"keep_superclasses": True}, UsageError, "names none"),
        ({"pinned_train": ["nobody"]}, UsageError, "nobody"),
        ({"pinned_train": ["class000"], "pinned_test": ["class000"]}, UsageError, "both sides"),
        ({"labels": np.arange(48) // 4, "class_names": ["a"] * 12}, DataError, "more than once"),
        ({"labels": np.arange(48) // 4, "class_names": ["a", "b"]}, DataError, "2 class names"),
        ({"default_split": (["class000"], ["class001"])}, DataError, "neither side"),
        ({"default_split": (["class000"], ["class000"])}, DataError, "both sides"),
    ],
)
def test_bad_input(changes, error, text):
    with pytest.raises(error, match=text):
        bad(**changes)


def test_classes_with_one_image_are_left_out_and_said_so():
    features, names, ids = clustered(12, 6, 4)
    keep = np.ones(48, bool)
    keep[1:4] = False
    ladder = bad(
        features=features[keep],
        labels=names[keep],
        image_ids=[i for i, k in zip(ids, keep, strict=True) if k],
    )
    assert ladder.left_out == {"class000": "1 image(s), fewer than 2"}
    for level in ladder.levels:
        assert "class000" not in level.training_side + level.test


def test_integer_labels_and_class_names():
    _, names, _ = clustered(12, 6, 4)
    _, numbers = np.unique(names, return_inverse=True)
    one = bad()
    other = bad(labels=numbers, class_names=sorted(set(names)))
    assert one.sha256 == other.sha256
