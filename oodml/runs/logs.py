"""Where the log of a cell's training goes. It is no result: it holds times, and is not sealed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from oodml.runs.plan.cell import Cell
from oodml.training import TrainingLog
from oodml.training.loggers import make_logger

LOG_EVERY = 50


@dataclass(frozen=True)
class Logs:
    """The logs of a benchmark's cells.

    Attributes:
        folder: the benchmark's; a cell's log is ``logs/<run id>.csv`` in it.
        every: steps between lines; 0 for no logs.
        logger: of `oodml.training.loggers`, for the same lines; "" for none.
    """

    folder: Path
    every: int = LOG_EVERY
    logger: str = ""

    def of(self, cell: Cell) -> TrainingLog:
        """The cell's, not yet open."""
        folder = self.folder / "logs"
        logger = (
            make_logger(self.logger, folder, cell.run_id) if self.logger and self.every else None
        )
        return TrainingLog(folder / f"{cell.run_id}.csv", self.every, logger)
