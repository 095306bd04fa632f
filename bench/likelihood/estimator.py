"""The contract of an estimator of log p(x), and what every estimate carries."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench import options
from bench.errors import OptionError
from bench.models.discrete import DiscreteModel
from bench.models.latent import LatentVariableModel
from bench.options import NoOptions

# How the mean of many runs would lie to log p(x): below it, above it, nearing it as the work grows, or above it by an
# amount that is not known.
Bias = Literal["lower", "upper", "consistent", "upward", ""]  # none where there is no estimate

# Datapoints are taken in blocks of so many pixels.  A constant, because the blocks set the order of the draws.
BLOCK_PIXELS = 2**20


@dataclass(frozen=True)
class Estimate:
    """log p(x) in nats, one value for each datapoint, and what tells whether to believe it.

    ``standard_errors`` are Monte Carlo errors: what another run of the estimator on the same model would change.
    They say nothing of the spread between training seeds.  A datapoint without an estimate is NaN; ``mean`` and
    ``standard_error`` are of the others, and ``warnings`` say how many are missing.
    """

    log_likelihoods: Tensor  # [N] nats
    standard_errors: Tensor  # [N] nats
    bias: Bias
    model_evaluations: int
    diagnostics: Mapping[str, Tensor] = field(default_factory=dict)  # each [N]
    summary: Mapping[str, float] = field(default_factory=dict)  # what the diagnostics come to over all datapoints
    warnings: tuple[str, ...] = ()
    # What `Estimator.estimate` adds:
    seconds: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0  # of the generator that all draws came from

    @property
    def found(self) -> Tensor:
        """Which datapoints have an estimate: [N] bool."""
        return torch.isfinite(self.log_likelihoods)

    @property
    def num_failed(self) -> int:
        """How many have none."""
        return int((~self.found).sum())

    @property
    def mean(self) -> float:
        """Mean log-likelihood, nats a datapoint; NaN where no datapoint has an estimate."""
        return float(self.log_likelihoods[self.found].double().mean())

    @property
    def standard_error(self) -> float:
        """Monte Carlo standard error of the mean, nats a datapoint (datapoints have independent draws)."""
        errors = self.standard_errors[self.found].double()
        return float(errors.square().sum().sqrt() / len(errors)) if len(errors) else float("nan")


class Estimator(ABC):
    """Estimates log p(x) of a trained model.  One file holds one estimator, which defines ``log_likelihood``."""

    Options: ClassVar[type[Any]] = NoOptions
    options: Any

    simulates: ClassVar[bool] = False  # whether it judges as many datapoints of its own, drawn from the model, not x
    takes_codes: ClassVar[bool] = False  # whether it can judge models whose z is discrete

    def __init__(self, **settings: object) -> None:
        """Settings by name; raises OptionError for an unknown, ill-typed or out-of-range one."""
        self.options = options.build(self.Options, settings, type(self).__name__.lower())

    @property
    def may_refuse(self) -> bool:
        """Whether there are models that it cannot judge; if not, none is built to ask about."""
        return True

    def refusal(self, model: LatentVariableModel) -> str:
        """Why it cannot judge this model, and what can; empty where it can.  Where it is overridden, ask it too."""
        if isinstance(model, DiscreteModel) and not self.takes_codes:
            return (
                f"{type(self).__name__.lower()} is for continuous z, and here z is one of {model.latents_in_words}: "
                "use exact or importance."
            )
        return ""

    @abstractmethod
    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """An estimate for each row of x [N, D]; every draw comes from ``generator`` (on the device of x).

        The model is in evaluation mode and its parameters ask for no gradients.
        """

    def estimate(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """`log_likelihood` with its seconds, settings and seed; the model is left as it was found.

        Raises OptionError where the estimator cannot judge such a model.
        """
        refusal = self.refusal(model)
        if refusal:
            raise OptionError(refusal)
        seed, started = generator.initial_seed(), time.perf_counter()
        with frozen(model):
            found = self.log_likelihood(model, x, generator)
        if x.device.type == "cuda":
            torch.cuda.synchronize(x.device)
        seconds = time.perf_counter() - started
        warnings = (*missing(found), *found.warnings)
        return replace(found, seconds=seconds, settings=options.as_dict(self.options), seed=seed, warnings=warnings)


@contextmanager
def frozen(model: LatentVariableModel) -> Iterator[None]:
    """The model in evaluation mode (a network with dropout is judged without), its parameters without gradients."""
    training, asked = ([(m, m.training) for m in model.modules()], [(p, p.requires_grad) for p in model.parameters()])
    model.eval()
    model.requires_grad_(False)
    try:
        yield
    finally:
        for module, was_training in training:
            module.training = was_training
        for parameter, requires_grad in asked:
            parameter.requires_grad_(requires_grad)


def blocks(x: Tensor, num_chains: int = 1) -> list[Tensor]:
    """x [N, D] in blocks of BLOCK_PIXELS at most, ``num_chains`` times counted, so that memory does not grow with N."""
    return list(x.split(max(1, BLOCK_PIXELS // (num_chains * x.shape[1]))))


def missing(estimate: Estimate) -> tuple[str, ...]:
    """What to say of datapoints without an estimate; empty where there are none."""
    if not estimate.num_failed:
        return ()
    told = (
        f"{estimate.num_failed} of {len(estimate.log_likelihoods)} datapoints have no finite estimate "
        "(the model's log p(x, z) is not finite there); the mean is of the others."
    )
    return (told,)
