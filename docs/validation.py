"""Compares every estimator of log p(x) with the truth: prints docs/validation.md (`make validation`).

There are three kinds of truth: the closed form of linear-Gaussian models, numerical integration of a small non-linear
model, and bounds from both sides on data drawn from trained MNIST models. The exit code is 1 if a claim of the page
does not hold.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context

import pandas as pd
import torch

from bench import plugins, seeds
from bench.algorithm import Algorithm
from bench.likelihood.bidirectional import simulate
from bench.likelihood.estimate import Estimate
from bench.models.latent import LatentVariableModel
from bench.studies.spec import Choice, load_data

AT_HIGH_Z = "num_steps=auto,tolerance=0.25"  # of annealing with many latent dimensions
LARGEST_GAP = 0.3  # nats, between the bounds of bdmc on MNIST models
LONGEST = 300.0  # seconds of CPU time for that: less than 5 minutes, on however busy a machine
WORKERS = 4  # processes, one section each
FEW_ERRORS = 3  # an estimate that is off by more standard errors must warn of it itself


@dataclass(frozen=True)
class Bounded:
    """A model of MNIST whose log p(x) is bounded from both sides on data drawn from it."""

    z: int
    architecture: str
    algorithm: str
    points: int  # that are drawn
    num_steps: int


@dataclass(frozen=True)
class Size:
    """How much work to do (points, training samples, steps), and the accuracy that is then required."""

    points: int
    budget: int
    mnist_budget: int
    prior_steps: int
    num_steps: int
    mnist: tuple[Bounded, ...]
    high_sizes: tuple[int, ...]
    high_pixels: int  # of the linear-Gaussian models with as many latent dimensions
    near: float  # nats: the largest error allowed for AIS and importance if z <= 5


SIZES = {
    "full": Size(
        30,
        100_000,
        300_000,
        300,
        100,
        (
            Bounded(10, "mlp[hidden=500]", "aevb[learning_rate=0.02]", 30, 100),
            Bounded(50, "deep[hidden=200,keep=1]", "aevb[optimiser=adam,learning_rate=0.001]", 100, 100),
            Bounded(100, "deep[hidden=200,keep=1]", "aevb[optimiser=adam,learning_rate=0.001]", 30, 200),
        ),
        (50, 100),
        784,
        near=0.1,
    ),
    "smoke": Size(
        12, 2_000, 2_000, 20, 10, (Bounded(3, "mlp[hidden=500]", "aevb[learning_rate=0.02]", 12, 10),), (), 40, math.inf
    ),
}


@dataclass(frozen=True)
class Truth:
    """The interval that contains the truth, and its standard error."""

    low: float
    high: float
    error: float = 0.0


@dataclass
class Report:
    """The text so far, and the claims that did not hold."""

    lines: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Add a paragraph."""
        self.lines += [text, ""]

    def table(self, rows: Sequence[dict[str, object]]) -> None:
        """Add a table."""
        self.say(pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))


def trained(algorithm: str, x: torch.Tensor, latent_size: int, model: str, likelihood: str, budget: int) -> Algorithm:
    """Train an algorithm through its own interface, without a run."""
    choice = Choice.parse("algorithm", algorithm)
    created: Algorithm = choice.create(latent_size, model=model, decoder=likelihood, device="cpu")
    return created.fit(x, budget)


def tolerance(text: str, z: int, size: Size) -> float:
    """The largest error in nats that an estimator may have, regardless of its warnings."""
    good = z <= 5 and text.startswith(("ais", "importance")) and "proposal=encoder" not in text
    return size.near if good else math.inf


def estimated(text: str, model: LatentVariableModel, x: torch.Tensor, name: str) -> Estimate:
    """Estimate log p(x) by the estimator that ``text`` names as on the command line."""
    estimate: Estimate = (
        Choice.parse("estimator", text).create().estimate(model, x, seeds.generator("validation", name, text))
    )
    return estimate


def row(text: str, estimate: Estimate, truth: Truth, report: Report, place: str, near: float) -> dict[str, object]:
    """Return a row of a table: the distance from the truth, and whether the estimator warns of it."""
    off = estimate.mean - min(max(estimate.mean, truth.low), truth.high)
    error = max(math.hypot(estimate.standard_error, truth.error), 1e-4)
    expected = estimate.summary.get("looseness", 0.0)  # how far below the truth; negative if above
    if abs(off) > FEW_ERRORS * error and not estimate.warnings:
        report.broken.append(f"{place}: {text} is off by {off:.4f} ± {error:.4f} without a warning")
    if abs(off) > near:
        report.broken.append(f"{place}: {text} is off by {off:.4f}, more than {near}")
    return {
        "estimator": f"`{text}`",
        "bias": estimate.bias,
        "estimate ± MC error": f"{estimate.mean:.4f} ± {estimate.standard_error:.4f}",
        "off by": f"{off:+.4f}",
        "in standard errors": f"{off / error:+.1f}",
        "expected to be low by": f"{expected:.4f}" if expected else "",
        "warnings": " ".join(estimate.warnings) or "",
        "seconds": f"{estimate.seconds:.1f}",
    }


