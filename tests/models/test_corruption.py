"""Moments of each corruption, against its definition."""

from __future__ import annotations

import math

import pytest
import torch

from bench import seeds
from bench.models.corruption import Corruption, corrupt

PIXELS = (0.0, 0.3, 1.0)
N, P = 100_000, 0.2
STANDARD_ERRORS = 4.0  # of each moment: a false alarm in some 16,000


def expected(corruption: Corruption, x: float) -> tuple[float, float]:
    """Mean and variance of a corrupted pixel."""
    if corruption == "gaussian":
        return x, P**2
    mean = (1 - P) * x + (P / 2 if corruption == "salt_and_pepper" else 0)
    square = (1 - P) * x**2 + (P / 2 if corruption == "salt_and_pepper" else 0)
    return mean, square - mean**2


@pytest.mark.parametrize("corruption", ["masking", "salt_and_pepper", "gaussian"])
def test_moments(corruption: Corruption) -> None:
    x = torch.tensor(PIXELS, dtype=torch.float64).expand(N, -1)
    noisy = corrupt(x, corruption, P, seeds.generator("moments"))
    for j, value in enumerate(PIXELS):
        mean, variance = expected(corruption, value)
        squares = (noisy[:, j] - mean).square()
        assert abs(noisy[:, j].mean() - mean) <= STANDARD_ERRORS * math.sqrt(variance / N)
        assert abs(squares.mean() - variance) <= STANDARD_ERRORS * squares.std() / math.sqrt(N) + 1e-12
    assert torch.corrcoef(noisy[:, 1:].T)[0, 1].abs() < STANDARD_ERRORS / math.sqrt(N)  # pixels are independent


def test_what_is_not_corrupted_is_untouched() -> None:
    x = torch.rand(1000, 7, generator=seeds.generator("x")) * 0.8 + 0.1
    for corruption in ("masking", "salt_and_pepper"):
        noisy = corrupt(x, corruption, P, seeds.generator("noise"))  # type: ignore[arg-type]  # a literal in a loop
        changed = noisy[noisy != x]
        assert set(changed.unique().tolist()) == ({0.0} if corruption == "masking" else {0.0, 1.0})
        assert noisy.dtype == x.dtype


def test_none_is_x_and_draws_nothing() -> None:
    x, stream = torch.rand(3, 4, generator=seeds.generator("x")), seeds.generator("noise")
    before = stream.get_state()
    assert corrupt(x, "none", P, stream) is x
    assert torch.equal(stream.get_state(), before)


def test_everything_can_be_masked() -> None:
    assert not corrupt(torch.ones(50, 50), "masking", 1.0, seeds.generator("all")).any()
