"""Proposals fitted to the posterior of each datapoint by Hamiltonian Monte Carlo, one component for each mode found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bench import seeds
from bench.likelihood.full_gaussian import fit_scores
from bench.likelihood.proposal import Component, DefensiveMixture
from bench.likelihood.wide_prior import sample_wide_prior
from bench.mcmc.posterior import Samples, sample_posterior
from bench.models.latent import LatentVariableModel

# The chain that a component is fitted to; in few dimensions a longer one does not lower the standard error.  In many
# dimensions, several chains do, especially if the scales of the posterior differ: with scales of 0.1 to 5 in 15
# dimensions, annealed chains that start from the component have less than half the error
# (tests/estimators/test_ais.py).
NUM_WARMUP, NUM_DRAWS, NUM_LEAPFROG = 50, 50, 4
FEW_DIMENSIONS, MANY_CHAINS = 10, 4

# The number of draws among which modes are searched for at a time; fewer if they would make more pairs with the rows of
# x, or pixels of pairs if these are not evaluated by matrix products.  In more dimensions no draw comes near a mode.
MOST_SEARCHED, LEAST_SEARCHED, PAIRS, LARGEST_LATENT_SIZE = 2**14, 2**9, 2**26, 20

# A draw whose weight would exceed this multiple of p(x) is in a mode that the proposal lacks.  There is one search per
# number; modes that only a later search finds are narrower, and their weights larger.
LARGE_WEIGHTS = (25.0, *(100.0,) * 7)

FEW = 0.02  # no further search follows one that adds components to at most this fraction of the rows
MOST_ADDED = 3  # components per row, after each search

# The proposal's density counts as at least this fraction of that of the draws: in the far tails of the prior, weights
# can be large even in regions that contribute hardly anything to p(x).
LEAST_DENSITY = 0.01

CANDIDATES = 2**8  # the draw with the largest weight of each of so many groups

DRAWS_AT_ONCE, VALUES_AT_ONCE = 2**9, 2**22  # that are scored, and of the largest tensor


class Fit(NamedTuple):
    """A fitted proposal, and its cost."""

    proposal: DefensiveMixture
    model_evaluations: int


class Candidates(NamedTuple):
    """Those of S draws that may be in further modes: C for each of N datapoints."""

    draws: Tensor  # [S, d]
    log_density: Tensor  # [S] log s(z) of the distribution from which they are drawn, nats
    chosen: Tensor  # [C, N] int32, which of them
    log_weights: Tensor  # [C, N] log p(x, z) / s(z), nats


def fit_mixture(
    model: LatentVariableModel, x: Tensor, generator: torch.Generator, large_weights: Sequence[float] = LARGE_WEIGHTS
) -> Fit:
    """A `DefensiveMixture` fitted to Hamiltonian Monte Carlo chains, as many as needed for each row of x [N, D].

    The first component is fitted to one chain, or to MANY_CHAINS in more than FEW_DIMENSIONS.  If one of up to
    MOST_SEARCHED draws from the prior and from wider distributions, which all rows share, would have an importance
    weight that exceeds p(x) by more than the factor in ``large_weights``, another chain starts there and a component is
    fitted to it, until there are no such draws or MOST_ADDED components have been added.  If components were added to
    more than the fraction FEW of the rows, another search with new draws follows, up to one for each of the
    ``large_weights``.  In few dimensions, this finds modes that the first chain did not visit; in more than
    LARGEST_LATENT_SIZE dimensions there is no search.  The searches use a random stream of their own: a row to which
    nothing is added has the same proposal, and gets the same draws from it, as without a search.  Source: Raftery & Bao
    2010, "Estimating and projecting trends in HIV/AIDS generalized epidemics using incremental mixture importance
    sampling"; here components are fitted to chains.
    Cost: 802 model evaluations per chain and datapoint, 100 more without an encoder, plus one for each draw in a
    search, for all datapoints together.
    """
    search = seeds.beside(generator, "modes")
    chain = _chain(model, x if model.latent_size <= FEW_DIMENSIONS else x.repeat(MANY_CHAINS, 1), generator)
    components, cost = [_component(chain, torch.arange(len(x), device=x.device), x.dtype)], chain.model_evaluations
    proposal = DefensiveMixture(components, model)
    if model.latent_size > LARGEST_LATENT_SIZE:
        return Fit(proposal, cost)
    for large_weight in large_weights:
        candidates = _candidates(model, x, search)
        cost += len(candidates.draws)
        before = len(components)
        while len(components) < before + MOST_ADDED:
            rows, start = _lacking(proposal, candidates, large_weight)
            if not len(rows):
                break
            chain = _chain(model, x[rows], search, start)
            components.append(_component(chain, rows, x.dtype))
            proposal = DefensiveMixture(components, model)
            cost += chain.model_evaluations
        if len({row for component in components[before:] for row in component.rows.tolist()}) <= FEW * len(x):
            break
    return Fit(proposal, cost)


def _chain(model: LatentVariableModel, x: Tensor, generator: torch.Generator, start: Tensor | None = None) -> Samples:
    return sample_posterior(
        model,
        x,
        generator,
        num_warmup=NUM_WARMUP,
        num_samples=NUM_DRAWS,
        num_leapfrog=NUM_LEAPFROG,
        start=start,
    )


def _component(chain: Samples, rows: Tensor, dtype: torch.dtype) -> Component:
    """The component fitted to one or more chains of each of these rows."""
    z, gradient, log_joint = (  # [S, C n, ...] -> [S C, n, ...]
        part.unflatten(1, (-1, len(rows))).flatten(0, 1) for part in (chain.z, chain.gradient, chain.log_joint)
    )
    gaussian = fit_scores(z, gradient)
    log_mass = (log_joint.double() - gaussian.log_prob(z.double())).mean(0)  # exact for a Gaussian
    return Component(rows, gaussian.to(dtype), torch.where(log_mass.isfinite(), log_mass, -math.inf).to(dtype))


@torch.no_grad()
def _candidates(model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Candidates:
    """The draw with the largest weight of each group, for each row of x [N, D]."""
    draws, log_density = sample_wide_prior(model, searched := _num_searched(model, x), generator)
    log_ratio = model.log_prior(draws) - log_density
    group = searched // CANDIDATES
    at_once = group * max(1, min(VALUES_AT_ONCE // x.shape[1], DRAWS_AT_ONCE) // group)
    values, chosen = [], []
    for first in range(0, searched, at_once):
        z, of_prior = draws[first : first + at_once], log_ratio[first : first + at_once]
        parts = x.split(max(1, VALUES_AT_ONCE // at_once))
        scores = [model.decoder.log_prob_of_pairs(rows, z) + of_prior for rows in parts]
        best = [_largest(score.unflatten(1, (-1, group))) for score in scores]
        values.append(torch.cat([value for value, _ in best]))  # [N, K / group]
        in_group = torch.cat([index for _, index in best])
        chosen.append((in_group + torch.arange(first, first + len(z), group, device=x.device)).int())
    return Candidates(draws, log_density, torch.cat(chosen, 1).T, torch.cat(values, 1).T)


def _largest(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The largest finite number of each group [..., G], or minus infinity, and its index."""
    values, places = scores.max(-1)
    if (values < math.inf).all():  # no infinity, and no NaN, which would be the largest
        return values, places
    values, places = torch.where(scores.isfinite(), scores, -math.inf).max(-1)
    return values, places


