"""AEVB's denoising, KL warm-up and free bits: schedule, floor, and resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bench import plugins, seeds
from bench.algorithm import Algorithm
from bench.errors import OptionError
from bench.store.trial_folder import TrialFolder
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem

M, D, Z = 20, 12, 3


def begun(**settings: Any) -> tuple[Any, Minibatches]:
    x = torch.bernoulli(torch.full((100, D), 0.4), generator=seeds.generator("options"))
    algorithm: Algorithm = plugins.find("algorithm")["aevb"].load()(
        Z, model="mlp[hidden=8,init_scale=0.5]", device="cpu", learning_rate=0.05, **settings
    )
    algorithm.setup(Problem(x, Z, algorithm.architecture, "bernoulli"), seeds.generator("noise"))
    return algorithm, Minibatches(x, M, 0)


def test_salt_and_pepper_are_for_data_between_them() -> None:
    x = torch.randn(50, D, generator=seeds.generator("unbounded"))
    aevb = plugins.find("algorithm")["aevb"].load()(Z, model="linear", device="cpu", denoise="salt_and_pepper")
    with pytest.raises(OptionError, match="do not lie in"):
        aevb.setup(Problem(x, Z, aevb.architecture, "gaussian", bounded=False), seeds.generator("noise"))


def test_the_weight_of_the_kl_rises_to_one_and_stays() -> None:
    algorithm, batches = begun(kl_warmup=4 * M)
    weights = []
    for update in range(7):
        weights.append(float(algorithm.kl_penalty(torch.ones(Z))) / Z)
        algorithm.step(batches[update])
    assert weights == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1, 1])


def test_warm_up_begins_without_a_kl_and_ends_as_the_bound() -> None:
    """At sample 0 the encoder's gradient is that of the reconstruction; after warm-up a step is an ordinary one."""
    algorithm, batches = begun(kl_warmup=M)
    stream = algorithm.generator.clone_state()
    algorithm.step(batches[0])
    reference, _ = begun()
    z = reference.model.encode(batches[0].x).rsample(stream, 1)
    (-reference.model.decoder.log_prob(batches[0].x, z).mean()).backward()
    for mine, theirs in zip(algorithm.model.parameters(), reference.model.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-7)

    plain, _ = begun()
    plain.load_state_dict(algorithm.state_dict())
    algorithm.step(batches[1])
    plain.step(batches[1])
    for mine, theirs in zip(algorithm.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-7)


def test_no_gradient_of_a_kl_below_the_floor() -> None:
    """A dimension below it is free, one above it is charged in full, and the penalty never falls below the floor."""
    algorithm, _ = begun(free_bits=0.5)
    kl = torch.tensor([0.2, 0.4999, 0.7], requires_grad=True)
    penalty = algorithm.kl_penalty(kl)
    (gradient,) = torch.autograd.grad(penalty, kl)
    assert gradient.tolist() == [0, 0, 1]
    assert penalty.item() == pytest.approx(0.5 + 0.5 + 0.7)


@pytest.mark.parametrize("settings", [{"kl_warmup": 1000}, {"free_bits": 3.0}, {"denoise": "masking"}])
def test_the_objective_is_a_bound_whatever_is_ascended(settings: dict[str, Any]) -> None:
    """A step reports the bound before its update, not the easier objective: the value lies below log p(x)."""
    algorithm, batches = begun(**settings)
    exact = float(algorithm.estimate_log_likelihood(batches[0].x, "importance[num_samples=2000]").mean)
    objective = float(algorithm.step(batches[0]).objective)
    assert objective < exact
    if "denoise" not in settings:
        plain, _ = begun()
        assert float(plain.step(batches[0]).objective) == pytest.approx(objective, rel=1e-6)


@pytest.mark.parametrize("denoise", ["masking", "salt_and_pepper", "gaussian"])
def test_saved_state_continues_bit_equal(denoise: str, tmp_path: Path) -> None:
    """In the middle of a warm-up, whose weight depends on the number of samples seen."""
    settings = {"denoise": denoise, "corruption": 0.3, "kl_warmup": 10 * M, "free_bits": 0.05}
    algorithm, batches = begun(**settings)
    for update in range(3):
        algorithm.step(batches[update])
    TrialFolder(tmp_path).write_checkpoint(algorithm.state_dict())
    saved = TrialFolder(tmp_path).read_checkpoint()
    assert saved is not None
    restored, _ = begun(**settings)
    restored.load_state_dict(saved)
    assert restored.samples == 3 * M
    for update in range(3, 8):
        assert float(restored.step(batches[update]).objective) == float(algorithm.step(batches[update]).objective)
    for mine, theirs in zip(restored.model.parameters(), algorithm.model.parameters(), strict=True):
        assert torch.equal(mine, theirs)
