"""Images in one folder per class: ``class/*.jpg`` or ``superclass/class/*.jpg``."""

from __future__ import annotations

import unicodedata
from pathlib import Path, PurePosixPath

from oodml.core.errors import DataError
from oodml.datasets.base import DatasetCard, shorten
from oodml.datasets.images import is_image_name
from oodml.datasets.layouts.kind import FileIndex, FilesKind, IndexedImage
from oodml.datasets.layouts.walking import files_below, is_visible_folder, listed
from oodml.datasets.registry import register_kind

_DEEPEST = 32  # folders looked into; an image below the second makes the layout ambiguous

_CARD = DatasetCard(
    title="Image folder",
    description="The user's own images, one folder a class.",
    licence="not stated; ask who gave you the images",
    citation="",
    homepage="",
    source="added by the user",
)


@register_kind("image-folder")
class ImageFolder(FilesKind):
    """A folder (or archive) with a folder per class, optionally grouped in superclass folders."""

    how_to_add = "oodml data add NAME --kind image-folder --dir DIR (or --archive FILE)"

    def index(self, root: Path) -> FileIndex:
        base = _descend(root)
        prefix = base.relative_to(root)
        found = list(files_below(root, _DEEPEST))
        within = "" if base == root else f"{prefix.as_posix()}/"
        files = [name.removeprefix(within) for name in found if name.startswith(within)]
        outside = [name for name in found if not name.startswith(within)]
        paths = [PurePosixPath(f) for f in files if is_image_name(PurePosixPath(f).name)]
        if not paths:
            raise DataError(f"{root}: no images found; expected DIR/class/image.jpg")
        depth = _class_depth(root, paths)
        _check_no_empty_class(base, depth, paths)
        images = [
            IndexedImage(_nfc(path), _nfc(path.parent), (prefix / path).as_posix())
            for path in paths
        ]
        classes = {image.class_name for image in images}
        return FileIndex(
            images=images,
            card=_CARD,
            superclass_of={name: name.split("/")[0] for name in classes} if depth == 2 else None,
            notes=_left_out([*files, *outside]),
        )


def _descend(root: Path) -> Path:
    """Archives usually wrap everything in one folder, which is not a class: step into it."""
    base = root
    for _ in range(_DEEPEST):
        folders = _visible_folders(base)
        if len(folders) != 1 or _holds_images(base) or _holds_images(folders[0]):
            break
        if not _visible_folders(folders[0]):
            break
        base = folders[0]
    return base


def _holds_images(folder: Path) -> bool:
    return any(is_image_name(path.name) and not path.is_dir() for path in listed(folder))


def _visible_folders(folder: Path) -> list[Path]:
    return [path for path in listed(folder) if is_visible_folder(path)]


def _class_depth(root: Path, paths: list[PurePosixPath]) -> int:
    """1 for ``class/image``, 2 for ``superclass/class/image``; DataError for a mixture."""
    example: dict[int, PurePosixPath] = {}
    for path in paths:
        example.setdefault(len(path.parts) - 1, path)
    if len(example) != 1 or not {1, 2} >= set(example):
        found = ", ".join(str(path) for _, path in sorted(example.items())[:3])
        raise DataError(
            f"{root}: expected all images as class/image or all as superclass/class/image; "
            f"found {found}"
        )
    return next(iter(example))


def _check_no_empty_class(base: Path, depth: int, paths: list[PurePosixPath]) -> None:
    with_images = {path.parent.as_posix() for path in paths}
    folders = _visible_folders(base)
    if depth == 2:
        folders = [child for folder in folders for child in _visible_folders(folder)] + [
            folder for folder in folders if not _visible_folders(folder)
        ]
    empty = [
        name
        for folder in folders
        if (name := folder.relative_to(base).as_posix()) not in with_images
    ]
    if empty:
        raise DataError(
            f"{base}: class without an image: {shorten(empty)}; add images or remove it"
        )


def _left_out(files: list[str]) -> list[str]:
    others = [name for name in files if _is_worth_telling(name)]
    return (
        [f"{len(others)} files are no images and were left out: {shorten(others)}"]
        if others
        else []
    )


def _is_worth_telling(name: str) -> bool:
    """Not an image that is read, and not what systems leave in every folder (``.DS_Store``)."""
    last = PurePosixPath(name).name
    if not last.startswith("."):
        return not is_image_name(last)
    # a hidden folder, or a hidden image; ``._x.jpg`` is macOS's
    return name.endswith("/") or (not last.startswith("._") and is_image_name(last.lstrip(".")))


def _nfc(path: PurePosixPath) -> str:
    """macOS decomposes accents in file names; ids must be the same everywhere."""
    return unicodedata.normalize("NFC", path.as_posix())
