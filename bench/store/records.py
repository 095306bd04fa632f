"""Typed records of a trial: the one schema that writers, readers, tables and exports share.

Log-quantities are in nats per datapoint, times in seconds of wall-clock time, hashes SHA-256 in hexadecimal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bench.plugins import PluginRef
from bench.studies.spec import Labels
from bench.training.clocks import Clocks, Tuning


@dataclass(frozen=True)
class ScoreCost:
    """The cost of the estimate by which a candidate was scored."""

    model_evaluations: int
    seconds: float


class Status(StrEnum):
    """The state of a trial, or how it ended.

    >>> Status.DONE.has_ended, Status.INTERRUPTED.has_ended, Status.TIMEOUT.is_finished, f"{Status.DONE}"
    (True, False, False, 'done')
    """

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    DIVERGED = "diverged"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    INTERRUPTED = "interrupted"
    DAMAGED = "damaged"  # never stored: one of its files was changed after writing, so none of its numbers is shown

    @property
    def has_ended(self) -> bool:
        """Whether this run of the trial ended, successfully or not; an interrupted trial is still to be run."""
        return self in (Status.DONE, Status.FAILED, Status.DIVERGED, Status.TIMEOUT, Status.CRASHED)

    @property
    def is_finished(self) -> bool:
        """Whether running the trial again would give the same result."""
        return self in (Status.DONE, Status.DIVERGED)


@dataclass(frozen=True)
class Provenance:
    """Origin of the numbers, apart from the trial's identity: code, data, machine and versions."""

    code: Mapping[str, str]  # hashes of source code, by component: algorithm, dataset, model, decoder, harness
    data: str  # fingerprint of the training and test values of its seed
    machine: str
    system: str
    processor: str
    cores: int | None
    python: str
    torch: str
    numpy: str
    scipy: str
    cuda: str | None = None
    data_version: str = ""  # fingerprint of the whole data set: equal for all trials on unchanged data
    began: str = ""  # when the first update of these numbers was about to be made, in UTC: tells which of two is older


@dataclass(frozen=True)
class TrialRecord:
    """The state of a trial; fields that are unknown, since it has not begun or its process died at once, are None."""

    status: Status = Status.WAITING
    reason: str = ""  # why it is not done
    budget: int | None = None  # training samples
    clocks: Clocks | None = None
    learning_rate: float | None = None  # as given or chosen; None for an algorithm without one
    tuning: Tuning | None = None  # None if the step size was given
    host: str | None = None  # the machine that it runs on or last ran on; that of its first update is in `provenance`
    device: str | None = None
    threads: int | None = None  # of this trial
    jobs: int | None = None  # trials at once
    cpu_share: float | None = None  # processor seconds per second and thread; below 1 if others use the same cores
    pixels: str | None = None  # what was done to the values of the data, in words
    labels: Labels | None = None  # of its spec, in case that file is lost
    estimators: tuple[str, ...] = ()  # as requested, in this order
    eval_points: int | None = None  # as requested by its study; 0 for all
    likelihood_points: int | None = None
    likelihood_marks: tuple[int, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)  # checksums of the files present when it ended, by name
    shown: Mapping[str, float] = field(default_factory=dict)  # what progress shows: the bound or objective, by name
    scores: Mapping[str, float] = field(default_factory=dict)  # of a candidate after each round of a choice, by budget
    score_costs: Mapping[str, ScoreCost] = field(default_factory=dict)  # of these scores, by budget
    provenance: Provenance | None = None
    data_changed: bool = False  # since it ran, as of the last `bench run`
    traceback: str = ""


@dataclass(frozen=True)
class Source:
    """Location of an estimator's code, and its hash at the time of use."""

    plugin: PluginRef
    code: str


