"""Probe: a simple classifier on the embedding, fitted on a few images."""

from __future__ import annotations

from oodml.core.parameters import Parameter
from oodml.evaluation import episode_accuracy, t_interval
from oodml.runs.plan.split import Split
from oodml.runs.results.row import result_row
from oodml.runs.tasks.base import Task, TaskContext, TaskOutput, register_task
from oodml.runs.tasks.episodes import check_shot_numbers, check_shots, split_episodes
from oodml.shift import Ladder


@register_task("probe")
class Probe(Task):
    """Accuracy of a classifier fitted on each episode's support; nothing is adapted.

    The metric names the classifier: ``accuracy_5_shot_linear`` is a logistic regression on unit
    embeddings; see :func:`oodml.evaluation.episode_accuracy` for all of them.
    """

    shots = Parameter((5,), "images a class in the support")
    episodes = Parameter(10, "episodes a number of shots, of those in the ladder", minimum=1)
    classifier = Parameter(
        "linear", "what is fitted on the support", choices=("linear", "prototype", "nearest")
    )

    def check(self) -> None:
        check_shot_numbers(self.shots)

    def metric_names(self) -> tuple[str, ...]:
        return tuple(f"accuracy_{shots}_shot_{self.classifier}" for shots in self.shots)

    def makes(self, metric: str) -> bool:
        families = [f"accuracy_{shots}_shot" for shots in self.shots]
        return metric in (*self.metric_names(), *families)

    def check_split(self, split: Split, ladder: Ladder) -> None:
        check_shots(self.shots, split, ladder)

    def run(self, context: TaskContext) -> TaskOutput:
        rows = []
        for shots in self.shots:
            episodes = split_episodes(context, shots, self.episodes)
            if not episodes:
                continue
            accuracies = episode_accuracy(
                context.embeddings,
                context.split.test.labels,
                [episode.support for episode in episodes],
                query=[episode.query for episode in episodes],
                classifier=self.classifier,
            )
            estimate = t_interval(accuracies, over="episodes")
            name = f"accuracy_{shots}_shot_{self.classifier}"
            rows.append(result_row(name, estimate.value, estimate.n, estimate, shots=shots))
        return TaskOutput(rows)
