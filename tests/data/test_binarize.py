"""Binarisation of grey pixels."""

from __future__ import annotations

import pytest
import torch

from bench import seeds
from bench.data.binarize import Binarize, binarized
from bench.dataset import Data

NUM_ROWS = 400
LEVELS = torch.tensor([0.0, 0.2, 0.5, 0.5001, 0.9, 1.0])


@pytest.fixture
def grey() -> Data:
    x = LEVELS.repeat(NUM_ROWS, 1)
    return Data(x, x.clone(), (1, 6), "bernoulli", "grey pixels in [0, 1]", torch.arange(NUM_ROWS), facts={"a": 1})


def draw(grey: Data, how: Binarize, seed: int = 0) -> Data:
    return binarized(grey, how, seeds.generator("binarize", seed))


def looks_drawn(x: torch.Tensor) -> None:
    """Zeros and ones whose frequencies are the grey levels: 6 standard errors, a false alarm in 1e8."""
    assert set(x.unique().tolist()) == {0.0, 1.0}
    error = (LEVELS * (1 - LEVELS) / NUM_ROWS).sqrt()
    assert ((x.mean(0) - LEVELS).abs() <= 6 * error).all()


def test_none_leaves_the_pixels(grey: Data) -> None:
    data = draw(grey, "none")
    assert torch.equal(data.x_train, grey.x_train)
    assert torch.equal(data.x_test, grey.x_test)
    assert (data.pixels, data.resample) == ("grey pixels in [0, 1]", False)


def test_threshold_is_above_one_half(grey: Data) -> None:
    data = draw(grey, "threshold")
    assert data.x_train[0].tolist() == data.x_test[0].tolist() == [0, 0, 0, 1, 1, 1]
    assert data.x_train.dtype == torch.float32
    assert (data.pixels, data.resample) == ("binarised at 0.5", False)


def test_static_is_one_draw_of_train_and_of_test(grey: Data) -> None:
    data = draw(grey, "static")
    looks_drawn(data.x_train)
    looks_drawn(data.x_test)
    assert not torch.equal(data.x_train, data.x_test)  # equal greys, independent draws
    assert (data.pixels, data.resample) == ("binarised once, at random", False)


def test_dynamic_keeps_the_probabilities_for_training_and_draws_test_once(grey: Data) -> None:
    data = draw(grey, "dynamic")
    assert torch.equal(data.x_train, grey.x_train)
    looks_drawn(data.x_test)
    assert (data.pixels, data.resample) == ("binarised anew for every minibatch; test once", True)


def test_static_and_dynamic_are_tested_on_the_same_draw(grey: Data) -> None:
    assert torch.equal(draw(grey, "static").x_test, draw(grey, "dynamic").x_test)


def test_draws_come_from_the_generator_alone(grey: Data) -> None:
    one, same, other = draw(grey, "static"), draw(grey, "static"), draw(grey, "static", seed=1)
    assert one.fingerprint() == same.fingerprint()
    assert not torch.equal(one.x_train, other.x_train)
    assert not torch.equal(one.x_test, other.x_test)


@pytest.mark.parametrize("how", ["none", "threshold", "static", "dynamic"])
def test_everything_else_is_kept(grey: Data, how: Binarize) -> None:
    data = draw(grey, how)
    assert data.labels_train is grey.labels_train
    assert (data.image_shape, data.observation_model, data.facts) == ((1, 6), "bernoulli", {"a": 1})
