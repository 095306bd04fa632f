"""Checks of the terms of an objective, by the gradient of the encoder and by the objective's expectation."""

from __future__ import annotations

from collections.abc import Callable

from bench.conformance.check import Broken, Check, NotApplicable
from bench.conformance.gradient import (
    MISTAKEN,
    OTHER_SIZES,
    SIZES,
    TERMS,
    WITH_SLEEP,
    Fit,
    Measured,
    measured,
    measured_at_rest,
)
from bench.conformance.subject import Subject
from bench.conformance.tiny import Sizes

OF_KL = {"location": "-m^2/2", "variance": "-sigma^2/2", "entropy": "log sigma"}  # the parts of -KL
SIGNIFICANT = 6.0  # standard errors that a weight must be away from another value
OTHER_FORM = (
    "the gradient of its encoder has another form (several importance samples, or a weight on the KL divergence that "
    "changes); if an option makes it that of AEVB, check it with that"
)


def _bound(measurement: Measured) -> Fit | None:
    """The weights of the terms of the bound; None if the encoder learns from dreams.

    Raises NotApplicable if its gradient consists of neither.
    """
    fit = measurement.fit(TERMS)
    if fit.explains:
        return fit
    if measurement.fit(WITH_SLEEP).explains:
        return None
    raise NotApplicable(OTHER_FORM)


def _reports(measurement: Measured, mistake: str) -> bool:
    """Whether the objective is, exactly, what this mistake makes of the bound."""
    near = 4 * measurement.objective_error + 0.02
    other = abs(measurement.bounds[mistake] - measurement.bounds["bound"])
    return other > 3 * near and abs(measurement.objective - measurement.bounds[mistake]) < near


def kl_is_subtracted(subject: Subject) -> None:
    """The KL divergence pulls q(z|x) towards the prior, and lowers the objective."""
    measurement = measured(subject)
    if _reports(measurement, "kl_sign"):
        raise Broken(
            f"the objective is on average {measurement.objective:.3f} nats, which is E log p(x|z) + KL(q || p); the "
            f"bound, E log p(x|z) - KL(q || p), is {measurement.bounds['bound']:.3f}: the KL divergence has the wrong "
            "sign."
        )
    fit = _bound(measurement)
    if fit is None or fit.weights["likelihood"] < 0:
        return
    weights = {name: fit.weights[name] / fit.weights["likelihood"] for name in OF_KL}
    wrong = [name for name, weight in weights.items() if weight < -0.1 - SIGNIFICANT * _error(fit, name)]
    if wrong:
        whole = "the KL divergence has" if len(wrong) == len(OF_KL) else f"{' and '.join(OF_KL[n] for n in wrong)} has"
        terms = ", ".join(f"{OF_KL[name]} {weight:+.2f} times" for name, weight in weights.items())
        raise Broken(
            f"for each E log p(x|z) the encoder ascends {terms}, each of which must be positive (+1 for the bound): "
            f"{whole} the wrong sign."
        )


def sums_over_pixels(subject: Subject) -> None:
    """Likelihood and KL divergence have the same weight, but for one that is chosen."""
    measurement, pixels = measured(subject), SIZES.num_pixels
    if _reports(measurement, "sum_over_pixels"):
        raise Broken(
            f"the objective is on average {measurement.objective:.3f} nats, which is E log p(x|z) / D - KL(q || p) for "
            f"D = {pixels} pixels: log p(x|z) is a mean over pixels instead of a sum."
        )
    fit = _bound(measurement)
    for text, ratio in RATIOS.items():
        if not _has_ratio(fit, ratio(SIZES)):
            continue
        if not _has_ratio(_bound(measured(subject, OTHER_SIZES)), ratio(OTHER_SIZES)):
            continue  # a weight that is chosen, and happens to be near
        raise Broken(
            f"in the gradient of the encoder the KL divergence weighs {ratio(SIZES):.3g} times as much as log p(x|z) "
            f"with {SIZES}, and {ratio(OTHER_SIZES):.3g} times with {OTHER_SIZES}: {text}."
        )


RATIOS: dict[str, Callable[[Sizes], float]] = {  # what mistakes make of the weight of the KL divergence
    "log p(x|z) is a mean over pixels instead of a sum": lambda of: of.num_pixels,
    "the KL divergence is divided by the number of pixels, and log p(x|z) is not": lambda of: 1 / of.num_pixels,
    "the KL divergence is divided by minibatch size times pixels": lambda of: 1 / (of.batch_size * of.num_pixels),
    "the KL divergence is divided by the size of the minibatch, of which it is a mean already": (
        lambda of: 1 / of.batch_size
    ),
    "the KL divergence is a sum over the minibatch, and log p(x|z) a mean": lambda of: of.batch_size,
    "log p(x|z) is a mean over pixels and minibatch, and the KL divergence a sum": (
        lambda of: of.batch_size * of.num_pixels
    ),
    "log p(x|z) is a mean over pixels, and the KL divergence one over latent dimensions, instead of sums": (
        lambda of: of.num_pixels / of.latent_size
    ),
    "the KL divergence is a mean over latent dimensions instead of a sum": lambda of: 1 / of.latent_size,
    "the KL divergence is a mean over latent dimensions, divided by the size of the minibatch once more": (
        lambda of: 1 / (of.latent_size * of.batch_size)
    ),
}


