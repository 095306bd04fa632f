"""Gradients of 100,000 draws against their expectation on a linear-Gaussian model, in closed form or by quadrature.

The expectations are written out with the formulas of Gaussians; nothing of the library is used but automatic
differentiation, and for `flowvae` the flow itself, which has tests of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench import plugins, seeds
from bench.training.problem import Batch, Problem

D, Z, ROWS = 5, 2, 4
BATCHES, COPIES = 50, 500  # 100,000 draws
LIMIT = 5.0  # in standard errors with 49 degrees of freedom: one false alarm in 100,000 parameters

Parameters = dict[str, Tensor]
Objective = Callable[[Parameters, Tensor], Tensor]  # of the parameters and x [ROWS, D]: a mean, in nats per datapoint


def begun(name: str, *, exact: bool = False, **settings: object) -> tuple[Any, Tensor]:
    """An algorithm with a known linear-Gaussian model in float64, and x [ROWS, D] drawn from it.

    The encoder is deliberately imperfect: 90 % of the posterior's mean, 120 % of its variances; or ``exact``, with a
    posterior whose covariance is diagonal.
    """
    stream = seeds.generator("expected gradients")
    weights = torch.randn(D, Z, generator=stream, dtype=torch.float64)
    weights = torch.linalg.qr(weights)[0] * torch.tensor([1.2, 0.8]) if exact else 0.7 * weights
    bias = torch.randn(D, generator=stream, dtype=torch.float64)
    x = torch.randn(ROWS, Z, generator=stream).double() @ weights.T + bias
    x += 0.8 * torch.randn(ROWS, D, generator=stream, dtype=torch.float64)
    data = x.repeat(COPIES, 1)
    algorithm: Any = plugins.find("algorithm")[name].load()(
        Z, model="linear", decoder="gaussian", device="cpu", **{"learning_rate": 1e-12, "prior": "none", **settings}
    )
    problem = Problem(data, Z, algorithm.architecture, "gaussian", bounded=False)
    algorithm.setup(problem, seeds.generator("noise of expected gradients"))
    precision = torch.eye(Z) + weights.T @ weights / 0.64
    projection = torch.linalg.inv(precision) @ weights.T / 0.64
    with torch.no_grad():
        network = algorithm.model.decoder.network
        network.mean.weight.copy_(weights)
        network.mean.bias.copy_(bias)
        network.log_variance.fill_(math.log(0.64))
        if algorithm.model.encoder is not None:
            network = algorithm.model.encoder.network
            network.mean.weight[:Z] = (1.0 if exact else 0.9) * projection
            network.mean.bias[:Z] = -network.mean.weight[:Z] @ bias
            network.log_variance[:Z] = ((1.0 if exact else 1.2) / precision.diagonal()).log()
    return algorithm, x


def parameters(algorithm: Any) -> Parameters:
    """The model's parameters, to be differentiated in."""
    return {name: value.detach().clone().requires_grad_() for name, value in algorithm.model.named_parameters()}


def expected(objective: Objective, algorithm: Any, x: Tensor, part: str = "") -> Parameters:
    """The gradient of the objective in the parameters of one part, or of the model."""
    at = parameters(algorithm)
    chosen = {name: value for name, value in at.items() if name.startswith(part)}
    gradients = torch.autograd.grad(objective(at, x), [*chosen.values()], allow_unused=True)
    return {name: each for name, each in zip(chosen, gradients, strict=True) if each is not None}


def observed(algorithm: Any, x: Tensor) -> dict[str, np.ndarray]:
    """The gradient that each of BATCHES steps leaves, [BATCHES, ...]: minus the ascended objective's."""
    batch = Batch(x.repeat(COPIES, 1), torch.arange(ROWS * COPIES))
    steps = []
    for _ in range(BATCHES):
        algorithm.step(batch)
        steps.append({name: -each.grad for name, each in algorithm.model.named_parameters() if each.grad is not None})
    return {name: torch.stack([step[name] for step in steps]).numpy() for name in steps[0]}


def deviations(found: dict[str, np.ndarray], gradients: Parameters) -> np.ndarray:
    """The distance of each parameter's mean gradient from its expectation, in standard errors."""
    distances, sizes = [], []
    for name, gradient in gradients.items():
        error = found[name].std(0, ddof=1) / BATCHES**0.5 + 1e-9
        distances.append((np.abs(found[name].mean(0) - gradient.numpy()) / error).ravel())
        sizes.append((np.abs(gradient.numpy()) / error).ravel())
    assert np.median(np.concatenate(sizes)) > 3 * LIMIT, "gradients that are too small prove nothing"
    return np.concatenate(distances)


# -- the formulas of Gaussians --------------------------------------------------------------------------------------


def theta(p: Parameters) -> tuple[Tensor, Tensor, Tensor]:
    """W, b and log s^2."""
    name = "decoder.network."
    return p[name + "mean.weight"], p[name + "mean.bias"], p[name + "log_variance"]


