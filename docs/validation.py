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
from torch import nn

from bench import plugins, seeds
from bench.algorithm import Algorithm
from bench.likelihood.bidirectional import Sandwich, sandwich, simulate
from bench.likelihood.bridge import BridgeOptions
from bench.likelihood.estimate import Estimate, inflation
from bench.models.latent import LatentVariableModel
from bench.models.wrap import wrap_model
from bench.studies.spec import Choice, load_data

AT_HIGH_Z = "num_steps=auto,tolerance=0.25"  # of annealing with many latent dimensions
LARGEST_GAP = 0.3  # nats, between the bounds of bdmc on MNIST models
LONGEST = 300.0  # seconds of CPU time for that: less than 5 minutes, on however busy a machine
WORKERS = 4  # processes, one section each
FEW_ERRORS = 3  # an estimate that is off by more standard errors must warn of it itself
FAR = 0.3  # nats: so must an estimate with a single datapoint that is off by more than this and FEW_ERRORS
LONGER = 10  # times as many steps: annealing by which single datapoints are checked


@dataclass(frozen=True)
class Bounded:
    """A model of MNIST whose log p(x) is bounded from both sides on data drawn from it."""

    z: int
    train: Callable[[torch.Tensor, int, int], LatentVariableModel]  # from x, d and a number of training samples
    words: str  # its networks and how it is trained
    points: int  # that are drawn
    num_steps: int

    @property
    def name(self) -> str:
        """Of its section."""
        return f"mnist z={self.z} {self.words}"


def trained(algorithm: str, x: torch.Tensor, latent_size: int, model: str, likelihood: str, budget: int) -> Algorithm:
    """Train an algorithm through its own interface, without a run."""
    choice = Choice.parse("algorithm", algorithm)
    created: Algorithm = choice.create(latent_size, model=model, decoder=likelihood, device="cpu")
    return created.fit(x, budget)


def by_bench(architecture: str, algorithm: str, x: torch.Tensor, latent_size: int, budget: int) -> LatentVariableModel:
    """Networks of binary pixels, trained by an algorithm."""
    model: LatentVariableModel = trained(algorithm, x, latent_size, architecture, "bernoulli", budget).model
    return model


def bounded(z: int, architecture: str, algorithm: str, points: int, num_steps: int) -> Bounded:
    """A model that `by_bench` trains."""
    train = partial(by_bench, architecture, algorithm)
    return Bounded(z, train, f"`{architecture}`, `{algorithm}`", points, num_steps)


ELSEWHERE = "two layers of 200 elu units in each network, trained with PyTorch alone"


