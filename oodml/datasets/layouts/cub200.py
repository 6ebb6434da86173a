"""Caltech-UCSD Birds-200-2011 in its official layout (or a subset of it)."""

from __future__ import annotations

from pathlib import Path

from oodml.core.errors import DataError
from oodml.core.regular_files import check_regular_file
from oodml.datasets.base import DatasetCard, first_repeated, shorten
from oodml.datasets.layouts.kind import FileIndex, FilesKind, IndexedImage, Split
from oodml.datasets.layouts.walking import find_folder
from oodml.datasets.registry import register_kind

_TABLES = ("images.txt", "image_class_labels.txt", "classes.txt")
_LAST_TRAIN_CLASS = 100

_CARD = DatasetCard(
    title="Caltech-UCSD Birds-200-2011 (CUB-200-2011)",
    description=(
        "Photographs of 200 bird species, about 60 each. The usual split for retrieval trains on "
        "the classes numbered 1 to 100 and tests on 101 to 200."
    ),
    licence="Images from Flickr, for non-commercial research and education only",
    citation=(
        "C. Wah, S. Branson, P. Welinder, P. Perona, S. Belongie: The Caltech-UCSD Birds-200-2011 "
        "Dataset. Technical report CNS-TR-2011-001, California Institute of Technology, 2011"
    ),
    homepage="https://www.vision.caltech.edu/datasets/cub_200_2011/",
    source="added by the user from the official archive or folder",
)


@register_kind("cub200")
class Cub200(FilesKind):
    """Reads ``images.txt``, ``image_class_labels.txt``, ``classes.txt`` and ``images/``."""

    how_to_add = "oodml data add cub200 --archive CUB_200_2011.tgz (or --dir CUB_200_2011)"

    def index(self, root: Path) -> FileIndex:
        folder = find_folder(root, 2, lambda path: (path / "images.txt").is_file())
        if folder is None:
            raise DataError(
                f"{root}: no images.txt here or two folders below; expected the official layout "
                "CUB_200_2011/{images.txt,image_class_labels.txt,classes.txt,images/}"
            )
        paths, class_numbers, names = (_read_table(folder / table) for table in _TABLES)
        _check_tables(folder, paths, class_numbers, names)
        prefix = folder.relative_to(root)
        images = [
            IndexedImage(path, names[class_numbers[number]], (prefix / "images" / path).as_posix())
            for number, path in paths.items()
        ]
        return FileIndex(
            images=images,
            card=_CARD,
            metadata_files=tuple((prefix / table).as_posix() for table in _TABLES),
            default_split=_official_split(names),
        )


def _read_table(path: Path) -> dict[str, str]:
    """Lines ``number value`` of an official text file."""
    check_regular_file(path, todo="it belongs to the official layout")
    rows: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    for number, line in enumerate(lines, start=1):
        parts = line.strip().split(" ", 1)
        if parts == [""]:
            continue
        if len(parts) != 2 or not parts[0].isdigit():
            raise DataError(f"{path}: line {number}: expected 'number value', found {line!r}")
        if parts[0] in rows:
            raise DataError(f"{path}: line {number}: number {parts[0]} stands twice")
        rows[parts[0]] = parts[1].strip()
    return rows


def _check_tables(
    folder: Path, paths: dict[str, str], class_numbers: dict[str, str], names: dict[str, str]
) -> None:
    twice = first_repeated(paths.values())
    if twice is not None:
        raise DataError(
            f"{folder / 'images.txt'}: {twice!r} stands twice; image ids must be unique"
        )
    twice = first_repeated(names.values())
    if twice is not None:
        raise DataError(f"{folder / 'classes.txt'}: class {twice!r} stands twice")
    unlabelled = [path for number, path in paths.items() if number not in class_numbers]
    if unlabelled:
        raise DataError(f"{folder / 'image_class_labels.txt'}: no class for {shorten(unlabelled)}")
    unnamed = sorted({n for n in class_numbers.values() if n not in names}, key=int)
    if unnamed:
        raise DataError(f"{folder / 'classes.txt'}: no name for class {shorten(unnamed)}")
    used = {class_numbers[number] for number in paths}
    empty = [name for number, name in names.items() if number not in used]
    if empty:
        raise DataError(
            f"{folder / 'classes.txt'}: class without an image: {shorten(empty)}; remove its line "
            "or restore the images"
        )


def _official_split(names: dict[str, str]) -> Split | None:
    train = tuple(sorted(name for n, name in names.items() if int(n) <= _LAST_TRAIN_CLASS))
    test = tuple(sorted(name for n, name in names.items() if int(n) > _LAST_TRAIN_CLASS))
    return (train, test) if train and test else None