def _has_ratio(fit: Fit | None, ratio: float) -> bool:
    """Whether all parts of the KL divergence weigh ``ratio`` times as much as log p(x|z)."""
    if fit is None or fit.weights["likelihood"] <= 0:
        return False
    return all(
        abs(fit.weights[name] / fit.weights["likelihood"] - ratio) < 0.06 * ratio + 4 * _error(fit, name)
        for name in OF_KL
    )


def _error(fit: Fit, name: str) -> float:
    return fit.errors[name] / abs(fit.weights["likelihood"])


def takes_log_variances(subject: Subject) -> None:
    """The second output of the encoder is log sigma^2, in draws and in the KL divergence."""
    measurement = measured(subject)
    fit = measurement.fit(TERMS)
    if fit.explains and fit.is_regular():
        return
    for text, terms in MISTAKEN.items():
        mistaken = measurement.fit(terms)
        if mistaken.explains and (mistaken.is_regular() or mistaken.is_regular(entropy=2)):
            raise Broken(
                f"the gradient of the encoder is exactly the one of a mistake: {text}, though v = "
                "posterior.log_variance is log sigma^2 (log-sigma is taken for log-variance)."
            )
    _bound(measurement)


def wake_phase_is_cut_off(subject: Subject) -> None:
    """An encoder that does not ascend the bound gets no gradient through draws that are to be fixed."""
    fit = measured(subject).fit(TERMS)
    if fit.explains and fit.weights["likelihood"] > SIGNIFICANT * fit.errors["likelihood"]:
        return
    measurement = measured_at_rest(subject)
    at_rest = measurement.fit(("entropy",))
    weight, error = at_rest.weights["entropy"], at_rest.errors["entropy"]
    if at_rest.noise > 0.3 or float(measurement.gradients.mean(0).norm()) < 1e-4:  # nothing but noise, or rounding
        return
    if not at_rest.explains:
        raise NotApplicable(OTHER_FORM)
    if abs(weight) > 0.05 + SIGNIFICANT * error:
        raise Broken(
            f"with p(x|z) that does not depend on z, and q(z|x) = p(z), nothing is left to learn; but the encoder "
            f"ascends {weight:+.2f} times log sigma: a gradient passes through z = m + sigma e of the wake phase."
        )


CHECKS = (
    Check(
        "kl_sign",
        kl_is_subtracted,
        protects="the KL divergence is subtracted",
        why="with the other sign q(z|x) runs away from the prior, the objective grows without limit, and the model "
        "generates from places where it was never trained.",
        where="bound = log_likelihood - kl, loss = kl - log_likelihood, and -KL = (1 + v - m^2 - exp(v)).sum(-1) / 2.",
        mend="subtract posterior.kl_to_standard_normal(), which is positive; then the bound is below log p(x).",
    ),
    Check(
        "sum_over_pixels",
        sums_over_pixels,
        protects="log p(x|z) is summed over pixels, and both terms are means over the same minibatch",
        why="a mean over pixels in one term and a sum in the other is a beta-VAE with beta = D that nobody asked for: "
        "most latent dimensions collapse.",
        where="reduction='mean' (the default) of binary_cross_entropy or mse_loss, and .mean() over [M, D] or [M, d].",
        mend="sum over the last axis of both terms, which gives [M], then take one mean: (log_likelihood - kl).mean(); "
        "model.decoder.log_prob sums already.",
    ),
    Check(
        "log_variance",
        takes_log_variances,
        protects="the encoder's second output is taken for log sigma^2 everywhere",
        why="draws and KL divergence would belong to two different q(z|x), and the bound of neither is one.",
        where="exp(log_variance) where a standard deviation is needed, and 2 * log_variance in the KL divergence.",
        mend="z = m + exp(v / 2) e and KL = (m^2 + exp(v) - 1 - v).sum(-1) / 2; posterior.rsample and "
        "posterior.kl_to_standard_normal do this.",
    ),
    Check(
        "wake_gradient",
        wake_phase_is_cut_off,
        protects="in a wake phase no gradient passes through the draws of z",
        why="the encoder would ascend log p(x, z) too, which has no entropy: q(z|x) shrinks to a point.",
        where="draws of the wake phase outside of torch.no_grad(), or an optimiser of the encoder whose gradients are "
        "not zeroed between the phases.",
        mend="draw z under torch.no_grad(), or detach it, and call zero_grad of the encoder's optimiser before the "
        "sleep phase.",
    ),
)
