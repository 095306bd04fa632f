"""Draws from p(z|x) by Hamiltonian Monte Carlo: one chain per datapoint, whose step size is frozen after warm-up."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.mcmc import hmc
from bench.mcmc.adaptation import DualAveraging
from bench.mcmc.density import LogDensity
from bench.models.latent import LatentVariableModel

# Every trajectory's step size varies by this fraction.  Trajectories of equal length resonate with a posterior of the
# same period (Neal 2011, section 4.2): for 600 draws on probabilistic PCA with d = 3, the effective sample size of the
# squares of z was then 8; it was 36 at a fraction of 0.2, 117 at 0.5, and did not increase beyond.
JITTER = 0.5

# Number of prior draws among which a start is chosen.  With a single one, chains on two-dimensional posteriors with
# several modes lost 0.2 nats on average (up to 12) in the modes that they never found; with one of 100, they lost 0.01.
NUM_CANDIDATES = 100

# Pairs of datapoint and candidate scored at once, which limits memory to about 100 MB.
SCORED_AT_ONCE = 2**22

# One chain per step size: see `DualAveraging`.
GAMMA = 0.2


@dataclass(frozen=True)
class Samples:
    """S draws for each of N datapoints, with their log densities, gradients and diagnostics of the chains."""

    z: Tensor  # [S, N, d]
    log_joint: Tensor  # [S, N] log p(x, z) in nats
    gradient: Tensor  # [S, N, d] of log p(x, z) in z
    acceptance: Tensor  # [N] mean acceptance probability after warm-up
    divergences: Tensor  # [N] divergent transitions after warm-up
    step_size: Tensor  # [N] frozen after warm-up
    model_evaluations: int


class LogPosterior(LogDensity):
    """log p(z|x) of each row of x [N, D] up to the constant log p(x), which is log p(x, z)."""

    def __init__(self, model: LatentVariableModel, x: Tensor) -> None:
        """The model's parameters may change between calls."""
        self.model = model
        self.x = x

    def with_gradient(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """See `LogDensity.with_gradient`."""
        return self.model.log_joint_with_gradient(self.x, z)

    def gradient(self, z: Tensor) -> Tensor:
        """See `LogDensity.gradient`."""
        return self.model.log_joint_gradient(self.x, z)


def sample_posterior(
    model: LatentVariableModel,
    x: Tensor,
    generator: torch.Generator,
    *,
    num_warmup: int,
    num_samples: int,
    num_leapfrog: int,
    target: float = 0.9,
    start: Tensor | None = None,
) -> Samples:
    """``num_samples`` successive states of a chain for each row of x [N, D], after ``num_warmup`` discarded ones.

    The chains begin at ``start`` [N, d] or, if it is not given, at a draw from the encoder or, if the model has none,
    at a prior draw chosen by `resampled_prior`.  Each datapoint has its own step size, since posteriors differ in
    width: if widths differ by a factor of 100, a shared step size leaves the narrow posteriors without a single
    accepted proposal.  Cost: ``2 + 2 * num_leapfrog * (num_warmup + num_samples)`` model evaluations per datapoint, and
    NUM_CANDIDATES more if the start is chosen among prior draws.

    >>> from bench import seeds
    >>> from bench.architectures.linear import Linear
    >>> from bench.training.problem import Problem
    >>> x = torch.zeros(4, 6)
    >>> model = Problem(x, 2, Linear(), "unit_gaussian").model(encoder=False)
    >>> chain = sample_posterior(
    ...     model, x, seeds.generator("chains", 0), num_warmup=5, num_samples=10, num_leapfrog=2
    ... )
    >>> chain.z.shape
    torch.Size([10, 4, 2])
    """
    searched = start is None and model.encoder is None
    density = LogPosterior(model, x)
    state = hmc.init(density, _start(model, x, generator) if start is None else start)
    adaptation = DualAveraging(x.new_full((len(x),), 0.1), target, gamma=GAMMA)
    states, infos = [], []
    for t in range(num_warmup + num_samples):
        step_size = adaptation.step_size if t < num_warmup else adaptation.averaged
        state, info = _transition(density, state, step_size, num_leapfrog, generator)
        if t < num_warmup:
            adaptation.update(info.acceptance)
        else:
            states.append(state)
            infos.append(info)
    z, log_joint, gradient = (torch.stack(part) for part in zip(*states, strict=True))
    return Samples(
        z=z,
        log_joint=log_joint,
        gradient=gradient,
        acceptance=torch.stack([info.acceptance for info in infos]).mean(0),
        divergences=torch.stack([info.divergent for info in infos]).sum(0),
        step_size=adaptation.averaged,
        model_evaluations=len(x)
        * (2 + 2 * num_leapfrog * (num_warmup + num_samples) + (NUM_CANDIDATES if searched else 0)),
    )


def resampled_prior(
    model: LatentVariableModel, x: Tensor, generator: torch.Generator, num_candidates: int = NUM_CANDIDATES
) -> Tensor:
    """One of ``num_candidates`` prior draws for each row of x [N, D], chosen in proportion to p(x|z): [N, d].

    Sampling importance resampling (Rubin 1988), one candidate at a time: the largest of ``log p(x|z) + Gumbel noise``.
    Cost: ``num_candidates`` model evaluations per datapoint.
    """
    chosen, best = model.sample_prior(len(x), generator), x.new_full((len(x),), -torch.inf)
    with torch.no_grad():
        for _ in range(num_candidates):
            z = model.sample_prior(len(x), generator)
            uniform = torch.rand(best.shape, generator=generator, dtype=best.dtype, device=best.device)
            score = model.decoder.log_prob(x, z) - uniform.log_().neg_().log_()
            better = score > best
            chosen, best = torch.where(better.unsqueeze(-1), z, chosen), torch.where(better, score, best)
    return chosen


def offered_prior(
    model: LatentVariableModel, x: Tensor, z: Tensor, generator: torch.Generator, num_candidates: int
) -> Tensor:
    """A transition of chains at z [N, d], one per row of x [N, D]: each stays or moves to one of the same prior draws.

    Iterated sampling importance resampling: the next position is the current one or one of ``num_candidates`` prior
    draws, chosen in proportion to p(x|z), which leaves p(z|x) invariant.  All chains share the same draws, so that a
    thousand draws cost a thousand passes through the decoder's network and a matrix product; each individual chain
    moves as if the draws were made for it alone.  Source: Andrieu, Lee & Vihola 2018, "Uniform ergodicity of the
    iterated conditional SMC and geometric ergodicity of particle Gibbs samplers".  Cost: ``num_candidates`` model
    evaluations for all chains together, and 1 for each; the matrix product of N rows and ``num_candidates`` outputs is
    not counted.
    """
    candidates = model.sample_prior(num_candidates, generator)  # [K, d]
    rows = max(1, SCORED_AT_ONCE // (1 + num_candidates))
    parts = zip(x.split(rows), z.split(rows), strict=True)
    return torch.cat([_one_of(model, values, place, candidates, generator) for values, place in parts])


def _one_of(model: LatentVariableModel, x: Tensor, z: Tensor, candidates: Tensor, generator: torch.Generator) -> Tensor:
    """Each z [N, d] or one of the ``candidates`` [K, d], in proportion to p(x|z)."""
    with torch.no_grad():
        current = model.decoder.log_prob(x, z).unsqueeze(-1)
        score = torch.cat([current, model.decoder.log_prob_of_pairs(x, candidates)], dim=-1)  # [N, 1 + K]
    score = torch.where(score.isnan(), -torch.inf, score)  # no chain moves to a point at which the density is NaN
    uniform = torch.rand(score.shape, generator=generator, dtype=score.dtype, device=score.device)
    chosen = (score - uniform.log_().neg_().log_()).argmax(-1)  # the largest after Gumbel noise: a draw by the scores
    return torch.where((chosen == 0).unsqueeze(-1), z, candidates[(chosen - 1).clamp(min=0)])


def _start(model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Tensor:
    """The starting points of the chains: [N, d]."""
    if model.encoder is None:
        return resampled_prior(model, x, generator)
    with torch.no_grad():
        return model.encode(x).rsample(generator)


def _transition(
    density: LogDensity,
    state: hmc.State,
    step_size: Tensor,
    num_leapfrog: int,
    generator: torch.Generator,
) -> tuple[hmc.State, hmc.Info]:
    """One step with the step size varied by up to JITTER."""
    varied = hmc.jittered(step_size, JITTER, generator)
    return hmc.step(density, state, varied, num_leapfrog, generator)
