"""How a trial is run."""

from __future__ import annotations

from dataclasses import dataclass

from bench.studies.spec import Choice
from bench.training.clocks import Tuning


@dataclass(frozen=True)
class Settings:
    """How to run a trial: nothing in here affects its result, except the choice of open hyperparameters.

    ``tuning`` is that choice.  If ``try_samples`` is not 0, the trial makes the choice itself, using this many training
    samples per candidate, and then ends.
    """

    budget: int  # training samples
    estimators: tuple[Choice, ...]
    eval_points: int = 1000  # of each split; 0 for all
    likelihood_points: int = 300  # of the test data, and at likelihood marks of both splits; 0 for all
    likelihood_marks: tuple[int, ...] = ()
    timeout: float | None = None  # seconds
    checkpoint: float = 15.0  # seconds between checkpoints
    device: str = "cpu"  # or several, separated by commas, of which a trial gets one; or auto
    per_device: int = 1  # trials at once on a device
    threads: int = 1
    jobs: int | None = 1  # trials at once on the machine, as far as that is known
    tuning: Tuning | None = None
    try_samples: int = 0
    diagnose: bool = True  # where the trained model loses log-likelihood
    data_version: str = ""  # of the data used for planning; a worker may have others
