"""How the time of an update grows with the model: `tox -e perf -- -m slow -rP tests/perf/test_growth.py`."""

from __future__ import annotations

import time
from statistics import median

import pytest
import torch

from bench import plugins
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem, update

HIDDEN, LATENT = (50, 100, 200, 500, 1000), (2, 10, 50, 200)


def milliseconds(name: str, pixels: int, hidden: int, latent_size: int, updates: int = 30) -> float:
    """The median time of an update of minibatches of 100, on one thread."""
    x = torch.bernoulli(torch.full((1000, pixels), 0.3), generator=torch.Generator().manual_seed(0))
    algorithm = plugins.find("algorithm")[name].load()(
        latent_size, model=f"mlp[hidden={hidden}]", device="cpu", learning_rate=0.01
    )
    algorithm.setup(Problem(x, latent_size, algorithm.architecture, "bernoulli"), torch.Generator().manual_seed(0))
    batches, seconds = Minibatches(x, 100, seed=0), []
    for number in range(updates + 5):
        started = time.perf_counter()
        update(algorithm, batches[number])
        seconds.append(time.perf_counter() - started)
    return 1000 * median(seconds[5:])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["aevb", "wakesleep"])
def test_the_time_grows_with_the_weights_and_hardly_with_the_latent_dimensions(name: str) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        by_hidden = {hidden: milliseconds(name, 784, hidden, 10) for hidden in HIDDEN}
        by_latent = {latent_size: milliseconds(name, 784, 500, latent_size) for latent_size in LATENT}
    finally:
        torch.set_num_threads(before)
    for label, found in (("hidden units, z = 10", by_hidden), ("latent dimensions, 500 hidden units", by_latent)):
        print(f"{name}, 784 pixels, ms per update by {label}:", {size: round(ms, 2) for size, ms in found.items()})  # noqa: T201
    assert by_hidden[1000] < 4 * by_hidden[500]  # twice the weights
    assert by_latent[50] < 1.5 * by_latent[2]
