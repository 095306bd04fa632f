"""aevb-bench: how well and how fast do algorithms learn a deep latent-variable model?

``bench.run`` runs a study, ``bench.load`` reads one back as pandas frames, and ``bench.report``, ``bench.compare``,
``bench.power``, ``bench.estimate``, ``bench.export``, ``bench.check`` and ``bench.profile`` do what the commands of
these names do.  Every algorithm can be used alone: ``from bench.algorithms.aevb import AEVB``.  Importing ``bench``
imports neither torch nor pandas.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.algorithm import Algorithm, Hyperparameters
    from bench.api import check, compare, estimate, export, load, plugin_checks, power, profile, report, run
    from bench.architecture import Architecture, Shape
    from bench.dataset import Data, Dataset
    from bench.estimator import Estimate, Estimator, estimate_log_likelihood
    from bench.execution.backend import Backend, Outcome, Workers
    from bench.execution.execution import Execution
    from bench.likelihood.diagnosis import diagnose
    from bench.models.latent import LatentVariableModel
    from bench.models.observation import ObservationModel
    from bench.models.wrap import wrap_model
    from bench.options import option
    from bench.report import Figure, Report, Table
    from bench.reporting.comparison.compare import Comparison
    from bench.results.frames import Results
    from bench.studies.study import Study
    from bench.training.problem import Batch, Problem, StepInfo

__version__ = "0.1.0"

__all__ = [
    "Algorithm",
    "Architecture",
    "Backend",
    "Batch",
    "Comparison",
    "Data",
    "Dataset",
    "Estimate",
    "Estimator",
    "Execution",
    "Figure",
    "Hyperparameters",
    "LatentVariableModel",
    "ObservationModel",
    "Outcome",
    "Problem",
    "Report",
    "Results",
    "Shape",
    "StepInfo",
    "Study",
    "Table",
    "Workers",
    "check",
    "compare",
    "diagnose",
    "estimate",
    "estimate_log_likelihood",
    "export",
    "load",
    "option",
    "plugin_checks",
    "power",
    "profile",
    "report",
    "run",
    "wrap_model",
]

_HOMES = {
    "Algorithm": "bench.algorithm",
    "Architecture": "bench.architecture",
    "Backend": "bench.execution.backend",
    "Batch": "bench.training.problem",
    "Comparison": "bench.reporting.comparison.compare",
    "Data": "bench.dataset",
    "Dataset": "bench.dataset",
    "Estimate": "bench.estimator",
    "Estimator": "bench.estimator",
    "Execution": "bench.execution.execution",
    "Figure": "bench.report",
    "Hyperparameters": "bench.algorithm",
    "LatentVariableModel": "bench.models.latent",
    "ObservationModel": "bench.models.observation",
    "Outcome": "bench.execution.backend",
    "Problem": "bench.training.problem",
    "Report": "bench.report",
    "Results": "bench.results.frames",
    "Shape": "bench.architecture",
    "StepInfo": "bench.training.problem",
    "Study": "bench.studies.study",
    "Table": "bench.report",
    "Workers": "bench.execution.backend",
    "check": "bench.api",
    "compare": "bench.api",
    "diagnose": "bench.likelihood.diagnosis",
    "estimate": "bench.api",
    "estimate_log_likelihood": "bench.estimator",
    "export": "bench.api",
    "load": "bench.api",
    "option": "bench.options",
    "plugin_checks": "bench.api",
    "power": "bench.api",
    "profile": "bench.api",
    "report": "bench.api",
    "run": "bench.api",
    "wrap_model": "bench.models.wrap",
}

# In a checkout the plugin folders lie beside `bench`; in an installed package they lie inside it.
if not (Path(__file__).parent / "algorithms").is_dir():
    __path__ = [*__path__, str(Path(__file__).parent.parent)]  # a new list: the module spec holds the old one


def __getattr__(name: str) -> object:
    """Import a name when it is first used (PEP 562), so that `bench --help` stays fast."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")


class _Package(ModuleType):
    """Keeps `bench.report` the function even if the module of that name, the contract of reports, is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
