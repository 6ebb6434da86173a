"""Adding data sets: what is accepted, what is refused, and that a failure leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import layouts
import pytest

from oodml.core.errors import DataError, IntegrityError, OodmlError, UsageError
from oodml.datasets import describe, list_datasets, load_dataset
from oodml.datasets.added import Handed, add_dataset, added_names, verify_added

pytestmark = pytest.mark.usefixtures("oodml_home")


def left_behind(home: Path) -> list[str]:
    return sorted(str(path) for path in (home / "data").rglob("*")) if home.exists() else []


def test_a_folder_stays_where_it_lies(tmp_path: Path, oodml_home: Path) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 3, "dog": 2, "eel": 2, "fox": 2})
    dataset = add_dataset("pets", "image-folder", Handed(folder=folder))
    assert dataset.image_ids[:4] == ("cat/00.png", "cat/01.png", "cat/02.png", "dog/00.png")
    assert dataset.class_names == ("cat", "dog", "eel", "fox")
    assert dataset.superclass_of is None
    assert dataset.default_split is None
    assert dataset.load_image(0).size == (8, 8)
    assert added_names() == ["pets"]
    assert "pets" in list_datasets()
    assert load_dataset("pets").fingerprint == dataset.fingerprint
    assert [path.name for path in (oodml_home / "data" / "pets").iterdir()] == ["source.json"]
    assert verify_added("pets") == []


def test_the_fingerprint_does_not_depend_on_the_place(tmp_path: Path) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    elsewhere = shutil.copytree(folder, tmp_path / "else" / "where")
    archive = layouts.tarred(folder, tmp_path / "pets.tgz")
    zipped = layouts.zipped(folder, tmp_path / "pets.zip")
    handed = [
        Handed(folder=folder),
        Handed(folder=elsewhere),
        Handed(archives=(archive,)),
        Handed(archives=(zipped,)),
    ]
    fingerprints = {
        add_dataset(f"pets-{n}", "image-folder", h).fingerprint for n, h in enumerate(handed)
    }
    assert len(fingerprints) == 1
    layouts.write_image(folder / "cat" / "00.png", 99)
    changed = add_dataset("pets-0", "image-folder", Handed(folder=folder), overwrite="always")
    assert changed.fingerprint not in fingerprints


def test_an_archive_is_unpacked_below_home(tmp_path: Path) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    archive = layouts.tarred(folder, tmp_path / "pets.tgz")
    shutil.rmtree(folder)
    dataset = add_dataset("pets", "image-folder", Handed(archives=(archive,)))
    archive.unlink()
    assert load_dataset("pets").load_image(3).size == (8, 8)
    assert dataset.image_ids == ("cat/00.png", "cat/01.png", "dog/00.png", "dog/01.png")


def test_superclass_folders(tmp_path: Path) -> None:
    folder = layouts.image_folder(tmp_path / "zoo", {"fish/eel": 2, "fish/cod": 2, "bird/owl": 2})
    dataset = add_dataset("zoo", "image-folder", Handed(folder=folder))
    assert dataset.class_names == ("bird/owl", "fish/cod", "fish/eel")
    assert dataset.superclass_of == {"bird/owl": "bird", "fish/cod": "fish", "fish/eel": "fish"}


def test_lone_images_are_allowed_and_reported(tmp_path: Path) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 1, "eel": 2, "fox": 2})
    dataset = add_dataset("pets", "image-folder", Handed(folder=folder))
    assert any("cannot be queried: dog" in warning for warning in describe(dataset).warnings)


def test_other_files_and_copies_are_noted(tmp_path: Path, oodml_home: Path) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    (folder / "readme.txt").write_text("hello")
    (folder / ".DS_Store").write_text("x")
    shutil.copy(folder / "cat" / "00.png", folder / "dog" / "09.png")
    add_dataset("pets", "image-folder", Handed(folder=folder))
    record = json.loads((oodml_home / "data/pets/source.json").read_text())
    notes = " | ".join(record["contents"]["notes"])
    assert "1 files are no images and were left out: readme.txt" in notes
    assert "copies of another, byte for byte: cat/00.png = dog/09.png" in notes
    assert "1 images stand in more than one class: cat/00.png = dog/09.png" in notes


def corrupt(folder: Path) -> None:
    (folder / "cat" / "00.png").write_bytes(b"\x89PNG torn")


def empty_class(folder: Path) -> None:
    (folder / "eel").mkdir()


def odd_name(folder: Path) -> None:
    layouts.write_image(folder / "cat" / "line\nbreak.png", 5)


def backslash(folder: Path) -> None:
    layouts.write_image(folder / "c\\at" / "1.png", 5)


def undecodable(folder: Path) -> None:
    shutil.copy(folder / "cat" / "00.png", os.fsencode(folder / "cat") + b"/\xff.png")


def same_when_composed(folder: Path) -> None:
    layouts.write_image(folder / "cat" / "e\u0301.png", 5)
    layouts.write_image(folder / "cat" / "\u00e9.png", 6)


def mixed_depth(folder: Path) -> None:
    layouts.write_image(folder / "fish" / "cod" / "1.png", 5)


def image_at_top(folder: Path) -> None:
    layouts.write_image(folder / "1.png", 5)


def no_images(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        path.unlink()


def dangling(folder: Path) -> None:
    (folder / "cat" / "05.png").symlink_to(folder / "gone.png")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (corrupt, r"1 of 4 files cannot be used:\n  cat/00.png: not a readable image"),
        (empty_class, "class without an image: eel"),
        (odd_name, r"line\\nbreak.png' has the control or undecodable character"),
        (backslash, "has a backslash"),
        (undecodable, r"\\udcff.png' has the control or undecodable character"),
        (same_when_composed, "stands more than once"),
        (mixed_depth, "expected all images as class/image"),
        (image_at_top, "expected all images as class/image"),
        (no_images, "no images found"),
        (dangling, "cat/05.png: missing"),
    ],
)
def test_a_bad_folder_is_refused_and_leaves_nothing(
    tmp_path: Path, oodml_home: Path, spoil: object, message: str
) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        add_dataset("pets", "image-folder", Handed(folder=folder))
    assert left_behind(oodml_home) == []


def test_without_decoding_a_corrupt_image_is_found_on_loading(tmp_path: Path) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    corrupt(folder)
    dataset = add_dataset("pets", "image-folder", Handed(folder=folder), decode=False)
    with pytest.raises(DataError, match=r"cat/00\.png: not a readable image"):
        dataset.load_image(0)
    assert verify_added("pets") == [
        "cat/00.png: not a readable image (no format that is read here)"
    ]


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (member("../out.png"), "would leave the folder"),
        (member("/tmp/out.png"), "would leave the folder"),
        (member("a/../../out.png"), "would leave the folder"),
        (member("a\\..\\out.png"), "would leave the folder"),
        (member("a/link.png", tarfile.SYMTYPE, "/etc/passwd"), "is a link or device"),
        (member("a/hard.png", tarfile.LNKTYPE, "/etc/passwd"), "is a link or device"),
        (member("a/pipe.png", tarfile.FIFOTYPE), "is a link or device"),
    ],
)
def test_hostile_tars_are_refused(
    tmp_path: Path, oodml_home: Path, info: tarfile.TarInfo, message: str
) -> None:
    archive = layouts.hostile_tar(tmp_path / "bad.tar", info)
    with pytest.raises(DataError, match=message):
        add_dataset("bad", "image-folder", Handed(archives=(archive,)))
    assert left_behind(oodml_home) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar", "oodml-home"]


@pytest.mark.parametrize("name", ["../out.png", "/tmp/out.png", "a/../../out.png", "c:out.png"])
def test_hostile_zips_are_refused(tmp_path: Path, oodml_home: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as opened:
        opened.writestr("ok/cat/1.png", b"x")
        opened.writestr(name, b"x")
    with pytest.raises(DataError, match="would leave the folder"):
        add_dataset("bad", "image-folder", Handed(archives=(tmp_path / "bad.zip",)))
    assert left_behind(oodml_home) == []
    assert not (tmp_path / "out.png").exists()


def test_a_zip_with_a_link_is_refused(tmp_path: Path, oodml_home: Path) -> None:
    info = zipfile.ZipInfo("a/link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as opened:
        opened.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="is a link or device"):
        add_dataset("bad", "image-folder", Handed(archives=(tmp_path / "bad.zip",)))
    assert left_behind(oodml_home) == []


def test_what_is_no_archive_is_refused(tmp_path: Path, oodml_home: Path) -> None:
    (tmp_path / "a.zip").write_text("no")
    with pytest.raises(DataError, match="neither a zip nor a tar"):
        add_dataset("bad", "image-folder", Handed(archives=(tmp_path / "a.zip",)))
    assert left_behind(oodml_home) == []


def test_a_torn_archive_is_refused(tmp_path: Path, oodml_home: Path) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 20, "dog": 20})
    archive = layouts.tarred(folder, tmp_path / "pets.tgz")
    archive.write_bytes(archive.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"pets\.tgz"):
        add_dataset("pets", "image-folder", Handed(archives=(archive,)))
    zipped = layouts.zipped(folder, tmp_path / "pets.zip")
    data = bytearray(zipped.read_bytes())
    data[200:260] = bytes(60)
    zipped.write_bytes(data)
    with pytest.raises(DataError):
        add_dataset("pets", "image-folder", Handed(archives=(zipped,)))
    assert left_behind(oodml_home) == []


def test_changes_on_disk_are_found(tmp_path: Path) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 3, "dog": 3})
    add_dataset("pets", "image-folder", Handed(folder=folder))
    layouts.write_image(folder / "cat" / "00.png", 77)
    (folder / "dog" / "01.png").unlink()
    (folder / "dog" / "02.png").write_bytes(b"short")
    with pytest.raises(DataError, match=r"oodml data verify pets"):
        load_dataset("pets")
    problems = verify_added("pets")
    assert [line.split(":")[0] for line in problems] == ["cat/00.png", "dog/01.png", "dog/02.png"]
    assert "missing" in problems[1]
    shutil.rmtree(folder)
    with pytest.raises(OodmlError, match="is gone"):
        load_dataset("pets")


def test_a_change_of_the_same_size_is_found(tmp_path: Path) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    add_dataset("pets", "image-folder", Handed(folder=folder))
    path = folder / "cat" / "00.png"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="content is not what was recorded"):
        load_dataset("pets")


def test_a_touched_file_is_still_good(tmp_path: Path) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    fingerprint = add_dataset("pets", "image-folder", Handed(folder=folder)).fingerprint
    os.utime(folder / "cat" / "00.png", ns=(1, 1))
    assert load_dataset("pets").fingerprint == fingerprint


def test_an_altered_record_is_found(tmp_path: Path, oodml_home: Path) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    add_dataset("pets", "image-folder", Handed(folder=folder))
    path = oodml_home / "data/pets/source.json"
    text = path.read_text()
    path.write_text(
        text.replace('"class_of_image": [\n      "cat"', '"class_of_image": [\n      "dog"')
    )
    with pytest.raises(IntegrityError, match="altered"):
        load_dataset("pets")
    path.write_text(text[:100])
    with pytest.raises(IntegrityError, match="not valid JSON"):
        load_dataset("pets")
    path.write_text("{}")
    with pytest.raises(IntegrityError, match="not a record"):
        load_dataset("pets")
    path.write_text(text.replace('"schema_version": 1', '"schema_version": 9'))
    with pytest.raises(IntegrityError, match="schema_version 9, expected 1"):
        load_dataset("pets")


def test_overwrite(tmp_path: Path, oodml_home: Path) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    first = add_dataset("pets", "image-folder", Handed(folder=folder))
    with pytest.raises(UsageError, match="--overwrite always"):
        add_dataset("pets", "image-folder", Handed(folder=folder))
    spoiled = layouts.image_folder(tmp_path / "spoiled", {"cat": 2, "dog": 2})
    corrupt(spoiled)
    with pytest.raises(DataError):
        add_dataset("pets", "image-folder", Handed(folder=spoiled), overwrite="always")
    assert load_dataset("pets").fingerprint == first.fingerprint
    other = layouts.image_folder(tmp_path / "other", {"ant": 2, "bee": 2})
    second = add_dataset("pets", "image-folder", Handed(folder=other), overwrite="always")
    assert second.class_names == ("ant", "bee")
    assert [path.name for path in (oodml_home / "data").iterdir()] == ["pets"]


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("Pets", "image-folder", "use lower-case"),
        ("../pets", "image-folder", "use lower-case"),
        (".pets", "image-folder", "use lower-case"),
        ("glyphs", "image-folder", "built-in"),
        ("pets", None, "say its --kind"),
        ("pets", "image-foldr", "did you mean image-folder"),
        ("omniglot", "image-folder", "is the name of a kind"),
        ("pets", "vectors", "wrong input"),
    ],
)
def test_wrong_arguments(tmp_path: Path, name: str, kind: str | None, message: str) -> None:
    folder = layouts.image_folder(tmp_path / "pets", {"cat": 2})
    with pytest.raises(UsageError, match=message):
        add_dataset(name, kind, Handed(folder=folder))


def test_handed_things_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exactly one"):
        Handed()
    with pytest.raises(UsageError, match="exactly one"):
        Handed(folder=tmp_path, table=tmp_path)
    for handed in (
        Handed(folder=tmp_path / "no"),
        Handed(archives=(tmp_path / "no.zip",)),
    ):
        with pytest.raises(UsageError, match="no such"):
            add_dataset("pets", "image-folder", handed)
    with pytest.raises(UsageError, match="takes one --archive"):
        add_dataset("pets", "image-folder", Handed(archives=(tmp_path / "a", tmp_path / "b")))
