"""How often a test of random damage tries, so that the same test serves the suite and a long check."""

from __future__ import annotations

import os


def rounds(default: int) -> int:
    """``default``, or what the environment variable OODML_TEST_ROUNDS says."""
    return int(os.environ.get("OODML_TEST_ROUNDS", default))
