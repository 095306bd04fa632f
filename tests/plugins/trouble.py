"""An algorithm that goes wrong on purpose, in the way that its option says."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bench import Algorithm, Batch, Problem, StepInfo, option


@dataclass(frozen=True)
class Hyperparameters:
    """What goes wrong."""

    how: str = option("raise", "what goes wrong: see below")
    when: int = option(3, "in which update; -1: during the set-up", minimum=-1)
    flag: str = option("", "for once: a file that is made by the first try, which fails")


class Trouble(Algorithm):
    """Goes wrong on purpose (a user's own file).

    Source: none.
    """

    Options = Hyperparameters
    hyperparameters: Hyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """A model that is never updated."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.count = -1
        self.go_wrong()
        self.count = 0

    def step(self, batch: Batch) -> StepInfo:
        """Nothing, until it is time."""
        if self.hyperparameters.how == "slow":
            time.sleep(0.03)
        self.go_wrong()
        self.count += 1
        return StepInfo(self.model.elbo(batch.x, self.generator).mean().detach(), len(batch.x))

    def go_wrong(self) -> None:
        """If it is time."""
        how = self.hyperparameters.how
        if self.count != self.hyperparameters.when:
            return
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "hang":
            hang_in_native_code()
        if how == "once" and not Path(self.hyperparameters.flag).exists():
            Path(self.hyperparameters.flag).touch()
            raise RuntimeError("only the first time")
        if how == "globals":
            change_everything()
        if how in RAISED:
            raise RAISED[how]
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.mul_({"nan": float("nan"), "explode": 1e6}.get(how, 1.0))


class MuteError(Exception):
    """Has no message."""

    def __str__(self) -> str:
        raise RuntimeError("not even this")


RAISED: dict[str, BaseException] = {
    "raise": RuntimeError("boom <b>&% 100 $"),
    "exit": SystemExit(0),
    "interrupt": KeyboardInterrupt(),
    "generator exit": GeneratorExit(),
    "mute": MuteError(),
}


def hang_in_native_code() -> None:
    """Never return, and keep Python's lock, so that nothing else of this process runs, handlers of signals included."""
    if sys.platform == "linux":  # costs no processor time
        library, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
        library.pthread_mutex_lock(mutex)
        library.pthread_mutex_lock(mutex)
    sum(range(10**13))


def change_everything() -> None:
    """All that is global to the process."""
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_num_threads(3)
    torch.use_deterministic_algorithms(True)
    torch.set_grad_enabled(False)
    torch.set_float32_matmul_precision("medium")
    torch.manual_seed(0)
    np.seterr(all="raise")
    np.random.seed(0)  # noqa: NPY002  # the global stream
    random.seed(0)
    warnings.filterwarnings("error", message="trouble")
    os.environ["TROUBLE"] = "1"
    os.environ.pop("HOME", None)
    os.chdir("/")
