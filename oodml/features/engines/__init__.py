"""Ways to run a network over batches, one file each; each registers itself.

``create_engine("auto", module, example)`` gives the fastest that agrees with torch.
"""

from oodml.features.engines.choice import candidates, create_engine
from oodml.features.engines.engine import Engine, EngineUnfit, list_engines, register_engine

__all__ = [
    "Engine",
    "EngineUnfit",
    "candidates",
    "create_engine",
    "list_engines",
    "register_engine",
]
