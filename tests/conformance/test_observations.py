"""Every observation model that is found keeps the contract; what it overrides agrees with what it inherits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench import plugins, seeds
from bench.models.observation import ObservationModel
from bench.plugins import PluginRef

K, N, D = 4, 3, 5

every = pytest.mark.parametrize("plugin", plugins.find("decoder").values(), ids=lambda plugin: plugin.name)


def observation_model(plugin: PluginRef) -> ObservationModel:
    made: ObservationModel = plugin.load()()
    return made


def outputs(observed: ObservationModel, *shape: int) -> tuple[Tensor, Tensor | None]:
    """Outputs of a network, in float64 so that sums can be compared closely."""
    stream = seeds.generator("outputs", *shape)
    location = torch.rand(*shape, generator=stream, dtype=torch.float64)
    log_variance = torch.randn(*shape, generator=stream, dtype=torch.float64) if observed.has_log_variance else None
    return location, log_variance


def pixels(observed: ObservationModel) -> Tensor:
    """Three datapoints drawn from it, so that it must be able to model them."""
    return observed.sample(*outputs(observed, N, D), seeds.generator("x"))


@every
def test_shapes_and_log_densities_are_finite(plugin: PluginRef) -> None:
    observed = observation_model(plugin)
    x = pixels(observed)
    assert x.shape == (N, D)
    assert observed.refusal(x) == ""
    log_prob = observed.log_prob(x, *outputs(observed, K, N, D))
    assert log_prob.shape == (K, N)
    assert torch.isfinite(log_prob).all()
    assert observed.mean(*outputs(observed, K, N, D)).shape == (K, N, D)
    assert observed.location_is in ("mean", "logit", "real")


@every
def test_the_score_is_the_gradient(plugin: PluginRef) -> None:
    observed, x = observation_model(plugin), pixels(observation_model(plugin))
    own = observed.score(x, *outputs(observed, K, N, D))
    inherited = ObservationModel.score(observed, x, *outputs(observed, K, N, D))
    assert (own[1] is None) == (inherited[1] is None) == (not observed.has_log_variance)
    for one, other in zip(own, inherited, strict=True):
        if one is not None and other is not None:
            torch.testing.assert_close(one, other)


@every
def test_pairs_are_those_of_single_evaluations(plugin: PluginRef) -> None:
    observed, x = observation_model(plugin), pixels(observation_model(plugin))
    location, log_variance = outputs(observed, K, D)
    pairs = observed.log_prob_of_pairs(x, location, log_variance)
    for k in range(K):
        single = observed.log_prob(x, location[k], None if log_variance is None else log_variance[k])
        torch.testing.assert_close(pairs[:, k], single)


@every
def test_draws_have_the_stated_mean_and_come_from_the_generator(plugin: PluginRef) -> None:
    """40,000 draws; 5 standard errors, so a false alarm in some hundred thousand runs."""
    observed = observation_model(plugin)
    location, log_variance = outputs(observed, D)
    wide = location.expand(40_000, D), None if log_variance is None else log_variance.expand(40_000, D)
    before = torch.get_rng_state()
    draws, again = (observed.sample(*wide, seeds.generator("draws")) for _ in range(2))
    assert torch.equal(draws, again)
    assert torch.equal(before, torch.get_rng_state())
    error = draws.std(0) / 40_000**0.5
    assert ((draws.mean(0) - observed.mean(location, log_variance)).abs() <= 5 * error).all()


@every
def test_draws_have_the_density(plugin: PluginRef) -> None:
    """E[score] = 0 at the parameters that the draws come from."""
    observed = observation_model(plugin)
    location, log_variance = outputs(observed, D)
    wide = location.expand(40_000, D), None if log_variance is None else log_variance.expand(40_000, D)
    draws = observed.sample(*wide, seeds.generator("draws"))
    for score in observed.score(draws, *wide):
        if score is not None:
            assert (score.mean(0).abs() <= 5 * score.std(0) / 40_000**0.5).all()