def rows(
    texts: Sequence[str],
    model: LatentVariableModel,
    x: torch.Tensor,
    name: str,
    truth: Truth,
    report: Report,
    size: Size,
) -> None:
    """Add a table of several estimators on one model."""
    report.table(
        [
            row(text, estimated(text, model, x, name), truth, report, name, tolerance(text, model.latent_size, size))
            for text in texts
        ]
    )


def against_exact(size: Size, report: Report) -> None:
    """Add the section on linear-Gaussian models."""
    report.say("## Linear-Gaussian models, compared with the closed form")
    for z in (2, 5, 20):
        choice = Choice.parse("dataset", f"ppca[rank={z},pixels=40]")
        data = choice.create().load(seeds.generator("data", choice.identity, 0))  # a model of its own for each z
        model = trained("aevb[learning_rate=0.02]", data.x_train, z, "linear", "gaussian", size.budget).model
        x = data.x_test[: size.points]
        exact = estimated("exact", model, x, f"ppca z={z}").mean
        report.say(
            f"`ppca`, z = {z}, trained by AEVB for {size.budget:,} samples; {len(x)} test points, exact {exact:.4f}."
        )
        names = [*(["quadrature"] if z <= 3 else []), *estimators(size)]
        rows(names, model, x, f"ppca z={z}", Truth(exact, exact), report, size)


def against_exact_at_high_z(size: Size, report: Report) -> None:
    """Add the section on linear-Gaussian models with many latent dimensions and as many pixels as MNIST has."""
    if size.high_sizes:
        report.say("## Linear-Gaussian models with many latent dimensions, compared with the closed form")
    for z in size.high_sizes:
        choice = Choice.parse("dataset", f"ppca[rank={z},pixels={size.high_pixels}]")
        data = choice.create().load(seeds.generator("data", choice.identity, 0))
        model = trained("aevb[learning_rate=0.02]", data.x_train, z, "linear", "gaussian", size.budget).model
        x = data.x_test[: size.points]
        exact = estimated("exact", model, x, f"ppca z={z}").mean
        report.say(
            f"`ppca`, z = {z}, {size.high_pixels} pixels, trained by AEVB for {size.budget:,} samples; {len(x)} test "
            f"points, exact {exact:.4f}."
        )
        names = ["importance", f"ais[num_steps={size.num_steps}]", f"ais[{AT_HIGH_Z}]"]
        rows(names, model, x, f"ppca z={z}", Truth(exact, exact), report, size)


def against_quadrature(size: Size, report: Report) -> None:
    """Add the section on a small non-linear decoder."""
    report.say("## A small non-linear decoder, compared with quadrature")
    data = load_data(Choice.parse("dataset", "digits"))
    x = data.x_test[: size.points]
    for algorithm in ("aevb[learning_rate=0.1]", "mcem[learning_rate=0.1]"):
        model = trained(algorithm, data.x_train, 2, "mlp[hidden=100]", "bernoulli", size.budget).model
        truth = estimated("quadrature", model, x, "digits")
        report.say(
            f"`digits`, z = 2, `{algorithm}`, {size.budget:,} samples; {len(x)} test points, quadrature "
            f"{truth.mean:.4f} ± {truth.standard_error:.4f} (by refinement)."
        )
        names = [text for text in estimators(size) if model.encoder is not None or "encoder" not in text]
        known = Truth(truth.mean, truth.mean, truth.standard_error)
        rows(names, model, x, f"digits {algorithm}", known, report, size)


def against_bounds(case: Bounded, size: Size, report: Report) -> None:
    """Add the section on data drawn from a trained MNIST model, and on real test data."""
    data = load_data(Choice.parse("dataset", "mnist"))
    z, name = case.z, f"mnist z={case.z}"
    algorithm = trained(case.algorithm, data.x_train, z, case.architecture, "bernoulli", size.mnist_budget)
    model = algorithm.model
    bdmc = f"bdmc[num_points={case.points},num_steps={case.num_steps}]"
    started = time.process_time()
    bounds = estimated(bdmc, model, data.x_test, name)
    seconds = time.process_time() - started
    _, x = simulate(model, case.points, seeds.generator("validation", name, bdmc))
    summary = bounds.summary
    report.say(f"## MNIST, z = {z}: bounds from both sides, on data drawn from the model")
    networks = f"{data.x_train.shape[1]}-200-200-{z}, elu and tanh; " if "deep[hidden=200" in case.architecture else ""
    report.say(
        f"{networks}`{case.architecture}`, `{case.algorithm}` for {size.mnist_budget:,} samples; {case.points} "
        f"simulated points. `{bdmc}`: {bounds.mean:.3f} ± {bounds.standard_error:.3f} from below, "
        f"{summary['upper']:.3f} ± {summary['upper_se']:.3f} from above, gap {summary['gap']:.3f} ± "
        f"{summary['gap_se']:.3f} nats, of a single point at most {float(bounds.diagnostics['gap'].max()):.2f}, in "
        f"{seconds:.0f} s of CPU time. {' '.join(bounds.warnings) or 'No warnings.'}"
    )
    if math.isfinite(size.near) and not (summary["gap"] < LARGEST_GAP and seconds < LONGEST):
        report.broken.append(f"{name}: the gap is {summary['gap']:.3f} after {seconds:.0f} s")
    truth = Truth(bounds.mean, max(summary["upper"], bounds.mean), bounds.standard_error)
    texts = [text for text in estimators(size) if "prior" not in text]  # from the prior it takes too many steps
    rows(texts, model, x, name, truth, report, size)
    report.say("On test data: the lower bound, importance sampling from the encoder, the default, and annealing.")
    report.table([on_test_data(model, data.x_test[: size.points], z, size, report)])


