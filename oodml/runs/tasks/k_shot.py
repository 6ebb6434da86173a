"""k-shot accuracy on episodes, with the method's own adaptation if it has one."""

from __future__ import annotations

import numpy as np

from oodml.core.parameters import Parameter
from oodml.evaluation import episode_accuracy, t_interval
from oodml.runs.plan.split import Split
from oodml.runs.results.row import result_row
from oodml.runs.tasks.base import Task, TaskContext, TaskOutput, register_task
from oodml.runs.tasks.episodes import Episode, check_shot_numbers, check_shots, split_episodes
from oodml.runs.training_run import TrainedModel
from oodml.shift import Ladder


@register_task("k-shot")
class KShot(Task):
    """Mean accuracy over episodes, with its t-interval, for each k.

    Methods without an adaptation are scored by cosine 1-NN to the support; an adapting method's
    model is adapted to each episode's support first.
    """

    shots = Parameter((5,), "k, images a class in the support")
    episodes = Parameter(10, "episodes a k, of those in the ladder", minimum=1)

    def check(self) -> None:
        check_shot_numbers(self.shots)

    def check_split(self, split: Split, ladder: Ladder) -> None:
        check_shots(self.shots, split, ladder)

    def adaptations(self) -> dict[int, int]:
        return dict.fromkeys(self.shots, self.episodes)

    def run(self, context: TaskContext) -> TaskOutput:
        rows = []
        for shots in self.shots:
            episodes = split_episodes(context, shots, self.episodes)
            if not episodes:
                continue  # no class has more than k images; the ladder's file says so
            estimate = t_interval(self._accuracies(context, episodes, shots), over="episodes")
            name = f"accuracy_{shots}_shot"
            rows.append(result_row(name, estimate.value, estimate.n, estimate, shots=shots))
        return TaskOutput(rows)

    def _accuracies(
        self, context: TaskContext, episodes: list[Episode], shots: int
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        if context.model is None or not context.model.adapts(shots):
            return episode_accuracy(
                context.embeddings,
                context.split.test.labels,
                [episode.support for episode in episodes],
                query=[episode.query for episode in episodes],
            )
        return np.array(
            [
                _adapted_accuracy(context, context.model, episode, shots, number)
                for number, episode in enumerate(episodes)
            ]
        )


def _adapted_accuracy(
    context: TaskContext, model: TrainedModel, episode: Episode, shots: int, number: int
) -> float:
    rows = context.split.test.rows
    adapted = model.adapted(
        rows[episode.support],
        episode.support_labels,
        shots=shots,
        seed=context.cell.derived_seed("adaptation", shots, number),
    )
    queries = adapted.embed(rows[episode.query])
    if adapted.predictor == "classifier":
        return float((adapted.predict(queries) == episode.query_labels).mean())
    supports = adapted.embed(rows[episode.support])
    labels = np.concatenate([episode.support_labels, episode.query_labels])
    accuracy = episode_accuracy(
        np.concatenate([supports, queries]),
        labels,
        [np.arange(len(supports))],
        classifier=adapted.predictor,
    )
    return float(accuracy[0])
