"""k-shot accuracy on episodes, with the method's own adaptation if it has one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.evaluation import episode_accuracy, t_interval
from oodml.evaluation.classifiers import get_classifier
from oodml.runs.plan.split import Split
from oodml.runs.results.row import result_row
from oodml.runs.tasks.base import Task, TaskContext, TaskOutput, register_task
from oodml.runs.tasks.episodes import Episode, check_shot_numbers, check_shots, split_episodes
from oodml.runs.training_run import TrainedModel
from oodml.shift import Ladder


@register_task("k-shot")
class KShot(Task):
    """Mean accuracy over episodes, with its t-interval, for each k and each way to decide.

    ``accuracy_5_shot_nearest`` is that of a classifier on the embeddings as they are: cosine 1-NN to
    the support, the nearest class mean, or with ``probe`` a logistic regression. A method with an
    adaptation has ``accuracy_5_shot_adapted_...`` besides: its model is adapted to each episode's
    support first, and what decides then is named; with fewer shots than it needs it is scored
    unadapted, by the classifier it names. Comparing an adapted method with frozen features
    under another classifier would compare classifiers.
    """

    version = 2

    shots = Parameter((5,), "k, images a class in the support")
    episodes = Parameter(10, "episodes a k, of those in the ladder", minimum=1)
    ways = Parameter(
        0, "classes of an episode, drawn alike for all methods; 0: all that it has", minimum=0
    )
    classifiers = Parameter(("nearest", "unit-prototype"), "that decide on embeddings as they are")
    probe = Parameter(
        "untrained",
        "where a logistic probe decides too: nowhere, on untrained features, or for every method; "
        "it takes seconds an episode",
        choices=("none", "untrained", "all"),
    )

    def check(self) -> None:
        check_shot_numbers(self.shots)
        if self.ways == 1:
            raise UsageError("ways: an episode needs at least 2 classes (0: all that it has)")
        for name in self.classifiers:
            try:
                get_classifier(name)
            except UsageError as error:
                raise UsageError(f"classifiers: {error}") from None

    def metric_names(self) -> tuple[str, ...]:
        """Each k's family; ``oodml table`` gathers under it what differs by what decides."""
        return tuple(f"accuracy_{shots}_shot" for shots in self.shots)

    def makes(self, metric: str) -> bool:
        return any(metric == one or metric.startswith(f"{one}_") for one in self.metric_names())

    def check_split(self, split: Split, ladder: Ladder) -> None:
        check_shots(self.shots, split, ladder)

    def adaptations(self) -> dict[int, int]:
        return dict.fromkeys(self.shots, self.episodes)

    def run(self, context: TaskContext) -> TaskOutput:
        rows = []
        for shots in self.shots:
            episodes = split_episodes(context, shots, self.episodes, self.ways)
            if not episodes:
                continue  # no class has more than k images; the ladder's file says so
            for way, accuracies in self._accuracies(context, episodes, shots):
                # other episodes of the same classes would fall in it; other classes may not
                estimate = t_interval(accuracies, over="episodes of these classes")
                name = f"accuracy_{shots}_shot_{way.replace('-', '_')}"
                rows.append(result_row(name, estimate.value, estimate.n, estimate, shots=shots))
        return TaskOutput(rows)

    def _accuracies(
        self, context: TaskContext, episodes: list[Episode], shots: int
    ) -> Iterator[tuple[str, NDArray[np.float64]]]:
        probed = self.probe == "all" or (self.probe == "untrained" and context.model is None)
        names = [*self.classifiers, *(["probe"] if probed else [])]
        decider = context.model.decider(shots) if context.model is not None else None
        if decider is not None:
            names.append(decider)
        for name in dict.fromkeys(names):
            yield (
                name,
                episode_accuracy(
                    context.embeddings,
                    context.split.test.labels,
                    [episode.support for episode in episodes],
                    query=[episode.query for episode in episodes],
                    classifier=name,
                ),
            )
        model = context.model
        if model is not None and model.learns(shots):
            found = [
                _adapted_accuracy(context, model, episode, shots, number)
                for number, episode in enumerate(episodes)
            ]
            yield f"adapted_{found[0][0]}", np.array([accuracy for _, accuracy in found])


def _adapted_accuracy(
    context: TaskContext, model: TrainedModel, episode: Episode, shots: int, number: int
) -> tuple[str, float]:
    """What decides after the adaptation, and its accuracy."""
    rows = context.split.test.rows
    adapted = model.adapted(
        rows[episode.support],
        episode.support_labels,
        seed=context.cell.derived_seed("adaptation", shots, number),
    )
    queries = adapted.embed(rows[episode.query])
    if adapted.predictor == "classifier":
        return adapted.predictor, float((adapted.predict(queries) == episode.query_labels).mean())
    supports = adapted.embed(rows[episode.support])
    labels = np.concatenate([episode.support_labels, episode.query_labels])
    accuracy = episode_accuracy(
        np.concatenate([supports, queries]),
        labels,
        [np.arange(len(supports))],
        classifier=adapted.predictor,
    )
    return adapted.predictor, float(accuracy[0])
