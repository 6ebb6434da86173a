"""An archive is unpacked whole, or refused: cut, damaged, and too large ones of every format."""

from __future__ import annotations

import io
import shutil
import struct
import tarfile
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from oodml.core import archives, unpack_limits
from oodml.core.archives import extract_archive
from oodml.core.errors import DataError

FORMATS = ("tar", "tar.gz", "tar.bz2", "tar.xz", "zip")
CONTENT = {f"cat/{n:02d}.png": bytes([n]) * (512 if n % 2 else 700 + n) for n in range(9)}


def packed(path: Path, files: dict[str, bytes] = CONTENT) -> Path:
    """An archive of the format its name says, with the files."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            for name, data in files.items():
                opened.writestr(name, data)
        return path
    compression = path.suffix.removeprefix(".").removesuffix("tar")
    with tarfile.open(path, f"w:{compression}") as tar:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def unpacked(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


@pytest.mark.parametrize("ending", FORMATS)
def test_a_whole_archive_is_unpacked(tmp_path: Path, ending: str) -> None:
    archive = packed(tmp_path / f"a.{ending}")
    assert extract_archive(archive, tmp_path / "out") == len(CONTENT)
    assert unpacked(tmp_path / "out") == CONTENT


def test_a_tar_cut_at_any_block_is_refused(tmp_path: Path) -> None:
    whole = packed(tmp_path / "a.tar").read_bytes()
    content_ends = sum(512 + -(-len(data) // 512) * 512 for data in CONTENT.values())
    for blocks in range(1, content_ends // 512 + 1):  # the last one cuts just before the end
        cut = tmp_path / "cut.tar"
        cut.write_bytes(whole[: blocks * 512])
        with pytest.raises(DataError, match="torn or unreadable"):
            extract_archive(cut, tmp_path / f"out{blocks}")


@pytest.mark.parametrize("compression", ["gzip", "bz2", "lzma"])
def test_a_cut_tar_inside_a_whole_stream_is_refused(tmp_path: Path, compression: str) -> None:
    compress = pytest.importorskip(compression).compress
    whole = packed(tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tgz").write_bytes(compress(whole[: 5 * 512]))
    with pytest.raises(DataError, match="cut off"):
        extract_archive(tmp_path / "a.tgz", tmp_path / "out")


@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, ending: str) -> None:
    whole = packed(tmp_path / f"a.{ending}").read_bytes()
    # tar pads its end with further blocks of zeros, which carry nothing
    last = len(whole.rstrip(b"\0")) if ending == "tar" else len(whole)
    for number, length in enumerate(range(0, last, max(1, last // 60))):
        cut = tmp_path / f"cut.{ending}"
        cut.write_bytes(whole[:length])
        with pytest.raises(DataError):
            extract_archive(cut, tmp_path / f"out{number}")


@pytest.mark.parametrize("where", [0, 3, 8])
def test_a_damaged_header_is_not_the_end(tmp_path: Path, where: int) -> None:
    """tarfile would take it for the end and give what came before."""
    whole = bytearray(packed(tmp_path / "a.tar").read_bytes())
    starts, place = [], 0
    for data in CONTENT.values():
        starts.append(place)
        place += 512 + -(-len(data) // 512) * 512
    for damage in (b"x" * 40, b"\0" * 512):
        spoiled = bytearray(whole)
        spoiled[starts[where] + 100 : starts[where] + 100 + len(damage)] = damage
        if len(damage) == 512:
            spoiled[starts[where] : starts[where] + 512] = damage
        (tmp_path / "b.tar").write_bytes(spoiled)
        with pytest.raises(DataError):
            extract_archive(tmp_path / "b.tar", tmp_path / f"out{len(damage)}")


def test_two_tars_in_one_file_are_refused(tmp_path: Path) -> None:
    whole = packed(tmp_path / "a.tar").read_bytes()
    (tmp_path / "b.tar").write_bytes(whole + whole)
    with pytest.raises(DataError, match="more after its end"):
        extract_archive(tmp_path / "b.tar", tmp_path / "out")


def test_a_tar_that_ends_in_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = packed(tmp_path / "inner.zip", {"x/1.png": b"1"}).read_bytes()
    archive = packed(tmp_path / "a.tar", {"cat/1.png": b"one", "cat/inner.zip": inner})
    assert extract_archive(archive, tmp_path / "out") == 2
    assert (tmp_path / "out/cat/1.png").read_bytes() == b"one"


def test_a_zip_with_fewer_members_than_it_declares_is_refused(tmp_path: Path) -> None:
    data = bytearray(packed(tmp_path / "a.zip").read_bytes())
    end = data.rfind(b"PK\x05\x06")
    struct.pack_into("<H", data, end + 10, len(CONTENT) + 1)
    (tmp_path / "b.zip").write_bytes(data)
    with pytest.raises(DataError, match="10 members declared, 9 found"):
        extract_archive(tmp_path / "b.zip", tmp_path / "out")


def test_a_zip_member_shorter_than_it_declares_is_refused(tmp_path: Path) -> None:
    archive = packed(tmp_path / "a.zip", {"cat/1.png": b"x" * 100})
    data = bytearray(archive.read_bytes())
    for magic, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<I", data, data.find(magic) + offset, 150)
    archive.write_bytes(data)
    with pytest.raises(DataError, match="smaller than it declares"):
        extract_archive(archive, tmp_path / "out")


def test_a_zip_folder_with_content_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        opened.writestr("cat/1.png", b"x")
    data = (tmp_path / "a.zip").read_bytes().replace(b"1.png", b"1.pn/")
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(DataError, match="has content"):
        extract_archive(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize("ending", ["tar", "zip"])
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a", "a/b.png"), "lies below a file"),
        (("a.png", "a.png"), "stands twice"),
        (("a/../../b.png",), "would leave the folder"),
        (("/".join("d" * 70) + "/a.png",), "folders deep"),
        (("x" * 300 + ".png",), "File name too long"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_cannot_lie_side_by_side(
    tmp_path: Path, ending: str, names: tuple[str, ...], message: str
) -> None:
    archive = tmp_path / f"a.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(archive, "w") as opened:
            for name in names:
                opened.writestr(name, b"x")
    else:
        with tarfile.open(archive, "w") as tar:
            for name in names:
                info = tarfile.TarInfo(name)
                info.size = 1
                tar.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(DataError, match=message):
        extract_archive(archive, tmp_path / "out")


def test_a_long_attribute_is_not_read_into_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 1 << 32
    (tmp_path / "a.tar").write_bytes(info.tobuf() + bytes(1024))
    with pytest.raises(DataError, match="attribute of"):
        extract_archive(tmp_path / "a.tar", tmp_path / "out")


Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize("ending", FORMATS)
def test_what_does_not_fit_the_disk_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    archive = packed(tmp_path / f"a.{ending}")
    monkeypatch.setattr(unpack_limits, "_KEEP_FREE", 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**6, 10**6, 1500))
    with pytest.raises(DataError, match=r"do not fit.*OODML_HOME"):
        extract_archive(archive, tmp_path / "out")
    if ending == "zip":  # its directory tells before anything is written
        assert unpacked(tmp_path / "out") == {}


def test_what_a_small_archive_cannot_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack_limits, "_RATIO_FREE", 1000)
    monkeypatch.setattr(unpack_limits, "_MOST_RATIO", 20)
    for ending in FORMATS[1:]:
        archive = packed(tmp_path / f"bomb.{ending}", {"cat/1.png": bytes(1_000_000)})
        with pytest.raises(DataError, match="more than 20 times its size"):
            extract_archive(archive, tmp_path / f"out-{ending}")


def test_a_sparse_member_counts_as_what_it_unpacks_to(tmp_path: Path) -> None:
    """A hole of a terabyte takes no byte of the archive."""
    info = tarfile.TarInfo("cat/1.png")
    info.pax_headers = {"GNU.sparse.size": str(10**12), "GNU.sparse.map": "0,0"}
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info)
    with pytest.raises(DataError, match="times its size"):
        extract_archive(tmp_path / "a.tar", tmp_path / "out")


def test_files_are_bounded_by_what_the_file_system_can_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack_limits, "_KEEP_FREE_FILES", 10)
    for ending in ("tar", "zip"):
        archive = packed(tmp_path / f"a.{ending}")
        monkeypatch.setattr(unpack_limits, "_free_files", lambda folder: 10)
        with pytest.raises(DataError, match="10 more files"):
            extract_archive(archive, tmp_path / f"out-{ending}")
    monkeypatch.setattr(unpack_limits, "_free_files", lambda folder: None)  # no such bound
    monkeypatch.setattr(unpack_limits, "_MOST_MEMBERS", 5)
    with pytest.raises(DataError, match="more than 5 files"):
        extract_archive(archive, tmp_path / "out")


@pytest.mark.parametrize("ending", FORMATS)
def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    archive = packed(tmp_path / f"a.{ending}")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "_write_all", full)
    with pytest.raises(
        DataError, match=r"member 'cat/00\.png': No space left.*; free some"
    ) as told:
        extract_archive(archive, tmp_path / "out")
    assert str(tmp_path / "out") not in str(told.value)


@pytest.mark.parametrize("ending", FORMATS)
def test_whatever_a_reader_raises_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """A seek before the start of the file is an OSError with a number, and not the disk's."""
    archive = packed(tmp_path / f"a.{ending}")
    for error in (OSError(22, "Invalid argument"), IndexError("string index"), RecursionError()):

        def broken(*arguments: object, raised: Exception = error) -> None:
            raise raised

        monkeypatch.setattr(zipfile.ZipExtFile, "read", broken)
        monkeypatch.setattr(tarfile.ExFileObject, "read", broken)
        with pytest.raises(DataError, match="torn or unreadable"):
            extract_archive(archive, tmp_path / f"out{type(error).__name__}")
