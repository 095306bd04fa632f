"""The random non-linear decoder and the bounds on its likelihood."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import log_expit, logsumexp

from bench import seeds
from bench.dataset import Data
from bench.datasets.nonlinear import Nonlinear, NonlinearOptions, Truth
from bench.errors import OptionError
from bench.statistics.sandwich import Sandwich


def load(seed: int = 0, **settings: Any) -> Data:
    return Nonlinear(**settings).load(seeds.generator("data", seed))


def exact(x: np.ndarray, settings: dict[str, Any]) -> np.ndarray:
    """log p(x) by quadrature over one or two latent dimensions, with SciPy's densities: [N]."""
    options = NonlinearOptions(**settings)
    truth = Truth.drawn(options, seeds.generator("data", 0))
    into, thresholds, out, bias = (each.numpy() for each in truth[:4])
    axis = np.linspace(-7, 7, 1401 if options.latents == 1 else 141)
    z = np.stack(np.meshgrid(*[axis] * options.latents), -1).reshape(-1, options.latents)
    log_prior = stats.norm.logpdf(z).sum(1) + options.latents * np.log(axis[1] - axis[0])
    location = np.tanh(z @ into.T + thresholds) @ out.T + bias
    if options.observed == "bernoulli":
        log_p = x @ log_expit(location).T + (1 - x) @ log_expit(-location).T
    else:
        log_p = np.stack([stats.norm.logpdf(row, location, options.noise).sum(1) for row in x])
    values: np.ndarray = logsumexp(log_prior + log_p, axis=1)
    return values


@pytest.mark.parametrize(
    "settings",
    [{"latents": 1}, {"latents": 2, "observed": "bernoulli"}, {"latents": 2, "noise": 0.7, "pixels": 5}],
    ids=str,
)
def test_the_truth_lies_between_the_bounds_which_are_close(settings: dict[str, Any]) -> None:
    settings = settings | {"num_train": 10, "num_test": 200, "num_samples": 20000}
    data = load(**settings)
    facts = json.loads(json.dumps(data.facts))
    value = exact(data.x_test.double().numpy(), settings).mean()
    lower, upper = facts["log_likelihood_test_lower"], facts["log_likelihood_test_upper"]
    assert lower - 0.005 < value < upper + 0.005  # Monte Carlo error
    assert 0 < upper - lower < 0.02


def test_with_few_draws_the_bounds_hold_on_average_and_are_apart() -> None:
    """Over repeated draws: 4 standard errors, of a difference that is many times larger."""
    settings = {"latents": 1, "num_train": 1, "num_test": 300}
    options = NonlinearOptions(**settings)
    data = load(**settings)
    value = exact(data.x_test.double().numpy(), settings).mean()
    stream = seeds.generator("data", 0)
    truth = Truth.drawn(options, stream)
    z, x = truth.draw(300, stream)
    assert torch.equal(x, data.x_test)
    ends = [truth.bounds("test", x, z, 30, seeds.generator("draws", i)) for i in range(60)]
    for name, sign in (("lower", -1), ("upper", 1)):
        excess = sign * (np.array([each[f"log_likelihood_test_{name}"] for each in ends]) - value)
        assert excess.mean() - 4 * excess.std() / np.sqrt(60) > 0
        assert excess.mean() > 0.01


def test_the_sandwich_is_the_written_out_mean_however_draws_are_parted() -> None:
    random = np.random.default_rng(0)
    log_p, truth = random.normal(size=(4, 9)) * 20, random.normal(size=4)
    for sizes in ([9], [4, 5], [1, 1, 7], [8, 1]):
        sandwich = Sandwich(truth)
        for part in np.split(log_p, np.cumsum(sizes)[:-1], axis=1):
            sandwich.add(part)
        np.testing.assert_allclose(sandwich.lower, logsumexp(log_p, axis=1) - np.log(9))
        with_truth = np.concatenate([log_p[:, :-1], truth[:, None]], axis=1)
        np.testing.assert_allclose(sandwich.upper, logsumexp(with_truth, axis=1) - np.log(9))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("observed", ["gaussian", "bernoulli"])
def test_a_model_that_ignores_z_is_more_than_half_a_nat_worse(seed: int, observed: str) -> None:
    data = load(seed, observed=observed, num_samples=500)
    x = data.x_train.double().numpy()
    if observed == "bernoulli":
        single = stats.bernoulli.logpmf(x, x.mean(0)).sum(1).mean()
    else:
        single = stats.norm.logpdf(x, x.mean(0), x.std(0)).sum(1).mean()
    assert single < data.facts["log_likelihood_train_lower"] - (0.5 if observed == "bernoulli" else 1)


def test_truth_and_test_data_do_not_depend_on_num_train() -> None:
    few, many = load(num_train=10, num_samples=9), load(num_train=3000, num_samples=9)
    assert torch.equal(few.x_test, many.x_test)
    assert load(num_samples=9).fingerprint() == load(num_samples=8).fingerprint()
    assert load(num_samples=9).fingerprint() != load(1, num_samples=9).fingerprint()
    binary = load(observed="bernoulli", num_samples=9)
    assert set(binary.x_train.unique().tolist()) == {0, 1}
    assert (binary.observation_model, binary.bounded) == ("bernoulli", True)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_train": 10_000_000, "pixels": 100}, "must be at most 100,000,000"),
        ({"num_samples": 1_000_000}, "must be at most 1,000,000,000"),
        ({"observed": "bernoulli", "noise": 0.1}, "`noise` of nonlinear has no effect with observed=bernoulli"),
        ({"latents": 0}, "latents"),
    ],
)
def test_options_that_do_not_fit_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Nonlinear(**settings)
