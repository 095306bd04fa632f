"""The multi-sample algorithms on a linear-Gaussian model with one latent dimension, against numerical integration.

The reference shares no code with the library: densities are written again in NumPy, expectations over the noise of K
draws are sums over a Gauss-Hermite grid, and gradients are finite differences.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench import plugins, seeds
from bench.algorithm import Algorithm
from bench.training.problem import Batch, Problem

Array = NDArray[np.float64]
Parameters = dict[str, Array]
K = 3
NODES = 28  # of the grid, for each of the K draws; gradients differ by a relative 2e-6 from those with 48
ROWS, STEPS = 1000, 100  # 1e5 independent draws of (z_1, ..., z_K)
LARGEST_SCORE = 4.5  # of 39 parameters: one false alarm in a thousand tests
STILL = 1e-30  # a step size that leaves every parameter as it is


def algorithm_on(known: Any, name: str, x: torch.Tensor, **settings: object) -> tuple[Algorithm, Batch]:
    """An algorithm in float64 with the parameters of a known model, and x [M, D] as its minibatch."""
    x = x.double()
    latent_size = known.model.latent_size
    settings = {"learning_rate": STILL, **settings}
    algorithm: Algorithm = plugins.find("algorithm")[name].load()(
        latent_size, model="linear", decoder="gaussian", device="cpu", **settings
    )
    problem = Problem(x, latent_size, algorithm.architecture, "gaussian", bounded=False)
    algorithm.setup(problem, seeds.generator("noise of", name, *map(str, settings.values())))
    algorithm.model.load_state_dict(known.model.state_dict())
    return algorithm, Batch(x, torch.arange(len(x)))


def gradients(algorithm: Algorithm, batch: Batch, steps: int) -> Parameters:
    """What each of some steps ascends, by parameter: [steps, ...]."""
    found: dict[str, list[Array]] = {name: [] for name, _ in algorithm.model.named_parameters()}
    for _ in range(steps):
        algorithm.step(batch)
        for name, parameter in algorithm.model.named_parameters():
            grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            found[name].append(-grad.numpy().copy())
    return {name: np.stack(each) for name, each in found.items()}


def scores(found: Parameters, expected: Parameters) -> Array:
    """How many standard errors the mean gradient is away from the expected one, for each number of some parameters."""
    each = []
    for name, truth in expected.items():
        error = found[name].std(0, ddof=1) / np.sqrt(len(found[name]))
        assert (error > 0).all(), f"{name}: an estimate without error proves nothing"
        each.append(((found[name].mean(0) - truth) / error).flatten())
    return np.abs(np.concatenate(each))


# -- the reference ---------------------------------------------------------------------------------------------------


def log_normal(value: Array, mean: Array | float, log_variance: Array | float) -> Array:
    return np.asarray(-0.5 * (np.log(2 * np.pi) + log_variance + (value - mean) ** 2 / np.exp(log_variance)))


def encoded(p: Parameters, x: Array) -> tuple[Array, Array]:
    """Mean and log-variance of q(z|x)."""
    mean = p["encoder.network.mean.weight"][0] @ x + p["encoder.network.mean.bias"][0]
    return np.asarray(mean), p["encoder.network.log_variance"][0]


def log_joint(p: Parameters, x: Array, z: Array) -> Array:
    mean = z[:, None] * p["decoder.network.mean.weight"][:, 0] + p["decoder.network.mean.bias"]
    return log_normal(z, 0.0, 0.0) + log_normal(x, mean, p["decoder.network.log_variance"][0]).sum(-1)


@cache
def grid() -> tuple[Array, NDArray[np.int64], Array]:
    """Nodes [n] of standard normal noise, all combinations of K of them [n^K, K] by number, and their weights [n^K]."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    combinations = np.stack(np.meshgrid(*[np.arange(NODES)] * K, indexing="ij"), -1).reshape(-1, K)
    return nodes, combinations, (weights / weights.sum())[combinations].prod(-1)


