"""The errors users meet. Every message names the file or field, what was expected, what to do."""

from __future__ import annotations

import re

# NumPy's scalars name their type in their repr: np.str_('k10'), np.float32(0.5).
_NUMPY_REPR = re.compile(
    r"""\bnp\.(?:str_|bytes_|bool_?|(?:u?int|float|longdouble|longlong)\w*)
    \((b?'(?:[^'\\]|\\.)*'|b?"(?:[^"\\]|\\.)*"|[^()'"]*)\)""",
    re.VERBOSE,
)
_NUMPY_TRUTH = re.compile(r"\bnp\.(True|False)_\b")


class OodmlError(Exception):
    """Something went wrong that the user can mend. The command line exits with code 1.

    Whatever values stand in the message, users read them as plain Python spells them.
    """

    exit_code = 1

    def __init__(self, message: object = "") -> None:
        super().__init__(_NUMPY_TRUTH.sub(r"\1", _NUMPY_REPR.sub(r"\1", str(message))))


class UsageError(OodmlError):
    """A wrong argument, spec key or name. The command line exits with code 2.

    Attributes:
        key: the argument or key it is about, where the raiser knows; a spec's checks put the
            place in the file before it.
    """

    exit_code = 2

    def __init__(self, message: str = "", *, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


class DataError(OodmlError):
    """A data set, image, archive or table that cannot be used as it is."""


class IntegrityError(OodmlError):
    """A file whose content does not match its recorded hash or schema."""
