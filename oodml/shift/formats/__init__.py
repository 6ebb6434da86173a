"""Split files of others, a file each with one ``@register_format("name")`` class."""

from oodml.shift.formats.base import FORMATS, Origin, SplitFormat, register_format
from oodml.shift.formats.choose import read_split_file, write_split_files
from oodml.shift.formats.draft import LevelDraft, SplitDraft, ladder_of_draft

__all__ = [
    "FORMATS",
    "LevelDraft",
    "Origin",
    "SplitDraft",
    "SplitFormat",
    "ladder_of_draft",
    "read_split_file",
    "register_format",
    "write_split_files",
]
