"""The one training loop: source training, head training and k-shot adaptation all run it.

It knows steps and terms, and no method.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass

from lightning_fabric import Fabric
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.core.hashing import derived_seed
from oodml.core.randomness import seed_all
from oodml.methods import Step, Term
from oodml.training.arithmetic import arithmetic, laid_out
from oodml.training.batch_norm import shared_batch_norm
from oodml.training.checkpoints import Checkpoint
from oodml.training.distributed import Processes
from oodml.training.failing import TrainingFailed, not_finite
from oodml.training.feed import Batch, Feed
from oodml.training.log import TrainingLog
from oodml.training.model import Embedder, Parts
from oodml.training.moments import Moments, moments_of, put_moments
from oodml.training.optimisers import Updates
from oodml.training.resuming import Resumable
from oodml.training.selection import Selection
from oodml.training.settings import TrainingSettings
from oodml.training.trunk import TrunkPass

__all__ = ["Trained", "TrainingFailed", "check_needs", "train"]


@dataclass(frozen=True)
class Trained:
    """How a run ended: updates made, the step whose weights were kept (None: the last), and the
    optimiser's moments after the last update."""

    steps: int
    kept_step: int | None
    moments: Moments | None = None


def train(
    model: Embedder,
    terms: Mapping[str, Term],
    feed: Feed,
    settings: TrainingSettings,
    fabric: Fabric,
    *,
    parts: Parts = "all",
    selection: Selection | None = None,
    checkpoint: Checkpoint | None = None,
    on_step: Callable[[int], None] | None = None,
    log: TrainingLog | None = None,
    moments: Moments | None = None,
) -> Trained:
    """Train ``model`` and ``terms`` in place for at most ``settings.steps`` updates.

    Every random choice of a step derives from (seed, step), so a run continued from a checkpoint
    takes the same steps as one that was not interrupted.

    Args:
        terms: the summands of the loss, in the order they are added.
        fabric: launched; where in several processes, each calls this alike, and a batch is that of
            all together.
        parts: "all", or "head" to leave the trunk as it is.
        selection: which weights are kept and when to stop; None keeps the last. The leading process
            scores.
        checkpoint, log, on_step: of the leading process; on_step is called with the steps done.
        moments: the optimiser's state to begin with, as `Trained.moments` of another training.

    Raises:
        UsageError: a term or a setting needs what this run does not have.
        TrainingFailed: the loss is not finite; says where and since when.
    """
    check_needs(terms, model)
    run = _Run(model, terms, feed, settings, fabric, parts, selection, log)
    if moments is not None:
        put_moments(run.updates.optimizer, model, moments)
    norms = model.trained_norms() if run.processes.several and parts == "all" else []
    with arithmetic(settings, model.trunk), shared_batch_norm(norms) if norms else nullcontext():
        try:
            done = run.steps(checkpoint, on_step)
        except BaseException:
            run.log.end("failed")
            raise
        run.log.end()
    model.eval()
    run.summands.eval()
    return Trained(done, run.kept(), moments_of(run.updates.optimizer, model))


