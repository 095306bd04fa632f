"""Checks of what an algorithm has learned: truth is what the data were made of."""

from __future__ import annotations

import math

import torch

from bench import seeds
from bench.conformance.check import Broken, Check
from bench.conformance.subject import Subject
from bench.conformance.tiny import USUAL, Training, blamed_on_plugin, images, training
from bench.models.frozen import frozen

SAMPLES = 200  # importance samples per datapoint
POINTS = 60  # datapoints whose log p(x) is estimated
FIRST, MOST = 300, 2400  # updates: a training that has not learned enough after the first goes on
SHARE = 0.3  # of what can be learned
NETWORKS = "mlp[hidden=8,init_scale=0.5]"  # near 0 is a saddle, which plain gradient ascent leaves slowly


def attainable() -> float:
    """The mean log p(x) under what the data were drawn from: one of two patterns, and 5 % of pixels flipped."""
    x = images()[:POINTS]
    pattern = (torch.arange(x.shape[1]) % 2).float()
    flips = torch.stack([(x - pattern).abs().sum(1), (x - (1 - pattern)).abs().sum(1)])  # [2, N]
    log_p = flips * math.log(0.05) + (x.shape[1] - flips) * math.log(0.95)
    return float((torch.logsumexp(log_p, 0) - math.log(2)).mean())


def log_likelihood(made: Training) -> float:
    """The mean log p(x) of the model so far, by importance sampling."""
    estimate = made.algorithm.estimate_log_likelihood(images()[:POINTS], f"importance[num_samples={SAMPLES}]")
    return float(estimate.mean)


def learns(subject: Subject) -> None:
    """In log p(x), better than the best model of independent pixels, which needs no latent variables."""
    made, best = training(subject, networks=NETWORKS), attainable()
    independent = -USUAL.num_pixels * math.log(2)
    with blamed_on_plugin("estimating log p(x) of its model", subject):
        first = reached = log_likelihood(made)
    wanted, updates = independent + SHARE * (best - independent), FIRST
    while True:
        with blamed_on_plugin("training", subject):
            while made.updates < updates:
                made.step()
            reached = log_likelihood(made)
        if reached >= wanted:
            return
        if updates >= MOST or not math.isfinite(reached):
            break
        updates = min(2 * updates, MOST)
    raise Broken(
        f"after {made.updates} updates log p(x) is {reached:.2f} nats per datapoint; it began at {first:.2f}. A model "
        f"whose latent variables tell nothing reaches {independent:.2f}, and what the data were drawn from {best:.2f}."
    )


def can_be_evaluated(subject: Subject) -> None:
    """Log p(x) of its model has a finite estimate with an error for each datapoint."""
    made = training(subject)
    made.steps(3)
    with blamed_on_plugin("estimating log p(x) of its model", subject):
        estimate = made.algorithm.estimate_log_likelihood(images()[:POINTS], "importance[num_samples=50]")
    model = made.algorithm.model
    if model.encoder is not None:
        with blamed_on_plugin("the lower bound of its model", subject), frozen(model), torch.no_grad():
            bound = model.elbo(images()[:POINTS].to(model.dtype), seeds.generator("evaluation"))
        if tuple(bound.shape) != (POINTS,) or not torch.isfinite(bound).all():
            raise Broken(f"the lower bound of its model must be [{POINTS}] finite values (got {list(bound.shape)}).")
    if not torch.isfinite(estimate.log_likelihoods).all() or not torch.isfinite(estimate.standard_errors).all():
        raise Broken("the importance-sampling estimate of log p(x) is not finite.")


CHECKS = (
    Check(
        "evaluation",
        can_be_evaluated,
        protects="log p(x) of its model can be estimated like that of any other",
        why="tables compare log p(x), estimated from `self.model` by the same estimators for all.",
        where="a model of your own: its decoder, `encode`, `elbo`, `log_prior` and `sample_prior`, and their types.",
        mend="derive it from LatentVariableModel, and override `log_prior` and `sample_prior` together.",
    ),
    Check(
        "learns",
        learns,
        protects="log p(x) rises, beyond what a model without latent variables can learn",
        why="an objective can rise while the model gets worse: only log p(x) is the same for all algorithms.",
        where="in this order: the sign of each term of the loss (is the KL divergence subtracted from the bound?); "
        "means where there should be sums (over pixels); zero_grad, backward and optimiser.step for all parameters; "
        "the step size.",
        mend="give another step size, as in `bench check './mine.py[learning_rate=0.01]'`; if it maximises something "
        "else on purpose, declare it: expected_failed_checks = {'learns': 'why'}.",
    ),
)
