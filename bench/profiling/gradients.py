"""The gradients of one step, repeated from the same weights, state and minibatch with new noise each time."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from bench import seeds
from bench.algorithm import Algorithm
from bench.errors import UsageError
from bench.profiling.moments import BLOCKS, Moments
from bench.profiling.optimisers import recorded
from bench.profiling.origin import Origin
from bench.training.beginning import set_up
from bench.training.candidates import candidates
from bench.training.problem import Batch, Problem, update

FEWEST = 4 * BLOCKS  # repetitions, however long they take


@dataclass(frozen=True)
class Gradients:
    """The gradients of ``repeats`` repetitions, by the part of the model that they are for.

    They are ascent directions, as passed to the optimisers: the weight decay that represents a prior is left out.
    None for a part that has no parameters, or that no optimiser of torch updates.
    """

    encoder: Moments | None
    decoder: Moments | None
    repeats: int


def prepared(
    cls: type[Algorithm],
    problem: Problem,
    weights: Mapping[str, Tensor],
    state: Mapping[str, object] | None = None,
    **settings: Any,
) -> Algorithm:
    """Return an algorithm at the given ``weights``, the `state_dict` of its model, ready for `measure`.

    ``settings`` are its hyperparameters, such as num_samples=16.  All other state (a step size of chains, a count of
    updates) is as at the start of training, or as in ``state``, its own `state_dict`, except for tensors whose shape
    depends on the settings.
    Raises RuntimeError if its model has other weights.
    """
    algorithm = cls(problem.latent_size, device=str(problem.x.device), **settings)
    set_up(algorithm, problem, seeds.derive("profile"), candidates(algorithm.hyperparameters)[-1])
    present = algorithm.state_dict() if state is not None else {}
    algorithm.load_state_dict({name: value for name, value in (state or {}).items() if _fits(value, present.get(name))})
    algorithm.model.load_state_dict(weights)
    return algorithm


def measure(algorithm: Algorithm, batch: Batch, *, repeats: int = 0, seconds: float = 2.0, noise: int = 0) -> Gradients:
    """Measure the gradients of `step` on a minibatch, at the algorithm's current weights and state.

    ``repeats`` is rounded up to a multiple of `BLOCKS`; if 0, there are as many as take ``seconds``, at least `FEWEST`.
    Repetition r begins with the same random stream for every algorithm; ``noise`` names these streams.  Optimisers are
    prevented from changing anything, so that all gradients of a step are computed at the same weights, and weights and
    state are unchanged afterwards.
    Raises PluginError if the state cannot be saved, UsageError if a gradient is not finite.

    >>> import torch
    >>> from bench.algorithms.iwae import IWAE
    >>> from bench.architectures.mlp import MLP
    >>> problem = Problem(torch.eye(20), 2, MLP(hidden=8), "bernoulli")
    >>> weights = problem.model(encoder=True).state_dict()
    >>> batch = Batch(problem.x, torch.arange(20))
    >>> by_number = {k: measure(prepared(IWAE, problem, weights, num_samples=k), batch, repeats=64) for k in (1, 8)}
    >>> ratios = {k: gradients.encoder.signal_to_noise() for k, gradients in by_number.items()}
    >>> ratios[8].value > 0, ratios[8].error < 0.2
    (True, True)
    """
    origin, model = Origin(algorithm), algorithm.model
    parts = {"encoder": model.phi, "decoder": model.theta}
    sizes = {name: sum(parameter.numel() for parameter in each) for name, each in parts.items()}
    moments = {name: Moments() for name, size in sizes.items() if size}
    started, number = time.perf_counter(), 0
    with recorded(algorithm, [*parts["encoder"], *parts["decoder"]]) as recorder:
        while _goes_on(number, repeats, time.perf_counter() - started, seconds):
            algorithm.generator.manual_seed(seeds.derive("gradient", noise, number))
            update(algorithm, batch)
            gradient = recorder.take()
            origin.restore()
            number += 1
            if gradient is not None and not gradient.isfinite().all():
                raise UsageError(f"The gradients of {algorithm.plugin_name()} are not finite: `bench check` says more.")
            if gradient is None:
                return Gradients(None, None, number)
            of_parts = dict(zip(parts, gradient.split([*sizes.values()]), strict=True))
            for name, each in moments.items():
                each.add(of_parts[name])
    seen = {name: each for name, each in moments.items() if each.mean.any() or each.variance.any()}
    return Gradients(seen.get("encoder"), seen.get("decoder"), number)


def _goes_on(number: int, repeats: int, elapsed: float, seconds: float) -> bool:
    """Whether there is a further repetition: blocks must be of the same size."""
    if repeats:
        return number < math.ceil(max(repeats, 2 * BLOCKS) / BLOCKS) * BLOCKS
    return number < FEWEST or number % BLOCKS != 0 or elapsed < seconds


def _fits(value: object, present: object) -> bool:
    """Whether a saved value can take the place of the present one: tensors must have the same shape."""
    return not (isinstance(value, Tensor) and isinstance(present, Tensor)) or value.shape == present.shape
