"""How often a test of random cases goes round: few times in the suite, many when asked for."""

from __future__ import annotations

import os


def rounds(default: int) -> int:
    """``$OODML_TEST_ROUNDS`` where it is set, else ``default``."""
    return int(os.environ.get("OODML_TEST_ROUNDS", default))
