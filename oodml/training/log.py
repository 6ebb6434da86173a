"""The training log: a line of figures every so many steps, as CSV and to a logger of the user's."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from lightning_fabric.loggers import Logger
from torch import Tensor

from oodml.core.files import make_folder, writing
from oodml.methods import Step, Term

Row = dict[str, float | int]


class TrainingLog:
    """Lines of figures of one training.

    Columns: step, loss, ``term/<name>`` each summand, ``rate/<group>`` learning rates, the norms of
    the embeddings of the batch (mean and variance), ``<term>/<name>`` what terms observe, and
    images_per_second since the line before. What the selection rule reads has lines of its own,
    ``score/<name>``.

    Args:
        path: of the CSV file; None to write none. One that is there is replaced.
        every: steps between lines; 0 for none.
        logger: Lightning's interface, given the same figures.
    """

    def __init__(
        self, path: Path | None = None, every: int = 0, logger: Logger | None = None
    ) -> None:
        self.rows: list[Row] = []
        self._path = path
        self._every = every if path is not None or logger is not None else 0
        self._logger = logger
        self._file: IO[str] | None = None
        self._columns: list[str] = []
        self._images = 0
        self._since = time.perf_counter()

    def begin(self, rows: list[Row]) -> None:
        """Start from the lines of the run that is continued."""
        self.rows = list(rows)
        self._images, self._since = 0, time.perf_counter()
        if self._every and self._path is not None:
            make_folder(self._path.parent)
            self._write_all()

    def due(self, done: int, images: int) -> bool:
        """Whether the step that was just done has a line; counts its images."""
        self._images += images
        return self._every > 0 and done % self._every == 0

    def add(
        self,
        done: int,
        step: Step,
        values: Mapping[str, Tensor],
        terms: Mapping[str, Term],
        rates: Mapping[str, float],
    ) -> None:
        """Write a step's line.

        Args:
            values: the summands of its loss.
        """
        figures = figures_of(step, values, terms)
        now = time.perf_counter()
        row: Row = {"step": done, **figures, **{f"rate/{k}": v for k, v in rates.items()}}
        row["images_per_second"] = self._images / max(now - self._since, 1e-9)
        self._images, self._since = 0, now
        self._put(row)

    def _put(self, row: Row) -> None:
        self.rows.append(row)
        if self._logger is not None:
            figures = {k: float(v) for k, v in row.items() if k != "step"}
            self._logger.log_metrics(figures, int(row["step"]))
        if self._path is None:
            return
        if self._file is None or set(row) - set(self._columns):
            self._write_all()
        else:
            with writing(self._path):
                self._writer().writerow(row)
                self._file.flush()

    def scored(self, done: int, scores: Mapping[str, float]) -> None:
        """Write what the selection rule read after a step, a line of its own."""
        if self._every and scores:
            self._put({"step": done, **{f"score/{name}": v for name, v in scores.items()}})

    def end(self, status: str = "success") -> None:
        """Close what is open."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._logger is not None:
            self._logger.finalize(status)

    def _write_all(self) -> None:
        """All lines anew: a column has come, or the run before went further than its checkpoint."""
        assert self._path is not None
        if self._file is not None:
            self._file.close()
        self._columns = list(dict.fromkeys(key for row in self.rows for key in row))
        with writing(self._path):
            self._file = self._path.open("w", encoding="utf-8", newline="")
            if self.rows:
                writer = self._writer()
                writer.writeheader()
                writer.writerows(self.rows)
            self._file.flush()

    def _writer(self) -> csv.DictWriter[str]:
        assert self._file is not None
        return csv.DictWriter(self._file, self._columns, restval="", lineterminator="\n")


@torch.no_grad()
def figures_of(
    step: Step, values: Mapping[str, Tensor], terms: Mapping[str, Term]
) -> dict[str, float]:
    """Loss, summands, norms and what terms observe, taken off the device at once."""
    norms = step.embedding.detach().norm(dim=1)
    found: dict[str, Tensor] = {"loss": torch.stack([v.detach() for v in values.values()]).sum()}
    found |= {f"term/{name}": value for name, value in values.items()}
    found |= {"norm_mean": norms.mean(), "norm_variance": norms.var(unbiased=False)}
    for name, term in terms.items():
        found |= {f"{name}/{key}": value for key, value in term.observed(step).items()}
    numbers: list[Any] = torch.stack(
        [v.detach().double().reshape(()) for v in found.values()]
    ).tolist()
    return dict(zip(found, numbers, strict=True))
