"""What is compared: objectives and adaptations with declared hyper-parameters, by name."""

from oodml.core.parameters import Parameter
from oodml.methods.method import (
    Adaptation,
    Method,
    Objective,
    create_method,
    list_methods,
    register_method,
)
from oodml.methods.terms.spherical import SphericalConstraint

__all__ = [
    "Adaptation",
    "Method",
    "Objective",
    "Parameter",
    "SphericalConstraint",
    "create_method",
    "list_methods",
    "register_method",
]