def drawn(p: Parameters, x: Array) -> tuple[Array, Array]:
    """z and log w at the nodes: [n] each."""
    mean, log_variance = encoded(p, x)
    z = mean + np.exp(log_variance / 2) * grid()[0]
    return z, log_joint(p, x, z) - log_normal(z, mean, log_variance)


def bound(p: Parameters, x: Array, alpha: float) -> float:
    """E[log(mean_k w_k^(1 - alpha)) / (1 - alpha)]."""
    _, combinations, weights = grid()
    log_w = drawn(p, x)[1][combinations]
    if alpha == 1:
        return float(weights @ log_w.mean(-1))
    powers = (1 - alpha) * log_w
    return float(weights @ (np.logaddexp.reduce(powers, -1) - np.log(K))) / (1 - alpha)


def wake(p: Parameters, x: Array, at: Parameters, alpha: float = 0.0) -> float:
    """E[sum_k v_k log q(z_k|x)] with draws and weights of the parameters ``at``."""
    _, combinations, weights = grid()
    z, log_w = drawn(at, x)
    powers = (1 - alpha) * log_w[combinations]
    shares = np.exp(powers - np.logaddexp.reduce(powers, -1, keepdims=True))
    return float(weights @ (shares * log_normal(z, *encoded(p, x))[combinations]).sum(-1))


def sleep(p: Parameters, at: Parameters) -> float:
    """E[log q(z|x)] over z ~ N(0, 1), x = W z + b + s e of the parameters ``at``, in closed form."""
    loadings, bias = at["decoder.network.mean.weight"][:, 0], at["decoder.network.mean.bias"]
    weight, log_variance = p["encoder.network.mean.weight"][0], p["encoder.network.log_variance"][0]
    offset = weight @ bias + p["encoder.network.mean.bias"][0]
    square = (1 - weight @ loadings) ** 2 + offset**2
    square += np.exp(at["decoder.network.log_variance"][0]) * weight @ weight
    return float(-0.5 * (np.log(2 * np.pi) + log_variance + square / np.exp(log_variance)))


def slopes(objective: Callable[[Parameters], float], at: Parameters, part: str, step: float = 1e-5) -> Parameters:
    """Finite differences in the parameters of one part, ``decoder`` or ``encoder``."""
    found = {}
    for name in filter(lambda name: name.startswith(part), at):
        found[name] = np.zeros_like(at[name])
        for index in np.ndindex(at[name].shape):
            there = {key: value.copy() for key, value in at.items()}
            there[name][index] += step
            up = objective(there)
            there[name][index] -= 2 * step
            found[name][index] = (up - objective(there)) / (2 * step)
    return found


class Truth:
    """Expected gradients at the known model, computed once each."""

    def __init__(self, known: Any) -> None:
        self.known = known
        self.at = {name: value.detach().double().numpy() for name, value in known.model.named_parameters()}
        self.x = known.x[0].double().numpy()
        self._kept: dict[tuple[str, str, float], Parameters] = {}

    def of(self, objective: str, part: str, alpha: float = 0.0) -> Parameters:
        """The gradient of ``bound``, ``wake`` or ``sleep`` in a part."""
        functions: dict[str, Callable[[Parameters], float]] = {
            "bound": lambda p: bound(p, self.x, alpha),
            "wake": lambda p: wake(p, self.x, self.at, alpha),
            "sleep": lambda p: sleep(p, self.at),
        }
        key = objective, part, alpha
        if key not in self._kept:
            self._kept[key] = slopes(functions[objective], self.at, part)
        return self._kept[key]

    def sum_of(self, *objectives: str, alpha: float = 0.0) -> Parameters:
        """The gradient in phi of a sum."""
        each = [self.of(objective, "encoder", alpha) for objective in objectives]
        return {name: np.sum([gradient[name] for gradient in each], 0) for name in each[0]}

    def found(self, name: str, **settings: object) -> Parameters:
        """The algorithm's gradients at 100 minibatches of 1000 copies of x."""
        algorithm, batch = algorithm_on(
            self.known, name, self.known.x[:1].expand(ROWS, -1), **{"num_samples": K, **settings}
        )
        return gradients(algorithm, batch, STEPS)


