"""Passes as CUDA graphs: a GPU gets the kernels of a pass all at once, not one by one from Python."""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, TypeVarTuple, cast

import torch
from torch import Tensor

if TYPE_CHECKING:
    from bench.models.by_hand.layers import TwoLayers

# Recording takes as long as a few dozen calls, and needs memory.
CALLS_BEFORE = 20


class Recorded(Protocol):
    """An object with methods that may be recorded."""

    recordings: Recordings | None

    def all_layers(self) -> tuple[TwoLayers, ...]:
        """All layers whose weights may get gradients."""

    def forget(self) -> None:
        """Release the memory that is allocated on demand, so that the next call allocates it anew."""


Arguments = TypeVarTuple("Arguments")
SelfT = TypeVar("SelfT", bound=Recorded)
ResultT = TypeVar("ResultT")


def recorded(method: Callable[[SelfT, *Arguments], ResultT]) -> Callable[[SelfT, *Arguments], ResultT]:
    """A method of tensors that does nothing but launch kernels; it is recorded if its owner has `Recordings`."""

    @functools.wraps(method)
    def called(self: SelfT, *arguments: *Arguments) -> ResultT:
        recordings = self.recordings
        if recordings is None or is_capturing():  # for the caller
            return method(self, *arguments)
        return cast("ResultT", recordings.call(self, method, arguments))

    return called


class Recordings:
    """The CUDA graphs of one owner, one per method and layout of its arguments that was called CALLS_BEFORE times.

    The results are identical to those of the calls, bit for bit, since the kernels are the same.  They are stored in
    the graph's memory and are valid until the next call; gradients of weights belong to the caller, as usual.
    """

    def __init__(self) -> None:
        """Start without any recordings."""
        self._num_calls: Counter[Hashable] = Counter()
        self._recordings: dict[Hashable, _Recording] = {}

    def call(self, owner: Recorded, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """``method(owner, *arguments)``, recorded or not."""
        key = method, _same(arguments), *((each.shape, each.stride(), each.dtype) for each in arguments)
        recording = self._recordings.get(key)
        if recording is None:
            self._num_calls[key] += 1
            if self._num_calls[key] != CALLS_BEFORE + 1:
                return method(owner, *arguments)
            try:
                recording = self._recordings[key] = _Recording(owner, method, arguments)
            except RuntimeError:  # such as too little memory, or a driver without graphs; it is not tried again
                owner.forget()
                return method(owner, *arguments)
        return recording.replay(arguments)


class _Recording:
    """One CUDA graph, its inputs and its results."""

    def __init__(self, owner: Recorded, method: Callable[..., Any], arguments: tuple[Tensor, ...]) -> None:
        """What ``method(owner, *arguments)`` launches; its result is not computed yet."""
        places = _same(arguments)
        self._distinct = sorted(set(places))
        with torch.inference_mode(mode=False):  # otherwise they could only be written to in inference mode
            copies = {place: torch.empty_like(arguments[place].detach()) for place in self._distinct}
        self._inputs = [*copies.values()]
        inputs = [copies[place] for place in places]
        self._result, self._replay = capture(lambda: method(owner, *inputs), owner.forget, inputs[0].device)
        memories = ((layers, layers.gradients.release()) for layers in owner.all_layers())
        self._gradients = [(layers, memory) for layers, memory in memories if memory is not None]
        owner.forget()

    def replay(self, arguments: tuple[Tensor, ...]) -> Any:
        """The result for these arguments."""
        torch._foreach_copy_(self._inputs, [arguments[place] for place in self._distinct])
        self._replay()
        for layers, memory in self._gradients:
            layers.set_gradients(layers.gradients.take(memory))
        return self._result


def is_capturing() -> bool:
    """Whether the current call is being recorded rather than computed."""
    return torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()


def capture(
    function: Callable[[], ResultT], forget: Callable[[], object], device: torch.device
) -> tuple[ResultT, Callable[[], None]]:
    """The result of a function and what computes it anew: a CUDA graph of its second call, after ``forget``.

    All memory that the second call allocates belongs to the graph, and lives as long as the graph.
    """
    graph, current, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream(device), _stream(device)
    stream.wait_stream(current)
    try:
        with _one_at_a_time, torch.cuda.stream(stream):
            function()  # the first use of a stream allocates memory, which must not belong to the graph
            forget()
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                result = function()
            except BaseException:
                with suppress(RuntimeError):  # that the recording has failed, which says less
                    graph.capture_end()
                raise
            graph.capture_end()
    finally:
        current.wait_stream(stream)  # the first call has written to what others use

    def replay() -> None:
        with torch.cuda.device(device):
            graph.replay()

    return result, replay


_one_at_a_time = threading.Lock()


@functools.cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """The stream on which everything is recorded; a single one, since each stream has its own memory."""
    return torch.cuda.Stream(device)


def _same(arguments: Sequence[Tensor]) -> tuple[int, ...]:
    """For each argument, the index of the first one that is the same tensor."""
    first: dict[int, int] = {}
    return tuple(first.setdefault(id(each), place) for place, each in enumerate(arguments))
