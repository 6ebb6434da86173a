"""Loggers of other packages, by name, behind Lightning's interface. None is needed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lightning_fabric.loggers import Logger, TensorBoardLogger

from oodml.core.errors import UsageError
from oodml.core.hints import name_hint


def make_logger(name: str, folder: Path, run: str) -> Logger:
    """A logger for a training.

    Args:
        name: "tensorboard" or "wandb".
        folder: where it may keep files, in a folder of its own.
        run: names the training.

    Raises:
        UsageError: no such logger, or its package is not installed.
    """
    check_logger(name)
    made: Logger = _LOGGERS[name][1](folder, run)
    return made


def check_logger(name: str) -> None:
    """UsageError where ``make_logger`` would raise it."""
    if name not in _LOGGERS:
        raise UsageError(
            f"logger {name!r}: there is none of that name; {name_hint(name, list(_LOGGERS))}",
            key="logger",
        )
    packages = _LOGGERS[name][0]
    if not any(find_spec(one) for one in packages):
        raise UsageError(
            f"logger {name!r} needs package {' or '.join(packages)}; install it, or leave the logger "
            "out: the CSV file holds the same",
            key="logger",
        )


def _tensorboard(folder: Path, run: str) -> Logger:
    return TensorBoardLogger(folder, name="tensorboard", version=run)


class _WeightsAndBiases(Logger):
    """Weights & Biases, which Fabric has no logger for; mode and login are the user's settings."""

    def __init__(self, folder: Path, run: str) -> None:
        import wandb

        self._version = run
        self._run: Any = wandb.init(project="oodml", name=run, dir=str(folder), reinit=True)

    @property
    def name(self) -> str:
        return "wandb"

    @property
    def version(self) -> str:
        return self._version

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        self._run.config.update(params)

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self._run.log(metrics, step=step)

    def finalize(self, status: str) -> None:
        self._run.finish(exit_code=0 if status == "success" else 1)


_LOGGERS: dict[str, tuple[tuple[str, ...], Callable[[Path, str], Logger]]] = {
    "tensorboard": (("tensorboard", "tensorboardX"), _tensorboard),
    "wandb": (("wandb",), _WeightsAndBiases),
}