@dataclass(frozen=True)
class RateRecord:
    """A point of a rate-distortion curve: means over datapoints, with Monte Carlo standard errors, in nats."""

    beta: float  # z is from p(z) p(x|z)^beta
    rate: float  # KL(q(z|x) || p(z)), an upper bound
    rate_se: float
    distortion: float  # E[-log p(x|z)]
    distortion_se: float


@dataclass(frozen=True)
class EstimateRecord:
    """An estimate of log p(x) of a model: its mean over datapoints, and what indicates whether it can be trusted."""

    estimator: str  # with the options that differ from the defaults
    split: str  # test, train, or simulated: drawn from the model
    num_points: int
    num_failed: int  # datapoints without a finite estimate; the mean is over the others
    log_likelihood: float  # NaN if no datapoint has an estimate
    log_likelihood_se: float  # Monte Carlo standard error of the mean
    bias: str  # lower, upper, consistent or upward; empty if there is no estimate
    model_evaluations: int
    seconds: float
    samples: int  # training samples that the model had seen
    warnings: str
    settings: str  # all options of the estimator, as JSON
    estimator_seed: int  # of the generator used for all draws
    summary: Mapping[str, float] = field(default_factory=dict)  # further numbers of this estimator, by name
    source: Source | None = None
    log_likelihood_points_se: float | None = None  # standard error of the mean due to the finite number of datapoints
    points: str = ""  # checksum of the datapoints; empty if drawn from the model, or made by an older version
    curve: tuple[RateRecord, ...] | None = None  # of `ais[start=prior]`


@dataclass(frozen=True)
class TraceRow:
    """An evaluation mark: the clocks, and the quantities evaluated there.

    The columns of log p(x) are those of the first estimator, at likelihood marks only.
    """

    samples: int
    updates: int
    model_evaluations: int
    train_seconds: float
    eval_seconds: float
    objective: float  # mean over the updates since the previous mark; NaN before the first update
    elbo_train: float | None = None  # None without an encoder
    elbo_test: float | None = None
    log_likelihood_train: float | None = None
    log_likelihood_train_se: float | None = None
    log_likelihood_test: float | None = None
    log_likelihood_test_se: float | None = None
    diagnostics: Mapping[str, float] = field(default_factory=dict)  # means over the same updates, by name
    estimates: tuple[EstimateRecord, ...] = ()


@dataclass(frozen=True)
class LatentRecord:
    """Information content of a latent dimension; ``local`` refers to posteriors that are fitted to each datapoint."""

    kl: float  # mean KL divergence from the prior
    variance: float  # of the posterior mean, over datapoints
    active: bool
    local_kl: float
    local_variance: float
    local_active: bool


@dataclass(frozen=True)
class DiagnosisRecord:
    """Where a model loses log-likelihood, and which of its latent dimensions are active."""

    estimator: str  # the gaps are measured from its log p(x)
    num_gap_points: int
    log_likelihood: float
    best_bound: float
    bound: float  # NaN without an encoder
    approximation_gap: float
    approximation_gap_se: float
    amortisation_gap: float
    amortisation_gap_se: float
    active_units: int
    kl: float
    mutual_information: float
    local_active_units: int
    local_kl: float
    local_mutual_information: float
    num_states: int | None  # values that z can take, if it is discrete
    states_in_use: int | None  # how many of them the encoder uses
    collapse: str  # in words; empty if all dimensions are active
    samples: int  # training samples that the model had seen
    latents: tuple[LatentRecord, ...] = ()
    # Of the encoder on data drawn from the model; None without one, if z is discrete, and in older runs.
    calibration: str = ""  # calibrated, overconfident, underconfident or misplaced
    calibration_p: float | None = None  # probability of such ranks if the encoder were exact
    coverage: float | None = None  # of its central 90 % intervals
    simulated_eubo: float | None = None  # upper bound on the mean log p(x) of these data, from their exact z
    simulated_eubo_se: float | None = None
    simulated_bound: float | None = None  # lower bound; the distance is the sum of both KL divergences
    simulated_bound_se: float | None = None
