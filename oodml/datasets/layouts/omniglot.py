"""Omniglot in its official layout: handwritten characters of many alphabets."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from oodml.core.errors import DataError
from oodml.datasets.base import DatasetCard, shorten
from oodml.datasets.images import is_image_name
from oodml.datasets.layouts.kind import FileIndex, FilesKind, IndexedImage, Split
from oodml.datasets.layouts.walking import files_below
from oodml.datasets.registry import register_kind

_CARD = DatasetCard(
    title="Omniglot",
    description=(
        "1,623 handwritten characters of 50 alphabets, 20 drawings each, 105 x 105 pixels. A class "
        "is a character, its superclass the alphabet. Where both official sets are present, "
        "the background set trains and the evaluation set tests."
    ),
    licence="MIT",
    citation=(
        "B. M. Lake, R. Salakhutdinov, J. B. Tenenbaum: Human-level concept learning through "
        "probabilistic program induction. Science 350 (6266), 2015"
    ),
    homepage="https://github.com/brendenlake/omniglot",
    source="added by the user from the official archives or folders",
)


@register_kind("omniglot")
class Omniglot(FilesKind):
    """Reads ``images_background*/`` and ``images_evaluation/``; sets that overlap are merged."""

    how_to_add = (
        "oodml data add omniglot --archive images_background.zip [--archive ...] (or --dir)"
    )
    several_archives = True

    def index(self, root: Path) -> FileIndex:
        drawings = [path for path in map(PurePosixPath, files_below(root, 5)) if _is_drawing(path)]
        if not drawings:
            raise DataError(
                f"{root}: no drawings found; expected "
                "images_background*/Alphabet/characterNN/NNNN_NN.png (also images_evaluation)"
            )
        images: dict[str, IndexedImage] = {}
        copies: list[tuple[str, str]] = []
        for path in drawings:
            class_name = "/".join(path.parts[-3:-1])
            image_id = f"{class_name}/{path.name}"
            if image_id in images:
                copies.append((images[image_id].path, path.as_posix()))
            else:
                images[image_id] = IndexedImage(image_id, class_name, path.as_posix())
        classes = {image.class_name for image in images.values()}
        notes = [f"{len(copies)} drawings stand in more than one set; kept once"] if copies else []
        return FileIndex(
            images=list(images.values()),
            card=_CARD,
            superclass_of={name: name.split("/")[0] for name in classes},
            default_split=_official_split(root, list(images.values())),
            notes=notes,
            must_match=copies,
        )


def _set_of(path: PurePosixPath) -> str:
    return path.parts[-4]


def _is_drawing(path: PurePosixPath) -> bool:
    return (
        is_image_name(path.name)
        and len(path.parts) >= 4
        and _set_of(path).startswith(("images_background", "images_evaluation"))
    )


def _official_split(root: Path, images: list[IndexedImage]) -> Split | None:
    sides: dict[bool, set[str]] = {True: set(), False: set()}
    for image in images:
        background = _set_of(PurePosixPath(image.path)).startswith("images_background")
        sides[background].add(image.class_name)
    both = sorted(sides[True] & sides[False])
    if both:
        raise DataError(f"{root}: in the background and in the evaluation set: {shorten(both)}")
    if not sides[True] or not sides[False]:
        return None
    return tuple(sorted(sides[True])), tuple(sorted(sides[False]))