def elsewhere(x: torch.Tensor, latent_size: int, budget: int) -> LatentVariableModel:
    """A variational auto-encoder as its author would write it, with the closed form of KL(q(z|x) || N(0, I)) and Adam.

    Its log p(x|z) is the cross entropy also if pixels are not binary.
    """
    torch.manual_seed(0)

    def network(inputs: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(
            *(nn.Linear(inputs, 200), nn.ELU()), *(nn.Linear(200, 200), nn.ELU()), nn.Linear(200, outputs)
        )

    encoder, decoder = network(x.shape[1], 2 * latent_size), network(latent_size, x.shape[1])
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.001)
    for _ in range(budget // 100):
        batch = x[torch.randint(len(x), (100,))]
        mean, log_variance = encoder(batch).chunk(2, -1)
        logits = decoder(mean + (0.5 * log_variance).exp() * torch.randn_like(mean))
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        loss = (nn.functional.binary_cross_entropy_with_logits(logits, batch, reduction="sum") + divergence) / 100
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    halves = nn.Sequential(encoder, Halves())
    return wrap_model(decoder, halves, latent_size=latent_size)


class Halves(nn.Module):
    """[N, 2 d] -> two tensors [N, d]."""

    def forward(self, both: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Mean and log-variance."""
        return both.chunk(2, -1)


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
            bounded(10, "mlp[hidden=500]", "aevb[learning_rate=0.02]", 30, 100),
            Bounded(50, elsewhere, ELSEWHERE, 100, 100),
            bounded(50, "deep[hidden=200,keep=1]", "aevb[optimiser=adam,learning_rate=0.001]", 100, 100),
            bounded(100, "deep[hidden=200,keep=1]", "aevb[optimiser=adam,learning_rate=0.001]", 30, 200),
        ),
        (50, 100),
        784,
        near=0.1,
    ),
    "smoke": Size(12, 2_000, 2_000, 20, 10, (Bounded(3, elsewhere, ELSEWHERE, 12, 10),), (), 40, math.inf),
}


@dataclass(frozen=True)
class Truth:
    """The interval that contains the mean over datapoints, its standard error, and bounds for each datapoint."""

    low: float
    high: float
    error: float = 0.0
    each: Sandwich | None = None

    @classmethod
    def between(cls, each: Sandwich) -> Truth:
        """The truth between two bounds for each datapoint."""
        low, upper = float(each.lower.log_mean.mean()), float(-each.upper.log_mean.mean())
        error = float(each.lower.standard_error.square().sum().sqrt()) / len(each.gap)
        return cls(low, max(low, upper), math.hypot(error, each.lower.looseness), each)

    def far(self, estimate: Estimate) -> int:
        """How many datapoints are off by more than FAR and FEW_ERRORS, or have no number."""
        if self.each is None:
            return 0
        values, errors = estimate.log_likelihoods, estimate.standard_errors
        lower, upper = self.each.lower, self.each.upper
        below, above = lower.log_mean - values, values + upper.log_mean
        of_lower, of_upper = (errors.hypot(bound.standard_error * inflation(bound.degrees)) for bound in (lower, upper))
        near = [(off <= FAR) | (off <= FEW_ERRORS * of) for off, of in ((below, of_lower), (above, of_upper))]
        return int((~(near[0] & near[1])).sum())


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
    far = truth.far(estimate)
    if far and not estimate.warnings:
        report.broken.append(f"{place}: {far} datapoints of {text} are off by more than {FAR} without a warning")
    if abs(off) > near:
        report.broken.append(f"{place}: {text} is off by {off:.4f}, more than {near}")
    return {
        "estimator": f"`{text}`",
        "bias": estimate.bias,
        "estimate ± MC error": f"{estimate.mean:.4f} ± {estimate.standard_error:.4f}",
        "off by": f"{off:+.4f}",
        "in standard errors": f"{off / error:+.1f}",
        "expected to be low by": f"{expected:.4f}" if expected else "",
        **({} if truth.each is None else {"points far off": str(far)}),
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
    z, name = case.z, case.name
    model = case.train(data.x_train, z, size.mnist_budget)
    bdmc = f"bdmc[num_points={case.points},num_steps={case.num_steps}]"
    started = time.process_time()
    bounds = estimated(bdmc, model, data.x_test, name)
    seconds = time.process_time() - started
    drawn = simulate(model, case.points, seeds.generator("validation", name, bdmc))
    summary = bounds.summary
    report.say(f"## MNIST, z = {z}, {case.words}: bounds from both sides, on data drawn from the model")
    report.say(
        f"{size.mnist_budget:,} training samples; {case.points} simulated points. `{bdmc}`: {bounds.mean:.3f} ± "
        f"{bounds.standard_error:.3f} from below, {summary['upper']:.3f} ± {summary['upper_se']:.3f} from above, gap "
        f"{summary['gap']:.3f} ± {summary['gap_se']:.3f} nats, of a single point at most "
        f"{float(bounds.diagnostics['gap'].max()):.2f}, in {seconds:.0f} s of CPU time. "
        f"{' '.join(bounds.warnings) or 'No warnings.'}"
    )
    if math.isfinite(size.near) and not (summary["gap"] < LARGEST_GAP and seconds < LONGEST):
        report.broken.append(f"{name}: the gap is {summary['gap']:.3f} after {seconds:.0f} s")
    longer = case.num_steps * LONGER
    each = sandwich(BridgeOptions(), longer, model, drawn, seeds.generator("validation", name, longer))
    farthest = float(each.farthest.max())
    report.say(
        f"With {longer:,} steps the gap is {each.mean_gap:.3f}, of a single point at most {float(each.gap.max()):.2f} "
        f"({farthest:.2f} with the error of the upper bound): the truth, below, is between these bounds. A point is "
        f"*far off* by more than {FAR} nats and {FEW_ERRORS} standard errors."
    )
    if math.isfinite(size.near) and not farthest < FAR:
        report.broken.append(f"{name}: with {longer} steps the bounds of a point are {farthest:.2f} nats apart")
    truth = Truth.between(each)
    texts = [text for text in estimators(size) if "prior" not in text]  # from the prior it takes too many steps
    shown = [(bdmc, bounds), *((text, estimated(text, model, drawn[1], name)) for text in texts)]
    report.table([row(text, made, truth, report, name, tolerance(text, z, size)) for text, made in shown])
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
        f"single core. On MNIST models the truth is between the bounds with {LONGER} times as many steps: it also "
        f"fails if these are more than {FAR} nats apart for any datapoint, or if an estimate without a warning has a "
        "datapoint that is far off. "
        "Importance sampling from the encoder is only as good as the encoder: if the encoder is inaccurate, the "
        "estimate is lower, with a warning."
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
