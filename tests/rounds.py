"""How many rounds a seeded trial makes: few in the suite, more where the environment says so."""

from __future__ import annotations

import os


def rounds(default: int) -> int:
    """OODML_TEST_ROUNDS where it is set, else ``default``."""
    return int(os.environ.get("OODML_TEST_ROUNDS") or default)