class _Run:
    """A training at work: its parts, and what it does in a step."""

    def __init__(
        self,
        model: Embedder,
        terms: Mapping[str, Term],
        feed: Feed,
        settings: TrainingSettings,
        fabric: Fabric,
        parts: Parts,
        selection: Selection | None,
        log: TrainingLog | None,
    ) -> None:
        self.processes = Processes(fabric)
        self.log = log if log is not None and self.processes.leads else TrainingLog()
        self.summands = nn.ModuleDict(terms)
        fabric.to_device(model)
        fabric.to_device(self.summands)
        self._model, self._terms, self._feed = model, terms, feed
        self._settings, self._fabric, self._selection = settings, fabric, selection
        self._trains_trunk = parts == "all" and model.trains_trunk
        self._needs: frozenset[str] = frozenset().union(*(one.needs for one in terms.values()))
        self.updates = Updates(model, terms, settings, fabric, self.processes, parts)
        self._trunk = TrunkPass(
            model,
            fabric,
            self.processes,
            micro_batch=settings.micro_batch if self._trains_trunk else 0,
            maps="maps" in self._needs,
            seed=feed.seed,
        )
        self._on_processor = fabric.device.type == "cpu"
        self._last: float | None = None

    def steps(self, checkpoint: Checkpoint | None, on_step: Callable[[int], None] | None) -> int:
        """Train to the end; the number of steps done."""
        state = Resumable(
            self._model, self.summands, self.updates, self._selection, self.log, self.processes
        )
        start, stopped = state.restore(checkpoint)
        done, total = start, self._settings.steps
        self._model.train()
        if not self._trains_trunk:
            self._model.trunk.eval()
        self.summands.train()
        for term in self._terms.values():
            term.start(self._model)
        if start == 0:
            stopped = self._stopped(0)  # the start may be the best
        share = self.processes.rows if self.processes.several else None
        for batch in self._feed.steps(range(start, start if stopped else total), share):
            self._step(batch)
            done = batch.number + 1
            if done == total or done % self._settings.evaluate_every == 0:
                stopped = self._stopped(done)
            if self.processes.leads:
                if checkpoint is not None and done < total and checkpoint.due():
                    checkpoint.save(state.at(done, stopped))
                if on_step is not None:
                    on_step(done)
            if stopped:
                break
        return done

    def kept(self) -> int | None:
        """Put the weights that the rule keeps into the model: their step, None for the last."""
        if self._selection is None:
            return None
        leads = self.processes.leads
        found = self.processes.decided(self._selection.rule.finish(self._model) if leads else None)
        if found is not None:
            self.processes.align(self._model)
        return found

    def _stopped(self, done: int) -> bool:
        if self._selection is None or self._selection.rule.needs is None:
            return False
        leads = self.processes.leads
        stopped = self.processes.decided(
            self._selection.observe(done, self._model) if leads else False
        )
        self.log.scored(done, self._selection.read)
        return stopped

    def _step(self, batch: Batch) -> None:
        # for dropout, and whatever a loss draws from
        seed_all(derived_seed("step", self._feed.seed, batch.number))
        self.updates.begin(batch.number)
        step, back = self._seen(batch)
        for term in self._terms.values():
            term.before_update(step)
        values = {name: term(step) for name, term in self._terms.items()}
        first, *others = values.values()
        loss: Tensor = first
        for value in others:
            loss = loss + value
        total = loss.item()
        if not math.isfinite(total):
            known = {"model": self._model, "term": self.summands}
            rates = self.updates.rates
            raise not_finite(step, values, total, self._last, rates, known)
        self._last = total
        self.updates.clear()
        self._fabric.backward(loss)
        back()
        self.updates.update()
        for term in self._terms.values():
            term.after_update(self._model, step)
        if self.log.due(batch.number + 1, len(step.labels)):
            self.log.add(batch.number + 1, step, values, self._terms, self.updates.rates)

    def _to_device(self, values: Tensor) -> Tensor:
        moved: Tensor = values if self._on_processor else self._fabric.to_device(values)
        return moved

    def _seen(self, batch: Batch) -> tuple[Step, Callable[[], None]]:
        """The step as terms see it, and what takes its gradients into the trunk."""
        to_device, rows = self._to_device, len(batch.labels)
        inputs = laid_out(to_device(batch.inputs), self._settings)
        trained = self._trains_trunk and batch.number >= self._settings.freeze_backbone_steps
        passed = self._trunk(batch.number, inputs, rows, trained=trained)
        whole = None
        if "inputs" in self._needs:
            whole = self.processes.gathered(inputs, rows)
        with self._fabric.autocast():
            heads = self._model.heads_of(passed.features)
        step = Step(
            number=batch.number,
            labels=to_device(batch.labels),
            items=to_device(batch.items),
            views=to_device(batch.views),
            support=None if batch.support is None else to_device(batch.support),
            inputs=whole,
            features=passed.features,
            maps=passed.maps,
            heads=heads,
        )
        return step, passed.back


def check_needs(terms: Mapping[str, Term], model: Embedder) -> None:
    """Raise UsageError where a term needs feature maps or a trained trunk and there is none."""
    for name, term in terms.items():
        lacking = sorted({"maps", "trunk"} & term.needs)
        if lacking and not model.trains_trunk:
            what = {"maps": "feature maps", "trunk": "a backbone that is trained"}[lacking[0]]
            raise UsageError(
                f"term {name!r} needs {what}, and cached features have none; use training.mode "
                '"network", or the method\'s option that does without'
            )
