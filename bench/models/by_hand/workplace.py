"""The passes of a model that are written by hand, kept for the next minibatch of the same size."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

from torch import nn

from bench.models.by_hand.layers import TwoLayers

KEPT = 8  # passes per model: sizes of minibatches are few


class Pass(Protocol):
    """A density or a bound with its gradient, in the layers' buffers."""

    def all_layers(self) -> tuple[TwoLayers, ...]:
        """The layers of all networks."""


PassT = TypeVar("PassT", bound=Pass)
_passes: WeakKeyDictionary[nn.Module, dict[Hashable, Pass]] = WeakKeyDictionary()  # no part of a model's state or copy


def kept(module: nn.Module, kind: type[PassT], size: tuple[int, ...], make: Callable[[], PassT]) -> PassT:
    """The pass of this kind and size; made if it is new, or the weights have moved since it was."""
    passes = _passes.get(module)
    if passes is None:
        passes = _passes[module] = {}
    found = passes.get((kind, size))
    if isinstance(found, kind) and all(layers.still_hold() for layers in found.all_layers()):
        return found
    while len(passes) >= KEPT:
        passes.pop(next(iter(passes)))
    made = passes[kind, size] = make()
    return made


def awaits_gradients(each: Pass) -> bool:
    """Whether all weights are to be trained, and none has a gradient already, which would have to be added to."""
    return all(layers.await_gradients() for layers in each.all_layers())
