"""What ``oodml embed`` takes in: a data set, a folder, files, a list of files, vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from oodml.core.console import say
from oodml.core.errors import DataError, UsageError

if TYPE_CHECKING:
    from oodml.core.vectors import VectorTable
    from oodml.datasets import ClassDataset

Columns = dict[str, tuple[str, ...]]


def read_inputs(given: list[str]) -> tuple[ClassDataset | VectorTable, Columns]:
    """What to embed, and the further columns that are known of it (label, superclass, ...).

    Args:
        given: one data set, folder, ``.txt`` list or Parquet file; or image files.

    Raises:
        UsageError, DataError: nothing of the kind; files that cannot be used.
    """
    from oodml.core.vectors import read_vectors
    from oodml.datasets.given import given_data, plain_name
    from oodml.datasets.image_files import images_below, images_listed

    path = Path(given[0]).expanduser()
    suffix = path.suffix.lower()
    if len(given) > 1 or (path.is_file() and suffix not in (".parquet", ".txt")):
        files = [Path(one).expanduser() for one in given]
        return images_listed(files, "images"), {}
    if path.is_file() and suffix == ".txt":
        return images_listed(_listed(path), plain_name(path)), {}
    if path.is_file():
        table = read_vectors(path)
        return table, table.columns
    found = given_data(given[0])
    if found.path is None:
        loaded = found.load()
        return loaded, columns_of(loaded)
    try:
        loaded = found.load(own_name=False)
    except DataError as error:  # no folder a class; the images can be embedded all the same
        images = images_below(found.path, found.name)
        say(f"embedded without classes: {error}", error=True)
        return images, {}
    return loaded, columns_of(loaded)


def columns_of(dataset: ClassDataset) -> Columns:
    """Class names and, where there are any, superclasses of a data set's items."""
    classes = dataset.image_classes
    columns: Columns = {"label": tuple(classes)}
    if dataset.superclass_of is not None:
        columns["superclass"] = tuple(dataset.superclass_of[name] for name in classes)
    return columns


def _listed(path: Path) -> list[Path]:
    """Paths in a text file, one a line, relative to the file's folder."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a text file; expected a path of an image a line") from None
    return [path.parent / Path(line.strip()).expanduser() for line in lines if line.strip()]
