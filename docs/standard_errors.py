"""Measures whether standard errors are what repeated runs vary by: prints docs/standard_errors.md (`make validation`).

Every estimator is applied 200 times to the same datapoints of a model whose log p(x) is known, and 800 times if that
does not decide. The exit code is 1 if a standard error is too small or too large and the estimate does not warn of it.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context

import pandas as pd
import torch
from torch import Tensor

from bench import seeds
from bench.likelihood.bidirectional import error_of_upper, simulate
from bench.likelihood.estimate import Estimate, inflation
from bench.models.latent import LatentVariableModel
from bench.studies.spec import Choice, load_data

LOWEST, HIGHEST = 0.9, 1.2  # root mean square of standardised errors that is called right
WORKERS = 2  # processes, one model each
FEWEST = 30  # runs without a warning from which their rms is judged
NOISE = 2.0  # by how many standard errors of the measurement itself it may lie outside; nearer, it is open


@dataclass(frozen=True)
class Size:
    """How much work to do, and with which estimators."""

    repeats: int
    more: int  # further repeats if these leave open whether a standard error is right
    points: int
    budget: int
    latent_sizes: tuple[int, ...]
    algorithms: tuple[str, ...]
    estimators: tuple[str, ...]


SIZES = {
    "full": Size(
        200,
        600,
        3,
        100_000,
        (2, 20),
        ("aevb[learning_rate=0.1]", "mcem[learning_rate=0.1]"),
        (
            "importance",
            "importance[proposal=variational]",
            "importance[proposal=encoder]",
            "hmc",
            "ais",
            "ais[start=encoder]",
            "ais[start=prior]",
            "ais[num_steps=auto]",
            "bdmc",
            "bdmc[num_steps=auto]",
        ),
    ),
    "smoke": Size(200, 0, 5, 20_000, (2,), (), ("importance", "hmc", "ais[num_steps=20]", "bdmc[num_steps=20]")),
}


@dataclass(frozen=True)
class Case:
    """A model whose log p(x) is known."""

    title: str
    model: LatentVariableModel
    x: Tensor  # test points
    truth: str  # the estimator that gives it

    def log_likelihood(self, x: Tensor) -> Tensor:
        """The true log p(x) of x [N, D]: [N] nats, float64."""
        estimator = Choice.parse("estimator", self.truth).create()
        values: Tensor = estimator.estimate(self.model, x, seeds.generator("truth")).log_likelihoods
        return values.double()


@dataclass(frozen=True)
class Coverage:
    """Standardised errors of R runs, whose root mean squares are 1 if the standard errors are right.

    Judged are those that do not warn: of the others the user knows that they are not to be trusted.
    """

    off: Tensor  # [R] distances of the mean over datapoints from the truth, nats
    stated: Tensor  # [R] its standard errors, nats
    of_points: Tensor  # [R] mean square of the standardised errors of single datapoints
    warned: Tensor  # [R] bool
    warnings: tuple[str, ...] = ()

    @property
    def is_judged(self) -> bool:
        """Whether enough runs do not warn."""
        return int((~self.warned).sum()) >= FEWEST

    @property
    def counted(self) -> Coverage:
        """Of the runs without a warning; of all if they are too few."""
        if not self.is_judged:
            return self
        kept = ~self.warned
        return Coverage(self.off[kept], self.stated[kept], self.of_points[kept], self.warned[kept])

    @property
    def rms(self) -> tuple[tuple[float, float], ...]:
        """Root mean squares, of the mean's errors and of datapoints', each with its own standard error."""
        counted = self.counted
        return _rms((counted.off / counted.stated).square()), _rms(counted.of_points)

    @property
    def is_open(self) -> bool:
        """Whether it may be right or wrong, given the noise of the measurement."""
        near = [min(abs(rms - LOWEST), abs(rms - HIGHEST)) < NOISE * noise for rms, noise in self.rms]
        return self.is_judged and any(near)

    @property
    def is_broken(self) -> bool:
        """Whether it is wrong by more than the noise of the measurement."""
        within = [LOWEST - NOISE * noise <= rms <= HIGHEST + NOISE * noise for rms, noise in self.rms]
        return self.is_judged and not all(within)


def together(parts: Sequence[Coverage]) -> Coverage:
    """Of the runs of all; a warning is shown once, whatever its numbers."""
    columns = [torch.cat([getattr(each, name) for each in parts]) for name in ("off", "stated", "of_points", "warned")]
    kinds = {re.sub(r"\d[\d.,]*", "0", warning): warning for each in reversed(parts) for warning in each.warnings}
    return Coverage(*columns, tuple(reversed(kinds.values())))


def _rms(squares: Tensor) -> tuple[float, float]:
    """The root of the mean of squares, and its standard error by the delta method."""
    rms = float(squares.mean().sqrt())
    return rms, float(squares.std()) / (2 * rms * math.sqrt(len(squares)))


def coverage(estimate: Estimate, truth: Tensor, repeats: int) -> Coverage:
    """The coverage of ``repeats`` runs on N datapoints, given as one estimate of ``repeats * N`` rows."""
    off = (estimate.log_likelihoods.double() - truth).view(repeats, -1)
    errors = estimate.standard_errors.double().view(repeats, -1)
    biased = {"lower": 1, "upward": -1}.get(estimate.bias, 0)
    half_squares = 0.5 * (errors / inflation(estimate.degrees)).square().mean(1)
    runs = [
        replace(estimate, log_likelihoods=row, standard_errors=error, summary={"looseness": biased * float(half)})
        for row, error, half in zip(off, errors, half_squares, strict=True)
    ]
    return covered(off, errors, torch.tensor([run.standard_error for run in runs]), estimate.warnings)


def coverage_of_upper(estimate: Estimate, truth: Tensor, repeats: int) -> Coverage:
    """The same for the upper bounds of bidirectional Monte Carlo."""
    upper, errors, gap = (
        estimate.diagnostics[name].double().view(repeats, -1) for name in ("upper", "upper_standard_error", "gap")
    )
    lower_errors = estimate.standard_errors.double().view(repeats, -1)
    single = inflation(estimate.degrees)
    stated = [
        error_of_upper(distance, lower / single, error / single)
        for distance, lower, error in zip(gap, lower_errors, errors, strict=True)
    ]
    return covered(upper - truth.view(repeats, -1), errors, torch.tensor(stated), estimate.warnings)


def covered(off: Tensor, errors: Tensor, stated: Tensor, warnings: tuple[str, ...]) -> Coverage:
    """From the distances from the truth [R, N], the errors of datapoints [R, N] and of the mean [R]."""
    warned = torch.full((len(off),), bool(warnings))
    return Coverage(off.mean(1), stated.double(), (off / errors).square().mean(1), warned, warnings)


def measured(text: str, case: Case, size: Size) -> dict[str, Coverage]:
    """The coverage of the estimator that ``text`` names, from more repeats if the first ones leave it open.

    All runs are made at once, which is quicker; if that warns, one by one, since not every run does then, and no more.
    """
    found = repeated(text, case, size.repeats, seeds.generator("standard-errors", text))
    if any(each.warnings for each in found.values()):
        return separately(text, case, size.repeats, seeds.generator("standard-errors", text, "singly"))
    if not (size.more and any(each.is_open for each in found.values())):
        return found
    further = repeated(text, case, size.more, seeds.generator("standard-errors", text, "more"))
    return {name: together([each, further[name]]) for name, each in found.items()}


def separately(text: str, case: Case, repeats: int, generator: torch.Generator) -> dict[str, Coverage]:
    """The same as `repeated`, but each run has warnings of its own, and a seed, by which `bdmc` is known to draw."""
    drawn = torch.randint(2**62, (repeats,), generator=generator).tolist()
    runs = [repeated(text, case, 1, torch.Generator().manual_seed(seed)) for seed in drawn]
    return {name: together([run[name] for run in runs]) for name in runs[0]}


def repeated(text: str, case: Case, repeats: int, generator: torch.Generator) -> dict[str, Coverage]:
    """The coverage of so many runs; `bdmc` draws its own datapoints, and has two bounds."""
    choice = Choice.parse("estimator", text)
    if not text.startswith("bdmc"):
        estimate: Estimate = choice.create().estimate(case.model, case.x.repeat(repeats, 1), generator)
        return {text: coverage(estimate, case.log_likelihood(case.x).repeat(repeats), repeats)}
    settings = {**dict(choice.settings), "num_points": repeats * len(case.x)}
    simulating = Choice.parse("estimator", f"bdmc[{','.join(f'{key}={value}' for key, value in settings.items())}]")
    estimate = simulating.create().estimate(case.model, case.x, generator)
    drawn = torch.Generator().manual_seed(estimate.seed)  # it draws its datapoints first
    truth = case.log_likelihood(simulate(case.model, repeats * len(case.x), drawn)[1])
    return {
        f"{text}, lower": coverage(estimate, truth, repeats),
        f"{text}, upper": coverage_of_upper(estimate, truth, repeats),
    }


def models(size: Size) -> list[Callable[[], Case]]:
    """What makes each model: trained by AEVB on data of probabilistic PCA, or on digits."""
    made: list[Callable[[], Case]] = [partial(linear, z, size) for z in size.latent_sizes]
    return made + [partial(on_digits, algorithm, size) for algorithm in size.algorithms]


def linear(z: int, size: Size) -> Case:
    """A linear-Gaussian model with ``z`` latent dimensions."""
    data = Choice.parse("dataset", f"ppca[rank={z},pixels=40]")
    drawn = data.create().load(seeds.generator("data", data.identity, 0))
    choice = Choice.parse("algorithm", "aevb[learning_rate=0.02]")
    trained = choice.create(z, model="linear", decoder="gaussian", device="cpu").fit(drawn.x_train, size.budget)
    return Case(f"`ppca`, z = {z}, exact", trained.model, drawn.x_test[: size.points], "exact")


def on_digits(algorithm: str, size: Size) -> Case:
    """A small non-linear model that ``algorithm`` has trained."""
    digits = load_data(Choice.parse("dataset", "digits"))
    choice = Choice.parse("algorithm", algorithm)
    trained = choice.create(2, model="mlp[hidden=100]", decoder="bernoulli", device="cpu").fit(
        digits.x_train, size.budget
    )
    title = f"`digits`, z = 2, `{algorithm}`, quadrature"
    return Case(title, trained.model, digits.x_test[: size.points], "quadrature")


def table(size: Size, make: Callable[[], Case]) -> tuple[list[str], list[str]]:
    """The lines of a table, and the claims that did not hold."""
    case = make()
    rows, broken = [], []
    for text in size.estimators:
        if case.model.encoder is None and "encoder" in text:
            continue
        for name, each in measured(text, case, size).items():
            of_mean, of_points = (f"{rms:.2f} ± {noise:.2f}" for rms, noise in each.rms)
            counted, warned = each.counted, int(each.warned.sum())
            rows.append(
                {
                    "estimator": f"`{name}`",
                    "runs": str(len(each.off)),
                    "of which warn": str(warned),
                    "rms of the mean's z": of_mean,
                    "rms of datapoints' z": of_points,
                    "spread of the mean": f"{float(counted.off.std()):.4f}",
                    "its stated error": f"{float(counted.stated.square().mean().sqrt()):.4f}",
                    "warnings": " ".join(each.warnings),
                }
            )
            claim = f"{case.title}: {name}: {of_mean}, datapoints {of_points}, {warned} of {len(each.off)} warn"
            if each.is_broken:
                broken.append(claim)
            print(claim, file=sys.stderr, flush=True)  # noqa: T201
    lines = [f"## {case.title}", "", pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True), ""]
    return lines, broken


def introduction(size: Size) -> str:
    """What the numbers are."""
    return (
        f"Printed by `make validation`. Each estimator is applied {size.repeats} times to the same {size.points} "
        "datapoints (`bdmc` draws new ones each time). z is the distance from the truth in standard errors; its root "
        "mean square (rms) is 1 if they are right. *The mean's z* is that of the mean over datapoints, with the error "
        "stated beside it, which includes the expected bias. An rms is right between "
        f"{LOWEST} and {HIGHEST}. It is that of the runs that do not warn, or of all if these are fewer than {FEWEST}, "
        "and stands with its own standard error, from the spread of the runs; an estimator that does not warn and for "
        f"which a limit is within {NOISE:g} of these is applied {size.repeats + size.more} times in all. The command "
        f"fails if the rms of runs without a warning is outside by more than {NOISE:g} of its standard errors. "
        "*Datapoints' z* is that of single datapoints, for which the same holds: each of their standard errors comes "
        "from few skewed weights or draws, and is larger for it (Student's t). The model that `mcem` trained has "
        "posteriors with several modes: a run whose draws all miss a small one has no sign of it, so that errors of "
        "single runs can be too small even without a warning. With `num_steps=auto` the steps are chosen once for all "
        "runs. `quadrature` draws nothing, so that repeated runs agree; docs/validation.md compares it with the "
        "truth."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="full")
    size, started = SIZES[parser.parse_args(arguments).size], time.perf_counter()
    lines = ["# Coverage of the standard errors", "", introduction(size), ""]
    broken = []
    cases = models(size)
    workers = min(len(cases), WORKERS)
    if workers == 1:
        tables = [table(size, make) for make in cases]
    else:
        with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
            tables = list(pool.map(partial(table, size), cases))
    for more, wrong in tables:
        lines += more
        broken += wrong
    lines.append(f"Made in {(time.perf_counter() - started) / 60:.0f} minutes.")
    print("\n".join(lines))  # noqa: T201
    for claim in broken:
        print(f"FAILED {claim}", file=sys.stderr)  # noqa: T201
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
