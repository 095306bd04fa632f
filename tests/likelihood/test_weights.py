"""Importance weights: streamed sums, and whether their diagnostics are right."""

from __future__ import annotations

import math

import pytest
import torch

from bench import seeds
from bench.likelihood.weights import Weights, highest_pareto_k, pareto_k


def weighed(log_weights: torch.Tensor, chunk: int = 10_000) -> Weights:
    weights = Weights(len(log_weights), log_weights[0])
    for part in log_weights.split(chunk):
        weights.add(part)
    return weights


def test_sums_by_hand() -> None:
    log_w = torch.tensor([[0.0, -1000.0], [math.log(3), -1000.0]], dtype=torch.float64)
    found = weighed(log_w).weighed()
    torch.testing.assert_close(found.log_mean, torch.tensor([math.log(2), -1000.0], dtype=torch.float64))
    torch.testing.assert_close(found.effective, torch.tensor([16 / 10, 2.0], dtype=torch.float64))
    torch.testing.assert_close(found.standard_error, torch.tensor([0.5, 0.0], dtype=torch.float64), rtol=0, atol=1e-6)
    assert found.looseness == pytest.approx(0.25 / 2 / 2)


def test_how_they_are_cut_changes_nothing() -> None:
    log_w = torch.randn(1000, 7, generator=seeds.generator("test-weights-cut"), dtype=torch.float64)
    whole, cut = weighed(log_w).weighed(), weighed(log_w, chunk=3).weighed()
    for name in ("log_mean", "standard_error", "effective", "pareto_k"):
        torch.testing.assert_close(getattr(whole, name), getattr(cut, name))


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.8, 1.2])
def test_the_shape_of_a_pareto_tail_is_found(shape: float) -> None:
    uniform = torch.rand(20_000, 40, generator=seeds.generator("test-pareto", shape), dtype=torch.float64)
    log_w = -shape * uniform.log()  # Pareto: P(w > t) = t^(-1 / shape)
    found = weighed(log_w).weighed().pareto_k
    assert float(found.mean()) == pytest.approx(shape, abs=0.06)


def test_equal_weights_have_no_tail_and_few_weights_no_shape() -> None:
    assert pareto_k(torch.zeros(50, 3, dtype=torch.float64)).tolist() == [0.0, 0.0, 0.0]
    assert pareto_k(torch.zeros(10, 3, dtype=torch.float64)).isnan().all()


def test_a_proposal_that_is_too_narrow_is_told_of() -> None:
    """If q has less than half the variance of p, the weights have infinite variance: k = 1 - var(q) / var(p) > 1/2."""
    generator = seeds.generator("test-narrow")
    told = {}
    for ratio in (0.2, 1.0, 1.5):
        z = math.sqrt(ratio) * torch.randn(2000, 200, generator=generator, dtype=torch.float64)
        log_w = -0.5 * z.square() + 0.5 * z.square() / ratio + 0.5 * math.log(ratio)
        told[ratio] = weighed(log_w).weighed()
    assert told[0.2].log_mean.mean() < -0.02  # it is too low,
    error = float(told[0.2].standard_error.square().sum().sqrt()) / 200
    assert float(told[0.2].log_mean.mean()) < -3 * error  # by more than its standard error suggests,
    assert any("heavy tail" in text for text in told[0.2].warnings("Do better."))  # and a warning says so
    assert told[1.0].warnings("") == told[1.5].warnings("") == ()
    assert float(told[1.5].log_mean.mean()) == pytest.approx(0, abs=0.01)


def test_a_loose_bound_says_how_loose() -> None:
    log_w = torch.randn(200, 5000, generator=seeds.generator("test-loose"), dtype=torch.float64)  # log E[w] = 1/2
    found = weighed(log_w).weighed()
    off = 0.5 - float(found.log_mean.mean())
    assert found.looseness == pytest.approx(off, rel=0.3)
    error = float(found.standard_error.square().sum().sqrt()) / 5000
    assert off > 3 * error
    assert not any("nats too low" in text for text in found.warnings(""))  # 0.004 nats do not matter
    few = weighed(1.5 * log_w[:20]).weighed()
    assert any("nats too low" in text or "effective sample size" in text for text in few.warnings(""))


def test_few_effective_samples_are_told_of() -> None:
    log_w = 5 * torch.randn(100, 300, generator=seeds.generator("test-few"), dtype=torch.float64)
    found = weighed(log_w).weighed()
    assert float(found.effective.median()) < 10
    assert "effective sample size below 10" in found.warnings("Raise it.")[0]
    assert "Raise it." in found.warnings("Raise it.")[0]


def test_two_samples_are_never_enough_to_believe() -> None:
    draws = torch.randn(2, 50, generator=seeds.generator("test-two-weights"), dtype=torch.float64)
    weights = weighed(draws * 5).weighed()
    assert any("effective sample size below 2" in text for text in weights.warnings("Raise num_samples."))


@pytest.mark.parametrize(
    ("num_samples", "limit"),
    # the formula by hand, for S a power of 10; and `good_k` of arviz-stats 0.8.0 for the others
    [(10, 0.0), (100, 1 / 2), (1000, 2 / 3), (10_000, 0.7), (500, 0.6294882868674145), (2154, 0.69999), (2155, 0.7)],
)
def test_few_samples_are_held_to_a_lower_shape_of_the_tail(num_samples: int, limit: float) -> None:
    assert highest_pareto_k(num_samples) == pytest.approx(limit, abs=1e-5)


def test_the_same_tail_is_too_heavy_for_few_samples_only() -> None:
    """A Pareto tail of shape 0.62: above the limit of 200 samples, 0.57, and below that of 5000, 0.7."""
    for num_samples, few in ((200, True), (5000, False)):
        uniform = torch.rand(num_samples, 300, generator=seeds.generator("test-limit"), dtype=torch.float64)
        found = weighed(-0.62 * uniform.log()).weighed()
        expected = float((found.pareto_k > (0.5654 if few else 0.7)).double().mean())
        assert found.summary()["heavy_tails"] == pytest.approx(expected)
        assert (expected > 0.5) == few
    warned = weighed(-0.62 * torch.rand(200, 300, generator=seeds.generator("test-limit")).log()).weighed().warnings("")
    assert any("Pareto k above 0.57" in text for text in warned)


def test_fewer_than_eight_weights_are_too_few_for_an_error_of_a_datapoint() -> None:
    draws = 0.1 * torch.randn(8, 50, generator=seeds.generator("test-eight"), dtype=torch.float64)
    assert weighed(draws).weighed().warnings("") == ()
    assert any("too few to know their spread" in text for text in weighed(draws[:7]).weighed().warnings(""))
