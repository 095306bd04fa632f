"""The adversarial auto-encoder: what its discriminator learns, and that the encoder's samples approach the prior."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from bench import plugins, seeds
from bench.algorithm import Algorithm
from bench.statistics import ppca
from bench.training.beginning import begin
from bench.training.clocks import Clocks
from bench.training.loop import train
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem

FALSE_ALARM_RATE = 0.01
PERMUTATIONS = 999


def begun(x: Tensor, z: int, model: str, likelihood: str, **settings: Any) -> tuple[Any, Minibatches]:
    algorithm: Algorithm = plugins.find("algorithm")["aae"].load()(z, model=model, device="cpu", **settings)
    minibatches = Minibatches(x, algorithm.batch_size, 0)
    problem = Problem(x, z, algorithm.architecture, likelihood, bounded=likelihood == "bernoulli")
    begin(algorithm, problem, minibatches, noise=0)
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


def p_value(algorithm: Algorithm, x: Tensor, n: int = 200) -> float:
    """Test of whether one sample of q(z|x) per datapoint is distributed as n samples from the prior."""
    stream = seeds.generator("draws")
    with torch.no_grad():
        z = algorithm.model.encode(x[:n]).rsample(stream)
    return same_distribution(z, algorithm.model.sample_prior(n, stream))


def test_the_two_sample_test_is_one() -> None:
    """It detects a shift and a wrong scale, and no difference between samples of one distribution."""
    prior = torch.randn(400, 2, generator=seeds.generator("two samples"))
    assert same_distribution(prior[:200], prior[200:]) > 0.05
    assert same_distribution(prior[:200], prior[200:] + 0.5) <= FALSE_ALARM_RATE
    assert same_distribution(prior[:200], prior[200:] * 1.6) <= FALSE_ALARM_RATE


def test_the_aggregate_posterior_comes_to_the_prior_and_the_model_to_the_data() -> None:
    """On probabilistic PCA; neither holds at the start, nor if the discriminator has no weight.

    Within 0.3 nat of the maximum likelihood: the algorithm does not maximise a bound, so it need not reach it.
    """
    data = plugins.find("dataset")["ppca"].load()().load(seeds.generator("ppca"))
    x: Tensor = data.x_train
    best = float(ppca.log_likelihood(x, *ppca.maximum_likelihood(x, 2)).mean())

    def behind(algorithm: Algorithm) -> float:
        network = algorithm.model.decoder.network
        weights, bias = network.mean.weight.detach(), network.mean.bias.detach()
        return best - float(ppca.log_likelihood(x, weights, bias, float(network.log_variance.detach().exp())).mean())

    for weight, budget in ((0.0, 10_000), (1.0, 80_000)):
        algorithm, batches = begun(
            x,
            2,
            "linear[init_scale=0.3]",
            "gaussian",
            learning_rate=0.1,
            prior="none",
            adversarial_weight=weight,
        )
        assert p_value(algorithm, x) <= FALSE_ALARM_RATE
        assert behind(algorithm) > 5
        trained(algorithm, batches, budget)
        if weight == 0:
            assert p_value(algorithm, x) <= FALSE_ALARM_RATE
            assert behind(algorithm) > 1
    assert p_value(algorithm, x) > FALSE_ALARM_RATE
    assert behind(algorithm) < 0.3


def binary(n: int = 40, pixels: int = 6) -> Tensor:
    return torch.bernoulli(torch.full((n, pixels), 0.4), generator=seeds.generator("binary"))


def test_the_discriminator_begins_undecided_and_learns_to_tell() -> None:
    """Its loss begins at 2 log 2, its gradient is that of binary cross-entropy, and its odds take the right sides."""
    algorithm, _ = begun(binary(), 2, "mlp[hidden=3]", "bernoulli", learning_rate=0.01)
    far = 2 + 0.5 * torch.randn(40, 2, generator=seeds.generator("far"))
    near = algorithm.model.sample_prior(40, seeds.generator("near"))
    assert not algorithm.log_odds(near).any()
    assert algorithm.discriminate(far).item() == pytest.approx(2 * math.log(2))
    for _ in range(3):
        algorithm.discriminate(far)

    before = [parameter.detach().clone() for parameter in algorithm.discriminator.parameters()]
    drawn = algorithm.model.sample_prior(40, algorithm.generator.clone_state())
    algorithm.discriminate(far)
    learned = [parameter.grad.clone() for parameter in algorithm.discriminator.parameters()]
    with torch.no_grad():
        for parameter, value in zip(algorithm.discriminator.parameters(), before, strict=True):
            parameter.copy_(value)
    logits = algorithm.discriminator(torch.cat([drawn, far])).squeeze(-1)
    truth = torch.cat([torch.ones(40), torch.zeros(40)])
    expected = torch.autograd.grad(
        2 * binary_cross_entropy_with_logits(logits, truth), [*algorithm.discriminator.parameters()]
    )
    for mine, theirs in zip(learned, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)

    for _ in range(100):
        loss = algorithm.discriminate(far)
    assert loss < 0.7 * 2 * math.log(2)
    assert algorithm.log_odds(near).mean() > 0.5 > -0.5 > algorithm.log_odds(far).mean()
