"""The passes of a model that are written by hand, kept for the next minibatch of the same size."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar, cast
from weakref import WeakKeyDictionary

from torch import nn

from bench.models.by_hand.layers import TwoLayers

KEPT = 8  # passes per model: sizes of minibatches are few
LARGEST = 2**22  # outputs of a pass that is kept: the memory of a larger one costs little beside its arithmetic


class Pass(Protocol):
    """A density or a bound with its gradient, in the layers' buffers."""

    def all_layers(self) -> tuple[TwoLayers, ...]:
        """The layers of all networks."""


PassT = TypeVar("PassT", bound=Pass)
Parts = tuple[object, ...]
_passes: WeakKeyDictionary[nn.Module, dict[Hashable, tuple[Parts, Pass]]] = WeakKeyDictionary()  # no state of a model


def kept(module: nn.Module, kind: Callable[..., PassT], parts: Parts, size: tuple[int, ...]) -> PassT:
    """The pass ``kind(*parts, *size)`` of a module; made if it is new, or the parts or their weights have moved."""
    passes = _passes.get(module)
    if passes is None:
        passes = _passes[module] = {}
    earlier, found = passes.get((kind, size), (None, None))
    if found is not None and earlier == parts and all(layers.still_hold() for layers in found.all_layers()):
        return cast("PassT", found)
    made = kind(*parts, *size)
    if sum(layers.outputs.numel() for layers in made.all_layers()) <= LARGEST:
        passes.pop((kind, size), None)
        while len(passes) >= KEPT:
            passes.pop(next(iter(passes)))
        passes[kind, size] = parts, made
    return made


def awaits_gradients(each: Pass) -> bool:
    """Whether all weights are to be trained, and none has a gradient already, which would have to be added to."""
    return all(layers.await_gradients() for layers in each.all_layers())
