"""The modes of each datapoint's posterior, with Gaussians given by their curvature (Laplace's approximation)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.likelihood.full_gaussian import FullGaussian
from bench.likelihood.wide_prior import sample_wide_prior
from bench.mcmc import hmc
from bench.mcmc.posterior import LogPosterior
from bench.models.gaussian import LOG_2PI
from bench.models.latent import LatentVariableModel

NUM_CLIMBS = 25  # damped Newton steps
STEP = 1e-4  # of the finite differences, in z: the curvature's error is of order STEP^2
LONGEST = 1.0  # longest step in z
SAME = 0.5  # modes closer than this, in standard deviations, are the same
LEAST_CURVATURE = 1.0  # the prior's: a posterior is rarely wider


@dataclass(frozen=True)
class Modes:
    """Up to M modes of each of N posteriors; ``exists`` indicates which of the M are distinct modes."""

    gaussians: list[FullGaussian]  # M of them, each for N datapoints
    log_mass: Tensor  # [M, N] log of the integral of p(x, z) near the mode, nats
    exists: Tensor  # [M, N] bool
    model_evaluations: int


def find_modes(
    model: LatentVariableModel, x: Tensor, generator: torch.Generator, num_starts: int, max_modes: int
) -> Modes:
    """The modes reached by climbs from the best of ``num_starts`` draws and from the encoder's mean.

    The draws, from the prior and from wider distributions, are shared by all rows of x [N, D].  ``model`` and x should
    be float64, since curvatures are finite differences of gradients.  Cost per datapoint: ``num_starts`` model
    evaluations, and about 60 (d + 1) for each of ``max_modes`` climbs.
    """
    starts, cost = _starts(model, x, generator, num_starts, max_modes)  # [M, N, d]
    z = starts
    damping = torch.full(starts.shape[:-1], 1.0, dtype=x.dtype, device=x.device)
    for _ in range(NUM_CLIMBS):
        state, curvature = _curvature(model, x, z)
        step = torch.linalg.solve(_positive(curvature, damping), state.gradient.nan_to_num(0.0).unsqueeze(-1))[..., 0]
        step = step * (LONGEST / step.norm(dim=-1, keepdim=True).clamp_min(LONGEST))
        with torch.no_grad():
            better = model.log_joint(x, z + step) >= state.log_density
        z = torch.where(better.unsqueeze(-1), z + step, z)
        damping = torch.where(better, damping * 0.2, damping * 8).clamp(1e-8, 1e6)
    state, curvature = _curvature(model, x, z)
    values, vectors = torch.linalg.eigh(_finite(curvature))
    values = values.clamp_min(LEAST_CURVATURE)
    root = vectors * values.rsqrt().unsqueeze(-2)
    inverse_root = (vectors * values.sqrt().unsqueeze(-2)).mT
    gaussians = [FullGaussian(z[m], root[m], inverse_root[m]) for m in range(len(z))]
    log_mass = state.log_density + 0.5 * x.new_tensor(model.latent_size) * LOG_2PI - 0.5 * values.log().sum(-1)
    rows = z.shape[0] * z.shape[1]
    cost += rows * (NUM_CLIMBS * (2 * (model.latent_size + 1) + 1) + 2 * (model.latent_size + 1))
    return Modes(gaussians, log_mass, _distinct(gaussians, log_mass), cost)


def _starts(
    model: LatentVariableModel, x: Tensor, generator: torch.Generator, num_starts: int, max_modes: int
) -> tuple[Tensor, int]:
    """Starting points of the climbs [M, N, d], the best draws, each far from earlier ones; and the cost."""
    with torch.no_grad():
        candidates, _ = sample_wide_prior(model, num_starts, generator)  # [S, d]
        columns = [model.log_joint(x, z.expand(len(x), -1)) for z in candidates]
    score = torch.stack(columns).nan_to_num(nan=-math.inf)  # [S, N]
    chosen = []
    if model.encoder is not None:
        with torch.no_grad():
            chosen.append(model.encode(x).mean.nan_to_num(0.0))
    while len(chosen) < max_modes:
        best = candidates[score.argmax(0)]
        chosen.append(best)
        near = (candidates.unsqueeze(1) - best).norm(dim=-1) < 0.5
        score = score.masked_fill(near, -math.inf)
    return torch.stack(chosen), num_starts * len(x)


def _curvature(model: LatentVariableModel, x: Tensor, z: Tensor) -> tuple[hmc.State, Tensor]:
    """The state at z [M, N, d], and the negative Hessian of log p(x, z) there: [M, N, d, d]."""
    state = hmc.init(LogPosterior(model, x), z)
    shifts = torch.eye(z.shape[-1]).to(z) * STEP
    columns = [(state.gradient - model.log_joint_gradient(x, z + shift)) / STEP for shift in shifts]
    curvature = torch.stack(columns, -1)
    return state, _finite(0.5 * (curvature + curvature.mT))


def _positive(curvature: Tensor, damping: Tensor) -> Tensor:
    """The curvature with absolute eigenvalues, plus the damping, so that every step goes uphill."""
    values, vectors = torch.linalg.eigh(curvature)
    values = values.abs() + damping.unsqueeze(-1)
    positive: Tensor = (vectors * values.unsqueeze(-2)) @ vectors.mT
    return positive


def _distinct(gaussians: list[FullGaussian], log_mass: Tensor) -> Tensor:
    """Which modes [M, N] are not duplicates of an earlier one."""
    kept: list[Tensor] = []
    finite = torch.isfinite(log_mass)
    for m, gaussian in enumerate(gaussians):
        double = ~finite[m]
        for k in range(m):
            double = double | (kept[k] & (gaussians[k].square_distance(gaussian.mean) < SAME**2))
        kept.append(~double)
    return torch.stack(kept)


def _finite(matrix: Tensor) -> Tensor:
    """Replace matrices that have non-finite entries by the identity: one datapoint must not stop the others."""
    whole = torch.isfinite(matrix).all(-1).all(-1)[..., None, None]
    return torch.where(whole, matrix, torch.eye(matrix.shape[-1]).to(matrix))
