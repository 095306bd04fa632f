"""Discrete models with too many codes to sum over: a proposal by Gibbs sampling, and a climb to better codes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bench.likelihood.proposal import Proposal
from bench.models.discrete import DiscreteLatents

NUM_WARMUP, NUM_SWEEPS = 2, 6
MAX_CLIMBS = 20  # sweeps; most climbs end after three
CHUNK_PIXELS = 2**21  # of the largest tensor


def conditional(model: DiscreteLatents, x: Tensor, codes: Tensor, group: int) -> Tensor:
    """log p(x, k) for every code of one group, with the other groups' codes [N, G] held: [K, N] nats.

    Cost: K model evaluations per datapoint.
    """
    parts = []
    every = torch.arange(model.num_codes, device=x.device)
    for part in every.split(max(1, CHUNK_PIXELS // x.numel())):
        varied = codes.repeat(len(part), 1, 1)
        varied[..., group] = part.unsqueeze(-1)
        parts.append(model.log_joint_of(x, varied))
    return torch.cat(parts)


@torch.no_grad()
def climb(model: DiscreteLatents, x: Tensor, codes: Tensor) -> Tensor:
    """Codes [N, G] whose p(x, k) no change of a single group's code increases, starting at ``codes``.

    Iterated conditional modes (Besag 1986).  Cost: G K model evaluations per datapoint and sweep.
    """
    for _ in range(MAX_CLIMBS):
        before, codes = codes, codes.clone()
        for group in range(model.num_groups):
            codes[:, group] = conditional(model, x, codes, group).nan_to_num(nan=-math.inf).argmax(0)
        if torch.equal(before, codes):
            break
    return codes


class GibbsMixture(Proposal):
    """A mixture over the sweeps of a Gibbs sampler and the prior for each datapoint; it draws codes [..., N, G].

    The component of a sweep is the product of the conditionals that its codes were drawn from; unlike with independent
    marginals, the codes of the mixture depend on each other.  The share of the prior bounds every weight by
    ``p(x|z) / PRIOR_SHARE``, as in `DefensiveMixture`.
    """

    PRIOR_SHARE = 0.1

    def __init__(self, model: DiscreteLatents, log_components: Tensor) -> None:
        """``log_components`` [S, G, N, K] are log probabilities of each sweep, group, datapoint and code."""
        self.model = model
        self.log_components = log_components

    def sample(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """See `Proposal.sample`: codes [num_samples, N, G]."""
        num_sweeps, num_groups, num_data, _ = self.log_components.shape
        data = torch.arange(num_data, device=self.log_components.device)
        draws = []
        for _ in range(num_samples):
            uniform = self.log_components.new_empty(2 + num_groups, num_data).uniform_(generator=generator)
            sweep = (uniform[0] * num_sweeps).long().clamp_max(num_sweeps - 1)
            codes = _inverse(self.log_components[sweep, :, data].movedim(1, 0), uniform[2:]).mT  # [N, G]
            prior = self.model.sample_codes(num_data, generator)
            draws.append(torch.where((uniform[1] < self.PRIOR_SHARE).unsqueeze(-1), prior, codes))
        return torch.stack(draws)

    def log_prob(self, z: Tensor) -> Tensor:
        """See `Proposal.log_prob`; for codes [k, N, G]."""
        index = z.movedim(0, -1).movedim(1, 0)  # [G, N, k]
        log_q = torch.stack([component.gather(-1, index).sum(0).mT for component in self.log_components])  # [S, k, N]
        fitted = log_q.logsumexp(0) + math.log1p(-self.PRIOR_SHARE) - math.log(len(log_q))
        return torch.logaddexp(fitted, self.model.log_prior_of(z) + math.log(self.PRIOR_SHARE))


@torch.no_grad()
def fit_gibbs(model: DiscreteLatents, x: Tensor, generator: torch.Generator) -> tuple[GibbsMixture, int]:
    """A `GibbsMixture` fitted to each row of x [N, D], and its cost: G K model evaluations per datapoint and sweep.

    The sampler starts at the encoder's codes or, without an encoder, at a draw from the prior.
    """
    codes = (model.sample_codes(len(x), generator) if model.encoder is None else model.encode_codes(x)).clone()
    components = []
    for _ in range(NUM_WARMUP + NUM_SWEEPS):
        log_conditionals = []
        for group in range(model.num_groups):
            log_conditional = conditional(model, x, codes, group).mT.log_softmax(-1)  # [N, K]
            uniform = x.new_empty(len(x)).uniform_(generator=generator)
            codes[:, group] = _inverse(log_conditional, uniform)
            log_conditionals.append(log_conditional)
        components.append(torch.stack(log_conditionals))
    cost = len(x) * (NUM_WARMUP + NUM_SWEEPS) * model.num_groups * model.num_codes
    return GibbsMixture(model, torch.stack(components[NUM_WARMUP:])), cost


def _inverse(log_probabilities: Tensor, uniform: Tensor) -> Tensor:
    """Draw by inverting the distribution function: [..., K] and [...] -> [...]."""
    below = log_probabilities.exp().cumsum(-1) < uniform.unsqueeze(-1)
    return below.sum(-1).clamp_max(log_probabilities.shape[-1] - 1)
