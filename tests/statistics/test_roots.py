"""Roots of monotonic functions."""

from __future__ import annotations

import math

import pytest

from bench.statistics.roots import root


@pytest.mark.parametrize("sign", [1, -1])
def test_the_root_is_exact_whether_the_function_rises_or_falls(sign: int) -> None:
    assert root(lambda x: sign * (math.exp(x) - 5), -200.0, 100.0) == pytest.approx(math.log(5), rel=4e-16)
    assert root(lambda x: sign * (x - 1e-300), 0.0, 1.0) == pytest.approx(1e-300, rel=4e-16)


def test_without_a_change_of_sign_there_is_none() -> None:
    with pytest.raises(ValueError, match="same sign"):
        root(lambda x: x + 1, 0.0, 8.0)
