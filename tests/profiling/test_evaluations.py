"""Model evaluations are counted where they happen, by whatever way a gradient is computed."""

from __future__ import annotations

import pytest
import torch

from bench import Problem, plugins, seeds
from bench.architectures.mlp import MLP
from bench.profiling.evaluations import counted
from bench.training.beginning import set_up
from bench.training.problem import Batch, update

M = 30


@pytest.mark.parametrize(
    ("name", "settings", "per_datapoint"),
    [
        ("aevb", {}, 2),
        ("iwae", {"num_samples": 7}, 14),
        ("iwae", {"num_samples": 7, "gradient": "dreg"}, 14),
        ("rws", {"num_samples": 4, "phi": "both"}, 9),  # and a dream
        ("wakesleep", {}, 3),
        ("mcem", {"batch_size": M, "num_candidates": 0}, 2 * (1 + 10 + 5)),
    ],
    ids=str,
)
def test_counted_evaluations_are_those_of_the_algorithms_description(
    name: str, settings: dict[str, object], per_datapoint: int
) -> None:
    x = torch.bernoulli(torch.full((M, 9), 0.3), generator=seeds.generator("evaluations"))
    cls = plugins.find("algorithm")[name].load()
    algorithm = set_up(
        cls(2, device="cpu", learning_rate=0.01, **settings), Problem(x, 2, MLP(hidden=8), "bernoulli"), 0
    )
    with counted(algorithm.model) as seen:
        for _ in range(3):
            declared = update(algorithm, Batch(x, torch.arange(M))).model_evaluations
    assert seen.total == 3 * declared == 3 * M * per_datapoint
    update(algorithm, Batch(x, torch.arange(M)))
    assert seen.total == 3 * declared  # it has stopped counting
