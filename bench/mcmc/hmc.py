"""Hamiltonian Monte Carlo with an identity mass matrix, many independent chains at once.

A chain is one row of z [..., N, d]: each has its own momentum, acceptance and, optionally, step size.
Source: Neal 2011, "MCMC using Hamiltonian dynamics"; Kingma & Welling 2014, appendices D and E.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bench.mcmc.density import LogDensity

# A transition with a larger energy error counts as divergent; the threshold is the same as in Stan.
DIVERGENCE_THRESHOLD = 1000.0


class State(NamedTuple):
    """The position of the chains; the gradient is kept, so that a step need not compute it again at its start."""

    z: Tensor  # [..., N, d]
    log_density: Tensor  # [..., N] nats
    gradient: Tensor  # [..., N, d]


class Info(NamedTuple):
    """Diagnostics of one step, one value per chain [..., N]."""

    acceptance: Tensor  # probability of acceptance, 0 if the energy at the end is not finite
    accepted: Tensor  # bool
    energy_error: Tensor  # nats; infinite or NaN if the trajectory left the finite numbers
    divergent: Tensor  # bool: an energy error above DIVERGENCE_THRESHOLD, or not finite


def init(density: LogDensity, z: Tensor) -> State:
    """The state at z [..., N, d].  Cost: 2 model evaluations per chain (one gradient)."""
    return State(z.detach(), *density.with_gradient(z))


def step(
    density: LogDensity,
    state: State,
    step_size: float | Tensor,
    num_leapfrog: int,
    generator: torch.Generator,
) -> tuple[State, Info]:
    """One transition: new momenta, ``num_leapfrog`` leapfrog steps, then each chain is accepted or rejected.

    ``step_size`` is a number or broadcasts to [..., N].  A proposal of non-finite energy is rejected and counted as
    divergent.  Cost: ``2 * num_leapfrog`` model evaluations per chain.

    >>> from bench.mcmc.density import Differentiated
    >>> normal = Differentiated(lambda z: -0.5 * z.square().sum(-1))
    >>> state, info = step(normal, init(normal, torch.zeros(8, 3)), 0.1, 4, torch.Generator().manual_seed(0))
    >>> bool(info.accepted.all())
    True
    """
    z = state.z
    epsilon = torch.as_tensor(step_size, dtype=z.dtype, device=z.device).unsqueeze(-1)
    momentum = torch.randn(z.shape, generator=generator, dtype=z.dtype, device=z.device)
    uniform = torch.rand(z.shape[:-1], generator=generator, dtype=z.dtype, device=z.device)
    energy = _kinetic(momentum).sub_(state.log_density)
    proposed, end_momentum = leapfrog(density, state, momentum, epsilon, num_leapfrog)
    end_energy = _kinetic(end_momentum).sub_(proposed.log_density)

    energy_error = end_energy - energy
    possible = torch.isfinite(end_energy) & ~torch.isnan(energy_error)
    acceptance = torch.where(possible, energy_error.neg().clamp_(max=0).exp_(), 0.0)
    accepted = uniform < acceptance
    divergent = ~possible | (energy_error > DIVERGENCE_THRESHOLD)
    return _choose(accepted, proposed, state), Info(acceptance, accepted, energy_error, divergent)


def jittered(step_size: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """``step_size``, each entry varied uniformly by up to ``share``: trajectories of equal length resonate."""
    uniform = torch.rand(step_size.shape, generator=generator, dtype=step_size.dtype, device=step_size.device)
    return step_size * (1 + share * (2 * uniform - 1))


def leapfrog(
    density: LogDensity, start: State, momentum: Tensor, step_size: float | Tensor, num_leapfrog: int
) -> tuple[State, Tensor]:
    """``num_leapfrog`` steps from ``start`` with ``momentum`` [..., N, d]: the end state and its momentum.

    ``step_size`` is a number or broadcasts to [..., N, d].  The map is volume-preserving and, with the momentum
    negated, its own inverse.  Cost: ``2 * num_leapfrog`` model evaluations per chain.
    """
    epsilon = torch.as_tensor(step_size, dtype=momentum.dtype, device=momentum.device)
    z = start.z.clone()
    momentum = torch.addcmul(momentum, epsilon, start.gradient, value=0.5)
    for _ in range(num_leapfrog - 1):
        z.addcmul_(epsilon, momentum)
        momentum.addcmul_(epsilon, density.gradient(z))
    end = init(density, z.addcmul_(epsilon, momentum))
    return end, momentum.addcmul_(epsilon, end.gradient, value=0.5)


def _kinetic(momentum: Tensor) -> Tensor:
    return momentum.square().sum(-1).mul_(0.5)


def _choose(accepted: Tensor, proposed: State, current: State) -> State:
    """The proposed state if accepted; ``where`` keeps a rejected NaN from spreading, unlike a product."""
    rows = accepted.unsqueeze(-1)
    return State(
        torch.where(rows, proposed.z, current.z),
        torch.where(accepted, proposed.log_density, current.log_density),
        torch.where(rows, proposed.gradient, current.gradient),
    )
