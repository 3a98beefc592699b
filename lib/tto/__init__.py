"""Trajectory Transformers: reinforcement learning as one big sequence modeling problem."""

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tto.errors import TTOError
    from tto.exchange.hub import load
    from tto.model.trained import TrainedModel
    from tto.planning.controller import Controller

# Threads that spin while they wait take the processor from others, and on a busy machine from those
# that they wait for. It counts only if it is set before PyTorch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__all__ = ["Controller", "TTOError", "TrainedModel", "load"]

_HOME = {
    "Controller": "tto.planning.controller",
    "TTOError": "tto.errors",
    "TrainedModel": "tto.model.trained",
    "load": "tto.exchange.hub",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that the workflow can import `tto` without PyTorch."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
