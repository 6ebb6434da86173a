"""A cell: one trained and evaluated combination, identified by everything it depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from oodml.core.hashing import derived_seed, sha256_json

# Fields that say something about a cell without being part of its identity.
ABOUT = (
    "trained_as",
    "setting",
    "dataset",
    "ladder",
    "pretraining",
    "label",
    "trains",
    "training_changes",
    "selection_fair",
    "shift",
    "shift_measure",
    "train_classes",
    "val_classes",
    "test_classes",
    "test_images",
)


@dataclass(frozen=True)
class Cell:
    """Pure data: two cells of equal identity give equal numbers on one machine.

    The fields after ``code`` (``ABOUT``) are not identity. They are here so that a result can be tabulated
    without the method's code, its data set or its ladder.

    Attributes:
        trained_as: the condition whose training it shares; its own for most.
        draw: of the condition; None where it has one.
        method_version: raised by a change of the method's code that moves numbers.
        code: part -> hash of its source, of every part that is not oodml's own, whose version nobody
            raises; {} where there is none.
        training: resolved for this method; {} for one that does not train.
        tasks: name, version and parameters of each.
        training_changes: settings changed for this method alone, so that ``training`` without
            them is the same for all methods of a benchmark.
        selection_fair: False where the selection rule looks at the test side.
        shift: None where it was never measured.
    """

    dataset_fingerprint: str
    ladder_sha256: str
    backbone: str
    features_key: str
    level: int
    condition: str
    draw: int | None
    method: str
    method_version: str
    hyper_parameters: dict[str, Any]
    training: dict[str, Any]
    tasks: list[dict[str, Any]]
    seed: int
    protocol: str
    code: dict[str, str]

    trained_as: str
    setting: str
    dataset: str
    ladder: str
    pretraining: str
    label: str
    trains: bool
    training_changes: dict[str, Any]
    selection_fair: bool
    shift: float | None
    shift_measure: str
    train_classes: int
    val_classes: int
    test_classes: int
    test_images: int

    @property
    def run_id(self) -> str:
        """16 hex digits of the hash of every field that is identity."""
        return run_id_of(asdict(self))

    @property
    def title(self) -> str:
        where = "" if self.condition == "forward" else f", {self.condition}"
        if self.draw is not None:
            where += f" {self.draw}"
        return f"{self.label}, level {self.level}, seed {self.seed}{where}"

    def derived_seed(self, purpose: str, *parts: Any) -> int:
        """The seed of a random choice of this cell.

        The method is not part of it: every method starts from the same head and sees the same
        batches (where its batches have the same shape), so differences are the method's.
        """
        first = (purpose, self.ladder_sha256, self.level, self.seed)
        return derived_seed(*first, *self._condition_parts(), *parts)

    def shared_seed(self, purpose: str, *parts: Any) -> int:
        """The same for choices about the test side: equal for every method and seed."""
        first = (purpose, self.ladder_sha256, self.level)
        return derived_seed(*first, *self._condition_parts(), *parts)

    def _condition_parts(self) -> tuple[Any, ...]:
        # forward hashes as it did before there were conditions, so its numbers stay
        return () if self.condition == "forward" else (self.condition, self.draw)

    @property
    def training_seed(self) -> int:
        """What weights and batches derive from; one number for conditions that share a training."""
        return self.trained_like().derived_seed("cell")

    def trained_like(self) -> Cell:
        """The cell whose training this one shares; itself where it has its own."""
        if self.trained_as == self.condition:
            return self
        return replace(self, condition=self.trained_as, draw=None)


def run_id_of(plain: Mapping[str, Any]) -> str:
    """The run id of a cell given as a dictionary; KeyError where a field is missing."""
    identity = {name: plain[name] for name in identity_fields()}
    if not identity["code"]:  # so that ids are what they were before there was such a field
        del identity["code"]
    return sha256_json(identity)[:16]


def cell_from_json(plain: Mapping[str, Any]) -> Cell:
    """A cell as ``asdict`` gave it, of any schema.

    Raises:
        KeyError, TypeError: not a cell.
    """
    # cells of earlier schemas: none shared a training, none knew code of others
    return Cell(**{"trained_as": plain["condition"], "code": {}, **plain})


def identity_fields() -> list[str]:
    """Names of the fields that make a cell what it is."""
    return [one.name for one in fields(Cell) if one.name not in ABOUT]
