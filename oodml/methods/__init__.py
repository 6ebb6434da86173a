"""What is compared: methods made of terms, heads, batch rules and adaptations, by name."""

from oodml.core.parameters import Parameter
from oodml.methods.adaptation import Adaptation
from oodml.methods.batch_rule import BatchRule, Drawn, register_batch_rule
from oodml.methods.method import LossMethod, Method
from oodml.methods.registry import (
    create_method,
    list_methods,
    list_wrappers,
    register_method,
    register_wrapper,
)
from oodml.methods.step import Dims, Step
from oodml.methods.term import LossTerm, OwnOptimizer, ParameterGroup, Term
from oodml.methods.terms.spherical import SphericalConstraint
from oodml.methods.wrapper import Wrapper

__all__ = [
    "Adaptation",
    "BatchRule",
    "Dims",
    "Drawn",
    "LossMethod",
    "LossTerm",
    "Method",
    "OwnOptimizer",
    "Parameter",
    "ParameterGroup",
    "SphericalConstraint",
    "Step",
    "Term",
    "Wrapper",
    "create_method",
    "list_methods",
    "list_wrappers",
    "register_batch_rule",
    "register_method",
    "register_wrapper",
]
