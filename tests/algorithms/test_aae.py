"""The adversarial auto-encoder: what its discriminator learns, and that the encoder's draws come to the prior."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from bench import plugins, seeds
from bench.algorithm import Algorithm
from bench.problem import Batch, Problem
from bench.statistics import ppca
from bench.training import Clocks, Minibatches, train

FALSE_ALARM_RATE = 0.01
PERMUTATIONS = 999


def begun(x: Tensor, z: int, model: str, likelihood: str, **settings: Any) -> tuple[Any, Minibatches]:
    algorithm: Algorithm = plugins.find("algorithm")["aae"].load()(z, model=model, device="cpu", **settings)
    minibatches = Minibatches(x, algorithm.batch_size, 0)
    problem = Problem(x, z, algorithm.architecture, likelihood, bounded=likelihood == "bernoulli")
    algorithm.begin(problem, minibatches, noise=0)
    return algorithm, minibatches


def trained(algorithm: Algorithm, minibatches: Minibatches, budget: int) -> None:
    for _ in train(algorithm, minibatches, Clocks(), budget):
        pass


def same_distribution(a: Tensor, b: Tensor) -> float:
    """The p-value of the permutation test by energy distance (Székely & Rizzo 2004) of a [n, d] and b [n, d]."""
    n, both = len(a), torch.cat([a, b]).double()
    distances = torch.cdist(both, both)
    stream = seeds.generator("permutations")
    orders = [torch.arange(2 * n), *(torch.randperm(2 * n, generator=stream) for _ in range(PERMUTATIONS))]
    signs = torch.stack([torch.ones(2 * n).double().index_fill(0, order[n:], -1) for order in orders])
    energy = -((signs @ distances) * signs).sum(-1)  # as E|a - b| - (E|a - a'| + E|b - b'|) / 2, scaled
    return float((energy >= energy[0] - 1e-9).double().mean())


def clusters() -> Tensor:
    """2000 binary rows around four prototypes: the aggregate posterior has every reason to fall into four heaps."""
    stream = seeds.generator("clusters")
    prototypes = torch.bernoulli(torch.full((4, 16), 0.5), generator=stream) * 0.9 + 0.05
    return torch.bernoulli(prototypes[torch.randint(4, (2000,), generator=stream)], generator=stream)


def p_value(algorithm: Algorithm, x: Tensor, n: int = 300) -> float:
    stream = seeds.generator("draws")
    with torch.no_grad():
        z = algorithm.model.encode(x[:n]).rsample(stream)
    return same_distribution(z, algorithm.model.sample_prior(n, stream))


def test_the_aggregate_posterior_comes_to_the_prior() -> None:
    """The same test rejects before training, and after it where the discriminator has no weight."""
    x, p = clusters(), {}
    for weight in (1.0, 0.0):
        algorithm, batches = begun(
            x, 2, "mlp[hidden=16,init_scale=0.5]", "bernoulli", learning_rate=0.02, adversarial_weight=weight
        )
        p["start"] = p_value(algorithm, x)
        trained(algorithm, batches, 150_000)
        p[f"{weight:g}"] = p_value(algorithm, x)
    print(p)
    assert p["start"] <= FALSE_ALARM_RATE
    assert p["0"] <= FALSE_ALARM_RATE
    assert p["1"] > FALSE_ALARM_RATE
