"""A learning problem so small that everything about it is known: for checks of algorithms."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench import plugins, seeds
from bench.algorithm import Algorithm
from bench.conformance.check import Broken, NotApplicable
from bench.conformance.subject import Subject
from bench.errors import UsageError, in_words
from bench.training.beginning import begin
from bench.training.candidates import candidates
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem, StepInfo, update

NETWORKS = "mlp[hidden=8]"
WIDE = "mlp[hidden=8,init_scale=0.7]"  # as if it had learned something: nothing is near 0


@dataclass(frozen=True)
class Sizes:
    """How large a problem is: N datapoints of D pixels, M in a minibatch, d latent dimensions."""

    num_data: int = 240
    num_pixels: int = 7
    batch_size: int = 24
    latent_size: int = 2

    def __str__(self) -> str:
        return f"N={self.num_data}, D={self.num_pixels}, M={self.batch_size}, z={self.latent_size}"


USUAL = Sizes()


def images(sizes: Sizes = USUAL) -> Tensor:
    """Noisy copies of a binary pattern and of its negative, [N, D]: no pixel alone tells anything about the others."""
    stream = seeds.generator("conformance", sizes.num_data, sizes.num_pixels)
    pattern = torch.arange(sizes.num_pixels) % 2
    which = torch.arange(sizes.num_data) % 2
    clean = (pattern[None] + which[:, None]) % 2
    flips = torch.bernoulli(torch.full(clean.shape, 0.05), generator=stream)
    return (clean + flips) % 2


def every_image(num_pixels: int) -> Tensor:
    """All 2^D binary images of D pixels, [2^D, D]."""
    return torch.tensor([*itertools.product((0.0, 1.0), repeat=num_pixels)])


@dataclass
class Training:
    """An algorithm that has been set up, with its minibatches and the number of updates so far."""

    algorithm: Algorithm
    minibatches: Minibatches
    problem: Problem
    updates: int = 0

    def step(self) -> StepInfo:
        """One update."""
        info = update(self.algorithm, self.minibatches[self.updates])
        self.updates += 1
        return info

    def steps(self, count: int) -> list[float]:
        """The objectives of some updates."""
        return [float(self.step().objective) for _ in range(count)]

    def weights(self) -> Tensor:
        """All parameters of the model, flat, as a copy."""
        return torch.cat([parameter.detach().flatten() for parameter in self.algorithm.model.parameters()])


def training(
    subject: Subject,
    sizes: Sizes = USUAL,
    *,
    x: Tensor | None = None,
    noise: int = 0,
    networks: str = NETWORKS,
    **settings: object,
) -> Training:
    """The algorithm after `setup`; its open hyperparameters get their last candidates.

    ``noise`` names its random stream; minibatches and initial weights are always the same.
    """
    x = images(sizes) if x is None else x
    made: Algorithm = subject.make(sizes.latent_size, model=networks, device="cpu", **settings)
    minibatches = Minibatches(x, sizes.batch_size if made.batch_size else None, seed=0)
    problem = Problem(x, sizes.latent_size, made.architecture, "bernoulli", seed=0)
    begin(made, problem, minibatches, noise=noise, chosen=candidates(made.hyperparameters)[-1])
    return Training(made, minibatches, problem)


@contextmanager
def blamed_on_plugin(doing: str, subject: Subject) -> Iterator[None]:
    """An exception of the plugin in this block breaks the check, with the line that raised it."""
    try:
        yield
    except (Broken, NotApplicable):
        raise
    except Exception as error:
        kind = "wrong shape: " if is_about_shapes(error) else ""
        raise Broken(f"{kind}{doing} raises {in_words(error)}", where=line_of(error, subject)) from error


def is_about_shapes(error: Exception) -> bool:
    """Whether an exception tells of tensors that do not fit."""
    message = str(error).lower()
    about = ("shape", "size of tensor", "sizes", "dimension", "must match", "broadcast")
    return isinstance(error, (RuntimeError, UsageError, IndexError, ValueError)) and any(
        word in message for word in about
    )


def line_of(error: BaseException, subject: Subject) -> str:
    """The innermost line of the plugin's file in a traceback; empty if there is none."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == subject.file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return subject.at(line) if line else ""


def architecture(text: str) -> Any:
    """An architecture by its name."""
    return plugins.create("model", text)
