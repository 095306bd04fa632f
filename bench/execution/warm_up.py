"""Warm-up of a worker: it imports whatever a trial needs while the caller is still planning.

Importing this module imports nothing heavy, so that workers can be started before the caller itself imports PyTorch.
"""

from __future__ import annotations

import gc
from importlib import import_module


def warm_up() -> None:
    """Import the code of trials, and make PyTorch load its optimisers: seconds that no trial has to wait for."""
    gc.disable()  # the modules' objects remain, and scanning them repeatedly takes a fifth of the time
    try:
        import torch

        from bench.training import optimiser

        import_module("bench.execution.trial")
        optimiser.warm_up(torch.device("cpu"))
        gc.freeze()
    finally:
        gc.enable()
