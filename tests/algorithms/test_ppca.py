"""With a linear decoder on data from probabilistic PCA, learning has a known optimum: the maximum likelihood."""

from __future__ import annotations

import pytest
import torch

from bench import plugins, seeds
from bench.algorithm import Algorithm
from bench.dataset import Data
from bench.statistics import ppca
from bench.training.beginning import begin
from bench.training.clocks import Clocks
from bench.training.loop import train
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem

SETTINGS = {
    # budget in training samples; the prior is off, since maximum likelihood has none
    "aevb[learning_rate=0.1,prior=none]": 100_000,
    "wakesleep[learning_rate=0.1,prior=none]": 100_000,
    "mcem[learning_rate=0.1,prior=none]": 100_000,
    "mcem[learning_rate=0.1,prior=none,batch_size=100]": 50_000,
    "mcem[learning_rate=0.1,prior=none,batch_size=100,num_candidates=0]": 50_000,
    # the N(0, I) prior on its decoder is in its bound, but 2000 datapoints outweigh it
    "fullvb[learning_rate=0.1]": 50_000,
    "iwae[learning_rate=0.1,prior=none]": 30_000,
    "iwae[learning_rate=0.1,prior=none,gradient=stl]": 30_000,
    "iwae[learning_rate=0.1,prior=none,gradient=dreg]": 30_000,
    "rws[learning_rate=0.1,prior=none]": 30_000,
    "rws[learning_rate=0.1,prior=none,gradient=dreg]": 30_000,
    "rws[learning_rate=0.1,prior=none,phi=sleep]": 30_000,
    "rws[learning_rate=0.1,prior=none,phi=both]": 30_000,
    # q can equal the posterior, where the bound of any order is log p(x)
    "vralpha[learning_rate=0.1,prior=none]": 30_000,
    "vralpha[learning_rate=0.1,prior=none,gradient=dreg]": 30_000,
}


@pytest.fixture(scope="module")
def data() -> Data:
    """2000 training points in 16 dimensions around a plane."""
    loaded: Data = plugins.find("dataset")["ppca"].load()().load(seeds.generator("ppca"))
    return loaded


def exact(algorithm: Algorithm, x: torch.Tensor) -> float:
    """The mean log-likelihood of x under the learned decoder, in closed form."""
    network = algorithm.model.decoder.network
    weights, bias = network.mean.weight.detach(), network.mean.bias.detach()
    return float(ppca.log_likelihood(x, weights, bias, float(network.log_variance.detach().exp())).mean())


def begun(name: str, x: torch.Tensor) -> tuple[Algorithm, Minibatches]:
    """The algorithm with a linear decoder, before its first update."""
    plugin, settings = plugins.resolve("algorithm", name)
    algorithm: Algorithm = plugin.load()(2, model="linear", device="cpu", **settings)
    minibatches = Minibatches(x, algorithm.batch_size, 0)
    begin(algorithm, Problem(x, 2, algorithm.architecture, "gaussian", bounded=False), minibatches, noise=0)
    return algorithm, minibatches


@pytest.mark.parametrize("name", SETTINGS)
def test_reaches_the_maximum_likelihood(name: str, data: Data) -> None:
    """Within 0.1 nat per datapoint, starting more than 1 nat below."""
    x = data.x_train
    best = float(ppca.log_likelihood(x, *ppca.maximum_likelihood(x, 2)).mean())
    algorithm, minibatches = begun(name, x)
    assert exact(algorithm, x) < best - 1
    for _ in train(algorithm, minibatches, Clocks(), SETTINGS[name]):
        pass
    reached = exact(algorithm, x)
    print(f"{name}: {reached:.4f} nats, maximum likelihood {best:.4f}")  # noqa: T201  # shown by pytest -rP
    assert best - 0.1 < reached < best + 1e-6


def test_codes_come_as_near_as_a_continuous_z(data: Data) -> None:
    """A mixture of 128 Gaussians on a learned plane; log p(x) is the sum over all codes, and may exceed the maximum."""
    x = data.x_train
    best = float(ppca.log_likelihood(x, *ppca.maximum_likelihood(x, 2)).mean())
    algorithm, minibatches = begun("vimco[learning_rate=0.1,prior=none]", x)
    assert algorithm.estimate_log_likelihood(x, "exact").mean < best - 1
    for _ in train(algorithm, minibatches, Clocks(), 30_000):
        pass
    reached = algorithm.estimate_log_likelihood(x, "exact").mean
    print(f"vimco: {reached:.4f} nats, maximum likelihood of a continuous z {best:.4f}")  # noqa: T201  # as above
    assert best - 0.1 < reached < best + 0.1
