"""JSON files that carry the hash of what they say, so that a changed one is told and not believed.

The hash stands in the entry ``seal`` and is of the canonical JSON of all other entries, so that blanks
and the order of keys do not matter. It tells damage and edits by hand, not forgery.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oodml.core.errors import IntegrityError
from oodml.core.files import read_json, write_json
from oodml.core.hashing import sha256_json

SEAL = "seal"


def write_sealed(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object with its seal, atomically."""
    write_json(path, {**content, SEAL: sha256_json(content)})


def read_sealed(path: Path, remedy: str = "restore it or make it again") -> dict[str, Any]:
    """The content of a file that `write_sealed` wrote, without its seal.

    Args:
        remedy: what the user can do about a file that does not hold, for the message.

    Raises:
        OodmlError: no such file.
        IntegrityError: not a JSON object, no seal, or one that is not of this content.
    """
    return opened(path, read_json(path), remedy)


def opened(path: Path, content: Any, remedy: str = "restore it or make it again") -> dict[str, Any]:
    """``read_sealed`` for what was read from ``path`` already, as where its schema says if it has a seal."""
    if not isinstance(content, dict):
        raise IntegrityError(f"{path}: expected a JSON object; {remedy}")
    seal = content.get(SEAL)
    content = {key: value for key, value in content.items() if key != SEAL}
    try:
        found = sha256_json(content)
    except ValueError:  # NaN or Infinity, which oodml never writes
        found = ""
    if seal != found:
        how = "has no seal" if seal is None else "its content does not match its seal"
        raise IntegrityError(
            f"{path}: {how}, so it was changed, damaged or not written by oodml; {remedy}"
        )
    return content