def encoded(p: Parameters, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log-variance of q(z|x)."""
    name = "encoder.network."
    mean = x @ p[name + "mean.weight"].T + p[name + "mean.bias"]
    return mean, p[name + "log_variance"].expand_as(mean)


def expected_log_likelihood(p: Parameters, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """E[log p(x|z)] for z ~ N(mean, diag(variance))."""
    w, b, log_s2 = theta(p)
    squares = (x - mean @ w.T - b).square().sum(-1) + variance @ w.square().sum(0)
    return -0.5 * (D * (math.log(2 * math.pi) + log_s2) + squares / log_s2.exp())


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)


def weighted_bound(p: Parameters, x: Tensor, weight: float = 1.0) -> Tensor:
    """E_q[log p(x|z)] - weight KL(q || p) of the encoder's q."""
    mean, log_variance = encoded(p, x)
    return (expected_log_likelihood(p, x, mean, log_variance.exp()) - weight * kl(mean, log_variance)).mean()


def log_likelihood(p: Parameters, x: Tensor) -> Tensor:
    """log N(x; b, W W' + s^2 I)."""
    w, b, log_s2 = theta(p)
    covariance = w @ w.T + log_s2.exp() * torch.eye(D, dtype=torch.float64)
    return torch.distributions.MultivariateNormal(b, covariance).log_prob(x).mean()


# -- each algorithm -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seen", "weight"), [(0, 0.5), (300, 1.25), (5000, 3.0)])
def test_betavae_ascends_the_weighted_bound(seen: int, weight: float) -> None:
    """The weight moves linearly from 0.5 to 3 within 1000 samples, and stays there."""
    algorithm, x = begun("betavae", beta=3.0, initial_beta=0.5, annealing=1000)
    batch = Batch(x.repeat(COPIES, 1), torch.arange(ROWS * COPIES))
    steps = []
    for _ in range(BATCHES):
        algorithm.samples = seen
        info = algorithm.step(batch)
        steps.append({name: -each.grad for name, each in algorithm.model.named_parameters()})
    assert info.diagnostics["beta"] == pytest.approx(weight)
    found = {name: torch.stack([step[name] for step in steps]).numpy() for name in steps[0]}
    gradients = expected(lambda p, x: weighted_bound(p, x, weight), algorithm, x)
    assert deviations(found, gradients).max() < LIMIT
    other = expected(lambda p, x: weighted_bound(p, x, weight + 0.25), algorithm, x)
    assert deviations(found, other).max() > LIMIT
    assert float(info.objective) == pytest.approx(
        float(weighted_bound(parameters(algorithm), x, 3.0).detach()), abs=0.5
    )


def test_hmcvae_ascends_the_bound_in_phi_and_the_likelihood_in_theta() -> None:
    """After many transitions from an imperfect encoder; the bound's gradient in theta is another one."""
    algorithm, x = begun("hmcvae", num_transitions=15, num_leapfrog=4)
    found = observed(algorithm, x)
    assert deviations(found, expected(weighted_bound, algorithm, x, "encoder")).max() < LIMIT
    assert deviations(found, expected(log_likelihood, algorithm, x, "decoder")).max() < LIMIT
    assert deviations(found, expected(weighted_bound, algorithm, x, "decoder")).max() > 3 * LIMIT


def test_hmcvae_leaves_an_exact_posterior_as_it_is() -> None:
    """From an encoder that is exact even the shortest chain gives the gradient of the likelihood."""
    algorithm, x = begun("hmcvae", exact=True, num_transitions=1, num_leapfrog=1)
    found = observed(algorithm, x)
    assert deviations(found, expected(log_likelihood, algorithm, x, "decoder")).max() < LIMIT


def test_svi_ascends_the_bound_of_each_datapoints_own_q() -> None:
    algorithm, x = begun("svi", local_rate=1e-12, num_updates=1)
    stream = seeds.generator("q of svi")
    mean, log_variance = (torch.randn(ROWS, Z, generator=stream, dtype=torch.float64) for _ in range(2))
    algorithm.mean, algorithm.precision = mean.repeat(COPIES, 1), (-log_variance).exp().repeat(COPIES, 1)
    found = observed(algorithm, x)

    def bound(p: Parameters, x: Tensor) -> Tensor:
        return expected_log_likelihood(p, x, mean, log_variance.exp()).mean()

    assert deviations(found, expected(bound, algorithm, x)).max() < LIMIT


def test_svi_finds_the_best_gaussian_of_each_datapoint() -> None:
    """For fixed weights: the posterior's mean, and as precisions the diagonal of its precision (mean field)."""
    algorithm, x = begun("svi", num_updates=10)
    batch = Batch(x.repeat(COPIES, 1), torch.arange(ROWS * COPIES))
    for _ in range(15):
        info = algorithm.step(batch)
    w, b, log_s2 = (each.detach() for each in theta(parameters(algorithm)))
    precision = torch.eye(Z) + w.T @ w / log_s2.exp()
    mean = torch.linalg.solve(precision, ((x - b) @ w / log_s2.exp()).T).T
    torch.testing.assert_close(algorithm.mean, mean.repeat(COPIES, 1), atol=1e-3, rtol=0)
    found = algorithm.precision
    error = found.std(0) / len(found) ** 0.5 + 1e-9
    assert ((found.mean(0) - precision.diagonal()).abs() < LIMIT * error).all()
    best = expected_log_likelihood(parameters(algorithm), x, mean, 1 / precision.diagonal()[None])
    best = (best - kl(mean, -precision.diagonal().log().expand_as(mean))).mean()
    assert float(info.objective) == pytest.approx(float(best.detach()), abs=0.1)


def hermite(size: int, dimensions: int) -> tuple[Tensor, Tensor]:
    """Nodes [S, dimensions] and weights [S] for the mean over standard normal numbers."""
    node, weight = (torch.from_numpy(each) for each in np.polynomial.hermite_e.hermegauss(size))
    nodes = torch.cartesian_prod(*[node] * dimensions)
    weights = torch.cartesian_prod(*[weight / weight.sum()] * dimensions)
    return nodes.reshape(-1, dimensions), weights.reshape(-1, dimensions).prod(-1)


def refined(p: Parameters, x: Tensor, noise: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """q after a step for each of the noise [T, S, 1, Z], from antithetic pairs: mean and log-variance [S, ROWS, Z]."""
    w, b, log_s2 = theta(p)
    precision = torch.eye(Z) + w.T @ w / log_s2.exp()
    exact = torch.linalg.solve(precision, ((x - b) @ w / log_s2.exp()).T).T
    mean, log_variance = encoded(p, x)
    for epsilon in noise:
        deviation = (log_variance / 2).exp()
        shift = -deviation * ((mean - exact) @ precision)  # the noise of a pair cancels
        growth = epsilon.square() - epsilon * deviation * ((deviation * epsilon) @ precision)
        mean, log_variance = mean + step * deviation * shift, log_variance + step * growth
    return mean, log_variance


@pytest.mark.parametrize("gradient", ["through", "start"])
def test_semiamortized_ascends_the_refined_bound(gradient: str) -> None:
    """Two steps, whose noise is integrated over; through them, or the encoder by its own bound and theta at fixed q."""
    algorithm, x = begun("semiamortized", gradient=gradient, num_updates=2, step_size=0.15)
    nodes, weights = hermite(12, 2 * Z)
    noise = nodes.unflatten(-1, (2, 1, Z)).movedim(1, 0)  # [T, S, 1, Z]

    def bound(p: Parameters, x: Tensor) -> Tensor:
        mean, log_variance = refined(p, x, noise, 0.15)
        if gradient == "start":
            mean, log_variance = mean.detach(), log_variance.detach()
        values = expected_log_likelihood(p, x, mean, log_variance.exp()) - kl(mean, log_variance)
        return (weights @ values).mean()

    found = observed(algorithm, x)
    assert deviations(found, expected(bound, algorithm, x, "decoder")).max() < LIMIT
    of_encoder = bound if gradient == "through" else weighted_bound
    assert deviations(found, expected(of_encoder, algorithm, x, "encoder")).max() < LIMIT
    other = weighted_bound if gradient == "through" else lambda p, x: bound(p, x) + weighted_bound(p, x)
    assert (
        deviations(found, expected(other, algorithm, x, "encoder" if gradient == "through" else "decoder")).max()
        > LIMIT
    )


@pytest.mark.parametrize("flow", ["planar", "coupling", "iaf"])
def test_flowvae_ascends_the_bound_of_the_flow(flow: str) -> None:
    """E_q[log p(x, z) - log q(z|x)], with draws of the base replaced by quadrature."""
    algorithm, x = begun("flowvae", flow=flow, num_flows=2, num_features=2, flow_hidden=4 if flow != "planar" else 32)
    stream = seeds.generator("flow of expected gradients")
    with torch.no_grad():
        for parameter in algorithm.model.encoder.flow.parameters():
            parameter.normal_(0.0, 0.4, generator=stream)
        algorithm.model.encoder.network.mean.weight[Z:].normal_(0.0, 0.3, generator=stream)
    nodes, weights = hermite(30, Z)
    maps = algorithm.model.encoder.flow

    def bound(p: Parameters, x: Tensor) -> Tensor:
        outputs, log_variance = encoded(p, x)
        mean, log_variance, features = outputs[:, :Z], log_variance[:, :Z], outputs[:, Z:]
        drawn = mean + (log_variance / 2).exp() * nodes[:, None]  # [S, ROWS, Z]
        own = {name.removeprefix("encoder.flow."): each for name, each in p.items() if "flow" in name}
        z, log_det = torch.func.functional_call(maps, own, (drawn, features.expand(len(nodes), -1, -1)))
        log_q = -0.5 * (nodes.square()[:, None] + log_variance).sum(-1) - log_det
        values = expected_log_likelihood(p, x, z, torch.zeros(Z).double()) - 0.5 * z.square().sum(-1) - log_q
        return (weights @ values).mean()

    found = observed(algorithm, x)
    assert deviations(found, expected(bound, algorithm, x)).max() < LIMIT
