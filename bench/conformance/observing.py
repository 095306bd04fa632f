"""Checks of an observation model p(x|z)."""

from __future__ import annotations

import torch
from torch import Tensor

from bench import seeds
from bench.conformance.check import Broken, Check
from bench.conformance.draws import changed_states
from bench.conformance.subject import Subject
from bench.conformance.tiny import blamed_on_plugin
from bench.models.observation import ObservationModel

SIGNIFICANT = 6.0  # standard errors of means over samples
COUNT = 20_000


def model(subject: Subject) -> ObservationModel:
    """An instance at its settings."""
    return subject.make()  # type: ignore[no-any-return]


def outputs(made: ObservationModel, *shape: int) -> tuple[Tensor, Tensor | None]:
    """Outputs that a network might have, float64: locations from 0.1 to 0.9, and log-variances if there are any."""
    stream = seeds.generator("observations", 0)
    location = 0.1 + 0.8 * torch.rand(shape, generator=stream, dtype=torch.float64)
    log_variance = torch.randn(shape, generator=stream, dtype=torch.float64)
    return location, log_variance if made.has_log_variance else None


def samples(made: ObservationModel, count: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Samples of 6 pixels, with the outputs that they come from, one row for each."""
    location, log_variance = (None if end is None else end.expand(count, 6) for end in outputs(made, 1, 6))
    assert location is not None  # noqa: S101  # for the type checker
    return made.sample(location, log_variance, seeds.generator("draws of observations")), location, log_variance


def has_densities(subject: Subject) -> None:
    """Log-densities are finite and summed over pixels, of what it has drawn itself."""
    made = model(subject)
    with blamed_on_plugin("drawing, or log_prob of what was drawn,", subject):
        x = made.sample(*outputs(made, 3, 5), seeds.generator("pixels of observations"))
        log_prob = made.log_prob(x, *outputs(made, 4, 3, 5))
        mean = made.mean(*outputs(made, 4, 3, 5))
    for what, value, wanted in (("sample", x, (3, 5)), ("log_prob", log_prob, (4, 3)), ("mean", mean, (4, 3, 5))):
        if tuple(value.shape) != wanted:
            raise Broken(f"wrong shape: `{what}` must be {list(wanted)} here (got {list(value.shape)}).")
    if not torch.isfinite(log_prob).all():
        raise Broken("`log_prob` of what it has drawn is not finite.")
    if made.location_is not in ("mean", "logit", "real"):
        raise Broken(f"`location_is` must be mean, logit or real (got {made.location_is!r}).")
    if refusal := made.refusal(x):
        raise Broken(f"it refuses what it has drawn: it {refusal}.")


def has_the_right_gradients(subject: Subject) -> None:
    """`score` is the gradient of `log_prob`, and `log_prob_of_pairs` agrees with it pair by pair."""
    made = model(subject)
    x = made.sample(*outputs(made, 4, 6), seeds.generator("pixels of observations"))
    location, log_variance = outputs(made, 3, 4, 6)
    scores, generic = (kind(made, x, location, log_variance) for kind in (type(made).score, ObservationModel.score))
    for mine, theirs in zip(scores, generic, strict=True):
        alike = mine is theirs if mine is None or theirs is None else torch.allclose(mine, theirs, atol=1e-8)
        if not alike:
            raise Broken("`score` is not the gradient of `log_prob`.")
    location, log_variance = outputs(made, 5, 6)
    scales = [None] * 5 if log_variance is None else [*log_variance]
    expected = torch.stack([made.log_prob(x, mean, scale) for mean, scale in zip(location, scales, strict=True)], 1)
    if not torch.allclose(made.log_prob_of_pairs(x, location, log_variance), expected):
        raise Broken("`log_prob_of_pairs` differs from `log_prob` of the pairs one by one.")


def draws_what_it_says(subject: Subject) -> None:
    """Draws have the mean, and the density: the expected score is 0 at the outputs that they come from."""
    made = model(subject)
    x, location, log_variance = samples(made, COUNT)
    error = x.std(0) / COUNT**0.5
    off = (x.mean(0) - made.mean(location, log_variance)[0]).abs()
    if (off > SIGNIFICANT * error + 1e-9).any():
        raise Broken(f"the mean of {COUNT} draws is {float((off / error).max()):.1f} standard errors away from `mean`.")
    for score in made.score(x, location, log_variance):
        if score is not None and (score.mean(0).abs() > SIGNIFICANT * score.std(0) / COUNT**0.5 + 1e-9).any():
            raise Broken(f"{COUNT} draws do not have the density that `log_prob` says: their mean score is not 0.")


def draws_from_the_generator(subject: Subject) -> None:
    """The same generator gives the same draws, and the global states are left alone."""
    made, drawn = model(subject), []
    changed, _ = changed_states(lambda: drawn.append(samples(made, 50)[0]), 1)
    changed_states(lambda: drawn.append(samples(made, 50)[0]), 2)
    if changed or not torch.equal(*drawn):
        raise Broken("`sample` draws from a global random stream, or gives other draws the second time.")


CHECKS = (
    Check(
        "densities",
        has_densities,
        protects="log-densities are finite, summed over pixels, and of the right shape",
        why="every bound and every estimate is made of them.",
        where="`log_prob`, `mean` and `sample`.",
        mend="sum log_prob over the last axis alone: [..., N, D] -> [..., N].",
        needed=True,
    ),
    Check(
        "gradients",
        has_the_right_gradients,
        protects="`score` and `log_prob_of_pairs` agree with `log_prob`",
        why="chains follow the score, and reports use pairs: they would see another model than the training.",
        where="overrides of `score` and `log_prob_of_pairs`.",
        mend="leave them out: the defaults are correct.",
    ),
    Check(
        "draws",
        draws_what_it_says,
        protects="draws have the mean and the density that it says",
        why="wake-sleep learns from draws, and calibration and simulated bounds are made of them.",
        where="`sample` beside `log_prob`: scale or variance, rate or its inverse.",
        mend="compare both with a reference, such as torch.distributions.",
    ),
    Check(
        "generator",
        draws_from_the_generator,
        protects="draws come from the generator that it is given",
        why="results could not be had again.",
        where="`sample`.",
        mend="pass generator=generator to everything that draws.",
    ),
)
