"""aevb-bench: how well and how fast do algorithms learn a deep latent-variable model?

``bench.run`` runs a study, ``bench.load`` reads one back as pandas frames, and every algorithm can be used
alone: ``from bench.algorithms.aevb import AEVB``.  Importing ``bench`` imports neither torch nor pandas.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.algorithm import Algorithm, Hyperparameters
    from bench.api import load, run
    from bench.architecture import Architecture, Shape
    from bench.dataset import Data, Dataset
    from bench.estimator import Estimate, Estimator, estimate_log_likelihood
    from bench.models.observation import ObservationModel
    from bench.models.wrap import wrap_model
    from bench.options import option
    from bench.report import Report
    from bench.training.problem import Batch, Problem, StepInfo

__version__ = "0.1.0"

__all__ = [
    "Algorithm",
    "Architecture",
    "Batch",
    "Data",
    "Dataset",
    "Estimate",
    "Estimator",
    "Hyperparameters",
    "ObservationModel",
    "Problem",
    "Report",
    "Shape",
    "StepInfo",
    "estimate_log_likelihood",
    "load",
    "option",
    "run",
    "wrap_model",
]

_HOMES = {
    "Algorithm": "bench.algorithm",
    "Architecture": "bench.architecture",
    "Batch": "bench.training.problem",
    "Data": "bench.dataset",
    "Dataset": "bench.dataset",
    "Estimate": "bench.estimator",
    "Estimator": "bench.estimator",
    "Hyperparameters": "bench.algorithm",
    "ObservationModel": "bench.models.observation",
    "Problem": "bench.training.problem",
    "Report": "bench.report",
    "Shape": "bench.architecture",
    "StepInfo": "bench.training.problem",
    "estimate_log_likelihood": "bench.estimator",
    "load": "bench.api",
    "option": "bench.options",
    "run": "bench.api",
    "wrap_model": "bench.models.wrap",
}

# In a checkout the plugin folders lie beside `bench`; in an installed package they lie inside it.
if not (Path(__file__).parent / "algorithms").is_dir():
    __path__ = [*__path__, str(Path(__file__).parent.parent)]  # a new list: the module spec holds the old one


def __getattr__(name: str) -> object:
    """Import what is asked for, and only then (PEP 562), so that `bench --help` stays quick."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")
