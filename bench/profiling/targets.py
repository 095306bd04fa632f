"""The gradient of log p(x) in the decoder's parameters, by very many importance samples."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.likelihood.fit import fit_mixture
from bench.models.frozen import frozen
from bench.models.latent import LatentVariableModel
from bench.profiling.moments import BLOCKS

NUM_SAMPLES = 512  # per datapoint and block
LARGEST = 2**22  # values of a network's output at once


def likelihood_gradients(model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Tensor | None:
    """`BLOCKS` independent estimates [B, P] of the gradient in theta of the mean of log p(x) over x [N, D].

    Each is ``sum_k v_k grad log p(x, z_k)`` with K = `NUM_SAMPLES` draws from a heavy-tailed proposal around the
    posterior, and their normalised weights v; its bias is of the order 1 / K.  None for a model whose z is discrete.
    Cost: 2 B K model evaluations per datapoint, and some 900 for each mode that the proposal has.
    """
    if model.discrete is not None:
        return None
    x, theta = x.to(model.dtype), model.theta
    with frozen(model):
        proposal = fit_mixture(model, x, generator).proposal
    was_training, rows = model.training, max(1, LARGEST // (NUM_SAMPLES * x.shape[1]))
    model.eval()
    estimates = []
    for _ in range(BLOCKS):
        z = proposal.sample(NUM_SAMPLES, generator)  # [K, N, d]
        log_q = proposal.log_prob(z)
        total = torch.zeros(sum(parameter.numel() for parameter in theta), dtype=torch.float64)
        for first in range(0, len(x), rows):
            part = slice(first, first + rows)
            log_p = model.log_joint(x[part], z[:, part])  # [K, n]
            shares = (log_p.detach() - log_q[:, part]).softmax(0)
            each = torch.autograd.grad((shares * log_p).sum() / len(x), theta, allow_unused=True)
            flat = [
                torch.zeros(parameter.numel()) if gradient is None else gradient.flatten().cpu()
                for parameter, gradient in zip(theta, each, strict=True)
            ]
            total += torch.cat([gradient.double() for gradient in flat])
        estimates.append(total)
    model.train(was_training)
    return torch.stack(estimates)