@pytest.fixture(scope="module")
def truth(linear_gaussian: Callable[..., Any]) -> Truth:
    """At one datapoint of a model with one latent dimension, whose encoder is imperfect."""
    return Truth(linear_gaussian(1, 1, encoder=True))


# -- gradients -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gradient", ["standard", "dreg"])
@pytest.mark.parametrize(("name", "alpha"), [("iwae", 0.0), ("vralpha", 0.5), ("vralpha", -1.0), ("vralpha", 2.0)])
def test_the_bounds_gradients_are_unbiased(truth: Truth, name: str, alpha: float, gradient: str) -> None:
    found = truth.found(name, gradient=gradient, **({"alpha": alpha} if name == "vralpha" else {}))
    for part in ("decoder", "encoder"):
        assert scores(found, truth.of("bound", part, alpha)).max() < LARGEST_SCORE


@pytest.mark.parametrize(("name", "alpha"), [("iwae", 0.0), ("vralpha", 0.5)])
def test_sticking_the_landing_is_biased_by_the_wake_phases_gradient(truth: Truth, name: str, alpha: float) -> None:
    """sum v_k D_k is the bound's gradient plus sum v_k S_k, whose expectation is 0 for K = 1 alone."""
    found = truth.found(name, gradient="stl", **({"alpha": alpha} if name == "vralpha" else {}))
    assert scores(found, truth.of("bound", "decoder", alpha)).max() < LARGEST_SCORE
    assert scores(found, truth.sum_of("bound", "wake", alpha=alpha)).max() < LARGEST_SCORE
    assert scores(found, truth.of("bound", "encoder", alpha)).max() > 10 * LARGEST_SCORE


def test_sticking_the_landing_is_unbiased_where_the_score_is_zero_on_average(truth: Truth) -> None:
    """For alpha = 1, as for K = 1, the weights v_k are all equal."""
    found = truth.found("vralpha", alpha=1.0, gradient="stl")
    assert scores(found, truth.of("bound", "encoder", 1.0)).max() < LARGEST_SCORE


@pytest.mark.parametrize(
    ("phi", "gradient"),
    [("wake", "standard"), ("wake", "dreg"), ("sleep", "standard"), ("both", "standard"), ("both", "dreg")],
)
def test_reweighted_wake_sleep_ascends_its_objectives(truth: Truth, phi: str, gradient: str) -> None:
    found = truth.found("rws", phi=phi, gradient=gradient)
    assert scores(found, truth.of("bound", "decoder")).max() < LARGEST_SCORE
    phases = ("wake", "sleep") if phi == "both" else (phi,)
    assert scores(found, truth.sum_of(*phases)).max() < LARGEST_SCORE


def test_doubly_reparameterised_gradients_vary_less(truth: Truth) -> None:
    """In phi, in all numbers together."""
    for name in ("iwae", "rws"):
        spreads = {}
        for gradient in ("standard", "dreg"):
            found = truth.found(name, gradient=gradient)
            encoder = [found[each].var(0).sum() for each in found if each.startswith("encoder")]
            spreads[gradient] = float(np.sum(encoder))
        assert spreads["dreg"] < 0.5 * spreads["standard"], (name, spreads)


def test_reported_objectives_are_the_bounds(truth: Truth) -> None:
    for name, alpha, settings in (
        ("iwae", 0.0, {}),
        ("rws", 0.0, {}),
        ("vralpha", 0.5, {"alpha": 0.5}),
        ("vralpha", 1.0, {"alpha": 1.0}),
    ):
        copies = truth.known.x[:1].expand(ROWS, -1)
        algorithm, batch = algorithm_on(truth.known, name, copies, num_samples=K, **settings)
        values = np.array([float(algorithm.step(batch).objective) for _ in range(STEPS)])
        expected = bound(truth.at, truth.x, alpha)
        assert abs(values.mean() - expected) < LARGEST_SCORE * values.std(ddof=1) / np.sqrt(STEPS), name


# -- special cases ---------------------------------------------------------------------------------------------------


