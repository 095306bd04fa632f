"""Sums over importance weights: the estimate, its standard error, and whether to trust them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bench.likelihood.jackknife import log_mean_error

# The estimate of a datapoint with fewer effective samples cannot be trusted; if more than this share of the datapoints
# are affected, there is a warning.
FEW_SAMPLES = 10
FEW_SHARE = 0.01

# Beyond this shape of the generalised Pareto tail, no number of samples makes the mean of the weights trustworthy; see
# `highest_pareto_k` for few samples.  The estimate of the shape is noisy (about 0.15), so a few datapoints beyond it
# are not significant.
HIGH_PARETO_K = 0.7
HEAVY_SHARE = 0.05

# With fewer weights in the tail, its shape cannot be estimated.
SHORTEST_TAIL = 20

# With fewer weights per datapoint, the standard error of a single datapoint is itself too uncertain.
FEWEST_WEIGHTS = 8

# The variance of K weights of annealed chains, whose logarithms have long tails, is as uncertain as that of fewer
# normal ones: measured with 16 chains; `make validation` shows the result.
DEGREES_PER_WEIGHT, LEAST_DEGREES = 0.6, 3.0

# A bound is considered loose if it is too low by more than this many of its standard errors and this many nats.
LOOSE_ERRORS, LOOSE_NATS = 2.0, 0.01


@dataclass(frozen=True)
class Weighed:
    """The result of K importance weights for each of N datapoints."""

    log_mean: Tensor  # [N] log (1/K) sum_k w_k, nats
    standard_error: Tensor  # [N] of log_mean, by the delta method, or by the jackknife if there are few
    effective: Tensor  # [N] effective sample size, (sum w)^2 / sum w^2
    pareto_k: Tensor  # [N] shape of the tail of the weights; NaN if there are too few
    num_samples: int

    @classmethod
    def cat(cls, parts: Sequence[Weighed]) -> Weighed:
        """Concatenate the results of several blocks of datapoints."""
        return cls(
            log_mean=torch.cat([part.log_mean for part in parts]),
            standard_error=torch.cat([part.standard_error for part in parts]),
            effective=torch.cat([part.effective for part in parts]),
            pareto_k=torch.cat([part.pareto_k for part in parts]),
            num_samples=parts[0].num_samples,
        )

    @property
    def highest_pareto_k(self) -> float:
        """The shape of the tail up to which this many weights can be trusted."""
        return highest_pareto_k(self.num_samples)

    @property
    def degrees(self) -> float:
        """The degrees of freedom of the standard error of one datapoint, if its weights are few."""
        return max(LEAST_DEGREES, DEGREES_PER_WEIGHT * (self.num_samples - 1))

    @property
    def looseness(self) -> float:
        """How far below log p(x) the mean over datapoints is expected to be, in nats.

        Half the squared standard error of each datapoint, the second term of the delta method; an underestimate if the
        effective sample size is too small.
        """
        half_squares = 0.5 * self.standard_error.square()
        return float(half_squares[torch.isfinite(self.log_mean)].mean())

    def summary(self) -> dict[str, float]:
        """Over all datapoints: the median effective sample size, the share of heavy tails, the expected looseness."""
        finite = torch.isfinite(self.log_mean)
        summary = {"effective_sample_size": float(self.effective[finite].median()) if finite.any() else math.nan}
        if not self.pareto_k[finite].isnan().all():
            summary["heavy_tails"] = float((self.pareto_k[finite] > self.highest_pareto_k).double().mean())
        return {**summary, "looseness": self.looseness}

    def warnings(self, remedy: str) -> tuple[str, ...]:
        """Reasons not to trust the estimate, each ending in ``remedy``, which states what to do."""
        finite = torch.isfinite(self.log_mean)
        count, warnings = int(finite.sum()), []
        least = max(2.0, min(FEW_SAMPLES, 0.5 * self.num_samples))  # 2 samples are never enough
        few, heavy = (
            int((self.effective[finite] <= least * (1 - 1e-9)).sum()),
            int((self.pareto_k[finite] > self.highest_pareto_k).sum()),
        )
        if few > FEW_SHARE * count:
            warnings.append(
                f"{few} of {count} datapoints ({few / count:.0%}) have an effective sample size below {least:g}: "
                f"their estimates may be too low and their standard errors too small. {remedy}"
            )
        if heavy > HEAVY_SHARE * count:
            warnings.append(
                f"{heavy} of {count} datapoints ({heavy / count:.0%}) have weights with a heavy tail (Pareto k above "
                f"{self.highest_pareto_k:.2g}): their estimates may be too low. {remedy}"
            )
        if self.num_samples < FEWEST_WEIGHTS:
            warnings.append(
                f"{self.num_samples} weights per datapoint are too few to know their spread: do not trust the standard "
                f"errors of single datapoints. Use at least {FEWEST_WEIGHTS}."
            )
        error = float(self.standard_error[finite].square().sum().sqrt()) / max(count, 1)
        if not warnings and self.looseness > max(LOOSE_NATS, LOOSE_ERRORS * error):
            warnings.append(f"As a lower bound the mean is expected to lie {self.looseness:.2f} nats too low. {remedy}")
        return tuple(warnings)


class Weights:
    """Streaming sums over log weights: of the individual weights, only the largest are kept."""

    def __init__(self, num_samples: int, like: Tensor) -> None:
        """``num_samples`` is K, ``like`` a tensor [N, ...] on the device of the weights."""
        shape = (len(like),)
        self.num_samples = num_samples
        self.log_sum = torch.full(shape, -math.inf, dtype=torch.float64, device=like.device)
        self.log_sum_squares = self.log_sum.clone()
        self.tail = min(num_samples // 5, math.ceil(3 * math.sqrt(num_samples))) + 1  # and the largest outside it
        self.longest = torch.empty(0, *shape, dtype=torch.float64, device=like.device)
        self._waiting: list[Tensor] = []

    def add(self, log_weights: Tensor) -> None:
        """Add the log weights of k further samples: [k, N]."""
        log_weights = log_weights.double()
        self.log_sum = torch.logaddexp(self.log_sum, log_weights.logsumexp(0))
        self.log_sum_squares = torch.logaddexp(self.log_sum_squares, (2 * log_weights).logsumexp(0))
        self._waiting.append(log_weights)
        if sum(map(len, self._waiting)) > 2 * self.tail:
            self._sort()

    def _sort(self) -> None:
        every = torch.cat([self.longest, *self._waiting])
        self.longest = every.topk(min(self.tail, len(every)), dim=0).values
        self._waiting = []

    def weighed(self) -> Weighed:
        """The result of the weights so far."""
        self._sort()
        effective = (2 * self.log_sum - self.log_sum_squares).exp()
        relative_variance = (self.num_samples / effective - 1).clamp_min(0) / (self.num_samples - 1)
        return Weighed(
            log_mean=self.log_sum - math.log(self.num_samples),
            standard_error=relative_variance.sqrt(),
            effective=effective,
            pareto_k=pareto_k(self.longest),
            num_samples=self.num_samples,
        )


def weighed_chains(log_weights: Tensor, num_first: int = 0) -> Weighed:
    """The result of the log weights [K, N] of few chains, with jackknife standard errors.

    The first ``num_first`` chains are a stratum of their own: see `log_mean_error`.
    """
    weights = Weights(len(log_weights), log_weights[0])
    weights.add(log_weights)
    return replace(weights.weighed(), standard_error=log_mean_error(log_weights, num_first))


def highest_pareto_k(num_samples: int) -> float:
    """The largest Pareto k at which the mean of S weights can be trusted, ``min(1 - 1 / log10 S, 0.7)``.

    At a larger k, S is too small for the central limit theorem; 0.7 is reached with 2155 samples.
    Source: Vehtari et al. 2024, "Pareto smoothed importance sampling", section 3.2.4.

    >>> highest_pareto_k(100), round(highest_pareto_k(500), 3), highest_pareto_k(5000)
    (0.5, 0.629, 0.7)
    """
    return min(1 - 1 / math.log10(num_samples), HIGH_PARETO_K) if num_samples > 1 else HIGH_PARETO_K


def pareto_k(log_weights: Tensor) -> Tensor:
    """The shape k of a generalised Pareto distribution fitted to each column's largest weights: [M + 1, N] -> [N].

    ``log_weights`` are in descending order; the last is the threshold above which the tail is fitted.  NaN if the tail
    has fewer than SHORTEST_TAIL weights.  If k exceeds 1/2, the variance of the weights is infinite; if it exceeds 1,
    so is their mean.
    Source: Zhang & Stephens 2009; Vehtari et al. 2024, "Pareto smoothed importance sampling", for its use here and for
    the weakly informative prior on k.
    """
    length = len(log_weights) - 1
    if length < SHORTEST_TAIL:
        return log_weights.new_full(log_weights.shape[1:], math.nan)
    scaled = (log_weights - log_weights[:1]).exp()
    excess = (scaled[:-1] - scaled[-1:]).flip(0)  # [M, N] ascending
    num_candidates = 30 + int(length**0.5)
    index = torch.arange(1, num_candidates + 1, dtype=excess.dtype, device=excess.device)
    quartile = excess[int(length / 4 + 0.5) - 1].clamp_min(1e-300)
    steps = 1 - (num_candidates / (index - 0.5)).sqrt()
    theta = 1 / excess[-1].clamp_min(1e-300) + steps[:, None] / (3 * quartile)  # [candidates, N]
    shape = torch.log1p(-theta[:, None] * excess).mean(1)  # [candidates, N]
    profile = length * ((-theta / shape).log() - shape - 1)
    posterior = torch.softmax(profile.nan_to_num(nan=-math.inf), 0)
    best = (posterior * theta).sum(0)
    k: Tensor = torch.log1p(-best * excess).mean(0)
    k = (length * k + 10 * 0.5) / (length + 10)
    return torch.where(excess[-1] > 0, k, torch.zeros_like(k))  # equal weights have no tail
