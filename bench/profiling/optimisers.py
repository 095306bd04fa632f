"""The optimisers of an algorithm, and the gradients that they are given, without its cooperation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


def optimisers_of(owner: object, depth: int = 3) -> list[Optimizer]:
    """The optimisers of torch among the attributes of an object, and in lists and dicts of them."""
    optimisers: dict[int, Optimizer] = {}

    def search(value: object, depth: int) -> None:
        if isinstance(value, Optimizer):
            optimisers[id(value)] = value
        elif depth and isinstance(value, (list, tuple)):
            for each in value:
                search(each, depth - 1)
        elif depth and isinstance(value, dict):
            for each in value.values():
                search(each, depth - 1)
        elif depth > 1 and type(value).__module__ == type(owner).__module__ and hasattr(value, "__dict__"):
            search(vars(value), depth - 1)

    search(vars(owner), depth)
    return [*optimisers.values()]


class Recorder:
    """Records the gradients passed to optimisers for some parameters; meanwhile the optimisers change nothing.

    If an optimiser updates a parameter several times in a step, as Monte Carlo EM does, its gradient is their mean;
    gradients of several optimisers add up.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self._parameters = parameters
        self._places = {id(parameter): place for place, parameter in enumerate(parameters)}
        self._given: dict[tuple[int, int], tuple[Tensor, int]] = {}  # by optimiser and parameter: sum and number

    def step(self, optimiser: Optimizer, closure: Callable[[], float] | None = None) -> float | None:
        """Replace the `step` of an optimiser."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in optimiser.param_groups:
            sign = 1.0 if group.get("maximize") else -1.0
            for parameter in group["params"]:
                place, gradient = self._places.get(id(parameter)), parameter.grad
                if place is not None and gradient is not None:
                    dense = gradient.to_dense() if gradient.is_sparse else gradient
                    total, number = self._given.get((id(optimiser), place), (0.0, 0))
                    self._given[id(optimiser), place] = total + sign * dense.detach().cpu().double(), number + 1
        return loss

    def take(self) -> Tensor | None:
        """The direction of ascent [P] since the last call, flat and in float64; None if no optimiser had a gradient."""
        if not self._given:
            return None
        each = [torch.zeros(parameter.shape, dtype=torch.float64) for parameter in self._parameters]
        for (_, place), (total, number) in self._given.items():
            each[place] = each[place] + total / number
        self._given.clear()
        return torch.cat([gradient.flatten() for gradient in each])


@contextmanager
def recorded(algorithm: object, parameters: Sequence[nn.Parameter]) -> Iterator[Recorder]:
    """Pass the gradients of the algorithm's optimisers to a `Recorder` in this block instead of updating weights."""
    recorder = Recorder(parameters)
    replaced = [(optimiser, vars(optimiser).get("step")) for optimiser in optimisers_of(algorithm)]
    for optimiser, _ in replaced:
        vars(optimiser)["step"] = partial(recorder.step, optimiser)
    try:
        yield recorder
    finally:
        for optimiser, before in replaced:
            if before is None:
                del vars(optimiser)["step"]
            else:
                vars(optimiser)["step"] = before
