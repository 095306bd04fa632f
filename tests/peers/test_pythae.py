"""Importance sampling against pythae's `get_nll`: the same network, images and machine, in the same run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from torch import Tensor

from bench import seeds
from bench.architectures.mlp import MLP
from bench.estimators.importance import Importance
from bench.models.latent import LatentVariableModel
from bench.training.problem import Problem

NUM_SAMPLES, NUM_IMAGES = 5000, 8

MEMORY = """
import re, torch
from pathlib import Path
from bench import seeds
from bench.estimators.importance import Importance
from bench.architectures.mlp import MLP
from bench.training.problem import Problem
x = torch.bernoulli(torch.full((200, 784), 0.2), generator=seeds.generator("pixels"))
model = Problem(x, 20, MLP(hidden=500, init_scale=0.05), "bernoulli").model(encoder=True)
Importance(num_samples=5000, proposal="encoder").estimate(model, x, seeds.generator("draws"))
# not ru_maxrss, which a process takes over from the one that started it
print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


class SameEncoder(BaseEncoder):
    """Our encoder in pythae's interface."""

    def __init__(self, model: LatentVariableModel) -> None:
        BaseEncoder.__init__(self)
        self.model = model

    def forward(self, x: Tensor) -> ModelOutput:
        q = self.model.encode(x.flatten(1))
        return ModelOutput(embedding=q.mean, log_covariance=q.log_variance)


class SameDecoder(BaseDecoder):
    """Our decoder in pythae's interface."""

    def __init__(self, model: LatentVariableModel) -> None:
        BaseDecoder.__init__(self)
        self.model = model

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.model.decoder.mean(z).unflatten(-1, (1, 28, 28)))


@pytest.fixture
def model() -> LatentVariableModel:
    """784-500-20, with weights that make a difference."""
    made = Problem(torch.zeros(1, 784), 20, MLP(hidden=500, init_scale=0.05), "bernoulli").model(encoder=True)
    return made.eval()


def test_images_a_second_of_pythae(
    model: LatentVariableModel,
    mnist: Callable[[str], tuple[Tensor, Tensor]],
    alternately: Callable[..., dict[str, float]],
) -> None:
    x = mnist("binarize=threshold")[1][:NUM_IMAGES]
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce")
    theirs = VAE(config, SameEncoder(model), SameDecoder(model)).eval()
    ours = Importance(num_samples=NUM_SAMPLES, proposal="encoder")
    images = x.unflatten(-1, (1, 28, 28))
    found: dict[str, Any] = {}

    def pythae(batch_size: int) -> None:
        torch.manual_seed(0)
        with torch.no_grad():
            found["pythae"] = theirs.get_nll(images, n_samples=NUM_SAMPLES, batch_size=batch_size)

    def bench() -> None:
        found["bench"] = ours.estimate(model, x, seeds.generator("peers"))

    seconds = alternately(
        bench=bench, pythae_100=lambda: pythae(100), pythae_500=lambda: pythae(500), pythae_2500=lambda: pythae(2500)
    )
    quickest = min(value for name, value in seconds.items() if name != "bench")
    ratio = quickest / seconds["bench"]
    rates = {name: round(NUM_IMAGES / value, 2) for name, value in seconds.items()}
    print(f"images per second, K = {NUM_SAMPLES}: {rates}; bench is {ratio:.1f} times the quickest of pythae")  # noqa: T201
    error = found["bench"].standard_error
    assert abs(found["pythae"] - found["bench"].mean) < 6 * error + 0.01  # it calls the log-likelihood NLL
    assert ratio >= 2.7


def test_memory_stays_below_a_gigabyte() -> None:
    shown = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True).stdout
    megabytes = int(shown) / 1024
    print(f"200 images, K = 5000: {megabytes:.0f} MB at most, the interpreter and PyTorch included")  # noqa: T201
    assert megabytes < 1000
