"""What the gradient of an encoder consists of, measured against exact expectations on a tiny model.

The expected gradient of most algorithms that learn a Gaussian encoder is a sum of few terms: with z ~ q(z|x) =
N(m, diag(exp(v))), those of E log p(x|z), of -m^2/2 and -exp(v)/2 (from E log p(z)), of v/2 (the entropy), and in the
sleep phase that of E_p(x,z) log q(z|x).  On 7 binary pixels and two latent dimensions each is known exactly: by sums
over all images, and by Gauss-Hermite quadrature over z.  Their weights tell a wrong sign, a mean where there should be
a sum, or a log-sigma taken for a log-variance.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from bench.algorithm import Hyperparameters
from bench.conformance.check import NotApplicable
from bench.conformance.expectations import Expected, exact_objectives, gaussian, quadrature
from bench.conformance.subject import Subject
from bench.conformance.tiny import WIDE, Sizes, Training, training
from bench.errors import in_words
from bench.models.gaussian import Gaussian
from bench.models.latent import LatentVariableModel
from bench.profiling.optimisers import optimisers_of

SIZES = Sizes(num_data=60, num_pixels=7, batch_size=60, latent_size=2)
OTHER_SIZES = Sizes(num_data=40, num_pixels=5, batch_size=40, latent_size=1)  # to tell a constant from a size
STEPS = 280
FIRST = 40  # updates before those that count: a wake phase moves the decoder less and less
SECONDS, FEWEST = 5.0, 100  # an algorithm that takes longer gets fewer updates, but not fewer than these
EVERY = 12  # the updates whose expectations are averaged
BLOCKS = 8  # of steps, whose spread tells the Monte Carlo error

TERMS = ("likelihood", "location", "variance", "entropy")
WITH_SLEEP = (*TERMS, "sleep")
MISTAKEN = {  # terms in which v stands for log sigma, in place of those for which it stands for log sigma^2
    "z is drawn with standard deviation exp(v)": ("likelihood_sigma", "location", "variance", "entropy"),
    "the KL divergence has exp(2 v) for the variance": ("likelihood", "location", "variance_sigma", "entropy"),
    "z is drawn with standard deviation exp(v), and the KL divergence has exp(2 v) for the variance": (
        "likelihood_sigma", "location", "variance_sigma", "entropy",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """Weights of terms whose sum is nearest to the measured gradient, their errors, and what is left of it."""

    weights: dict[str, float]
    errors: dict[str, float]
    residual: float  # |g - fit| / |g|
    noise: float  # the residual that Monte Carlo error alone would leave

    @property
    def explains(self) -> bool:
        """Whether nothing but noise is left, and not everything is noise."""
        return self.residual < 0.01 + 2 * self.noise < 0.1

    def is_regular(self, entropy: float = 1.0) -> bool:
        """Whether the parts of the KL divergence have the same weight, but for ``entropy`` times that of log sigma."""
        likelihood, location, variance, of_sigma = [*self.weights.values()][:4]
        errors = [*self.errors.values()]
        return (
            likelihood > 0
            and location > 0
            and abs(variance / location - 1) < 0.08 + 3 * errors[2] / location
            and abs(of_sigma / location - entropy) < 0.08 + 3 * errors[3] / location
        )


@dataclass(frozen=True)
class Measured:
    """The gradient of the encoder, averaged over draws, the expectation of each term, and the objective."""

    gradients: Tensor  # [blocks, P]: the ascent direction
    terms: dict[str, Tensor]  # [P] each
    objective: float
    objective_error: float
    bounds: dict[str, float]  # what the objective may be, exactly: nats per datapoint

    def fit(self, names: tuple[str, ...]) -> Fit:
        """Least squares of the mean gradient on the terms of these names; errors from the blocks."""
        basis = torch.stack([self.terms[name] for name in names], 1)  # [P, T]
        per_block = torch.linalg.lstsq(basis, self.gradients.T).solution  # [T, blocks]
        mean = self.gradients.mean(0)
        weights = per_block.mean(1)
        errors = per_block.std(1) / BLOCKS**0.5
        left = float((mean - basis @ weights).norm() / mean.norm().clamp_min(1e-30))
        noise = float(((self.gradients - mean).square().sum() / (BLOCKS * (BLOCKS - 1))).sqrt() / mean.norm())
        return Fit(
            dict(zip(names, weights.tolist(), strict=True)), dict(zip(names, errors.tolist(), strict=True)), left, noise
        )


def measured(subject: Subject, sizes: Sizes = SIZES) -> Measured:
    """What the encoder of this algorithm ascends, of problems with up to two latent dimensions; measured once.

    Raises NotApplicable if it has no Gaussian encoder, or none that a torch optimiser updates.
    """
    return _once(subject, f"gradient at {sizes}", lambda: _measure(subject, sizes))


def measured_at_rest(subject: Subject) -> Measured:
    """The same where nothing is left to learn: every weight is 0, so that q(z|x), p(z|x) and p(z) are N(0, I).

    All importance weights are then equal, however many draws there are, and no term has a gradient in the encoder but
    those of -v/2 and v/2, which cancel each other.  Updates move nothing but p(x), since the hidden units are 0.
    """
    return _once(subject, "gradient at rest", lambda: _measured_with(subject, SIZES, {}, at_rest=True))


def _once(subject: Subject, key: str, measure: Callable[[], Measured]) -> Measured:
    """The measurement ``key`` of this subject, made at the first call; also that it is not applicable."""
    if key not in subject.cache:
        try:
            subject.cache[key] = measure()
        except NotApplicable as reason:
            subject.cache[key] = reason
    measured = subject.cache[key]
    if isinstance(measured, NotApplicable):
        raise measured
    return cast("Measured", measured)


def _measure(subject: Subject, sizes: Sizes) -> Measured:
    """With one draw per datapoint; if that explains nothing, with every number of the plugin's own options at 1."""
    few, fewest = (_ones(subject, only_samples=only) for only in (True, False))
    measurement = _measured_with(subject, sizes, few)
    if few != fewest and not any(measurement.fit(terms).explains for terms in (TERMS, WITH_SLEEP, *MISTAKEN.values())):
        with suppress(NotApplicable):
            return _measured_with(subject, sizes, fewest)
    return measurement


