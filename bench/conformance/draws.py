"""Watching where random numbers come from."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bench.conformance.subject import Subject

SEEDING = re.compile(r"\b(manual_seed|seed_everything|set_seed|random\.seed|torch\.seed)\(")
NOT_OF_TORCH = re.compile(
    r"\b(RandomState|random\.Random|Random|SeedSequence|PCG64|MT19937|Philox|SFC64|default_rng)\("
)
OF_A_GENERATOR = re.compile(r"Generator\([^)]*\)\.manual_seed\(")
INITIAL_WEIGHTS = str(Path("bench", "training", "problem.py"))  # draws them from streams of the problem's own


@dataclass(frozen=True)
class Draw:
    """One call that draws random numbers: the seed of its generator (None: the global one), and the plugin's line."""

    seed: int | None
    line: int  # 0 if the plugin's file is not among its callers


class Draws(TorchDispatchMode):
    """Notes all random numbers that PyTorch draws in a block, but for initial weights of the problem's own."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.file = subject.file
        self.draws: set[Draw] = set()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[Any], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Let the call through."""
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded in func.tags:
            line, is_initial = self._caller()
            if not is_initial:
                given = [each for each in (*args, *kwargs.values()) if isinstance(each, torch.Generator)]
                self.draws.add(Draw(given[0].initial_seed() if given else None, line))
        return func(*args, **kwargs)

    def _caller(self) -> tuple[int, bool]:
        """The innermost line of the plugin's file, and whether the problem draws initial weights."""
        return _caller(self.file)


def _caller(file: str) -> tuple[int, bool]:
    """The innermost line of a file among the callers, 0 if there is none, and whether initial weights are drawn."""
    frame, line, is_initial = sys._getframe(2), 0, False  # noqa: SLF001  # `inspect.stack` reads every file
    while frame is not None:
        name = frame.f_code.co_filename
        line = line or (frame.f_lineno if name == file else 0)
        is_initial = is_initial or (name.endswith(INITIAL_WEIGHTS) and frame.f_code.co_name == "model")
        frame = frame.f_back  # type: ignore[assignment]
    return line, is_initial


@contextmanager
def numpy_generators(subject: Subject, made: set[tuple[str, int]]) -> Iterator[None]:
    """Note the seeds that the plugin's file gives to generators of NumPy in a block, each with its line."""
    original = np.random.default_rng

    def noted(*arguments: Any, **more: Any) -> Any:
        line, _ = _caller(subject.file)
        if line and (arguments or more):
            made.add((f"{arguments} {more}", line))
        return original(*arguments, **more)

    module = vars(sys.modules[subject.cls.__module__])
    names = [name for name, value in module.items() if value is original]
    np.random.default_rng = noted
    module.update(dict.fromkeys(names, noted))
    try:
        yield
    finally:
        np.random.default_rng = original
        module.update(dict.fromkeys(names, original))


def seed_globally(seed: int) -> None:
    """Seed all global random streams."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002  # the global stream is what is watched
    random.seed(seed)


def global_states() -> dict[str, object]:
    """The states of all global random streams, by the name of the library."""
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": np.random.get_state()[1].tolist(),  # type: ignore[index]  # noqa: NPY002  # as above
        "random": random.getstate(),
    }


def changed_states(block: Callable[[], object], seed: int) -> tuple[set[str], dict[str, object]]:
    """Which libraries' global states a block changes that begins with ``seed``, and the states it leaves."""
    seed_globally(seed)
    before = global_states()
    block()
    after = global_states()
    return {name for name in before if before[name] != after[name]}, after


def other_generator_lines(subject: Subject) -> list[int]:
    """The lines of a plugin's file that make generators of NumPy or of Python."""
    return [n for n, text in enumerate(subject.source, 1) if NOT_OF_TORCH.search(text.partition("#")[0])]


def seeding_lines(subject: Subject) -> list[int]:
    """The lines of a plugin's file that seed something other than a generator of their own."""
    return [
        number
        for number, text in enumerate(subject.source, 1)
        if SEEDING.search(text) and not OF_A_GENERATOR.search(text) and not text.lstrip().startswith("#")
    ]
