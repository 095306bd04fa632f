"""Chains along a path of densities from one that can be sampled to the joint p(x, z), or back.

``f_b(z) = start(z)^(1 - b) p(x, z)^b`` for b from 0 to 1; many chains per datapoint, all datapoints at once.
Source: Neal 2001, "Annealed importance sampling"; Wu et al. 2017, "On the quantitative analysis of decoder-based
generative models".
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from bench.mcmc import hmc
from bench.mcmc.density import LogDensity
from bench.mcmc.hmc import State

TARGET = 0.65  # acceptance probability at which Hamiltonian Monte Carlo is most efficient (Beskos et al. 2013)
JITTER = 0.2  # fraction by which every step size varies, to avoid resonances

# The pilot run: its number of distributions relative to the actual run, at least this many, moves before it sets off
# along the path, and how much a wrong acceptance changes the log step size.
PILOT_SHARE, PILOT_LEAST, PILOT_START, PILOT_GAIN = 0.25, 50, 10, 0.7


@dataclass(frozen=True)
class Path:
    """The two ends; ``log_start`` is normalised."""

    log_start: LogDensity
    log_joint: LogDensity

    def between(self, b: float) -> LogDensity:
        """log f_b, not normalised."""
        return _Between(self, b)


@dataclass(frozen=True)
class _Between(LogDensity):
    path: Path
    b: float

    def with_gradient(self, z: Tensor) -> tuple[Tensor, Tensor]:
        (start, start_gradient), (joint, gradient) = (
            end.with_gradient(z) for end in (self.path.log_start, self.path.log_joint)
        )
        return torch.lerp(start, joint, self.b), torch.lerp(start_gradient, gradient, self.b)

    def gradient(self, z: Tensor) -> Tensor:
        return torch.lerp(self.path.log_start.gradient(z), self.path.log_joint.gradient(z), self.b)


@dataclass(frozen=True)
class Passage:
    """Positions of the chains after their move at b, and their weights up to that point."""

    b: float
    log_ratio: Tensor  # [C, N] log p(x, z) - log start(z), nats
    log_weights: Tensor  # [C, N] nats


@dataclass(frozen=True)
class Annealed:
    """The result of C chains for each of N datapoints."""

    log_weights: Tensor  # [C, N] float64, nats
    acceptance: Tensor  # [N] mean acceptance probability
    divergences: Tensor  # [N] divergent transitions
    step_sizes: Tensor  # [T - 1, N]
    passed: tuple[Passage, ...] = ()


def sigmoidal_schedule(num_steps: int) -> list[float]:
    """b_0 = 0 to b_T = 1 for T = ``num_steps``: ``sigmoid(4 (2 t / T - 1))`` rescaled, dense at both ends."""
    values = [1 / (1 + math.exp(-4 * (2 * t / num_steps - 1))) for t in range(num_steps + 1)]
    return [(value - values[0]) / (values[-1] - values[0]) for value in values]


def anneal(
    path: Path,
    z: Tensor,
    schedule: list[float],
    num_leapfrog: int,
    generator: torch.Generator,
    step_sizes: Tensor | None = None,
    kept: Collection[int] = (),
) -> Annealed:
    """Log weights of chains that start at z [C, N, d], with a move at each b strictly inside the ``schedule``.

    With a schedule from 0 to 1 and z drawn from the start, the mean of exp(log weights) is p(x).  With one from 1 to
    0 and z drawn exactly from p(z|x), the mean of exp(-log weights) is 1 / p(x).  Both hold for ``step_sizes``
    [T - 1, N], in the order of the schedule, that were fixed beforehand; without them each datapoint's step size
    follows the acceptance along the way, and the weights must not be used (a pilot run).  ``kept`` lists the steps,
    from 0 to T - 1, whose `Passage` is returned.
    Cost: ``2 + 2 * num_leapfrog * (T - 1)`` model evaluations per chain, and PILOT_START more moves in a pilot run.
    """
    state, b = hmc.init(path.log_joint, z), 1.0
    log_weights = torch.zeros(z.shape[:-1], dtype=torch.float64, device=z.device)
    adaptation = _Adaptation(z) if step_sizes is None else None
    acceptances, divergences, used, passed = [], [], [], []
    for t, (last, target) in enumerate(pairwise(schedule[:-1])):
        start = hmc.init(path.log_start, state.z)
        log_ratio = _log_ratio(state, start, b)
        if t in kept:
            passed.append(Passage(last, log_ratio, log_weights.clone()))
        log_weights += abs(target - last) * log_ratio
        state, b = _rebased(state, start, target / b), target
        for _ in range(1 + (PILOT_START if adaptation and t == 0 else 0)):
            size = adaptation.step_size if adaptation else step_sizes[t]  # type: ignore[index]  # one of the two
            varied = hmc.jittered(size.expand(z.shape[:-1]), JITTER, generator)
            state, info = hmc.step(path.between(b), state, varied, num_leapfrog, generator)
            if adaptation:
                adaptation.update(info.acceptance.mean(0))
        used.append(size)
        acceptances.append(info.acceptance.mean(0))
        divergences.append(info.divergent.sum(0))
    log_ratio = _log_ratio(state, hmc.init(path.log_start, state.z), b)
    if len(schedule) - 2 in kept:
        passed.append(Passage(schedule[-2], log_ratio, log_weights.clone()))
    log_weights += abs(schedule[-1] - schedule[-2]) * log_ratio
    return Annealed(
        log_weights,
        acceptance=torch.stack(acceptances).mean(0),
        divergences=torch.stack(divergences).sum(0),
        step_sizes=torch.stack(used),
        passed=tuple(passed),
    )


def pilot(path: Path, z: Tensor, num_steps: int, num_leapfrog: int, generator: torch.Generator) -> tuple[Tensor, int]:
    """Step sizes [num_steps - 1, N] for the sigmoidal schedule, and their cost in model evaluations per chain.

    They are determined in a coarser run of chains that start at z [C, N, d] and are not used again: if step sizes
    depended on the chains they move, the weights would not give a bound.
    """
    coarse = min(num_steps, max(PILOT_LEAST, math.ceil(PILOT_SHARE * num_steps)))
    step_sizes = anneal(path, z, sigmoidal_schedule(coarse), num_leapfrog, generator).step_sizes
    places = (torch.arange(1, num_steps) * coarse / num_steps).round().long().clamp(1, coarse - 1) - 1
    return step_sizes[places.to(z.device)], 2 + 2 * num_leapfrog * (coarse - 1 + PILOT_START)


class _Adaptation:
    """Log step sizes, one per datapoint, that follow the acceptance of the datapoint's chains."""

    def __init__(self, z: Tensor) -> None:
        self.log_step_size = z.new_full((z.shape[-2],), math.log(0.5))

    @property
    def step_size(self) -> Tensor:
        return self.log_step_size.exp()

    def update(self, acceptance: Tensor) -> None:
        self.log_step_size = self.log_step_size + PILOT_GAIN * (acceptance - TARGET)


def _log_ratio(state: State, start: State, b: float) -> Tensor:
    """log p(x, z) - log start(z), from the state at b: [C, N] float64."""
    return (state.log_density.double() - start.log_density.double()) / b


def _rebased(state: State, start: State, scale: float) -> State:
    """The state at b times ``scale``, without evaluations: ``log f_b - log start`` is proportional to b."""
    return State(
        state.z,
        torch.lerp(start.log_density, state.log_density, scale),
        torch.lerp(start.gradient, state.gradient, scale),
    )
