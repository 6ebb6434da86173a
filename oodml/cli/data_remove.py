"""``oodml data remove``: forget a data set that was added."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from oodml.cli.options import Json
from oodml.core.console import say


def remove_command(
    name: str,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Forget an added data set, and free what was unpacked for it and computed from it.

    A folder or table that was given by --dir or --table is never touched.
    """
    from oodml.core.cache_entry import FREED
    from oodml.core.sizes import readable_bytes
    from oodml.datasets.removal import plan_removal, remove_added
    from oodml.features.cache import feature_entries

    plan = plan_removal(name)
    features = [entry for entry in feature_entries() if entry.dataset == name]
    size = readable_bytes(plan.bytes + sum(entry.bytes for entry in features))
    stays = f"; {plan.stays} stays as it is" if plan.stays else ""
    if not yes:
        _ask(f"remove data set {name!r} and its features ({size}){stays}?", name)
    removed = remove_added(name)
    freed = [entry for entry in features if entry.remove() == FREED]
    left = [str(entry.path) for entry in features if entry not in freed]
    total = removed.bytes + sum(entry.bytes for entry in freed)
    if as_json:
        facts = {"name": name, "bytes": total, "stays": removed.stays, "features_left": left}
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    say(f"removed {name!r}, {readable_bytes(total)} freed{stays}")
    for path in left:
        say(f"not removed now: {path}; `oodml cache clean` does it later")


def _ask(question: str, name: str) -> None:
    from oodml.core.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(f"remove {name!r}: nobody can be asked here; add --yes")
    if not typer.confirm(question, err=True):
        say("nothing was removed", error=True)
        raise typer.Exit(1)
