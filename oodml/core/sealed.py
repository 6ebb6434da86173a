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
_WITHOUT_SEAL = 1


def write_sealed(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object with its seal, atomically."""
    write_json(path, {**content, SEAL: sha256_json(content)})


def read_sealed(
    path: Path,
    remedy: str = "restore it or make it again",
    *,
    schema: int | None = None,
    other: str = "another schema version",
) -> dict[str, Any]:
    """The content of a file that `write_sealed` wrote, without its seal.

    Args:
        remedy: what the user can do about a file that does not hold, for the message.
        schema: the ``schema_version`` it must have. Schema 1 of such files had no seal, and is read
            as it is. None for files without versions.
        other: what to say of a file of another schema; ``{version}`` stands for the one it has.

    Raises:
        OodmlError: no such file.
        IntegrityError: not a JSON object, another schema, no seal, or one that is not of this
            content.
    """
    content = read_json(path)
    if schema is not None:
        version = content.get("schema_version") if isinstance(content, dict) else None
        if version not in (schema, _WITHOUT_SEAL):
            raise IntegrityError(f"{path}: {other.format(version=version)}")
        if version == _WITHOUT_SEAL:
            return dict(content)
    return _opened(path, content, remedy)


def _opened(path: Path, content: Any, remedy: str) -> dict[str, Any]:
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