def on_test_data(model: LatentVariableModel, x: torch.Tensor, z: int, size: Size, report: Report) -> dict[str, object]:
    """Return the lower bound and three estimates, in the order in which they are expected to increase."""
    with torch.no_grad():
        bounds = model.elbo(x, seeds.generator("validation", "elbo"), num_samples=100).double()
    texts = ("importance[num_samples=1000,proposal=encoder]", "importance", f"ais[num_steps={size.num_steps}]")
    estimates = [estimated(text, model, x, f"mnist test {z}") for text in texts]
    error = math.hypot(estimates[0].standard_error, estimates[2].standard_error)
    if z == 50 and estimates[2].mean < estimates[0].mean + FEW_ERRORS * error:
        report.broken.append("mnist z=50: AIS is not above importance sampling from the encoder")
    shown = {
        f"`{text}`": f"{each.mean:.3f} ± {each.standard_error:.3f}" for text, each in zip(texts, estimates, strict=True)
    }
    return {"z": str(z), "lower bound": f"{float(bounds.mean()):.3f}", **shown}


def estimators(size: Size) -> list[str]:
    """The estimators that can evaluate any model with an encoder and continuous z."""
    return [
        "importance",
        "importance[proposal=encoder]",
        "importance[proposal=variational]",
        "hmc",
        f"ais[num_steps={size.num_steps}]",
        f"ais[num_steps={size.num_steps},start=encoder]",
        f"ais[num_steps={size.prior_steps},start=prior]",
    ]


def written(size: Size, section: Callable[[Size, Report], None]) -> Report:
    """A section by itself."""
    report, started = Report(), time.process_time()
    section(size, report)
    print(*report.lines[:1], f"{time.process_time() - started:.0f} s", file=sys.stderr, flush=True)  # noqa: T201
    return report


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="full")
    size = SIZES[parser.parse_args().size]
    report, started = Report(), time.perf_counter()
    bounded = [partial(against_bounds, case) for case in size.mnist]
    sections = [against_exact, against_exact_at_high_z, against_quadrature, *bounded]
    if size is SIZES["full"]:
        with ProcessPoolExecutor(WORKERS, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
            made = list(pool.map(partial(written, size), sections))
    else:
        made = [written(size, section) for section in sections]
    report.say("# Validation of the estimators")
    report.say(
        "Printed by `make validation`. All values are in nats per datapoint. An estimate is *off by* its distance from "
        "the truth, or from the nearer of two bounds if the truth is only known to be between them. If it is off by "
        "more than 3 standard errors (of the estimate and the truth combined), the estimator must warn. The standard "
        "error includes the amount by which the estimate is *expected to be low* (half the mean squared standard error "
        "of a datapoint; negative for `hmc`, which is biased upward). `make validation` fails if a warning is missing, "
        f"if `ais`, or `importance` around fitted posteriors, is off by more than {SIZES['full'].near} nats at z <= 5, "
        f"or if the gap on an MNIST model is above {LARGEST_GAP} or takes more than {LONGEST / 60:.0f} minutes of a "
        "single core. Importance sampling from the encoder is only as good as the encoder: if the encoder is "
        "inaccurate, the estimate is lower, with a warning."
    )
    for part in made:
        report.lines += part.lines
        report.broken += part.broken
    listed = ", ".join(plugins.find("estimator"))
    report.say(
        f"Made with PyTorch {torch.__version__.partition('+')[0]} on the CPU, {WORKERS} sections at a time, in "
        f"{(time.perf_counter() - started) / 60:.0f} minutes. Estimators: {listed}."
    )
    print("\n".join(report.lines).rstrip())  # noqa: T201
    for claim in report.broken:
        print(f"FAILED {claim}", file=sys.stderr)  # noqa: T201
    sys.exit(1 if report.broken else 0)


if __name__ == "__main__":
    main()
