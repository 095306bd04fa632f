"""Checks of an architecture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from bench import plugins, seeds
from bench.architecture import Architecture, Shape
from bench.conformance.check import Broken, Check, NotApplicable
from bench.conformance.draws import changed_states
from bench.conformance.subject import Subject
from bench.conformance.tiny import blamed_on_plugin
from bench.models.affine import is_affine
from bench.models.observation import observation_model

N, D, Z = 7, 16, 2  # 4 x 4 images


def shape(observed: str, *, bounded: bool = True) -> Shape:
    """A small problem with this observation model."""
    return Shape(Z, D, observation_model(observed), bounded=bounded, image_shape=(4, 4))


def shapes() -> Iterator[Shape]:
    """One for each observation model that is shipped."""
    for name in plugins.KINDS["decoder"].shipped_names():
        yield shape(name)


def made(subject: Subject) -> Architecture:
    """An instance at its settings."""
    return subject.make()  # type: ignore[no-any-return]


def has_the_promised_outputs(subject: Subject) -> None:
    """Location and log-variance have the right shapes, for every observation model."""
    stream = seeds.generator("weights")
    z, x = torch.randn(3, N, Z, generator=stream), torch.rand(N, D, generator=stream)
    for each in shapes():
        name = each.observation_model.plugin_name()
        with blamed_on_plugin(f"`decoder_network` for {name} pixels", subject):
            location, log_variance = made(subject).decoder_network(each, stream).eval()(z)
        _expect("the decoder's location", location, (3, N, D), name)
        if (log_variance is not None) != each.observation_model.has_log_variance:
            needed = "needs a log-variance" if each.observation_model.has_log_variance else "needs None in its place"
            raise Broken(f"the observation model {name} {needed} (got {_shown(log_variance)}).")
        if log_variance is not None:
            _expect("the decoder's log-variance", log_variance.expand(location.shape), (3, N, D), name)
        with blamed_on_plugin(f"`encoder_network` for {name} pixels", subject):
            mean, log_variance = made(subject).encoder_network(each, stream).eval()(x)
        _expect("the encoder's mean", mean, (N, Z), name)
        _expect("the encoder's log-variance", log_variance, (N, Z), name)


def _expect(what: str, value: Any, wanted: tuple[int, ...], name: str) -> None:
    if not isinstance(value, Tensor) or tuple(value.shape) != wanted:
        raise Broken(f"wrong shape: {what} must be {list(wanted)} for {name} pixels (got {_shown(value)}).")


def _shown(value: object) -> str:
    return str(list(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def squashes_means(subject: Subject) -> None:
    """Means of data in [0, 1] pass a sigmoid, and others do not."""
    z = 1e3 * torch.randn(50, Z, generator=seeds.generator("z"))
    squashing, plain = (
        made(subject)
        .decoder_network(shape("unit_gaussian", bounded=bounded), seeds.generator("weights"))
        .eval()
        for bounded in (True, False)
    )  # fmt: skip
    if is_affine(squashing):
        raise NotApplicable("its means are affine by definition")
    with torch.no_grad():
        inside, outside = squashing(z)[0], plain(z)[0]
    if inside.min() < 0 or inside.max() > 1:
        raise Broken(f"means of data in [0, 1] go from {float(inside.min()):.3g} to {float(inside.max()):.3g}.")
    if not torch.allclose(torch.sigmoid(outside), inside, atol=1e-5):
        raise Broken("means of data in [0, 1] are not the sigmoid of those of other data, with the same weights.")


def bounds_log_variances(subject: Subject) -> None:
    """With far too large weights and inputs their exponential is still finite."""
    for network, inputs, who in (
        (
            made(subject).decoder_network(shape("gaussian"), seeds.generator("weights")),
            1e6 * torch.ones(1, Z),
            "decoder",
        ),
        (
            made(subject).encoder_network(shape("gaussian"), seeds.generator("weights")),
            1e6 * torch.ones(1, D),
            "encoder",
        ),
    ):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(1e3)
            values = network.eval()(inputs)[1].exp()
        if not torch.isfinite(values).all():
            raise Broken(f"with large weights the variance of the {who} overflows.")


def draws_weights_from_the_generator(subject: Subject) -> None:
    """The same generator gives the same weights, another one others; the global state has no part in it."""

    def weights(seed: int) -> Tensor:
        stream = seeds.generator("weights", seed)
        networks = made(subject).decoder(shape("gaussian"), stream), made(subject).encoder(shape("gaussian"), stream)
        return torch.cat([each.detach().flatten() for network in networks for each in network.parameters()])

    drawn: list[Tensor] = []
    for global_seed in (1, 2):
        changed_states(lambda: drawn.append(weights(0)), global_seed)
    if not torch.equal(drawn[0], drawn[1]):
        raise Broken("the same generator gives other weights the second time.")
    if torch.equal(drawn[0], weights(1)):
        raise Broken("another generator gives the same weights.")


def passes_gradients(subject: Subject) -> None:
    """Every parameter of both networks has a gradient, in training mode."""
    stream = seeds.generator("weights")
    z, x = torch.randn(N, Z, generator=stream), torch.rand(N, D, generator=stream)
    for network, inputs, who in (
        (made(subject).decoder_network(shape("gaussian"), stream), z, "decoder"),
        (made(subject).encoder_network(shape("gaussian"), stream), x, "encoder"),
    ):
        if is_affine(network):
            continue
        location, log_variance = network.eval()(inputs)
        (location.square().sum() + log_variance.sum()).backward()
        without = [name for name, each in network.named_parameters() if each.requires_grad and each.grad is None]
        if without:
            raise Broken(f"{', '.join(without[:3])} of the {who} has no effect on its outputs.")


CHECKS = (
    Check(
        "outputs",
        has_the_promised_outputs,
        protects="both networks have the outputs that every observation model needs",
        why="shapes that happen to fit are stretched to each other without a word.",
        where="`forward` of the networks.",
        mend="return (location, log_variance) of [..., D] from the decoder, with None for log_variance unless "
        "shape.observation_model.has_log_variance, and (mean, log_variance) of [..., d] from the encoder; accept any "
        "number of axes in front.",
        needed=True,
    ),
    Check(
        "sigmoid",
        squashes_means,
        protects="means of data in [0, 1] pass a sigmoid, and no others do",
        why="a mean that no pixel can have wastes likelihood, and a logit that passes a sigmoid twice can express "
        "hardly anything.",
        where="`decoder_network`: shape.squash.",
        mend="apply torch.sigmoid to the location if shape.squash, and only then.",
    ),
    Check(
        "bounded_log_variances",
        bounds_log_variances,
        protects="variances cannot overflow",
        why="sooner or later one training would end in NaN.",
        where="the log-variances of both networks.",
        mend="clamp them, for instance to [-14, 14] as the shipped networks do.",
    ),
    Check(
        "initial_weights",
        draws_weights_from_the_generator,
        protects="initial weights come from the generator alone",
        why="all algorithms start from the same weights for the same seed; that pairs them.",
        where="nn.Linear and nn.Conv2d, which draw initial weights from the global stream.",
        mend="draw them again: draw_weights or draw_he_weights of bench.models.initialisation.",
    ),
    Check(
        "gradients",
        passes_gradients,
        protects="every parameter has an effect",
        why="parameters that are never trained are counted, saved and given a prior all the same.",
        where="layers that `forward` does not use, .detach() and torch.no_grad().",
        mend="leave them out, or use them.",
    ),
)
