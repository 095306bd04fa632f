"""Where the time of a step goes: a stopwatch for each part, stopped whenever another part begins inside it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import numpy as np
import torch
from torch.nn import Module

from bench.algorithm import Algorithm
from bench.devices import synchronised_clock
from bench.models.by_hand.layers import TwoLayers
from bench.models.by_hand.passes import LogLikelihood
from bench.models.by_hand.recordings import CALLS_BEFORE, Recordings, is_capturing
from bench.models.latent import LatentVariableModel
from bench.profiling.optimisers import optimisers_of
from bench.training.minibatches import Minibatches
from bench.training.problem import update

PARTS = ("minibatch", "encoder", "decoder", "drawing", "backward", "optimiser", "rest")
REST = "rest"
WARM_UP = 5  # steps that are not measured
BURST = 5  # steps with stopwatches, then as many without, in turn
FEWEST = 20  # steps of either sort, however long they take
DRAWING = {  # what draws random numbers, by its owner
    torch: ("randn", "rand", "normal", "bernoulli", "multinomial", "randn_like", "rand_like", "randint", "poisson"),
    torch.Tensor: ("normal_", "uniform_", "bernoulli_", "exponential_", "bernoulli", "multinomial", "random_"),
}
DIFFERENTIATING = {torch.Tensor: ("backward",), torch.autograd: ("backward", "grad")}
OF_DECODER = ("outputs", "log_prob", "log_prob_backward", "log_prob_of_pairs", "mean")
BY_HAND = {  # passes whose gradients are written by hand
    LogLikelihood: ("value", "of_outputs", "backward", "z_gradient"),
}


@dataclass(frozen=True)
class StepTimes:
    """Seconds of steps: with stopwatches, by part, and of as many without them, which take a little less."""

    parts: list[dict[str, float]]
    undisturbed: list[float]

    def typical(self) -> list[dict[str, float]]:
        """Return the middle half of the steps by total time, since other load on the machine has lengthened some."""
        ordered = sorted(self.parts, key=lambda step: sum(step.values()))
        return ordered[len(ordered) // 4 : len(ordered) - len(ordered) // 4]

    def means(self) -> dict[str, float]:
        """Seconds by part, means over the typical steps, whose sum is the mean of their whole times."""
        steps = self.typical()
        return {part: statistics.fmean(step[part] for step in steps) for part in PARTS}

    @property
    def overhead(self) -> float:
        """How much longer a step takes with stopwatches: a share of its time without them, by lower quartiles."""
        measured = [sum(step.values()) for step in self.parts]
        return float(np.quantile(measured, 0.25) / np.quantile(self.undisturbed, 0.25)) - 1


class Stopwatches:
    """One for each part; the time within a call of another part counts for that part alone."""

    def __init__(self, now: Callable[[], float]) -> None:
        """``now`` returns the time in seconds."""
        self._now = now
        self._running = [REST]
        self._since = now()
        self.seconds = dict.fromkeys(PARTS, 0.0)

    def take(self) -> dict[str, float]:
        """The seconds of each part since the last call, or since the beginning."""
        self._switch()
        taken, self.seconds = self.seconds, dict.fromkeys(PARTS, 0.0)
        return taken

    def _switch(self) -> None:
        now = self._now()
        self.seconds[self._running[-1]] += now - self._since
        self._since = now

    def timed(self, part: str | Callable[..., str], function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, whose time counts for ``part``, which may depend on its arguments."""

        @wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            if is_capturing():  # a clock that waits for the device would end that
                return function(*arguments, **keywords)
            name = part if isinstance(part, str) else part(*arguments)
            self._switch()
            self._running.append(name)
            try:
                return function(*arguments, **keywords)
            finally:
                self._switch()
                self._running.pop()

        return call


def measure(algorithm: Algorithm, minibatches: Minibatches, *, repeats: int = 0, seconds: float = 3.0) -> StepTimes:
    """Measure the time of each part of a step, over further updates of an algorithm that has been set up.

    ``repeats`` is the number of steps with stopwatches, as many are made without them; if 0, there are as many as take
    ``seconds``, and at least `FEWEST`.  The parts:

    - minibatch: taking it from the data;
    - encoder, decoder: their networks forward, and the density of x;
    - drawing: random numbers;
    - backward: what autograd computes, or a gradient that is written by hand;
    - optimiser: its steps, and `zero_grad`;
    - rest: all else, such as other densities, or the algorithm's own code.
    """
    now = time.perf_counter if algorithm.device.type == "cpu" else synchronised_clock(algorithm.device)
    parts: list[dict[str, float]] = []
    undisturbed: list[float] = []
    started = time.perf_counter()
    warm_up = WARM_UP + (CALLS_BEFORE if algorithm.device.type == "cuda" else 0)
    for number in range(warm_up):
        update(algorithm, minibatches[number])
    number = warm_up
    while len(parts) < (repeats or FEWEST) or (not repeats and time.perf_counter() - started < seconds):
        watches = Stopwatches(now)
        with _watched(watches, algorithm):
            take = watches.timed("minibatch", minibatches.__getitem__)
            watches.take()
            for _ in range(BURST):
                update(algorithm, take(number))
                parts.append(watches.take())
                number += 1
        for _ in range(BURST):
            began = now()
            update(algorithm, minibatches[number])
            undisturbed.append(now() - began)
            number += 1
    return StepTimes(parts, undisturbed)


@contextmanager
def _watched(watches: Stopwatches, algorithm: Algorithm) -> Iterator[None]:
    """Let the calls of all parts be timed in a block."""
    model = algorithm.model
    with ExitStack() as stack:

        def watch(owner: Any, names: tuple[str, ...], part: str | Callable[..., str]) -> None:
            for name in names:
                stack.enter_context(_replaced(owner, name, watches.timed(part, getattr(owner, name))))

        for part, functions in (("drawing", DRAWING), ("backward", DIFFERENTIATING)):
            for owner, names in functions.items():
                watch(owner, names, part)
        for owner, names in BY_HAND.items():
            watch(owner, names, "decoder")
        watch(Recordings, ("call",), "backward")
        watch(TwoLayers, ("forward",), lambda layers, *_: _network(model, layers.network))
        watch(TwoLayers, ("backward", "to_inputs"), "backward")
        watch(model, ("encode",), "encoder")
        watch(model.decoder, OF_DECODER, "decoder")
        watch(model.decoder, ("sample",), "drawing")
        watch(model.decoder.network, ("forward",), "decoder")
        if model.encoder is not None:
            watch(model.encoder, ("forward",), "encoder")
        for optimiser in optimisers_of(algorithm):
            watch(optimiser, ("step", "zero_grad"), "optimiser")
        yield


def _network(model: LatentVariableModel, network: Module) -> str:
    """Which part the layers of a network belong to."""
    if network is model.decoder.network:
        return "decoder"
    return "encoder" if model.encoder is not None and network in model.encoder.modules() else REST


@contextmanager
def _replaced(owner: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Another attribute of an object, a class or a module in a block."""
    own, had = vars(owner), name in vars(owner)
    before = own.get(name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        if had:
            setattr(owner, name, before)
        else:
            delattr(owner, name)
