"""Adagrad, the parameter prior and annealing, against the formulas written out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.optimisation import adagrad


@pytest.mark.parametrize("annealing", [0.0, 0.1])
@pytest.mark.parametrize("prior", [True, False])
def test_update_is_the_papers(prior: bool, annealing: float) -> None:
    """theta -= rate / (1 + a t) * g / sqrt(sum g^2), where g includes theta / N of the N(0, I) prior."""
    stream = torch.Generator().manual_seed(0)
    parameter = nn.Parameter(torch.randn(7, generator=stream))
    theta, total = parameter.detach().double().clone(), torch.zeros(7, dtype=torch.float64)
    optimiser = adagrad([parameter], 0.1, num_data=50, prior=prior, annealing=annealing)
    for t in range(4):
        gradient = torch.randn(7, generator=stream)
        parameter.grad = gradient.clone()
        optimiser.step()
        g = gradient.double() + (theta / 50 if prior else 0)
        total += g**2
        theta -= 0.1 / (1 + annealing * t) * g / total.sqrt()
        torch.testing.assert_close(parameter.detach().double(), theta, rtol=1e-5, atol=1e-6)


def test_first_update_moves_by_the_whole_step() -> None:
    """Whatever the size of the gradient: the reason why large steps blow up at once."""
    parameter = nn.Parameter(torch.zeros(3))
    parameter.grad = torch.tensor([1e-4, -3.0, 1e5])
    adagrad([parameter], 0.02, num_data=10).step()
    torch.testing.assert_close(parameter.detach(), torch.tensor([-0.02, 0.02, -0.02]))
