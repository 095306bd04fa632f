"""The mixture of Gaussians and its exact likelihood."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from bench import seeds
from bench.dataset import Data
from bench.datasets.mixture import Mixture
from bench.errors import OptionError
from bench.statistics.mixture import log_likelihood


def load(seed: int = 0, **settings: Any) -> Data:
    return Mixture(**settings).load(seeds.generator("data", seed))


def exact(x: np.ndarray, facts: Any) -> np.ndarray:
    """By SciPy's densities."""
    identity = facts["noise_variance"] * np.eye(x.shape[1])
    densities = [multivariate_normal(mean, identity).pdf(x) for mean in facts["means"]]
    return np.log(np.array(facts["weights"]) @ np.array(densities))


@pytest.mark.parametrize("settings", [{}, {"components": 3, "pixels": 2, "noise": 0.2, "spread": 3}], ids=str)
def test_the_facts_are_those_of_the_data(settings: dict[str, float]) -> None:
    data = load(**settings)
    facts = json.loads(json.dumps(data.facts))
    assert facts["weights"] == pytest.approx(
        [2 * k / (len(facts["weights"]) * (len(facts["weights"]) + 1)) for k in range(1, len(facts["weights"]) + 1)]
    )
    for part, x in (("train", data.x_train), ("test", data.x_test)):
        assert facts[f"log_likelihood_{part}"] == pytest.approx(exact(x.double().numpy(), facts).mean(), rel=1e-9)


def test_the_likelihood_integrates_to_one() -> None:
    axis = np.linspace(-9, 9, 361)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    density = np.exp(log_likelihood(grid, [0.3, 0.7], [[1.0, -1.0], [-2.0, 0.5]], 0.4))
    assert density.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=1e-9)


def test_far_from_all_components_the_logarithm_is_finite() -> None:
    value = log_likelihood([[1e4, 0.0]], [0.5, 0.5], [[0.0, 0.0], [1.0, 0.0]], 0.01)
    nearest = multivariate_normal([1.0, 0.0], 0.01 * np.eye(2)).logpdf([[1e4, 0.0]])
    assert value[0] == pytest.approx(float(nearest) + np.log(0.5))


def test_the_data_follow_the_stated_distribution() -> None:
    data = load(num_train=100_000)
    facts, labels = data.facts, data.labels_train
    assert labels is not None
    weights, means = np.array(facts["weights"]), np.array(facts["means"])
    shares = labels.bincount(minlength=5).numpy() / 100_000
    assert np.abs(shares - weights).max() < 6 * 0.5 / np.sqrt(100_000)
    residuals = data.x_train.double().numpy() - means[labels.numpy()]
    assert np.abs(residuals.mean(0)).max() < 6 * 0.5 / np.sqrt(100_000)
    assert residuals.var() == pytest.approx(0.25, rel=6 * np.sqrt(2 / 1_600_000))


@pytest.mark.parametrize("seed", range(3))
def test_one_gaussian_is_more_than_a_nat_worse(seed: int) -> None:
    """The best that a model whose z has no influence can reach."""
    data = load(seed)
    x = data.x_train.double().numpy()
    single = multivariate_normal(x.mean(0), np.diag(x.var(0))).logpdf(x).mean()
    assert single < data.facts["log_likelihood_train"] - 1


def test_truth_and_test_data_do_not_depend_on_num_train() -> None:
    few, many = load(num_train=10), load(num_train=5000)
    assert torch.equal(few.x_test, many.x_test)
    assert few.facts["means"] == many.facts["means"] != load(seed=1).facts["means"]
    assert load().fingerprint() == load().fingerprint()


def test_what_is_no_mixture_or_fills_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="`x`, `weights` and `means` must be"):
        log_likelihood(np.ones((2, 3)), [1.0], np.ones((1, 2)), 1.0)
    for weights in ([0.5, 0.4], [1.5, -0.5], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="`weights` must be at least 0"):
            log_likelihood(np.ones((2, 3)), weights, np.ones((2, 3)), 1.0)
    with pytest.raises(ValueError, match="`noise_variance` must be above 0"):
        log_likelihood(np.ones((2, 3)), [1.0], np.ones((1, 3)), 0.0)
    with pytest.raises(OptionError, match="must be at most 100,000,000"):
        Mixture(num_train=10_000_000, pixels=100)
