"""Every algorithm trains every architecture: shipped ones, found from their folders."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench import plugins, seeds
from bench.algorithm import Algorithm
from bench.plugins import PluginRef
from bench.training.beginning import begin
from bench.training.candidates import candidates
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem

SIZE = (4, 6)
SMALL = {"conv": "conv[hidden=6,channels=2]", "linear": "linear"}
ARCHITECTURES = [SMALL.get(name, f"{name}[hidden=6]") for name in plugins.find("model") if name != "mlp"]
ALGORITHMS = plugins.find("algorithm").values()


def data(observed: str) -> Tensor:
    x = torch.rand(40, SIZE[0] * SIZE[1], generator=seeds.generator("combinations"))
    return x.round() if observed == "bernoulli" else x


@pytest.mark.parametrize("observed", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("architecture", ["mlp[hidden=6,layers=2]", *ARCHITECTURES])
@pytest.mark.parametrize("plugin", ALGORITHMS, ids=lambda plugin: plugin.name)
def test_two_updates(plugin: PluginRef, architecture: str, observed: str) -> None:
    """The objective is finite, the decoder learns, and so does the encoder if there is one."""
    x = data(observed)
    algorithm: Algorithm = plugin.load()(3, model=architecture, decoder=observed, device="cpu")
    batches = Minibatches(x, 20 if algorithm.batch_size else None, 0)
    problem = Problem(x, 3, algorithm.architecture, observed, image_shape=SIZE)
    begin(algorithm, problem, batches, noise=0, chosen=candidates(algorithm.hyperparameters)[0])
    before = {name: parameter.detach().clone() for name, parameter in algorithm.model.named_parameters()}
    objectives = [algorithm.step(batches[update]).objective for update in range(2)]
    assert all(torch.isfinite(torch.as_tensor(objective)) for objective in objectives)
    changed = {
        name for name, parameter in algorithm.model.named_parameters() if not torch.equal(parameter, before[name])
    }
    for part in ("decoder.", "encoder."):
        assert any(name.startswith(part) for name in changed) or not any(name.startswith(part) for name in before)
