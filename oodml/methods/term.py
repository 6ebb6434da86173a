"""Term: one summand of the loss. The only kind of part the training loop knows."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.methods.step import Step, full_precision


class Model(Protocol):
    """What a term may see of the network that is trained."""

    trunk: nn.Module
    head: nn.Module
    input_length: float  # features are scaled to this length before the head; 0: not at all

    def heads_of(self, features: Tensor) -> dict[str, Tensor]:
        """Head outputs [n, ...] of feature rows [n, F]; "embedding" is always there."""
        ...


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters of a term that the main optimiser trains, at ``factor`` times the learning rate.

    Attributes:
        weight_decay: of these; None for the training's.
    """

    parameters: list[nn.Parameter]
    factor: float = 1.0
    weight_decay: float | None = None


class Term(nn.Module):
    """One summand: a loss with its miner, a regulariser, a branch, a discriminator, a teacher.

    Everything that must survive an interruption stands in the state dict: parameters, buffers, and
    the term's own optimisers as `OwnOptimizer` modules. Random choices use torch's generator,
    which the loop seeds for every step.

    Class attributes:
        needs: of "maps" (the trunk's feature maps), "inputs" (the term reads ``step.inputs``; where
            several processes train they are gathered only then), "views" (two augmented views of an
            item) and "trunk" (a trunk that is trained, not cached features).
        learning_rate_factor: of all its parameters, where ``groups`` is not overridden.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    learning_rate_factor: float = 1.0

    def forward(self, step: Step) -> Tensor:
        """The summand, a scalar."""
        raise NotImplementedError

    def groups(self) -> list[ParameterGroup]:
        """What the main optimiser trains; a term leaves out what it trains itself."""
        own = list(self.parameters())
        return [ParameterGroup(own, self.learning_rate_factor)] if own else []

    def start(self, model: Model) -> None:
        """Called once before the first step, on the device, also when a run is continued."""

    def before_update(self, step: Step) -> None:
        """Called before the loss of a step is computed: own updates, for instance an adversary's."""

    def after_update(self, model: Model, step: Step) -> None:
        """Called after the weights moved: moving averages, queues."""

    def observed(self, step: Step) -> dict[str, Tensor]:
        """Scalars worth a column in the training log, by name; called on logged steps alone."""
        return {}

    def predict(self, embeddings: Tensor) -> Tensor:
        """Class index [n] of embeddings [n, D], for terms that carry a classifier."""
        raise NotImplementedError(f"{type(self).__name__} has no classifier")


class LossTerm(Term):
    """loss(embeddings, labels[, mined]) on one of the head's outputs.

    Args:
        loss: ``forward(embeddings [n, D], labels [n])``, a pytorch-metric-learning loss or any
            module of that form; it normalises where its definition does.
        miner: ``miner(embeddings, labels)`` -> what the loss takes as its third argument; None for
            all pairs or triplets.
        head: which output of the head.
    """

    def __init__(self, loss: nn.Module, miner: Any = None, head: str = "embedding") -> None:
        super().__init__()
        self.loss = loss
        self.miner = miner
        self.head = head

    @property
    def learning_rate_factor(self) -> float:  # type: ignore[override]
        return float(getattr(self.loss, "learning_rate_factor", 1.0))

    def forward(self, step: Step) -> Tensor:
        embeddings = full_precision(step.heads[self.head])
        if self.miner is None:
            value: Tensor = self.loss(embeddings, step.labels)
        else:
            value = self.loss(embeddings, step.labels, self.miner(embeddings, step.labels))
        return value

    def predict(self, embeddings: Tensor) -> Tensor:
        if not hasattr(self.loss, "predict"):
            return super().predict(embeddings)
        classifier: Any = self.loss
        predicted: Tensor = classifier.predict(embeddings)
        return predicted


class Scaled(Term):
    """``factor`` times another term."""

    def __init__(self, term: Term, factor: float) -> None:
        super().__init__()
        self.term = term
        self.factor = factor
        self.needs = term.needs  # type: ignore[misc]

    def forward(self, step: Step) -> Tensor:
        value: Tensor = self.factor * self.term(step)
        return value

    def groups(self) -> list[ParameterGroup]:
        return self.term.groups()

    def start(self, model: Model) -> None:
        self.term.start(model)

    def before_update(self, step: Step) -> None:
        self.term.before_update(step)

    def after_update(self, model: Model, step: Step) -> None:
        self.term.after_update(model, step)

    def observed(self, step: Step) -> dict[str, Tensor]:
        return self.term.observed(step)

    def predict(self, embeddings: Tensor) -> Tensor:
        return self.term.predict(embeddings)


class OwnOptimizer(nn.Module):
    """An optimiser as a part of a term: its state travels in the term's state dict.

    Args:
        parameters: what it trains.
        learning_rate: of Adam.
        betas: Adam's, of its two moving averages.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        learning_rate: float,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        super().__init__()
        # a list, not a module's attribute: the parameters belong to the term, not to this
        self._trained = [list(parameters)]
        self._learning_rate = learning_rate
        self._betas = betas
        self._optimizer: torch.optim.Optimizer | None = None
        self._waiting: dict[str, Any] | None = None

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """Made when first used, so that it holds the parameters as they are on their device."""
        if self._optimizer is None:
            self._optimizer = torch.optim.Adam(
                self._trained[0], lr=self._learning_rate, betas=self._betas
            )
            if self._waiting is not None:
                self._optimizer.load_state_dict(self._waiting)
                self._waiting = None
        return self._optimizer

    def minimise(self, loss: Tensor) -> None:
        """One update; only this optimiser's parameters get a gradient and move."""
        gradients = torch.autograd.grad(loss, self._trained[0])
        for parameter, gradient in zip(self._trained[0], gradients, strict=True):
            parameter.grad = gradient
        self.optimizer.step()
        self.optimizer.zero_grad()

    def get_extra_state(self) -> dict[str, Any]:
        return self.optimizer.state_dict()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        if self._optimizer is None:
            # a copy: until it is used, who gave it may train on
            self._waiting = copy.deepcopy(state)
        else:
            self._optimizer.load_state_dict(state)


def classifier_of(terms: Iterable[Term]) -> Term:
    """The first term that carries a classifier; UsageError where there is none."""
    for term in terms:
        inner = term.term if isinstance(term, Scaled) else term
        has_loss_classifier = isinstance(inner, LossTerm) and hasattr(inner.loss, "predict")
        own = type(inner).predict not in (Term.predict, LossTerm.predict)
        if has_loss_classifier or own:
            return term
    raise UsageError("no term of this method carries a classifier; use another predictor")
