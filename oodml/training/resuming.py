"""Everything that a checkpoint holds of a run, and a run continued from it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from oodml.training.checkpoints import Checkpoint
from oodml.training.distributed import Processes
from oodml.training.log import TrainingLog
from oodml.training.optimisers import Updates
from oodml.training.selection import Selection


@dataclass(frozen=True)
class Resumable:
    """The parts of a run that have state.

    Random choices need none: all that a step draws derives from (seed, step).
    """

    model: nn.Module
    terms: nn.Module
    updates: Updates
    selection: Selection | None
    log: TrainingLog
    processes: Processes

    def at(self, step: int, stopped: bool) -> dict[str, object]:
        """The state after ``step`` updates; ``stopped`` where the rule has ended the training."""
        return {
            "step": step,
            "stopped": stopped,
            "embedder": self.model.state_dict(),
            "terms": self.terms.state_dict(),
            "updates": self.updates.state(),
            "rule": self.selection.rule.state() if self.selection is not None else {},
            "log": self.log.rows,
        }

    def restore(self, checkpoint: Checkpoint | None) -> tuple[int, bool]:
        """Load the checkpoint, if there is one: steps done, and whether the rule had ended it.

        The leading process reads it and sends it to the others, which may be on other machines.
        """
        mine = checkpoint is not None and self.processes.leads
        state = self.processes.decided(checkpoint.load() if mine and checkpoint else None)
        if state is None:
            self.processes.align(self.model, self.terms)
            self.log.begin([])
            return 0, False
        self.model.load_state_dict(state["embedder"])
        self.terms.load_state_dict(state["terms"])
        self.updates.load_state(state["updates"])
        if self.selection is not None and state["rule"]:
            self.selection.rule.load_state(state["rule"])
        self.log.begin(state["log"])
        return int(state["step"]), bool(state["stopped"])
