"""A cell: one trained and evaluated combination, identified by everything it depends on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from oodml.core.hashing import sha256_json
from oodml.methods import Method, create_method
from oodml.runs.spec import PROTOCOL_VERSION, BenchmarkSpec


@dataclass(frozen=True)
class Cell:
    """Pure data: two cells with equal fields give equal numbers on one machine."""

    dataset: str
    dataset_fingerprint: str
    ladder: str
    ladder_sha256: str
    level: int
    method: str
    hyper_parameters: dict[str, Any]
    backbone: str
    features_key: str
    training: dict[str, Any]
    evaluation: dict[str, Any]
    seed: int
    protocol: str

    @property
    def run_id(self) -> str:
        """16 hex digits of the hash of every field but the data set's and the ladder's names."""
        identity = {k: v for k, v in asdict(self).items() if k not in ("dataset", "ladder")}
        return sha256_json(identity)[:16]

    def create_method(self) -> Method:
        return create_method(self.method, **self.hyper_parameters)

    @property
    def title(self) -> str:
        return f"{self.create_method().label}, level {self.level}, seed {self.seed}"


def grid(
    spec: BenchmarkSpec,
    *,
    dataset_fingerprint: str,
    ladder: str,
    ladder_sha256: str,
    levels: list[int],
    backbone: str,
    features_key: str,
) -> list[Cell]:
    """All cells of a spec: methods x levels x seeds.

    A method that does not train depends on neither seed nor training settings: one cell a level.
    """
    plain = spec.model_dump(mode="json")
    cells = []
    for level in levels:
        for entry in spec.methods:
            method = entry.create()
            for seed in spec.seeds if method.trains else (0,):
                cells.append(
                    Cell(
                        dataset=spec.dataset,
                        dataset_fingerprint=dataset_fingerprint,
                        ladder=ladder,
                        ladder_sha256=ladder_sha256,
                        level=level,
                        method=method.name,
                        hyper_parameters=method.hyper_parameters if method.trains else {},
                        backbone=backbone,
                        features_key=features_key,
                        training=plain["training"] if method.trains else {},
                        evaluation=plain["evaluation"],
                        seed=seed,
                        protocol=PROTOCOL_VERSION,
                    )
                )
    return cells
