"""What to do where a folder has a ladder already: refuse, keep the same one, or make it anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oodml.core.console import say
from oodml.core.errors import UsageError
from oodml.core.targets import check_folder_target

if TYPE_CHECKING:
    from oodml.shift.ladder.model import Ladder

_REPLACES = "--overwrite always replaces it, --out names another folder"
# Of ladder.json: what made the ladder, not what came of it.
_HOW = ("name", "dataset", "dataset_fingerprint", "features", "generator", "options", "seed")


def ladder_there(folder: Path, overwrite: str) -> Ladder | None:
    """The ladder that ``missing`` may keep; None where one is to be made.

    Raises:
        UsageError: there is one and ``overwrite`` is never; no such choice.
        IntegrityError: the one that is there is damaged.
    """
    from oodml.shift import load_ladder

    check_folder_target("--out", folder)
    if overwrite not in ("never", "missing", "always"):
        raise UsageError(f"--overwrite {overwrite!r}: expected never, missing or always")
    if not (folder / "ladder.json").exists() or overwrite == "always":
        return None
    if overwrite == "never":
        raise UsageError(f"{folder} has a ladder already; --overwrite always replaces it")
    return load_ladder(folder)


def made_or_kept(
    folder: Path,
    there: Ladder | None,
    arguments: Mapping[str, Any],
    make: Callable[[], Ladder],
) -> Ladder:
    """The ladder of these arguments in ``folder``: the one that is there, or made and saved now.

    A folder that does not say what its ladder was made from keeps it where making it again gives
    the same ladder.

    Raises:
        UsageError: the ladder there is another one; what differs is named.
    """
    from oodml.shift.ladder.made_from import differences, read_made_from, write_made_from

    said = None if there is None else read_made_from(folder, there)
    if there is not None and said is not None:
        if differing := differences(said, arguments):
            raise UsageError(_another(folder, differing))
        say(f"kept: {folder} was made with the same arguments", error=True)
        return there
    ladder = make()
    if there is None:
        ladder.save(folder)
    elif there.sha256 == ladder.sha256:
        say(f"kept: {folder} has the ladder that these arguments make", error=True)
    else:
        how_there, how = ({k: one.content()[k] for k in _HOW} for one in (there, ladder))
        unknown = ["it does not say what it was made from, and now made it has other levels"]
        raise UsageError(_another(folder, differences(how_there, how) or unknown))
    write_made_from(folder, ladder, arguments)
    return ladder


def _another(folder: Path, differing: list[str]) -> str:
    shown = "\n  ".join(differing[:8])
    more = f"\n  and {len(differing) - 8} more" if len(differing) > 8 else ""
    return f"{folder} has another ladder than the one asked for; {_REPLACES}\n  {shown}{more}"
