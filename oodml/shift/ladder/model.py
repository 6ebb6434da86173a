"""The ladder: class splits of growing shift, as it is held in memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from oodml.core.errors import OodmlError, UsageError
from oodml.core.files import write_json
from oodml.core.hashing import sha256_json
from oodml.core.paths import PathLike, as_path
from oodml.core.short_repr import html_table, short_fields
from oodml.shift.ladder.checks import structural_problems
from oodml.shift.ladder.episodes import EpisodeTable, write_episodes

SCHEMA_VERSION = 1
LADDER_FILE = "ladder.json"
EPISODES_FILE = "episodes.parquet"
TARGET_TOLERANCE = 0.01


@dataclass(frozen=True, repr=False)
class Level:
    """One rung: a class-disjoint train / val / test split and its measured shift.

    Attributes:
        index: place in the ladder, from 0 (easiest).
        train, val, test: class names, sorted; the training side of the shift is train + val.
        shift: value of the ladder's own measure between train + val and test; NaN when an
            imported split was never measured.
        shifts: further measures of the same level by name.
        target: the shift the level was meant to have; None where none was set.
        counts: classes and images of each side.
        stage: what reached the partition: ``start``, ``harder``, ``easier``, ``removal``, ...
        step: the step of that stage; id in the papers' numbering for generator ``oodml``.
        controls: reference conditions that tell shift from difficulty, see
            :mod:`oodml.shift.controls`.
    """

    index: int
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    shift: float
    shifts: Mapping[str, float] = field(default_factory=dict)
    target: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    stage: str = ""
    step: int = 0
    controls: Mapping[str, Any] = field(default_factory=dict)

    @property
    def training_side(self) -> tuple[str, ...]:
        """Classes of train and val together, sorted."""
        return tuple(sorted(self.train + self.val))

    @property
    def reached(self) -> bool:
        """Whether the shift lies within 1 % of its target (or there is none)."""
        return (
            self.target is None or abs(self.shift - self.target) <= TARGET_TOLERANCE * self.target
        )

    __repr__ = short_fields


@dataclass(frozen=True, repr=False)
class Ladder:
    """Levels of growing shift with all that is needed to check them.

    Attributes:
        name, dataset, dataset_fingerprint: what the ladder is for; fingerprint "" when unknown.
        features: manifest of the features the shift was measured on (backbone, weights hash, ...).
        generator, options, seed: what made it.
        measure: name of the shift measure behind ``Level.shift``.
        levels: at least one, shift growing strictly.
        images: number of images of every class that stands in some level; empty when unknown.
        left_out: classes of the data set that stand in no level on purpose, with the reason; under
            "" how many images have no label.
        episode_table: few-shot supports of all levels; None when the ladder has none.
        sha256: hash of the whole content, episodes included; "" before the ladder is sealed.
    """

    name: str
    dataset: str
    dataset_fingerprint: str
    features: Mapping[str, Any]
    generator: str
    options: Mapping[str, Any]
    measure: str
    seed: int
    levels: tuple[Level, ...]
    images: Mapping[str, int]
    left_out: Mapping[str, str] = field(default_factory=dict)
    episode_table: EpisodeTable | None = field(default=None, compare=False, repr=False)
    sha256: str = ""
    schema_version: int = SCHEMA_VERSION

    def save(self, folder: PathLike) -> None:
        """Write ``ladder.json`` and ``episodes.parquet`` into ``folder``, each atomically.

        Raises:
            OodmlError: the ladder breaks a rule that reading it would refuse.
        """
        folder, sealed = as_path(folder, "folder"), self.sealed()
        problems = structural_problems(sealed)
        if problems:
            raise OodmlError(f"ladder {self.name!r} is not valid: " + "; ".join(problems[:5]))
        folder.mkdir(parents=True, exist_ok=True)
        # The episodes first, so that ladder.json never names a missing file.
        if sealed.episode_table is not None:
            write_episodes(folder / EPISODES_FILE, sealed.episode_table)
        write_json(folder / LADDER_FILE, {**sealed.content(), "sha256": sealed.sha256})

    def episodes(self, level_index: int, shots: int) -> list[dict[str, list[str]]]:
        """Few-shot episodes of a level: per episode, class name -> ids of the support images.

        Every other image of those test classes is a query. Test classes with fewer than
        shots + 1 images stand in no episode; see :meth:`too_few_images`.

        Raises:
            UsageError: no such level or number of shots in the file.
        """
        if not 0 <= level_index < len(self.levels):
            raise UsageError(
                f"ladder {self.name!r} has levels 0 to {len(self.levels) - 1}, not {level_index}"
            )
        if self.episode_table is None:
            raise UsageError(
                f"ladder {self.name!r} has no few-shot episodes; make it with image ids"
            )
        return self.episode_table.episodes(level_index, shots)

    def too_few_images(self, level_index: int, shots: int) -> dict[str, int]:
        """Test classes of a level that its ``shots``-shot episodes leave out, with image counts."""
        if self.episode_table is None:
            return {}
        return dict(self.episode_table.left_out.get((level_index, shots), {}))

    def sealed(self) -> Ladder:
        """The same ladder with its hash computed."""
        return replace(self, sha256=self.content_hash())

    def content_hash(self) -> str:
        """sha256 of everything in ``ladder.json`` but the hash; the episodes' hash is part."""
        return sha256_json(self.content())

    def content(self) -> dict[str, Any]:
        """What stands in ``ladder.json``, but for the hash."""
        levels = [
            {
                **asdict(level),
                "shift": None if math.isnan(level.shift) else level.shift,
                "train": list(level.train),
                "val": list(level.val),
                "test": list(level.test),
            }
            for level in self.levels
        ]
        return {
            "schema_version": self.schema_version,
            "name": self.name,
            "dataset": self.dataset,
            "dataset_fingerprint": self.dataset_fingerprint,
            "features": dict(self.features),
            "generator": self.generator,
            "options": dict(self.options),
            "measure": self.measure,
            "seed": self.seed,
            "levels": levels,
            "images": dict(self.images),
            "left_out": dict(self.left_out),
            "episodes": None if self.episode_table is None else _entry(self.episode_table),
        }

    def __repr__(self) -> str:
        return f"Ladder({self._about}, sha256 {self.sha256[:12] or 'not sealed'})"

    def _repr_html_(self) -> str:
        rows = [
            [
                level.index,
                level.shift,
                len(level.train),
                len(level.val),
                len(level.test),
                level.stage,
            ]
            for level in self.levels
        ]
        heads = ["level", "shift", "train classes", "val classes", "test classes", "stage"]
        return html_table(self._about, heads, rows)

    @property
    def _about(self) -> str:
        shifts = (
            f"{self.levels[0].shift:.4g} to {self.levels[-1].shift:.4g}" if self.levels else "-"
        )
        return (
            f"{self.name[:80]!r}: {len(self.levels)} levels, {self.measure} {shifts}, generator "
            f"{self.generator}"
        )


def _entry(table: EpisodeTable) -> dict[str, Any]:
    """What ``ladder.json`` says of the episodes."""
    return {
        "file": EPISODES_FILE,
        "sha256": table.sha256,
        "per_level": table.per_level,
        "shots": list(table.all_shots),
        "left_out": [
            {"level": level, "shots": shots, "classes": dict(classes)}
            for (level, shots), classes in sorted(table.left_out.items())
            if classes
        ],
    }
