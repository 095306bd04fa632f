"""The passes of a model that are written by hand, kept for the next minibatch of the same size."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar, cast
from weakref import WeakKeyDictionary

from torch import nn

from bench.models.by_hand.recordings import Recorded, Recordings

LARGEST = 2**21  # outputs in all cached passes of a model: about 40 MB including intermediate results


class Pass(Recorded, Protocol):
    """A density or a bound with its gradient, in the layers' buffers."""

    @property
    def is_recordable(self) -> bool:
        """Whether it only launches kernels, and always the same ones for arguments of the same layout."""


PassT = TypeVar("PassT", bound=Pass)
Parts = tuple[object, ...]
_passes: WeakKeyDictionary[nn.Module, dict[Hashable, tuple[Parts, Pass]]] = WeakKeyDictionary()  # no model state


def kept(module: nn.Module, kind: Callable[..., PassT], parts: Parts, size: tuple[int, ...]) -> PassT:
    """The pass ``kind(*parts, *size)`` of a module; created if new, or if the parts or their weights have moved."""
    passes = _passes.get(module)
    if passes is None:
        passes = _passes[module] = {}
    earlier, made_before = passes.get((kind, size), (None, None))
    if made_before is not None and earlier == parts and all(layers.still_hold() for layers in made_before.all_layers()):
        return cast("PassT", made_before)
    made = kind(*parts, *size)
    if made.is_recordable and _is_on_gpu(made):
        made.recordings = Recordings()
    passes.pop((kind, size), None)
    passes[kind, size] = parts, made
    while sum(_num_outputs(each) for _, each in passes.values()) > LARGEST:
        passes.pop(next(iter(passes)))
    return made


def _is_on_gpu(each: Pass) -> bool:
    """Whether kernels are launched, each of which costs as long as many of them take."""
    return all(layers.outputs.is_cuda for layers in each.all_layers())


def _num_outputs(each: Pass) -> int:
    return sum(layers.outputs.numel() for layers in each.all_layers())


def awaits_gradients(each: Pass) -> bool:
    """Whether all weights are trainable, and none has a gradient already that would have to be added to."""
    return all(layers.await_gradients() for layers in each.all_layers())
