"""Probabilistic PCA: its exact likelihood, its maximum, and the data drawn from it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from bench import seeds
from bench.dataset import Data
from bench.datasets.ppca import PPCA
from bench.errors import OptionError
from bench.statistics.ppca import log_likelihood, maximum_likelihood


def load(seed: int = 0, **settings: object) -> Data:
    return PPCA(**settings).load(seeds.generator("data", seed))


def mean_log_likelihood(x: np.ndarray, parameters: tuple[np.ndarray, np.ndarray, float]) -> float:
    return float(log_likelihood(x, *parameters).mean())


@pytest.mark.parametrize("latent_size", [1, 2, 5, 7])
@pytest.mark.parametrize("noise_variance", [1e-6, 0.3, 20.0])
def test_the_log_likelihood_is_that_of_the_normal_distribution(latent_size: int, noise_variance: float) -> None:
    random = np.random.default_rng(0)
    weights, bias, x = random.normal(size=(5, latent_size)), random.normal(size=5), random.normal(size=(9, 5))
    covariance = weights @ weights.T + noise_variance * np.eye(5)
    expected = multivariate_normal(bias, covariance).logpdf(x)
    np.testing.assert_allclose(log_likelihood(x, weights, bias, noise_variance), expected, rtol=1e-8)


def test_the_likelihood_integrates_to_one() -> None:
    weights, bias = np.array([[1.0], [-0.5]]), np.array([0.3, 0.1])
    axis = np.linspace(-8, 8, 321)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    density = np.exp(log_likelihood(grid, weights, bias, 0.4))
    assert density.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_maximum_is_at_least_as_good_as_the_truth_and_no_neighbour_is_better(seed: int) -> None:
    data = load(seed, rank=3, num_train=500)
    x = data.x_train.double().numpy()
    weights, bias, noise_variance = maximum_likelihood(x, 3)
    best = mean_log_likelihood(x, (weights, bias, noise_variance))
    assert best > data.facts["log_likelihood_train"]
    random = np.random.default_rng(seed)
    for step in (1e-1, 1e-2, 1e-3):
        for _ in range(20):
            near = (
                weights + step * random.normal(size=weights.shape),
                bias + step * random.normal(size=bias.shape),
                noise_variance * np.exp(step * random.normal()),
            )
            assert mean_log_likelihood(x, near) < best


def test_the_maximum_is_stationary_in_every_direction() -> None:
    x = load(num_train=300).x_train.double().numpy()
    weights, bias, noise_variance = maximum_likelihood(x, 2)
    parameters = np.concatenate([weights.ravel(), bias, [np.log(noise_variance)]])

    def value(flat: np.ndarray) -> float:
        return mean_log_likelihood(x, (flat[:32].reshape(16, 2), flat[32:48], float(np.exp(flat[48]))))

    step = 1e-5 * np.eye(len(parameters))
    gradient = [(value(parameters + one) - value(parameters - one)) / 2e-5 for one in step]
    assert np.abs(gradient).max() < 1e-8
    elsewhere = parameters + 0.1
    away = [(value(elsewhere + one) - value(elsewhere - one)) / 2e-5 for one in step]
    assert np.abs(away).max() > 0.1  # the same check tells a point that is no maximum


def test_the_maximum_comes_near_the_truth_with_much_data() -> None:
    data = load(num_train=200_000)
    weights, bias, noise_variance = maximum_likelihood(data.x_train.numpy(), 2)
    true_weights = np.array(data.facts["weights"])
    np.testing.assert_allclose(weights @ weights.T, true_weights @ true_weights.T, atol=0.03)
    np.testing.assert_allclose(bias, data.facts["bias"], atol=0.02)
    assert noise_variance == pytest.approx(data.facts["noise_variance"], rel=0.01)


def test_more_rows_than_dimensions_are_not_needed() -> None:
    x = np.random.default_rng(0).normal(size=(6, 30))
    parameters = maximum_likelihood(x, 2)
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T, bias=True))
    assert parameters[2] == pytest.approx(eigenvalues[:-2].mean())
    assert np.isfinite(log_likelihood(x, *parameters)).all()


def test_what_has_no_maximum_or_does_not_fit_is_refused() -> None:
    plane = np.random.default_rng(0).normal(size=(50, 2)) @ np.ones((2, 6)) + 5
    with pytest.raises(ValueError, match="must vary in more than `latent_size` dimensions"):
        maximum_likelihood(plane, 2)
    for latent_size in (0, 6):
        with pytest.raises(ValueError, match="`latent_size` at least 1 and below D"):
            maximum_likelihood(plane, latent_size)
    with pytest.raises(ValueError, match=r"must be \[N, D\], \[D, d\] and \[D\]"):
        log_likelihood(plane, np.ones((5, 2)), np.ones(6), 1.0)
    for variance in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="`noise_variance` must be above 0"):
            log_likelihood(plane, np.ones((6, 2)), np.ones(6), variance)


def test_the_data_set_has_the_sizes_asked_for() -> None:
    data = load()
    assert (data.x_train.shape, data.x_test.shape) == ((2000, 16), (1000, 16))
    assert (data.observation_model, data.bounded, data.image_shape) == ("gaussian", False, (1, 16))
    data = load(rank="3", pixels="7", num_train="20", num_test="10")
    assert (data.x_train.shape, data.x_test.shape) == ((20, 7), (10, 7))
    with pytest.raises(OptionError, match=r"`rank` of ppca must be below `pixels`, 4 \(got 4\)"):
        PPCA(rank=4, pixels=4)


def test_the_facts_are_those_of_the_data() -> None:
    data = load(rank=3, noise=0.7)
    facts = json.loads(json.dumps(data.facts))
    weights, bias = np.array(facts["weights"]), np.array(facts["bias"])
    assert (weights.shape, bias.shape, facts["noise_variance"]) == ((16, 3), (16,), pytest.approx(0.49))
    normal = multivariate_normal(bias, weights @ weights.T + 0.49 * np.eye(16))
    for part, x in (("train", data.x_train), ("test", data.x_test)):
        assert facts[f"log_likelihood_{part}"] == pytest.approx(normal.logpdf(x.double().numpy()).mean(), rel=1e-10)


def test_the_data_follow_the_stated_distribution() -> None:
    data = load(num_train=100_000)
    weights, bias = np.array(data.facts["weights"]), np.array(data.facts["bias"])
    covariance = weights @ weights.T + data.facts["noise_variance"] * np.eye(16)
    x = data.x_train.double().numpy()
    assert np.abs(x.mean(0) - bias).max() < 6 * np.sqrt(covariance.max() / 100_000)
    assert np.abs(np.cov(x.T) - covariance).max() < 6 * covariance.max() * np.sqrt(2 / 100_000)
    # Mahalanobis distances of N(b, C) are chi-squared with D degrees of freedom: mean D, variance 2 D.
    distances = ((x - bias) @ np.linalg.inv(covariance) * (x - bias)).sum(1)
    assert distances.mean() == pytest.approx(16, abs=6 * np.sqrt(32 / 100_000))
    assert distances.var() == pytest.approx(32, rel=0.05)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "settings", [{}, {"noise": 1}, {"noise": 0.1}, {"pixels": 2, "rank": 1, "noise": 1}, {"rank": 10}], ids=str
)
def test_training_starts_more_than_a_nat_below_the_maximum(seed: int, settings: dict[str, float]) -> None:
    data = load(seed, **settings)
    x = data.x_train.double().numpy()
    rank = PPCA(**settings).options.rank
    random = np.random.default_rng(seed)
    start = 0.01 * random.normal(size=(x.shape[1], rank)), np.zeros(x.shape[1]), 1.0
    best = mean_log_likelihood(x, maximum_likelihood(x, rank))
    assert mean_log_likelihood(x, start) < best - 1


def test_truth_and_test_data_do_not_depend_on_num_train() -> None:
    few, many = load(num_train=10), load(num_train=5000)
    assert torch.equal(few.x_test, many.x_test)
    assert few.facts["weights"] == many.facts["weights"]
    assert load().fingerprint() == load().fingerprint() != load(seed=1).fingerprint()
    assert load().facts["weights"] != load(seed=1).facts["weights"]
    assert load().facts["bias"] != load(seed=1).facts["bias"]
