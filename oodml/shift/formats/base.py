"""Formats of split files that others read and write. A file and a decorator each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from oodml.core.errors import OodmlError, UsageError
from oodml.core.registry import Registry
from oodml.datasets import load_dataset
from oodml.shift.formats.draft import SplitDraft
from oodml.shift.ladder.model import Ladder


@dataclass(frozen=True)
class Origin:
    """The data set behind a ladder that is written out. It is loaded when it is asked for.

    Attributes:
        dataset: its name; "" where the ladder names none.
        licence: that of the class lists, as it stands on a card.
    """

    dataset: str
    licence: str = "other"

    def images_of(self) -> Mapping[str, Sequence[str]]:
        """Class name -> ids of its images, for formats that list images.

        Raises:
            UsageError: no data set is named, or it is not on this machine.
        """
        if not self.dataset:
            raise UsageError("the ladder names no data set; give --dataset")
        loaded = load_dataset(self.dataset)
        images: dict[str, list[str]] = {}
        for image, name in zip(loaded.image_ids, loaded.image_classes, strict=True):
            images.setdefault(name, []).append(image)
        return images

    def attribution(self) -> tuple[str, str]:
        """Home page and citation of the images; empty when the data set is not at hand."""
        try:
            card = load_dataset(self.dataset).card
        except OodmlError:
            return "", ""
        return card.homepage, card.citation


class SplitFormat:
    """Base of all formats. A subclass overrides ``read``, ``write`` or both.

    Class attributes:
        name: the name it is registered by.
        suffixes: endings of the files it reads, lower case with the dot.
    """

    name: ClassVar[str] = ""
    suffixes: ClassVar[tuple[str, ...]] = ()

    def recognises(self, path: Path) -> bool:
        """Whether a file looks like this format; by its ending, unless a subclass looks inside."""
        return path.suffix.lower() in self.suffixes

    def read(self, path: Path, dataset: str) -> SplitDraft:
        """What the file says; DataError naming the place where it is not such a file.

        Args:
            dataset: name of the data set, where the user gave one.
        """
        raise UsageError(f"format {self.name!r} can only be written")

    def write(self, ladder: Ladder, folder: Path, origin: Origin) -> list[Path]:
        """Write the ladder into ``folder``; the files written."""
        raise UsageError(f"format {self.name!r} can only be read")

    @classmethod
    def reads(cls) -> bool:
        """Whether it can be imported."""
        return cls.read is not SplitFormat.read

    @classmethod
    def writes(cls) -> bool:
        """Whether it can be exported."""
        return cls.write is not SplitFormat.write


F = TypeVar("F", bound=type[SplitFormat])
FORMATS: Registry[type[SplitFormat]] = Registry(
    "format", packages=("oodml.shift.formats",), base=SplitFormat
)


def register_format(name: str) -> Callable[[F], F]:
    """Class decorator: make a SplitFormat available as ``name``; duplicates raise UsageError."""
    return FORMATS.register_class(name)
