"""Which names things may be registered or kept under."""

from __future__ import annotations

from oodml.core.errors import UsageError
from oodml.core.values import shown


def check_plain_name(what: str, name: str) -> None:
    """Raise UsageError unless ``name`` can stand in a command, a file name and a table unquoted.

    Lower-case letters, digits and ``- _ .``, a letter or a digit first.
    """
    plain = all(c.islower() or c.isdigit() or c in "-_." for c in name)
    if not name[:1].isalnum() or not plain:
        raise UsageError(f"{what} name {shown(name)}: use lower-case letters, digits, - _ .")