def trained(known: Any, name: str, **settings: object) -> tuple[list[float], Parameters]:
    """Objectives and parameters of three updates, with the same noise for every algorithm."""
    algorithm, batch = algorithm_on(known, name, known.x, **{"learning_rate": 0.05, **settings})
    algorithm.generator.manual_seed(1)
    objectives = [float(algorithm.step(batch).objective) for _ in range(3)]
    return objectives, {name: each.detach().numpy() for name, each in algorithm.model.named_parameters()}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("iwae", {"num_samples": 1}), ("aevb", {"estimator": "A"})),
        (("vralpha", {"num_samples": 1, "alpha": 0.3}), ("aevb", {"estimator": "A"})),
        (("vralpha", {"num_samples": 4, "alpha": 1}), ("aevb", {"estimator": "A", "num_samples": 4})),
        (("vralpha", {"num_samples": 4, "alpha": 0}), ("iwae", {"num_samples": 4})),
        (("iwae", {"num_samples": 1, "gradient": "dreg"}), ("iwae", {"num_samples": 1, "gradient": "stl"})),
        (("rws", {"num_samples": 1, "phi": "sleep"}), ("wakesleep", {})),
    ],
    ids=lambda each: f"{each[0]}{list(each[1].values())}",
)
def test_special_cases_are_other_algorithms(
    one: tuple[str, Any], other: tuple[str, Any], linear_gaussian: Callable[..., Any]
) -> None:
    known = linear_gaussian(2, 50, encoder=True)
    first, second = (trained(known, name, **settings) for name, settings in (one, other))
    assert first[0] == pytest.approx(second[0], rel=1e-9)
    for name, value in first[1].items():
        np.testing.assert_allclose(value, second[1][name], rtol=1e-7, atol=1e-10, err_msg=name)


# -- the signal-to-noise ratio as K grows ----------------------------------------------------------------------------


def test_signal_to_noise_ratios_grow_and_fall_as_in_theory(linear_gaussian: Callable[..., Any]) -> None:
    """By the number of draws K: as K^(-1/2) in phi for IWAE's standard gradient, as K^(1/2) for all others.

    Rainforth et al. 2018, theorem 1; Tucker et al. 2019.  Standard and DReG have the same expectation, so the more
    precise mean, that of DReG, serves for both.  Means over the encoder's parameters, or over the decoder's for theta.
    """
    known = linear_gaussian(2, 20, encoder=True)
    numbers = np.array([4, 16, 64])
    ratios: dict[str, list[float]] = {name: [] for name in ("iwae", "stl", "dreg", "rws", "rws dreg", "theta")}

    def found(name: str, num_samples: int, gradient: str) -> Parameters:
        algorithm, batch = algorithm_on(known, name, known.x, num_samples=num_samples, gradient=gradient)
        return gradients(algorithm, batch, 200)

    def ratio(means: Parameters, noisy: Parameters, part: str) -> float:
        each = [np.abs(means[name].mean(0)) / noisy[name].std(0) for name in means if name.startswith(part)]
        return float(np.concatenate([values.flatten() for values in each]).mean())

    for num_samples in map(int, numbers):
        standard, stl, dreg = (found("iwae", num_samples, gradient) for gradient in ("standard", "stl", "dreg"))
        wake, wake_dreg = (found("rws", num_samples, gradient) for gradient in ("standard", "dreg"))
        ratios["iwae"].append(ratio(dreg, standard, "encoder"))
        ratios["theta"].append(ratio(standard, standard, "decoder"))
        for name, each in (("stl", stl), ("dreg", dreg), ("rws", wake), ("rws dreg", wake_dreg)):
            ratios[name].append(ratio(each, each, "encoder"))
    rates = {kind: float(np.polyfit(np.log(numbers), np.log(each), 1)[0]) for kind, each in ratios.items()}
    for kind, rate in rates.items():
        print(kind, *(f"{each:.2f}" for each in ratios[kind]), f"rate {rate:.2f}")  # noqa: T201  # shown by pytest -rP
        assert rate == pytest.approx(-0.5 if kind == "iwae" else 0.5, abs=0.2), kind
    assert ratios["iwae"][-1] < ratios["rws"][-1] < ratios["dreg"][-1]
