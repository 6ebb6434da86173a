"""``ladder.json`` and ``episodes.parquet`` read; ``Ladder.save`` writes them."""

from __future__ import annotations

import math
from pathlib import Path

from pydantic import ValidationError

from oodml.core.errors import IntegrityError
from oodml.core.files import read_json
from oodml.core.paths import PathLike, as_path
from oodml.shift.ladder.checks import structural_problems
from oodml.shift.ladder.episodes import read_episodes
from oodml.shift.ladder.model import LADDER_FILE, SCHEMA_VERSION, Ladder, Level
from oodml.shift.ladder.schema import LadderModel


def load_ladder(path: PathLike) -> Ladder:
    """Read a ladder from its folder or its ``ladder.json`` and check it.

    Checked: schema, hash, sorted and disjoint class lists, counts, growing shift, episodes. Shift
    values are recomputed by ``oodml split check``, for which features are needed.

    Raises:
        IntegrityError: the file breaks a rule; the message names file and field.
        OodmlError: no such file.
    """
    file = _ladder_path(as_path(path))
    ladder = read_ladder(file)
    problems = structural_problems(ladder)
    if problems:
        raise IntegrityError(f"{file}: " + "; ".join(problems[:5]))
    return ladder


def read_ladder(file: Path) -> Ladder:
    """Read a ladder with only its schema checked; ``oodml split check`` lists the rest."""
    file = _ladder_path(file)
    content = read_json(file)
    if not isinstance(content, dict):
        raise IntegrityError(f"{file}: expected a JSON object with the fields of a ladder")
    version = content.get("schema_version")
    if version != SCHEMA_VERSION:
        raise IntegrityError(
            f"{file}: schema_version is {version!r}, this oodml reads {SCHEMA_VERSION}; "
            "use the version of oodml that wrote it, or import its class lists again"
        )
    try:
        model = LadderModel.model_validate(content)
    except ValidationError as error:
        raise IntegrityError(f"{file}: {_first_error(error)}") from None
    table = None
    if model.episodes is not None:
        if Path(model.episodes.file).name != model.episodes.file:
            raise IntegrityError(f"{file}: episodes.file must be a file beside ladder.json")
        left_out = {(e.level, e.shots): e.classes for e in model.episodes.left_out}
        table = read_episodes(file.parent / model.episodes.file, model.episodes.per_level, left_out)
        if table.sha256 != model.episodes.sha256:
            raise IntegrityError(
                f"{file.parent / model.episodes.file}: content does not match episodes.sha256 in "
                f"{LADDER_FILE}; restore both files or make the ladder again"
            )
    fields = model.model_dump(exclude={"episodes", "levels"})
    levels = tuple(
        Level(
            **{
                **level.model_dump(),
                "shift": math.nan if level.shift is None else level.shift,
                "train": tuple(level.train),
                "val": tuple(level.val),
                "test": tuple(level.test),
            }
        )
        for level in model.levels
    )
    return Ladder(**fields, levels=levels, episode_table=table)


def _ladder_path(path: Path) -> Path:
    return path / LADDER_FILE if path.is_dir() else path


def _first_error(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "top level"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {first['msg']}, found {first.get('input')!r:.80}{more}"
