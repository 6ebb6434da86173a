"""Margin loss with rho-regularised sampling."""

from oodml.methods.builtin.margin import Margin
from oodml.methods.registry import register_method


@register_method("r-margin")
class RMargin(Margin):
    """Margin loss whose triplets are switched with some probability: rho-regularised sampling.

    With probability ``switch`` a triplet has no positive pair, and its negative pair is the anchor
    and another item of its class: what keeps the embedding from using few directions. ooDML: 0.4
    and beta 0.6 on CUB, 0.35 and 0.6 on Cars, 0.15 and 0.9 on SOP.
    """

    family = "pairs and triplets"
    source = "Roth et al., Revisiting Training Strategies, ICML 2020; values of ooDML on CUB"
    formula = (
        "that of margin; with probability `switch` (a, p, n) is replaced by (a, a, p), for each "
        "anchor by itself"
    )

    beta = Margin.beta.with_default(0.6)
    switch = Margin.switch.with_default(0.4)