def _num_searched(model: LatentVariableModel, x: Tensor) -> int:
    """How many draws are searched for modes: a power of 2."""
    work_of_each = len(x) if model.decoder.observation_model.cheap_pairs else x.numel()
    return int(2 ** (min(max(PAIRS // work_of_each, LEAST_SEARCHED), MOST_SEARCHED).bit_length() - 1))


@torch.no_grad()
def _lacking(proposal: DefensiveMixture, candidates: Candidates, large_weight: float) -> tuple[Tensor, Tensor]:
    """The rows [n] that lack a component, and the candidates [n, d] with the largest weights there."""
    draws, log_density, chosen, log_weights = candidates
    at_once = max(1, VALUES_AT_ONCE // (chosen.shape[1] * draws.shape[1]))
    excesses = []
    for indices, weights in zip(chosen.split(at_once), log_weights.split(at_once), strict=True):
        of_draws = log_density[indices.long()]
        least = of_draws + math.log(LEAST_DENSITY)
        excess = weights + of_draws - proposal.log_prob(draws[indices.long()]).maximum(least)
        excesses.append(excess.nan_to_num(nan=-math.inf, posinf=-math.inf, neginf=-math.inf))
    best = torch.cat(excesses).max(0)
    rows = (best.values > proposal.log_mass.logsumexp(0) + math.log(large_weight)).nonzero().squeeze(-1)
    return rows, draws[chosen[best.indices[rows], rows].long()]
