"""Proposals fitted to the posterior of each datapoint by Hamiltonian Monte Carlo, one component for each mode found."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from bench import seeds
from bench.likelihood.full_gaussian import FullGaussian, fit_scores
from bench.likelihood.proposal import Component, DefensiveMixture
from bench.mcmc.posterior import Samples, sample_posterior
from bench.models.latent import LatentVariableModel

# The chain that a component is fitted to; a longer one does not lower the standard error.
NUM_WARMUP, NUM_DRAWS, NUM_LEAPFROG = 50, 50, 4

MOST_COMPONENTS = 4

# Prior draws among which modes are searched, far fewer if pairs of x and z are not evaluated by matrix products; so
# many at once; of each group the most likely one is a candidate.
SEARCHED, FEW_SEARCHED, SEARCHED_AT_ONCE, GROUP = 16_384, 512, 512, 64

# Rows of x scored at once, and values of candidates z: both limit memory.
ROWS, CANDIDATE_VALUES = 2**13, 2**22

# A candidate whose weight would be so many times p(x) is in a mode that the proposal lacks.
LARGE_WEIGHT = 100.0


class Fit(NamedTuple):
    """A fitted proposal, and its cost."""

    proposal: DefensiveMixture
    model_evaluations: int


class Candidates(NamedTuple):
    """Of S prior draws, those that may be in further modes: C for each of N datapoints."""

    draws: Tensor  # [S, d]
    chosen: Tensor  # [C, N] which of them
    log_likelihood: Tensor  # [C, N] log p(x|z), nats


def fit_mixture(model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Fit:
    """A `DefensiveMixture` fitted to a Hamiltonian Monte Carlo chain for each row of x [N, D], and to more if needed.

    If one of SEARCHED prior draws, which all rows share, would have an importance weight above LARGE_WEIGHT times p(x),
    another chain starts there and a component is fitted to it, until there are none or MOST_COMPONENTS.  Thus in few
    dimensions modes are found that the first chain did not visit; in many, where no prior draw is near a mode, nothing
    is added.  The search has random numbers of its own: a row to which nothing is added has the same proposal, and gets
    the same draws from it, as without a search.  Source: Raftery & Bao 2010, "Estimating and projecting trends in
    HIV/AIDS generalized epidemics using incremental mixture importance sampling"; here each component is fitted to a
    chain.  Cost: 802 model evaluations per component and datapoint, 100 more without an encoder, and SEARCHED for all
    datapoints together (FEW_SEARCHED if not `ObservationModel.cheap_pairs`).
    """
    chain = _chain(model, x, generator)
    components, cost = [_component(chain, torch.arange(len(x), device=x.device), x.dtype)], chain.model_evaluations
    search = seeds.generator("modes", generator.initial_seed(), device=x.device)
    candidates = _candidates(model, x, search)
    for _ in range(MOST_COMPONENTS - 1):
        rows, start = _lacking(DefensiveMixture(components, model), candidates)
        if not len(rows):
            break
        chain = _chain(model, x[rows], search, start)
        components.append(_component(chain, rows, x.dtype))
        cost += chain.model_evaluations
    return Fit(DefensiveMixture(components, model), cost + len(candidates.draws))


def fit_gaussian(
    model: LatentVariableModel, x: Tensor, generator: torch.Generator, num_chains: int, num_candidates: int
) -> tuple[FullGaussian, int]:
    """A Gaussian fitted to ``num_chains`` chains for each row of x [N, D], and its cost in model evaluations.

    See `sample_posterior` for ``num_candidates``.  Cost: 802 model evaluations per chain, 100 more without an encoder,
    and the offers of prior draws.
    """
    chain = _chain(model, x.repeat(num_chains, 1), generator, num_candidates=num_candidates)
    z, gradient = (part.unflatten(1, (num_chains, -1)).flatten(0, 1) for part in (chain.z, chain.gradient))
    return fit_scores(z, gradient).to(x.dtype), chain.model_evaluations


def _chain(
    model: LatentVariableModel,
    x: Tensor,
    generator: torch.Generator,
    start: Tensor | None = None,
    num_candidates: int = 0,
) -> Samples:
    return sample_posterior(
        model,
        x,
        generator,
        num_warmup=NUM_WARMUP,
        num_samples=NUM_DRAWS,
        num_leapfrog=NUM_LEAPFROG,
        start=start,
        num_candidates=num_candidates,
    )


def _component(chain: Samples, rows: Tensor, dtype: torch.dtype) -> Component:
    """The component fitted to a chain of these rows."""
    gaussian = fit_scores(chain.z, chain.gradient)
    log_mass = (chain.log_joint.double() - gaussian.log_prob(chain.z.double())).mean(0)  # exact for a Gaussian
    return Component(rows, gaussian.to(dtype), torch.where(log_mass.isfinite(), log_mass, -math.inf).to(dtype))


@torch.no_grad()
def _candidates(model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Candidates:
    """The most likely of each GROUP of prior draws, for each row of x [N, D]."""
    parts, chosen, values = [], [], []
    searched = SEARCHED if model.decoder.observation_model.cheap_pairs else FEW_SEARCHED
    for first in range(0, searched, SEARCHED_AT_ONCE):
        z = model.sample_prior(SEARCHED_AT_ONCE, generator)
        best = [_best_of_groups(model.decoder.log_prob_of_pairs(rows, z)) for rows in x.split(ROWS)]
        parts.append(z)
        values.append(torch.cat([value for value, _ in best]))
        chosen.append(torch.cat([index for _, index in best]) + first)
    return Candidates(torch.cat(parts), torch.cat(chosen, 1).T, torch.cat(values, 1).T)


def _best_of_groups(score: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of each GROUP of scores [N, K], and which of the K it is: [N, K / GROUP] each."""
    score = torch.where(score.isfinite(), score, -math.inf)
    value, index = score.unflatten(1, (-1, GROUP)).max(-1)
    return value, index + torch.arange(0, score.shape[1], GROUP, device=score.device)


@torch.no_grad()
def _lacking(proposal: DefensiveMixture, candidates: Candidates) -> tuple[Tensor, Tensor]:
    """The rows [n] that lack a component, and the candidates [n, d] with the largest weights there."""
    at_once = max(1, CANDIDATE_VALUES // (candidates.chosen.shape[1] * candidates.draws.shape[1]))
    log_weights = []
    for chosen, log_likelihood in zip(*(part.split(at_once) for part in candidates[1:]), strict=True):
        z = candidates.draws[chosen]
        log_weights.append(log_likelihood + proposal.model.log_prior(z) - proposal.log_prob(z))
    best = (torch.cat(log_weights) - proposal.log_mass.logsumexp(0)).max(0)
    rows = (best.values > math.log(LARGE_WEIGHT)).nonzero().squeeze(-1)
    return rows, candidates.draws[candidates.chosen[best.indices[rows], rows]]
