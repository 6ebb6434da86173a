"""Few-shot retrieval: is retrieval among the new classes better after adapting to a few images?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.core.parameters import Parameter
from oodml.evaluation import evaluate, t_interval
from oodml.methods import Adaptation, Method
from oodml.methods.few_shot_dml import oodml_adaptation
from oodml.runs.plan.split import Split
from oodml.runs.results.row import ResultValues, result_row
from oodml.runs.tasks.base import Task, TaskContext, TaskOutput, register_task
from oodml.runs.tasks.episodes import Episode, check_shot_numbers, check_shots, split_episodes
from oodml.runs.training_run import TrainedModel
from oodml.shift import Ladder

_METRICS = ("recall_at_1", "map_at_r", "map_at_1000_oodml")
_MOMENTS = ("before", "after", "gain")


@register_task("few-shot")
class FewShot(Task):
    """Recall@1, MAP@R and ooDML's mAP@1000 among the query images before and after adapting to the support.

    One row each for ``..._before``, ``..._after`` and ``..._gain`` (after - before, episode by episode),
    means over episodes with t-intervals. With ``adapt_by = "method"`` a model adapts as its method
    says; methods without an adaptation, or that need more shots, have no rows. With "oodml" every
    trained model adapts as in ooDML: its last layer, by margin loss, whatever it was trained by.
    """

    version = 2

    shots = Parameter((2, 5), "images a class in the support")
    episodes = Parameter(10, "episodes a number of shots, of those in the ladder", minimum=1)
    adapt_by = Parameter(
        "method",
        "how models adapt: as their method says, or as in ooDML",
        choices=("method", "oodml"),
    )
    trains = Parameter(
        "head",
        "what ooDML's adaptation moves: the last layer, or all that the training moved",
        choices=("head", "all"),
    )
    steps = Parameter(
        None,
        "updates of ooDML's adaptation; by default 1000 for 2 shots, else 1500",
        kind=int,
        minimum=1,
    )
    learning_rate_factor = Parameter(
        10.0, "times the training learning rate, in ooDML's adaptation", above=0.0
    )

    def check(self) -> None:
        check_shot_numbers(self.shots)

    def metric_names(self) -> tuple[str, ...]:
        return tuple(
            f"{metric}_{shots}_shot_{moment}"
            for shots in self.shots
            for metric in _METRICS
            for moment in _MOMENTS
        )

    def check_split(self, split: Split, ladder: Ladder) -> None:
        check_shots(self.shots, split, ladder)

    def adaptations(self) -> dict[int, int]:
        return dict.fromkeys(self.shots, self.episodes)

    def adaptation_of(self, method: Method, shots: int) -> Adaptation | None:
        if self.adapt_by == "method":
            return method.adaptation()
        if not method.trains:
            return None
        return oodml_adaptation(
            method.name,
            shots,
            trains="all" if self.trains == "all" else "head",
            steps=self.steps,
            learning_rate_factor=self.learning_rate_factor,
        )

    def run(self, context: TaskContext) -> TaskOutput:
        rows: list[ResultValues] = []
        for shots in self.shots:
            model = context.model
            adaptation = None if model is None else self.adaptation_of(model.method, shots)
            if model is None or adaptation is None or not adaptation.learns(shots):
                continue
            episodes = [
                episode
                for episode in split_episodes(context, shots, self.episodes)
                if np.bincount(episode.query_labels, minlength=1).max() > 1  # else nothing to score
            ]
            if episodes:
                rows += _rows(context, model, adaptation, episodes, shots)
        return TaskOutput(rows)


def _rows(
    context: TaskContext,
    model: TrainedModel,
    adaptation: Adaptation,
    episodes: list[Episode],
    shots: int,
) -> list[ResultValues]:
    test = context.split.test.rows
    before, after = [], []
    for number, episode in enumerate(episodes):
        adapted = model.adapted(
            test[episode.support],
            episode.support_labels,
            adaptation=adaptation,
            # the same adapted model as the k-shot task's
            seed=context.cell.derived_seed("adaptation", shots, number),
        )
        before.append(_scores(context.embeddings[episode.query], episode.query_labels))
        after.append(_scores(adapted.embed(test[episode.query]), episode.query_labels))
    found = []
    for place, metric in enumerate(_METRICS):
        first = np.array([values[place] for values in before])
        second = np.array([values[place] for values in after])
        for moment, scores in zip(_MOMENTS, (first, second, second - first), strict=True):
            estimate = t_interval(scores, over="episodes")
            name = f"{metric}_{shots}_shot_{moment}"
            found.append(result_row(name, estimate.value, estimate.n, estimate, shots=shots))
    return found


def _scores(embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> list[float]:
    metrics = evaluate(embeddings, labels, metrics=list(_METRICS)).metrics
    return [metrics[name] for name in _METRICS]
