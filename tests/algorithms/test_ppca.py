"""With a linear decoder on data from probabilistic PCA, learning has a known optimum: the maximum likelihood."""

from __future__ import annotations

import math

import numpy as np
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
    "aevb[learning_rate=0.1,prior=none]": 50_000,
    "wakesleep[learning_rate=0.1,prior=none]": 50_000,
    "mcem[learning_rate=0.1,prior=none]": 100_000,
    "mcem[learning_rate=0.1,prior=none,batch_size=100]": 25_000,
    "mcem[learning_rate=0.1,prior=none,batch_size=100,num_candidates=0]": 40_000,
    # the N(0, I) prior on its decoder is in its bound, but 2000 datapoints outweigh it
    "fullvb[learning_rate=0.1]": 30_000,
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
    "svi[learning_rate=0.1,prior=none]": 30_000,
    "semiamortized[learning_rate=0.2,prior=none]": 20_000,
    "semiamortized[gradient=start,learning_rate=0.2,prior=none]": 15_000,
    "hmcvae[learning_rate=0.2,prior=none]": 20_000,
    "flowvae[flow=planar,optimiser=adam,learning_rate=0.02,prior=none]": 20_000,
    "flowvae[flow=coupling,optimiser=adam,learning_rate=0.02,prior=none]": 20_000,
    "flowvae[flow=iaf,optimiser=adam,learning_rate=0.02,prior=none]": 20_000,
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


def weighted(x: torch.Tensor, beta: float, weights: object, bias: object, noise_variance: float) -> float:
    """The largest E_q[log p(x|z)] - beta KL(q || p) over all q, per datapoint: beta log E_p(z)[p(x|z)^(1/beta)].

    p(x|z)^(1/beta) is N(x; W z + b, beta s^2 I) but for a factor, and q is a Gaussian with diagonal covariance if the
    columns of W are orthogonal, which a rotation of z makes them.
    """
    larger, num_pixels = beta * noise_variance, x.shape[1]
    factor = beta * math.log(2 * math.pi * larger) - math.log(2 * math.pi * noise_variance)
    return beta * float(ppca.log_likelihood(x, weights, bias, larger).mean()) + num_pixels / 2 * factor


def optimum(x: torch.Tensor, beta: float) -> tuple[np.ndarray, np.ndarray, float, int]:
    """The W, b and s^2 at which `weighted` is largest, and how many dimensions they use.

    With eigenvalues l_1 > l_2 > ... of the covariance and S the sum of those after the k-th, ``beta s^2 = beta S /
    (D - beta k)`` and the lengths of W's columns are ``l_j - beta s^2``; k is the largest at which all are positive.
    """
    values = x.double().numpy()
    eigenvalues, vectors = np.linalg.eigh(np.cov(values.T, bias=True))
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    for k in (2, 1, 0):
        larger = beta * eigenvalues[k:].sum() / (len(eigenvalues) - beta * k)
        if k == 0 or eigenvalues[k - 1] > larger > 0:
            break
    lengths = np.sqrt(np.maximum(eigenvalues[:2] - larger, 0)) * (np.arange(2) < k)
    return vectors[:, :2] * lengths, values.mean(0), larger / beta, k


@pytest.mark.parametrize(
    ("beta", "annealing", "in_use"),
    [(3.0, "", 2), (3.0, ",annealing=20000", 2), (6.0, "", 1), (6.0, ",annealing=20000,initial_beta=12", 1)],
)
def test_betavae_reaches_its_own_optimum(beta: float, annealing: str, in_use: int, data: Data) -> None:
    """Within 0.1 nat of the largest objective, which prunes what explains too little; not of the likelihood's."""
    x = data.x_train
    *best, k = optimum(x, beta)
    assert k == in_use
    algorithm, minibatches = begun(f"betavae[beta={beta}{annealing},learning_rate=0.1,prior=none]", x)

    def reached() -> float:
        network = algorithm.model.decoder.network
        weights, bias = network.mean.weight.detach(), network.mean.bias.detach()
        return weighted(x, beta, weights, bias, float(network.log_variance.detach().exp()))

    largest = weighted(x, beta, *best)
    assert reached() < largest - 1
    for _ in train(algorithm, minibatches, Clocks(), 50_000):
        pass
    assert largest - 0.1 < reached() < largest + 1e-6
    likeliest = ppca.maximum_likelihood(x, 2)
    assert weighted(x, beta, *likeliest) < largest - 0.1, "otherwise maximum likelihood would do as well"
