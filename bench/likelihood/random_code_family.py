"""Distributions over codes, for models whose encoder draws its codes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.likelihood.family import Bounds, Latents
from bench.likelihood.gibbs import conditional
from bench.models.discrete import RandomCodes
from bench.models.random_codes import draw_codes

BOUND_SAMPLES = 100  # for each bound
NUM_SWEEPS = 5  # over all groups, to find the best q
NUM_DRAWS = 8  # of the other groups' codes, for each update of a group
INFORMATION_SAMPLES = 10  # draws of codes per datapoint


@dataclass(frozen=True)
class RandomCodeFamily:
    """The encoder's q(k|x), independent over groups, and the best such distribution for each datapoint.

    With a single group, the best one is the exact posterior.
    """

    model: RandomCodes

    def bounds(self, x: Tensor, num_gap_points: int, generator: torch.Generator) -> Bounds:
        """See `Family`.  Cost: 200 model evaluations for each of the first datapoints, and 40 G K for the best q."""
        x_gap, log_q = x[:num_gap_points], self.model.log_posterior_of_each(x)
        log_best = self.ascend(x_gap, log_q[: len(x_gap)], generator)
        return Bounds(
            *self.lower_bound(x_gap, log_best, generator),
            *self.lower_bound(x_gap, log_q[: len(x_gap)], generator),
            self._latents(log_q, generator),
            self._latents(log_best, generator),
            len(draw_codes(log_q, generator, 1)[0][0].unique(dim=0)),
        )

    def ascend(self, x: Tensor, log_q: Tensor, generator: torch.Generator) -> Tensor:
        """The q with the highest lower bound for each row of x [N, D], from a start [N, G, K], by coordinate ascent.

        ``log q(k_g) = E[log p(x, k)] + constant``, with the expectation over the other groups' codes estimated from
        draws; the result is therefore a maximum up to noise, and its bound is valid in any case.
        """
        num_groups = self.model.num_groups
        for sweep in range(NUM_SWEEPS if num_groups > 1 else 1):
            log_q = log_q.clone()
            for group in range(num_groups):
                codes, _ = draw_codes(log_q, generator, NUM_DRAWS if num_groups > 1 else 1)
                expected = torch.stack([conditional(self.model, x, each, group) for each in codes]).mean(0).mT  # [N, K]
                update = expected.log_softmax(-1)
                log_q[:, group] = torch.lerp(log_q[:, group], update, 1 / (1 + sweep)).log_softmax(-1)
        return log_q

    def lower_bound(self, x: Tensor, log_q: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """``E_q[log p(x, k) - log q(k)]`` of each row of x [N, D] and its standard error, each [N] nats."""
        codes, log_drawn = draw_codes(log_q, generator, BOUND_SAMPLES)
        values = torch.stack([self.model.log_joint_of(x, each) for each in codes]).double() - log_drawn.double().sum(-1)
        return values.mean(0), values.std(0) / math.sqrt(BOUND_SAMPLES)

    def _latents(self, log_q: Tensor, generator: torch.Generator) -> Latents:
        codes, log_drawn = draw_codes(log_q, generator, INFORMATION_SAMPLES)
        return Latents(
            kl=(log_drawn - self.model.log_prior_terms(codes)).double().mean((0, 1)),
            variance=log_q.double().exp().var(0, correction=0).sum(-1),
            mutual_information=mutual_information(log_q.double(), codes),
        )


def mutual_information(log_q: Tensor, codes: Tensor) -> float:
    """I(x; k) in nats, with x uniform over N datapoints, for their log q [N, G, K] and draws from them [S, N, G].

    As for Gaussians, the mean over draws of the KL divergence of the distribution over which datapoint a draw came
    from, relative to the uniform distribution: between 0 and log N.

    >>> certain = torch.tensor([[[0.0, -math.inf]], [[-math.inf, 0.0]]])  # two datapoints with a code each
    >>> round(mutual_information(certain, torch.tensor([[[0], [1]]])), 4)
    0.6931
    """
    total = 0.0
    for drawn in codes:  # [N of k, G]
        log_odds = torch.stack([log_q[:, group, code] for group, code in enumerate(drawn.mT)]).sum(0).T.log_softmax(-1)
        total += float((log_odds.exp() * log_odds).nansum(-1).mean())  # 0 log 0 = 0
    return max(0.0, math.log(len(log_q)) + total / len(codes))
