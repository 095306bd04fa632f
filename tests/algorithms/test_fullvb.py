"""Full variational Bayes: its divergence and its bound against closed forms and a quadrature."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from bench import plugins, seeds
from bench.algorithm import Algorithm
from bench.training.problem import Batch, Problem

N = 20


def begun(x: Tensor, model: str, likelihood: str, **settings: object) -> tuple[Algorithm, Batch]:
    """The algorithm on all of x, one latent dimension."""
    fullvb: Algorithm = plugins.find("algorithm")["fullvb"].load()(
        1, model=model, decoder=likelihood, device="cpu", **settings
    )
    fullvb.setup(Problem(x, 1, fullvb.architecture, likelihood, bounded=False), seeds.generator("noise"))
    return fullvb, Batch(x, torch.arange(len(x)))


def line() -> Tensor:
    """20 values [20, 1] around 1."""
    return 1 + 1.5 * torch.randn(N, 1, generator=seeds.generator("line"), dtype=torch.float64)


def log_evidence(x: Tensor) -> float:
    """log p(X) = log of the integral of N(theta; 0, I) prod_n N(x_n; b, w^2 + s^2) over theta = (w, b, log s^2)."""
    w, b, log_variance = np.ogrid[-6:6:121j, -6:6:121j, -9:6:151j]
    variance, values = w**2 + np.exp(log_variance), x.numpy().ravel()
    squares = N * (values.var() + (values.mean() - b) ** 2)
    log_joint = -0.5 * (N * np.log(2 * np.pi * variance) + squares / variance)
    log_joint = log_joint - 0.5 * (w**2 + b**2 + log_variance**2 + 3 * np.log(2 * np.pi))
    cell = 0.1 * 0.1 * 0.1
    return float(np.logaddexp.reduce(log_joint.ravel()) + math.log(cell))


def bound_of_all(fullvb: Algorithm, batch: Batch) -> tuple[float, float]:
    """The bound on log p(X), and its standard error."""
    with torch.no_grad():
        draws = torch.stack([fullvb.expected_bound(batch).sum() for _ in range(500)])  # type: ignore[attr-defined]
        kl = float(fullvb.parameter_kl())  # type: ignore[attr-defined]
    return float(draws.mean()) - kl, float(draws.std()) / math.sqrt(len(draws))


def test_divergence_of_the_parameters_is_that_of_their_gaussians() -> None:
    fullvb, batch = begun(line(), "mlp[hidden=3,init_scale=0.5]", "gaussian", initial_scale=0.2, learning_rate=0.1)
    for _ in range(10):
        fullvb.step(batch)
    sigmas = [(log_variance.detach() / 2).exp() for log_variance in fullvb.log_variances]  # type: ignore[attr-defined]
    assert all(sigma.std() > 0.001 for sigma in sigmas), "no two sigmas of a layer differ: nothing has been learned"
    gaussians = map(Normal, (mean.detach() for mean in fullvb.model.decoder.parameters()), sigmas)
    expected = sum(float(kl_divergence(gaussian, Normal(0.0, 1.0)).sum()) for gaussian in gaussians)
    assert float(fullvb.parameter_kl().detach()) == pytest.approx(expected, rel=1e-9)  # type: ignore[attr-defined]


def test_bound_stays_below_the_evidence_and_comes_near() -> None:
    """x ~ N(b, w^2 + s^2) with a N(0, I) prior on (w, b, log s^2): the evidence is an integral over three numbers.

    q(theta) misses half of it, since w and -w are equivalent (log 2), and the correlation of w and s.
    """
    x = line()
    evidence = log_evidence(x)
    fullvb, batch = begun(x, "linear", "gaussian", learning_rate=0.2)
    start, _ = bound_of_all(fullvb, batch)
    assert start < evidence - 10
    for _ in range(500):
        fullvb.step(batch)
    bound, error = bound_of_all(fullvb, batch)
    print(f"bound {start:.2f} at first, then {bound:.2f} ± {error:.2f}; evidence {evidence:.2f} nats")  # noqa: T201  # shown by pytest -rP
    assert evidence - 2 < bound < bound + 4 * error < evidence


@pytest.mark.parametrize("prior", ["decoder", "all"])
def test_prior_on_the_decoder_is_counted_once(prior: str) -> None:
    """The option is about the encoder's weights alone: the decoder's prior is in the bound.

    What Adagrad has summed after one step is the square of the gradient that it used, decay included.
    """
    fullvb, batch = begun(line(), "mlp[hidden=3,init_scale=0.5]", "gaussian", learning_rate=0.1, prior=prior)
    fullvb.step(batch)
    for optimiser, decay in ((fullvb.optimiser, False), (fullvb.encoder_optimiser, prior == "all")):  # type: ignore[attr-defined]
        for parameter, state in optimiser.state.items():
            assert torch.allclose(state["sum"], parameter.grad**2, rtol=1e-12) != decay
