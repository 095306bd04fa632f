"""Checks of an estimator, on small models with an encoder and without, one of which has a known log p(x)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from bench import seeds
from bench.conformance.check import Broken, Check, NotApplicable
from bench.conformance.draws import changed_states
from bench.conformance.subject import Subject
from bench.conformance.tiny import architecture, blamed_on_plugin
from bench.estimator import Estimator
from bench.likelihood.estimate import Estimate
from bench.models.latent import LatentVariableModel
from bench.statistics import ppca
from bench.training.problem import Problem

POINTS = 7
SIGNIFICANT = 6.0  # standard errors that an estimate may be away from the truth


@dataclass(frozen=True)
class Case:
    """An untrained model, in words, data that it can evaluate, [7, 12], and the first estimate of them.

    ``changed`` says what has become of the model meanwhile.
    """

    words: str
    model: LatentVariableModel
    x: Tensor
    first: Estimate
    changed: str


def cases(subject: Subject) -> list[Case]:
    """The models that the estimator does not refuse, evaluated once; raises NotApplicable if it refuses all."""
    if "cases" not in subject.cache:
        subject.cache["cases"] = [*_cases(subject)]
    return cast("list[Case]", subject.cache["cases"])


def _cases(subject: Subject) -> Iterator[Case]:
    refusals = []
    for networks, observed in (("mlp[hidden=8,init_scale=0.3]", "bernoulli"), ("linear[init_scale=0.3]", "gaussian")):
        for encoder in (True, False):
            x = torch.bernoulli(torch.full((POINTS, 12), 0.4), generator=seeds.generator("pixels"))
            model = Problem(x, 2, architecture(networks), observed).model(encoder=encoder)
            if refusal := subject.make().refusal(model):
                refusals.append(refusal)
            else:
                yield _case(
                    subject, f"{networks} with {observed} pixels and {'an' if encoder else 'no'} encoder", model, x
                )
    if len(refusals) == 4:
        raise NotApplicable(f"it refuses all models that there are for this ({refusals[0]})")


def _case(subject: Subject, words: str, model: LatentVariableModel, x: Tensor) -> Case:
    """Watch the first estimate."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = estimated(subject, words, model, x)
    changed = ""
    if any(not torch.equal(before[name], value) for name, value in model.state_dict().items()):
        changed = "it changes the model's parameters."
    elif any(parameter.grad is not None for parameter in model.parameters()) or not model.training:
        changed = "it leaves gradients behind, or the model in evaluation mode."
    return Case(words, model, x, first, changed)


def estimated(subject: Subject, words: str, model: LatentVariableModel, x: Tensor) -> Estimate:
    """An estimate for each row; always with the same draws."""
    made: Estimator = subject.make()
    with blamed_on_plugin(f"`log_likelihood` of {words}", subject):
        return made.estimate(model, x, seeds.generator("draws", 0))


def again(subject: Subject, case: Case, x: Tensor | None = None) -> Estimate:
    """Another estimate with the same draws."""
    return estimated(subject, case.words, case.model, case.x if x is None else x)


def with_encoder(subject: Subject) -> list[Case]:
    """The cases that take another estimate: those with an encoder, if it takes any."""
    every = cases(subject)
    return [case for case in every if case.model.encoder is not None] or every


def estimates(subject: Subject) -> None:
    """One finite value and one error per datapoint, as `Estimate` describes them."""
    for case in cases(subject):
        estimate = case.first
        if not torch.isfinite(estimate.log_likelihoods).all():
            raise Broken(f"an estimate is not finite, of {case.words}.")
        shapes = {name: tuple(value.shape) for name, value in estimate.diagnostics.items()}
        for name, shape in shapes.items():
            if shape != tuple(estimate.log_likelihoods.shape):
                raise Broken(f"`diagnostics[{name!r}]` must have one value per datapoint (got {shape}).")


def is_true(subject: Subject) -> None:
    """On a linear-Gaussian model, whose log p(x) is known, it errs in no other direction than it says."""
    if subject.make().simulates:
        raise NotApplicable("it draws its data from the model")
    for case in cases(subject):
        known = case.model.linear_gaussian()
        if known is None:
            continue
        truth = torch.as_tensor(ppca.log_likelihood(case.x, known.weights, known.bias, known.variance))
        estimate = case.first
        off = estimate.log_likelihoods.double().cpu() - truth
        error = SIGNIFICANT * estimate.standard_errors.double().cpu() + 1e-3
        too_high = estimate.bias in ("lower", "consistent") and bool((off > error).any())
        too_low = estimate.bias in ("upper", "consistent") and bool((off < -error).any())
        if too_high or too_low:
            worst = int(off.abs().argmax())
            raise Broken(
                f"of {case.words} the true log p(x) of a datapoint is {float(truth[worst]):.4f} nats, and the estimate "
                f"{float(estimate.log_likelihoods[worst]):.4f} +- {float(estimate.standard_errors[worst]):.2g}: it is "
                f"too {'high' if off[worst] > 0 else 'low'} for a bias of {estimate.bias!r}."
            )


