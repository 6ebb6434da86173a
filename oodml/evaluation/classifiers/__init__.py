"""Classifiers of k-shot accuracy, one a file: labelled support rows in, a predictor out."""

from __future__ import annotations

from oodml.evaluation.classifiers.registry import (
    Classifier,
    LinearPredictor,
    Predictor,
    get_classifier,
    list_classifiers,
    register_classifier,
)

__all__ = [
    "Classifier",
    "LinearPredictor",
    "Predictor",
    "get_classifier",
    "list_classifiers",
    "register_classifier",
]
