"""scikit-learn's digits."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits

from bench import seeds
from bench.dataset import Data
from bench.datasets.digits import Digits
from bench.errors import OptionError


def load(seed: int = 0, **settings: object) -> Data:
    return Digits(**settings).load(seeds.generator("data", seed))


def test_sizes_shape_and_range() -> None:
    data = load()
    assert data.x_train.shape == (1500, 64)
    assert data.x_test.shape == (297, 64)
    assert data.image_shape == (8, 8)
    assert (data.observation_model, data.pixels, Digits.hidden) == ("bernoulli", "grey pixels in [0, 1]", 100)
    assert (data.x_train.min(), data.x_train.max()) == (0, 1)


def test_every_digit_is_in_exactly_one_part_with_its_own_label() -> None:
    data = load()
    assert data.labels_train is not None
    assert data.labels_test is not None
    x = torch.cat([data.x_train, data.x_test]).mul(16).int().tolist()
    labels = torch.cat([data.labels_train, data.labels_test]).tolist()
    source = load_digits()
    expected = sorted(zip(source.data.astype(int).tolist(), source.target.tolist(), strict=True))
    assert sorted(zip(x, labels, strict=True)) == expected


def test_the_split_is_random_and_comes_from_the_generator() -> None:
    assert load().fingerprint() == load().fingerprint()
    assert load().fingerprint() != load(seed=1).fingerprint()
    labels = load().labels_test
    assert labels is not None
    assert not torch.equal(labels, torch.tensor(load_digits().target[-297:]))
    assert not torch.equal(labels, torch.tensor(load_digits().target[:297]))


def test_binarisation_does_not_change_the_split() -> None:
    grey, threshold, static = load(), load(binarize="threshold"), load(binarize="static")
    assert torch.equal(threshold.x_train, (grey.x_train > 0.5).float())
    assert torch.equal(static.labels_train, grey.labels_train)
    assert (static.x_train[grey.x_train == 0] == 0).all()
    assert (static.x_train[grey.x_train == 1] == 1).all()
    assert load(binarize="dynamic").resample


def test_num_test_sets_the_size_of_the_test_part() -> None:
    assert load(num_test="100").x_test.shape == (100, 64)
    assert load(num_test=1796).x_train.shape == (1, 64)
    with pytest.raises(OptionError, match="`num_test` of digits must be an integer of at least 1 and at most 1796"):
        load(num_test=1797)