def draws_from_the_generator(subject: Subject) -> None:
    """The same generator gives the same estimate, and the global states are left alone."""
    for case in with_encoder(subject):
        changed, second = _watched(subject, case)
        if not torch.equal(case.first.log_likelihoods, second.log_likelihoods):
            raise Broken("the same generator gives another estimate the second time.")
        if changed:
            raise Broken(f"it changes the global random state of {', '.join(sorted(changed))}.")


def _watched(subject: Subject, case: Case) -> tuple[set[str], Estimate]:
    """Another estimate with the same draws, and which global states it has changed."""
    made: list[Estimate] = []
    changed, _ = changed_states(lambda: made.append(again(subject, case)), 1)
    return changed, made[0]


def leaves_the_others_alone(subject: Subject) -> None:
    """A datapoint with a pixel that is NaN gets no finite estimate; the other estimates stay as they are."""
    if subject.make().simulates:
        raise NotApplicable("it draws its data from the model")
    others = [n for n in range(POINTS) if n != 2]
    for case in with_encoder(subject):
        with_nan = case.x.clone()
        with_nan[2, 5] = math.nan
        sound, estimate = case.first, again(subject, case, with_nan)
        if torch.isfinite(estimate.log_likelihoods[2]):
            raise Broken("a datapoint with a pixel that is NaN has a finite estimate.")
        if not torch.allclose(estimate.log_likelihoods[others], sound.log_likelihoods[others], rtol=1e-5, atol=1e-5):
            raise Broken("a datapoint with a pixel that is NaN changes the estimates of the others.")


def leaves_the_model(subject: Subject) -> None:
    """Parameters, gradients and mode of the model are as before."""
    for case in cases(subject):
        if case.changed:
            raise Broken(case.changed)


def counts_evaluations(subject: Subject) -> None:
    """At least the passes through the decoder that can be seen: with gradients each counts twice."""
    if subject.make().simulates:
        raise NotApplicable("it draws its data from the model")
    for case in with_encoder(subject):
        if case.model.linear_gaussian() is not None:
            continue  # it may be inspected, which is no evaluation
        rows = _rows(subject, case)
        if case.first.model_evaluations < rows:
            raise Broken(
                f"`model_evaluations` is {case.first.model_evaluations}, but {rows} z went through the decoder."
            )


def _rows(subject: Subject, case: Case) -> int:
    """How many z go through the decoder's network during an estimate; those with gradients twice."""
    rows = 0

    def count(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal rows
        rows += inputs[0][..., 0].numel() * (2 if torch.is_grad_enabled() else 1)

    hook = case.model.decoder.network.register_forward_pre_hook(count)
    try:
        again(subject, case)
    finally:
        hook.remove()
    return rows


CHECKS = (
    Check(
        "estimates",
        estimates,
        protects="each datapoint has one finite estimate and one standard error",
        why="means, errors and tests are made of these.",
        where="the Estimate that `log_likelihood` returns.",
        mend="see the contract in `bench/estimator.py`; `bench new estimator NAME` writes a file that works.",
        needed=True,
    ),
    Check(
        "truth",
        is_true,
        protects="on a model whose log p(x) is known, it errs in no other direction than it says",
        why="a wrong estimate makes every algorithm look better, or worse, than it is.",
        where="log K (a mean of K weights is logsumexp - log K), the sign and the base of logarithms, log p(z), sums "
        "over pixels, and the standard error of a logarithm.",
        mend="correct it, or declare its `bias`: lower, upper, consistent or upward.",
    ),
    Check(
        "generator",
        draws_from_the_generator,
        protects="all draws come from the generator that it is given",
        why="an estimate that cannot be had again cannot be checked.",
        where="calls without a generator: torch.randn_like, torch.distributions, np.random.*.",
        mend="pass generator=generator to everything that draws.",
    ),
    Check(
        "independent_points",
        leaves_the_others_alone,
        protects="a datapoint without an estimate leaves the others alone",
        why="one damaged image would otherwise cost all estimates, or the standard error of their mean would be wrong.",
        where="sums, maxima or accept steps over all datapoints together.",
        mend="keep one row per datapoint: reduce over the axis of samples alone.",
    ),
    Check(
        "leaves_model",
        leaves_the_model,
        protects="the model is as it was before",
        why="the next estimator, or the rest of the training, would see another model.",
        where="in-place operations on parameters, backward(), and model.eval().",
        mend="work under torch.no_grad(), and take gradients with torch.autograd.grad.",
    ),
    Check(
        "model_evaluations",
        counts_evaluations,
        protects="no pass through the decoder is left out of `model_evaluations`",
        why="estimators are compared at equal cost.",
        where="`model_evaluations` of the Estimate.",
        mend="count every z of every datapoint that goes through the decoder; twice, if gradients are taken.",
    ),
)
