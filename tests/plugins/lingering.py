"""An algorithm that leaves something behind which never ends, in the way that its option says."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import NoReturn

import torch

from bench import Algorithm, Batch, Problem, StepInfo, option

FOREVER = 1000.0  # seconds, the sign by which tests find these processes


@dataclass(frozen=True)
class Hyperparameters:
    """What is left behind."""

    how: str = option("thread", "a name in WAYS; several are joined by +")


class Lingering(Algorithm):
    """Leaves something behind in its first update (a user's own file).

    Source: none.
    """

    Options = Hyperparameters
    hyperparameters: Hyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """A model that is never updated."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.is_first = True

    def step(self, batch: Batch) -> StepInfo:
        """Leave it behind."""
        for how in self.hyperparameters.how.split("+") if self.is_first else ():
            WAYS[how]()
        self.is_first = False
        return StepInfo(self.model.elbo(batch.x, self.generator).mean().detach(), len(batch.x))


def sleep() -> None:
    time.sleep(FOREVER)


def child(*, new_session: bool = False) -> None:
    command = [sys.executable, "-c", f"import time; time.sleep({FOREVER})"]
    subprocess.Popen(command, start_new_session=new_session)


def fork() -> None:
    if os.fork() == 0:
        sleep()


def daemon() -> None:
    """Twice forked, in a session of its own: its parent is gone."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            sleep()
        os._exit(0)


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def stubborn() -> None:
    """Neither it nor its child obeys SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    fork()


WAYS = {
    "thread": lambda: threading.Thread(target=sleep).start(),
    "exit": lambda: atexit.register(sleep),
    "child": child,
    "session": lambda: child(new_session=True),
    "fork": fork,
    "pool": lambda: multiprocessing.get_context("fork").Process(target=sleep).start(),
    "daemon": daemon,
    "stubborn": stubborn,
    "sleep": sleep,
    "die": die,
}
