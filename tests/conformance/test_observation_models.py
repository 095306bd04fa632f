"""Every observation model satisfies the contract, and agrees with the generic defaults."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench import plugins, seeds
from bench.api.checks import plugin_checks
from bench.architecture import Shape
from bench.conformance.suite import BoundCheck
from bench.models import observation
from bench.models.observation import ObservationModel, observation_model

EVERY = list(plugins.find("decoder"))

every = pytest.mark.parametrize("name", EVERY)


def outputs(model: ObservationModel, *shape: int, seed: int = 0) -> tuple[Tensor, Tensor | None]:
    """Outputs that a network might have, float64: locations from 0.1 to 0.9, and log-variances if there are any."""
    stream = seeds.generator("observations", seed)
    location = 0.1 + 0.8 * torch.rand(shape, generator=stream, dtype=torch.float64)
    log_variance = torch.randn(shape, generator=stream, dtype=torch.float64)
    return location, log_variance if model.has_log_variance else None


def data(*shape: int) -> Tensor:
    """Zeros and ones, which every shipped model takes."""
    half = torch.full(shape, 0.5, dtype=torch.float64)
    return torch.bernoulli(half, generator=seeds.generator("observed"))


@pytest.mark.parametrize("check", [check for name in EVERY for check in plugin_checks(name, "decoder")], ids=str)
def test_keeps_the_contract(check: BoundCheck) -> None:
    check()


@every
def test_the_score_is_the_gradient(name: str) -> None:
    model = observation_model(name)
    x, (location, log_variance) = data(4, 6), outputs(model, 3, 4, 6)
    found, generic = (score(x, location, log_variance) for score in (model.score, super_of(model).score))
    for mine, theirs in zip(found, generic, strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None and theirs is not None:
            torch.testing.assert_close(mine, theirs)
            assert not theirs.requires_grad
    assert (found[1] is None) == (not model.has_log_variance)


def super_of(model: ObservationModel) -> ObservationModel:
    """The same with only what the contract requires; the rest is inherited."""
    kind = type(model)
    required = {
        name: vars(kind)[name]
        for name in ("Options", "log_prob", "mean", "sample", "has_log_variance")
        if name in vars(kind)
    }
    made: ObservationModel = type("Bare", (ObservationModel,), {**required, "__module__": kind.__module__})()
    return made


@every
def test_all_pairs_are_the_pairs_one_by_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observation, "CHUNK_VALUES", 5 * 6 * 2)  # so that the 7 rows are split
    model = observation_model(name)
    x, (location, log_variance) = data(7, 6), outputs(model, 5, 6)
    scales = [None] * 5 if log_variance is None else list(log_variance)
    expected = torch.stack([model.log_prob(x, mean, scale) for mean, scale in zip(location, scales, strict=True)], 1)
    for pairs in (model.log_prob_of_pairs, super_of(model).log_prob_of_pairs):
        torch.testing.assert_close(pairs(x, location, log_variance), expected)


@every
def test_the_variance_is_that_of_draws(name: str) -> None:
    model = observation_model(name)
    location, log_variance = (None if end is None else end.expand(20_000, 6) for end in outputs(model, 1, 6))
    assert location is not None
    variance = model.gaussian_variance(location, log_variance)
    if variance is None:
        pytest.skip("not a Gaussian")
    x = model.sample(location, log_variance, seeds.generator("draws of observations"))
    torch.testing.assert_close(x.var(0), variance[0], rtol=0.1, atol=0)


@every
def test_location_and_scale_are_declared(name: str) -> None:
    model = observation_model(name)
    assert model.location_is in ("mean", "logit", "real")
    assert model.plugin_name() == name
    assert Shape(2, 6, model, bounded=True).squash == (model.location_is == "mean")
    assert not Shape(2, 6, model, bounded=False).squash
    assert observation_model(model) is model


def test_bernoulli_refuses_data_outside_of_0_to_1() -> None:
    bernoulli = observation_model("bernoulli")
    assert bernoulli.refusal(torch.tensor([[0.0, 0.5, 1.0]])) == ""
    assert bernoulli.refusal(torch.tensor([[0.0, -0.5, 3.0]])) == "needs data in [0, 1] (got -0.5 to 3)"