def _ones(subject: Subject, *, only_samples: bool) -> Mapping[str, Any]:
    """1 for the options that are whole numbers above 1: numbers of samples, which make a gradient's form, or all."""
    usual = {field.name for field in dataclasses.fields(Hyperparameters)}
    return {
        field.name: 1
        for field in dataclasses.fields(subject.cls.Options)
        if type(field.default) is int
        and field.default > 1
        and field.name not in {*usual, *subject.settings}
        and ("sample" in field.name or not only_samples)
    }


def _measured_with(subject: Subject, sizes: Sizes, settings: Mapping[str, Any], *, at_rest: bool = False) -> Measured:
    made = _begun(subject, sizes, settings)
    model = made.algorithm.model
    x = made.problem.x.to(model.dtype)
    if at_rest:
        _rest(model, x)
    _check_encoder(model, x)
    phi, started = model.phi, time.perf_counter()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gradients, expected, objectives = [], Expected(x), []
    with _watched(made.algorithm, phi) as caught:
        for number in range(STEPS):
            if number > FEWEST and time.perf_counter() - started > SECONDS:
                break
            caught.clear()
            objectives.append(float(made.step().objective))
            with torch.no_grad():  # weights go back; moments of the optimiser do not, and make later updates smaller
                for name, value in model.state_dict().items():
                    value.copy_(before[name])
            if caught:
                gradients.append(-torch.stack([each for each, _ in caught]).sum(0))
                if number >= FIRST and number % EVERY == 0:
                    expected.add(model, caught[-1][1])
    if len(gradients) < FEWEST:
        raise NotApplicable("no optimiser of torch updates its encoder, so that its gradient cannot be seen")
    if expected.count == 0:
        raise NotApplicable("its encoder is updated too rarely")
    stacked = torch.stack(gradients[-(len(gradients) - FIRST) // BLOCKS * BLOCKS :])
    if not stacked.isfinite().all() or (float(stacked.mean(0).norm()) == 0 and not at_rest):
        raise NotApplicable("the gradient of its encoder is 0 or not finite")
    blocks = stacked.unflatten(0, (BLOCKS, -1)).mean(1)
    values = torch.tensor(objectives, dtype=torch.float64)
    error = float(values.std() / len(values) ** 0.5)
    return Measured(blocks, expected.mean(), float(values.mean()), error, exact_objectives(model, x))


def _begun(subject: Subject, sizes: Sizes, settings: Mapping[str, Any]) -> Training:
    """The algorithm with these options, or as it is if it cannot be trained with them."""
    try:
        training(subject, sizes, networks=WIDE, **settings).step()
    except Exception:  # noqa: BLE001  # of the plugin, which may need two
        settings = {}
    try:
        training(subject, sizes, networks=WIDE, **settings).step()
    except Exception as failure:
        raise NotApplicable(f"it cannot be trained with {sizes} ({in_words(failure)})") from failure
    return training(subject, sizes, networks=WIDE, **settings)


def _check_encoder(model: LatentVariableModel, x: Tensor) -> None:
    """Refuse models of another kind: discrete z, no encoder, or a q(z|x) that is no plain Gaussian."""
    if model.encoder is None or model.discrete is not None:
        raise NotApplicable("it learns no Gaussian encoder")
    usual, kind = LatentVariableModel, type(model)
    is_usual = kind.encode is usual.encode and kind.log_prior is usual.log_prior
    if not is_usual or type(model.encode(x)) is not Gaussian:
        raise NotApplicable("its q(z|x) or p(z) is another one than the usual Gaussian")


@torch.no_grad()
def _rest(model: LatentVariableModel, x: Tensor) -> None:
    """Set all weights to 0; raises NotApplicable if q(z|x) and p(z|x) are not N(0, I) then."""
    for parameter in model.parameters():
        parameter.zero_()
    _check_encoder(model, x)
    posterior = gaussian(model, x)
    log_p = model.decoder.log_prob_of_pairs(x, quadrature(x.dtype, model.latent_size)[0])  # [N, K]
    moved = float(posterior.mean.abs().max() + posterior.log_variance.abs().max() + (log_p - log_p[:, :1]).abs().max())
    if moved > 1e-5:
        raise NotApplicable("its q(z|x) or p(x|z) is another one than the usual networks make")


@contextmanager
def _watched(algorithm: object, phi: list[torch.nn.Parameter]) -> Iterator[list[tuple[Tensor, dict[str, Tensor]]]]:
    """The gradients of phi that optimisers are about to use, each with the weights of the model at that moment."""
    caught: list[tuple[Tensor, dict[str, Tensor]]] = []
    ours = {id(parameter) for parameter in phi}
    model: LatentVariableModel = algorithm.model  # type: ignore[attr-defined]

    def note(optimiser: Optimizer, *_: Any) -> None:
        held = {id(parameter) for group in optimiser.param_groups for parameter in group["params"]}
        if held & ours:
            gradient = [
                (torch.zeros_like(p) if p.grad is None or id(p) not in held else p.grad).detach().flatten() for p in phi
            ]
            weights = {name: value.detach().clone() for name, value in model.decoder.named_parameters()}
            caught.append((torch.cat(gradient).double(), weights))

    hooks = [each.register_step_pre_hook(note) for each in optimisers_of(algorithm)]
    try:
        yield caught
    finally:
        for hook in hooks:
            hook.remove()
