"""Values as they stand in messages: as plain Python spells them, and never a screenful."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

# The seeds of every library take these, and tables keep them as int64.
LARGEST_INTEGER = 2**63 - 1


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 120
        self.maxlist = self.maxtuple = self.maxset = self.maxdict = 8
        self.maxlevel, self.maxlong = 4, 40

    def repr_instance(self, x: Any, level: int) -> str:
        if isinstance(x, np.generic):
            return self.repr1(x.item(), level)
        if hasattr(x, "shape") and hasattr(x, "dtype"):  # arrays and tensors
            return f"{str(x.dtype).removeprefix('torch.')} array of shape {tuple(x.shape)}"
        return super().repr_instance(x, level)


def shown(value: Any) -> str:
    """A value given by a user, for a message: quotes around text, no traces of NumPy, cut if long.

    >>> import numpy as np
    >>> shown(np.str_("k10")), shown([np.float32(0.5), True]), shown(np.zeros((2, 3)))
    ("'k10'", '[0.5, True]', 'float64 array of shape (2, 3)')
    >>> len(shown("x" * 1000))
    120
    """
    return _SHORT.repr(value)


_SHORT = _Short()
