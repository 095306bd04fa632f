"""The random split."""

from __future__ import annotations

import pytest
import torch

from bench import seeds
from bench.data.split import split
from bench.errors import DataError


def test_the_parts_have_the_sizes_asked_for_and_share_nothing() -> None:
    train, test = split(10, 3, seeds.generator(0))
    assert (len(train), len(test)) == (7, 3)
    assert sorted(torch.cat([train, test]).tolist()) == list(range(10))


def test_every_row_is_as_likely_to_be_held_out() -> None:
    generator, num_splits = seeds.generator(0), 2000
    counts = torch.zeros(10)
    for _ in range(num_splits):
        counts[split(10, 3, generator)[1]] += 1
    error = (0.3 * 0.7 * num_splits) ** 0.5
    assert ((counts - 0.3 * num_splits).abs() < 6 * error).all()  # a false alarm in 1e7


@pytest.mark.parametrize("num_test", [0, 10, 11])
def test_an_empty_part_is_refused(num_test: int) -> None:
    with pytest.raises(DataError, match=rf"`num_test` must be at least 1 and below .* 10 \(got {num_test}\)"):
        split(10, num_test, seeds.generator(0))
