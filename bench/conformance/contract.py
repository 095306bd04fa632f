"""Checks of what every algorithm must define and report."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from bench import options
from bench.conformance.check import Broken, Check, NotApplicable
from bench.conformance.subject import Subject
from bench.conformance.tiny import USUAL, Sizes, Training, blamed_on_plugin, images, training
from bench.models.latent import LatentVariableModel
from bench.profiling.evaluations import counted
from bench.training.problem import Problem, StepInfo

OTHER_SIZES = (
    Sizes(num_data=30, num_pixels=9, batch_size=30, latent_size=1),
    Sizes(num_data=30, num_pixels=4, batch_size=10, latent_size=5),
)
TWO, ONE = (Sizes(num_data=12, num_pixels=5, batch_size=size, latent_size=2) for size in (2, 1))


def runs(subject: Subject) -> None:
    """Nothing is raised, and `step` returns a StepInfo with one number."""
    missing = ", ".join(sorted(getattr(subject.cls, "__abstractmethods__", ())))
    if missing:
        raise Broken(f"{subject.cls.__name__} does not define: {missing}.")
    with blamed_on_plugin("training on 240 binary images of 7 pixels", subject):
        made = training(subject)
        _has_model(made)
        for _ in range(3):
            _reports(made.step())


def _has_model(made: Training) -> None:
    model = getattr(made.algorithm, "model", None)
    if not isinstance(model, LatentVariableModel):
        raise Broken(
            f"`setup` leaves `self.model` as {type(model).__name__}, not a LatentVariableModel.",
            mend="build it with self.model = problem.model(encoder=True), or derive a class from LatentVariableModel.",
        )


def _reports(info: StepInfo) -> None:
    for name, value in {"objective": info.objective, **info.diagnostics}.items():
        if isinstance(value, Tensor) and value.requires_grad:
            raise Broken(
                f"`{name}` of the StepInfo carries its graph (requires_grad is True): memory grows with each update.",
                mend=f"report {name}.detach().",
            )


def fits_other_sizes(subject: Subject) -> None:
    """One latent dimension, one or two datapoints in a minibatch, more latent dimensions than pixels."""
    for sizes in (*OTHER_SIZES, TWO):
        _fits(subject, sizes)
    try:
        _fits(subject, ONE)
    except Broken as failure:
        raise NotApplicable(
            f"all sizes fit but a minibatch of a single datapoint, which some algorithms cannot have: {failure}"
        ) from failure


def _fits(subject: Subject, sizes: Sizes) -> None:
    with blamed_on_plugin(f"training with {sizes} (the usual sizes are {USUAL})", subject):
        made = training(subject, sizes)
        for _ in range(2):
            info = made.step()
            if not math.isfinite(float(info.objective)):
                raise Broken(f"wrong shape, or a division by 0: the objective is {float(info.objective)} at {sizes}.")


def stays_finite(subject: Subject) -> None:
    """For some hundred updates, from weights that are far out, and on images without a white pixel."""
    blank = torch.zeros_like(images())
    for where, x, factor, count in (
        ("from the usual beginning", None, 1.0, 100),
        ("with thirty times larger weights", None, 30.0, 20),
        ("on images that are black", blank, 1.0, 20),
    ):
        made = training(subject, x=x, networks="mlp[hidden=8,init_scale=0.3]")
        with torch.no_grad():
            for parameter in made.algorithm.model.parameters():
                parameter.mul_(factor)
        for number in range(1, count + 1):
            with blamed_on_plugin(f"update {number} {where}", subject):
                objective = float(made.step().objective)
            if not math.isfinite(objective) or not made.weights().isfinite().all():
                thing = f"the objective is {objective}" if not math.isfinite(objective) else "a weight is not finite"
                raise Broken(f"NaN or infinity: {thing} after update {number} {where}.")


def reports_nats(subject: Subject) -> None:
    """About -D log 2 with small weights, minus the cost of z."""
    made = training(subject)
    objective, pixels = float(made.step().objective), USUAL.num_pixels
    expected = -pixels * math.log(2)
    if 3 * expected - 10 < objective < expected + 1:
        return
    guesses = {
        expected / pixels: "it is a mean over pixels instead of a sum",
        -expected: "it has the wrong sign: a loss rather than an objective",
        expected * USUAL.batch_size: "it is a sum over the minibatch instead of a mean",
        -expected / pixels: "it is a mean over pixels instead of a sum, and has the wrong sign",
        expected / math.log(2): "it is in bits instead of nats",
    }
    near = [text for value, text in guesses.items() if abs(objective - value) < 0.15 * abs(value)]
    raise Broken(
        f"`objective` of the first update is {objective:.4g}, but with weights near 0 every pixel is a fair coin: it "
        f"must be near -{pixels} log 2 = {expected:.3g} nats per datapoint, or below by the cost of z"
        f"{'' if not near else f'. Probably {near[0]}'}."
    )


def counts_evaluations(subject: Subject) -> None:
    """All passes through the decoder, forward and backward."""
    made = training(subject)
    with counted(made.algorithm.model) as evaluations:
        declared = sum(made.step().model_evaluations for _ in range(4))
    seen = evaluations.total
    if declared < max(seen, 1):
        raise Broken(
            f"`model_evaluations` of four updates add up to {declared}, but {seen} datapoints went through the "
            "decoder, forward or backward."
            if seen
            else "`model_evaluations` is 0."
        )


def starts_from_the_problem(subject: Subject) -> None:
    """The parameters of the decoder after `setup` are those of `problem.model`."""
    made = training(subject, networks="mlp[hidden=8,init_scale=0.3]")
    given = Problem(
        made.problem.x, USUAL.latent_size, made.algorithm.architecture, "bernoulli", seed=0
    ).model(encoder=False)  # fmt: skip
    mine, theirs = (dict(model.decoder.named_parameters()) for model in (made.algorithm.model, given))
    if {name: each.shape for name, each in mine.items()} != {name: each.shape for name, each in theirs.items()}:
        raise NotApplicable("its decoder is one of its own")
    changed = [name for name, each in theirs.items() if not torch.equal(mine[name].to(each), each)]
    if changed:
        raise Broken(f"`setup` has changed the initial {', '.join(changed[:3])} of the decoder.")


def uses_its_optimiser(subject: Subject) -> None:
    """Adagrad's first two updates differ from Adam's if the two gradients differ."""
    if "optimiser" not in options.names(subject.cls.Options) or "optimiser" in subject.settings:
        raise NotApplicable("it has no open option `optimiser`")
    settings: dict[str, object] = dict(subject.settings)
    free = replace(subject, settings=settings)
    one, two = (training(free, optimiser=name) for name in ("adagrad", "adam"))
    for made in (one, two):
        made.steps(2)
    if torch.allclose(one.weights(), two.weights()):
        raise Broken("optimiser=adam and optimiser=adagrad lead to the same weights: the option has no effect.")


CHECKS = (
    Check(
        "runs",
        runs,
        protects="`setup` and `step` run and report what the contract asks for",
        why="nothing else can be tried before this works.",
        where="`setup(self, problem, generator)` and `step(self, batch)`.",
        mend="see the contract in `bench/algorithm.py`; `bench new algorithm NAME` writes a file that works.",
        needed=True,
    ),
    Check(
        "shapes",
        fits_other_sizes,
        protects="it fits any number of datapoints, pixels and latent dimensions",
        why="shapes that happen to fit, such as [M] and [M, 1], are stretched to each other without a word: the result "
        "is a number, but not the one that was meant.",
        where="fixed sizes, sums without an axis, squeeze(), and tensors whose first axis is K in one place and M in "
        "another.",
        mend="note the shape of each tensor beside it, as [K, M, d]; sum log-densities over the last axis alone: "
        "[..., d] -> [...].",
    ),
    Check(
        "finite",
        stays_finite,
        protects="objective and weights stay finite",
        why="a training ends as diverged at its first NaN, and no later update brings a weight back.",
        where="log or division of what may be 0 or 1 (log(p) of a probability), exp of an unbounded log-variance or "
        "of log-weights, sqrt at 0, the standard deviation of a single value.",
        mend="compute with logits (model.decoder.log_prob does), torch.logsumexp, and clamped log-variances.",
    ),
    Check(
        "objective",
        reports_nats,
        protects="the objective is in nats per datapoint, summed over pixels, and higher is better",
        why="step sizes are chosen and divergence is noticed by it, and it is compared with bounds in nats.",
        where="the `objective` of the StepInfo that `step` returns.",
        mend="sum log p(x|z) over pixels, take the mean over the minibatch, and report the objective, not the loss.",
    ),
    Check(
        "model_evaluations",
        counts_evaluations,
        protects="no pass through the decoder is left out of `model_evaluations`",
        why="algorithms are compared at equal cost: one that does not count its passes looks cheaper than it is.",
        where="the `model_evaluations` of the StepInfo that `step` returns.",
        mend="count each datapoint, for each of K samples, once forward and once backward: 2 * K * len(batch.x).",
    ),
    Check(
        "initial_decoder",
        starts_from_the_problem,
        protects="it begins with the same decoder as every other algorithm of the same seed",
        why="a comparison on the same seed is paired: it takes away the luck of the start only if both have the same.",
        where="`setup`: a model that is built or initialised otherwise than by `problem.model`.",
        mend="use problem.model(encoder=...) as it is; another initialisation belongs to the architecture (--model).",
    ),
    Check(
        "optimiser_option",
        uses_its_optimiser,
        protects="the option `optimiser` has an effect",
        why="users would compare Adam with Adagrad, and see the same algorithm twice.",
        where="the optimiser that `setup` builds.",
        mend="build it with self.make_optimiser(parameters, problem), or leave the option out.",
    ),
)
