"""Do k-means clusters of the unit vectors agree with the classes?"""

from __future__ import annotations

from oodml.core.errors import UsageError
from oodml.evaluation.clustering import ami as ami_of
from oodml.evaluation.clustering import f1_pairwise as f1_of
from oodml.evaluation.clustering import nmi as nmi_of
from oodml.evaluation.metrics.embedding_set import EmbeddingSet
from oodml.evaluation.metrics.registry import register_embedding_metric

_NMI = "2 I(class, cluster) / (H(class) + H(cluster))"
_F1 = "2 P R / (P + R) over pairs of images"
_K = "k-means of unit vectors, k = number of classes"


@register_embedding_metric(
    "nmi",
    formula=f"{_NMI}; {_K}, 1 start",
    source="Song et al. 2016; Vinh et al. 2010 (NMI_sum)",
    unit="share",
)
def nmi(embeddings: EmbeddingSet) -> float:
    """Normalised mutual information of k-means clusters and classes.

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [2, 0], [0, 1], [0, 3]], [0, 1, 1, 1])
    >>> round(nmi(rows), 4)
    0.3437
    """
    return nmi_of(embeddings.contingency(embeddings.classes, 1))


@register_embedding_metric(
    "ami",
    formula=f"(I - E[I]) / (mean(H) - E[I]); {_K}, 1 start",
    source="Vinh, Epps, Bailey 2010 (AMI_sum)",
    unit="share",
)
def ami(embeddings: EmbeddingSet) -> float:
    """Adjusted mutual information: unlike NMI, 0 in the mean for random clusters of any number.

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [2, 0], [0, 1], [0, 3]], [0, 1, 1, 1])
    >>> abs(round(ami(rows), 4))
    0.0
    """
    return ami_of(embeddings.contingency(embeddings.classes, 1))


@register_embedding_metric(
    "f1_pairwise", formula=f"{_F1}; {_K}, 1 start", source="Song et al. 2016", unit="share"
)
def f1_pairwise(embeddings: EmbeddingSet) -> float:
    """F1 of "same cluster" as a guess of "same class" over all pairs.

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [2, 0], [0, 1], [0, 3]], [0, 1, 1, 1])
    >>> round(f1_pairwise(rows), 4)
    0.4
    """
    return f1_of(embeddings.contingency(embeddings.classes, 1))


@register_embedding_metric(
    "nmi_sec",
    formula=f"{_NMI}; {_K}, best of 10 starts",
    source="Zhang et al. 2020 (SEC), released code with scikit-learn's n_init of its time",
    unit="share",
)
def nmi_sec(embeddings: EmbeddingSet) -> float:
    """NMI with the restarts SEC's code had.

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [2, 0], [0, 1], [0, 3]], [0, 1, 1, 1])
    >>> round(nmi_sec(rows), 4)
    0.3437
    """
    return nmi_of(embeddings.contingency(embeddings.classes, 10))


@register_embedding_metric(
    "f1_pairwise_sec",
    formula=f"{_F1}; {_K}, best of 10 starts",
    source="Zhang et al. 2020 (SEC), released code",
    unit="share",
)
def f1_pairwise_sec(embeddings: EmbeddingSet) -> float:
    """Pairwise F1 with the restarts SEC's code had.

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [2, 0], [0, 1], [0, 3]], [0, 1, 1, 1])
    >>> round(f1_pairwise_sec(rows), 4)
    0.4
    """
    return f1_of(embeddings.contingency(embeddings.classes, 10))


@register_embedding_metric(
    "nmi_oodml",
    formula=f"{_NMI}; k-means of unit vectors, k = number of training classes",
    source="Milbich et al. 2021 (ooDML), released code",
    unit="share",
)
def nmi_oodml(embeddings: EmbeddingSet) -> float:
    """NMI with as many clusters as there were training classes.

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [2, 0], [0, 1], [0, 3]], [0, 1, 1, 1], train_classes=2)
    >>> round(nmi_oodml(rows), 4)
    0.3437
    """
    return nmi_of(embeddings.contingency(_train_classes(embeddings), 1))


@register_embedding_metric(
    "f1_pairwise_oodml",
    formula=f"{_F1}; k-means of unit vectors, k = number of training classes",
    source="Milbich et al. 2021 (ooDML), released code",
    unit="share",
)
def f1_pairwise_oodml(embeddings: EmbeddingSet) -> float:
    """Pairwise F1 with as many clusters as there were training classes.

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [2, 0], [0, 1], [0, 3]], [0, 1, 1, 1], train_classes=2)
    >>> round(f1_pairwise_oodml(rows), 4)
    0.4
    """
    return f1_of(embeddings.contingency(_train_classes(embeddings), 1))


def _train_classes(embeddings: EmbeddingSet) -> int:
    if embeddings.train_classes is None:
        raise UsageError(
            "nmi_oodml and f1_pairwise_oodml cluster into as many groups as there were training "
            "classes: pass train_classes, or use nmi and f1_pairwise"
        )
    return embeddings.train_classes
