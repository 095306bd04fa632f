"""Updates on a GPU: recorded as CUDA graphs, launched kernel by kernel, and by autograd, in turns.

`tox -e perf -- -rP tests/perf/test_gpu.py` prints milliseconds per update, on a machine with a CUDA device.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest
import torch

from bench import plugins
from bench.architectures.mlp import MLP
from bench.models.by_hand import recordings
from bench.models.by_hand.tanh_network import TanhNetwork
from bench.training.beginning import set_up
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem, update

pytestmark = [pytest.mark.timing, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

WAYS: dict[str, tuple[int, bool]] = {"recorded": (20, True), "launched": (10**9, True), "autograd": (10**9, False)}
TURNS = 5


def updates(name: str, pixels: int, hidden: int, latent_size: int, count: int) -> Callable[[], float]:
    """Milliseconds per update, over the next ``count`` of one training."""
    x = torch.rand(10000, pixels, generator=torch.Generator().manual_seed(0)).round().cuda()
    problem = Problem(x, latent_size, MLP(hidden=hidden), "bernoulli", bounded=True)
    learner = set_up(plugins.find("algorithm")[name].load()(latent_size, learning_rate=0.02), problem, 1)
    minibatches, done = Minibatches(x, 100, seed=2), 0

    def measure() -> float:
        nonlocal done
        torch.cuda.synchronize()
        started = time.perf_counter()
        for number in range(done, done + count):
            update(learner, minibatches[number])
        torch.cuda.synchronize()
        done += count
        return 1000 * (time.perf_counter() - started) / count

    return measure


@pytest.mark.parametrize("size", [(64, 100, 3), (784, 500, 20)], ids=lambda size: "-".join(map(str, size)))
@pytest.mark.parametrize(("name", "count"), [("aevb", 200), ("wakesleep", 200), ("mcem", 20)])
def test_recorded_updates_are_quicker(
    name: str, count: int, size: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    trainings = {way: updates(name, *size, count) for way in WAYS}
    for turn in range(TURNS + 1):
        for way, (calls, by_hand) in WAYS.items():
            with monkeypatch.context() as patch:
                patch.setattr(recordings, "CALLS_BEFORE", calls)
                if not by_hand:
                    patch.setattr(TanhNetwork, "is_plain", False)
                milliseconds = trainings[way]()
            if turn:  # the first one warms up
                taken[way].append(milliseconds)
    medians = {way: statistics.median(each) for way, each in taken.items()}
    print(f"{name}, {'-'.join(map(str, size))}: ", {way: f"{median:.2f} ms" for way, median in medians.items()})  # noqa: T201
    assert medians["recorded"] < 0.8 * medians["launched"] < 0.8 * medians["autograd"]
