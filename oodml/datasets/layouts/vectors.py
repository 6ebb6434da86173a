"""Vectors made elsewhere: a Parquet table with ``id``, ``embedding`` and ``label``."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path

import numpy as np

from oodml.core.errors import DataError
from oodml.core.vectors import VectorTable, read_vectors
from oodml.datasets.base import (
    ClassDataset,
    DatasetCard,
    check_ids,
    check_name,
    dataset_fingerprint,
    labels_of,
)
from oodml.datasets.layouts.kind import Kind, Record
from oodml.datasets.registry import register_kind

_CARD = DatasetCard(
    title="Vectors",
    description="Vectors made outside oodml, one a row, with a class each.",
    licence="not stated; ask who gave you the vectors",
    citation="",
    homepage="",
    source="added by the user",
)


@register_kind("vectors")
class Vectors(Kind):
    """Columns ``id`` (text), ``embedding`` (lists of floats of one length), ``label``; optional
    ``superclass``."""

    how_to_add = "oodml data add NAME --kind vectors --table FILE.parquet"
    takes = "table"

    def record(self, source: Path, decode: bool) -> Record:
        table, classes = _read(source)
        return {
            "card": asdict(_CARD),
            "images": len(table.ids),
            "classes": len(set(classes)),
            "dimensions": table.vectors.shape[1],
            "superclass_of": _superclasses(source, table, classes),
            "notes": [],
            "fingerprint": _fingerprint(table, classes),
        }

    def load(self, name: str, source: Path, record: Record) -> ClassDataset:
        table, classes = _read(source)
        fingerprint = _fingerprint(table, classes)
        if fingerprint != record["fingerprint"]:
            raise DataError(
                f"data set {name!r}: {source} has changed since it was added; "
                "restore it or add the data set again"
            )
        labels, class_names = labels_of(classes)
        return ClassDataset(
            name=name,
            image_ids=table.ids,
            labels=labels,
            class_names=class_names,
            fingerprint=fingerprint,
            card=DatasetCard(**record["card"]),
            superclass_of=record["superclass_of"],
            vectors=table.vectors,
        )

    def verify(self, source: Path, record: Record) -> list[str]:
        try:
            table, classes = _read(source)
        except DataError as error:
            return [str(error)]
        if _fingerprint(table, classes) != record["fingerprint"]:
            return [f"{source}: content is not what was recorded (fingerprint differs)"]
        return []


def _read(source: Path) -> tuple[VectorTable, tuple[str, ...]]:
    table = read_vectors(source)
    if "label" not in table.columns:
        found = ", ".join(["id", "embedding", *table.columns])
        raise DataError(f"{source}: no column 'label' (found: {found}); it holds the class names")
    classes = table.columns["label"]
    check_ids(str(source), table.ids)
    for row, class_name in enumerate(classes):
        check_name(f"label of row {row}", class_name, str(source))
    if table.vectors.shape[1] == 0:
        raise DataError(f"{source}: the vectors have no dimensions")
    return table, classes


def _superclasses(
    source: Path, table: VectorTable, classes: tuple[str, ...]
) -> dict[str, str] | None:
    if "superclass" not in table.columns:
        return None
    superclass_of: dict[str, str] = {}
    for class_name, superclass in zip(classes, table.columns["superclass"], strict=True):
        if superclass_of.setdefault(class_name, superclass) != superclass:
            raise DataError(
                f"{source}: class {class_name!r} has two superclasses, "
                f"{superclass_of[class_name]!r} and {superclass!r}"
            )
    return superclass_of


def _fingerprint(table: VectorTable, classes: tuple[str, ...]) -> str:
    rows = np.ascontiguousarray(table.vectors, dtype="<f4")
    hashes = [hashlib.sha256(row.tobytes()).hexdigest() for row in rows]
    return dataset_fingerprint(table.ids, classes, hashes)
