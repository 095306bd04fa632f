"""Sums over all codes of a discrete model that has few enough."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from bench.models.discrete import DiscreteLatents

LARGEST_NUM_STATES = 2**16
CHUNK_STATES = 1024  # passed through the decoder at once


def is_enumerable(model: DiscreteLatents) -> bool:
    """Whether the model has few enough codes to sum over."""
    return model.num_states <= LARGEST_NUM_STATES


@torch.no_grad()
def log_joints(model: DiscreteLatents, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """All combinations of codes in chunks [S, G], each with its log p(x, k) [S, N] in nats (float64).

    Cost: one model evaluation per pair of x and k, although each k passes through the network only once for all x.
    """
    for codes in model.states(CHUNK_STATES):
        log_prior = model.log_prior_of(codes).unsqueeze(-1)
        yield codes, (log_prior + model.decoder.log_prob_of_pairs(x, model.vectors(codes)).mT).double()


def log_likelihood(model: DiscreteLatents, x: Tensor) -> Tensor:
    """The exact ``log p(x) = log sum_k p(k) p(x|z_k)`` for each row of x [N, D]: [N] nats, float64."""
    total = torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device)
    for _, log_joint in log_joints(model, x):
        total = torch.logaddexp(total, log_joint.logsumexp(0))
    return total


def best_codes(model: DiscreteLatents, x: Tensor) -> Tensor:
    """The codes with the highest p(x, k) for each row of x [N, D]: [N, G]."""
    highest = torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device)
    best = torch.zeros(len(x), model.num_groups, dtype=torch.long, device=x.device)
    for codes, log_joint in log_joints(model, x):
        value, index = log_joint.max(0)
        best = torch.where((value > highest).unsqueeze(-1), codes[index], best)
        highest = torch.maximum(highest, value)
    return best
