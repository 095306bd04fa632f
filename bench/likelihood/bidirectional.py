"""Lower and upper bounds on log p(x) by the same chains, run forward and back, on data drawn from the model itself.

Source: Grosse et al. 2015, "Sandwiching the marginal likelihood using bidirectional Monte Carlo"; Wu et al. 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.likelihood.blocks import blocks
from bench.likelihood.bridge import Bridge, BridgeOptions
from bench.likelihood.weights import Weighed
from bench.mcmc import hmc
from bench.mcmc.annealing import Annealed
from bench.mcmc.posterior import offered_prior
from bench.models.latent import LatentVariableModel

# All chains of a datapoint start from its single exact posterior draw.  To separate them, PRIOR_DRAWS draws from the
# prior are proposed to each chain NUM_OFFERS times, which lets it reach other modes in few dimensions, each time
# followed by NUM_SEPARATING Hamiltonian transitions.  Both steps leave the posterior invariant, so that each chain
# still begins at an exact draw.
PRIOR_DRAWS, NUM_OFFERS, NUM_SEPARATING = 1000, 4, 5

# Significance level of the test of whether gaps vary by more than the errors of the chains explain.
EXCESS_LEVEL = 0.05

# A datapoint whose lower bound may be too low by more than both of these is reported in a warning.
WIDE_NATS, WIDE_ERRORS = 0.3, 3.0


@dataclass(frozen=True)
class Sandwich:
    """Both bounds for each of N datapoints that were drawn from the model."""

    lower: Weighed
    upper: Weighed  # of reciprocal weights: ``-log_mean`` is the bound
    runs: tuple[Annealed, ...]  # the forward ones
    model_evaluations: int

    @property
    def gap(self) -> Tensor:
        """[N] nats, upper minus lower bound."""
        return -self.upper.log_mean - self.lower.log_mean

    @property
    def mean_gap(self) -> float:
        """Over the datapoints with both bounds."""
        gap = self.gap
        return float(gap[torch.isfinite(gap)].mean())

    def upper_error(self) -> float:
        """The standard error of the mean upper bound."""
        both = torch.isfinite(self.gap)
        return error_of_upper(self.gap[both], self.lower.standard_error[both], self.upper.standard_error[both])

    @property
    def farthest(self) -> Tensor:
        """[N] nats, the gap and the error of the upper bound: by so much the lower bound may be too low."""
        return self.gap + self.upper.standard_error

    def wide(self, nats: float = WIDE_NATS) -> Tensor:
        """[N] bool, whether the lower bound of a datapoint may be too low by more than both limits."""
        return (self.farthest > nats) & (self.farthest > WIDE_ERRORS * self.lower.standard_error)

    def warnings(self, remedy: str) -> tuple[str, ...]:
        """The warning about single datapoints whose bounds may be far apart, which a small mean gap hides."""
        wide = self.wide()
        if not wide.any():
            return ()
        warning = (
            f"The bounds of {int(wide.sum())} of {len(wide)} simulated datapoints may be farther apart than "
            f"{WIDE_NATS} nats and {WIDE_ERRORS:g} standard errors (by up to {float(self.farthest[wide].max()):.2g} "
            f"nats, with the error of the upper bound): their lower bounds may be too low by as much. {remedy}"
        )
        return (warning,)


def error_of_upper(gap: Tensor, lower_errors: Tensor, upper_errors: Tensor) -> float:
    """The standard error of the mean upper bound, from the gaps and the errors of both bounds, each [N] and finite.

    The chains of a datapoint begin at the same exact draw, so that the spread of their weights may reflect only part of
    the error.  The spread of the gap over datapoints contains all of it, together with the error of the lower bound.
    With few datapoints, however, that spread is itself uncertain, and always taking the larger of the two would
    overestimate the error on average: the spread of the gap is used only if it is larger than both errors explain (a
    chi-squared test).
    """
    from scipy.special import chdtrc  # of the upper tail of chi-squared

    count = max(1, len(gap))
    own, of_lower = (float(errors.square().sum()) / count**2 for errors in (upper_errors, lower_errors))
    variance, explained = own, own + of_lower
    if count > 1:
        of_gap = float(gap.var()) / count
        if not explained or chdtrc(count - 1, (count - 1) * of_gap / explained) < EXCESS_LEVEL:
            variance = of_gap - of_lower
    return math.hypot(math.sqrt(variance), 0.5 * own * count)


def simulate(model: LatentVariableModel, num_points: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draws (z, x) ~ p(z) p(x|z), [num_points, d] and [num_points, D]: z is an exact draw of the posterior of its x.

    x is NaN if the decoder outputs no finite number for z.  Raises ValueError if it does for none.
    """
    with torch.no_grad():
        z = model.sample_prior(num_points, generator)
        sound = torch.isfinite(model.decoder.mean(z)).all(-1)
        if not sound.any():
            raise ValueError("the model's decoder gives no finite E[x|z] for any draw from its prior.")
        x = model.decoder.sample(torch.where(sound.unsqueeze(-1), z, z[sound][:1]), generator)
        return z, torch.where(sound.unsqueeze(-1), x, torch.nan)


def sandwich(
    options: BridgeOptions,
    num_steps: int,
    model: LatentVariableModel,
    drawn: tuple[Tensor, Tensor],
    generator: torch.Generator,
) -> Sandwich:
    """The bounds on log p(x) of each datapoint that `simulate` has ``drawn``: z [N, d] and x [N, D]."""
    z, x = drawn
    parts = blocks(x, options.num_chains)
    lower, upper, runs, cost = [], [], [], 0
    for block, exact in zip(parts, z.split(len(parts[0])), strict=True):
        bridge = Bridge(options, num_steps, model, block, generator)
        weighed, run = bridge.forward()
        lower.append(weighed)
        runs.append(run)
        upper.append(bridge.reverse(_separated(bridge, exact))[0])
        cost += bridge.model_evaluations
    return Sandwich(Weighed.cat(lower), Weighed.cat(upper), tuple(runs), cost)


def _separated(bridge: Bridge, z: Tensor) -> Tensor:
    """C exact draws from each posterior [C, N, d], given one [N, d]."""
    num_chains, num_leapfrog = bridge.options.num_chains, bridge.options.num_leapfrog
    z = z.expand(num_chains, *z.shape)
    step_size = bridge.step_sizes[-1].expand(z.shape[:-1])
    for _ in range(NUM_OFFERS):
        # Chain by chain: chains that share the same candidates would not be independent.
        z = torch.stack([offered_prior(bridge.model, bridge.x, chain, bridge.generator, PRIOR_DRAWS) for chain in z])
        state = hmc.init(bridge.path.log_joint, z)
        for _ in range(NUM_SEPARATING):
            varied = hmc.jittered(step_size, 0.5, bridge.generator)
            state, _ = hmc.step(bridge.path.log_joint, state, varied, num_leapfrog, bridge.generator)
        z = state.z
    of_chain = NUM_OFFERS * (PRIOR_DRAWS + (3 + 2 * num_leapfrog * NUM_SEPARATING) * len(bridge.x))
    bridge.model_evaluations += of_chain * num_chains
    return z
