"""A model that was trained elsewhere, made from its networks, so that estimators can evaluate it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from bench.errors import OptionError
from bench.models.adapters import SCALES, AdaptedDecoder, AdaptedEncoder, Scale
from bench.models.decoder import Decoder
from bench.models.encoder import Encoder
from bench.models.frozen import frozen
from bench.models.latent import LatentVariableModel
from bench.models.observation import ObservationModel
from bench.models.observation import observation_model as make_observation_model
from bench.values.numerals import whole_number
from bench.values.texts import quoted


def wrap_model(
    decoder: nn.Module,
    encoder: nn.Module | None = None,
    *,
    latent_size: int,
    observation_model: str | ObservationModel = "bernoulli",
    image_shape: tuple[int, ...] | None = None,
    probabilities: bool = False,
    decoder_scale: Scale = "log_variance",
    encoder_scale: Scale = "log_variance",
) -> LatentVariableModel:
    """A variational auto-encoder that was trained elsewhere, as a model for every estimator of continuous z.

    The prior is N(0, I).  The networks are used without copying them, on their device and in their precision;
    estimators run them in evaluation mode and leave them unchanged.

    - ``decoder`` maps z [N, d] to the location of each pixel, such as Bernoulli logits or Gaussian means, as [N, D] or
      as images [N, C, H, W].  If the observation model has a log-variance, it returns a tuple (location, scale).
    - ``encoder``, if given, maps x to a tuple (mean [N, d], scale [N, d]) of a Gaussian q(z|x).
    - ``latent_size`` is d.
    - ``observation_model`` names p(x|z): one of `bench list decoders`, such as ``bernoulli``, or the path of a file
      that defines another.
    - ``image_shape`` is the shape of one datapoint as the encoder expects it, such as (1, 28, 28); by default [D].
    - ``probabilities`` indicates that the decoder outputs probabilities instead of logits.  They are clipped to within
      machine precision of 0 and 1: log p(x|z) is then less accurate than with logits.
    - ``decoder_scale`` and ``encoder_scale`` specify what the second outputs are: ``log_variance`` (log sigma^2),
      ``log_deviation`` (log sigma) or ``deviation`` (sigma).

    Raises OptionError, which names the argument, if the networks do not fit: each is tested on two inputs of zeros.

    >>> from bench.estimator import estimate_log_likelihood
    >>> decoder = nn.Sequential(nn.Linear(2, 36), nn.Unflatten(1, (1, 6, 6)))  # x = W z + b + noise of variance 1
    >>> model = wrap_model(decoder, latent_size=2, observation_model="unit_gaussian")
    >>> estimate_log_likelihood(model, torch.zeros(5, 6, 6), "exact").log_likelihoods.shape
    torch.Size([5])
    """
    observed = make_observation_model(observation_model)
    _check_arguments(decoder, encoder, decoder_scale, encoder_scale)
    size = whole_number(latent_size)
    if size is None or size < 1:
        raise OptionError(f"`latent_size` must be an integer of at least 1 (got {quoted(latent_size)}).")
    if probabilities and observed.location_is != "logit":
        raise OptionError(
            "`probabilities` is for observation models whose location is a logit, such as bernoulli (got "
            f"{observed.plugin_name()}): leave it out."
        )
    scale = decoder_scale if observed.has_log_variance else None
    adapted = Decoder(AdaptedDecoder(decoder, probabilities=probabilities, scale=scale), observed)
    model = LatentVariableModel(size, adapted)
    num_pixels = _try_decoder(model, decoder, probabilities=probabilities)
    if encoder is None:
        return model
    shape = (num_pixels,) if image_shape is None else _shape(image_shape)
    if math.prod(shape) != num_pixels:
        raise OptionError(
            f"`image_shape` must have {num_pixels} values, as many as `decoder` outputs (got {shape}, which has "
            f"{math.prod(shape)})."
        )
    model = LatentVariableModel(size, adapted, Encoder(AdaptedEncoder(encoder, shape, scale=encoder_scale)))
    _try_encoder(model, encoder, shape)
    return model


def _check_arguments(decoder: object, encoder: object, decoder_scale: object, encoder_scale: object) -> None:
    for name, network in (("decoder", decoder), ("encoder", encoder)):
        if not isinstance(network, nn.Module) and (name == "decoder" or network is not None):
            raise OptionError(f"`{name}` must be a torch.nn.Module (got {type(network).__name__}).")
    for name, scale in (("decoder_scale", decoder_scale), ("encoder_scale", encoder_scale)):
        if scale not in SCALES:
            raise OptionError(f"`{name}` must be one of {', '.join(SCALES)} (got {quoted(scale)}).")


def _shape(given: object) -> tuple[int, ...]:
    sizes = [whole_number(size) for size in given] if isinstance(given, Iterable) else []
    shape = tuple(size for size in sizes if size is not None and size > 0)
    if not shape or len(shape) != len(sizes):
        raise OptionError(f"`image_shape` must be integers above 0, such as (1, 28, 28) (got {quoted(given)}).")
    return shape


def _try_decoder(model: LatentVariableModel, decoder: nn.Module, *, probabilities: bool) -> int:
    """D, the number of values that the decoder outputs for one z; raises OptionError if it does not fit."""
    z = torch.zeros(2, model.latent_size, device=model.device, dtype=model.dtype, requires_grad=True)
    advice = f"it must map z [N, {model.latent_size}], with `latent_size` columns, to the pixels of N datapoints"
    observation_model = model.decoder.observation_model
    with frozen(model), torch.enable_grad():
        output = _output("decoder", decoder, z, advice)
    if observation_model.has_log_variance:
        location, _ = _pair("decoder", output, f"(location, scale) for {observation_model.plugin_name()}")
    elif isinstance(output, Tensor):
        location = output
    else:
        raise OptionError(
            f"`decoder` must return one tensor for {observation_model.plugin_name()}, which has no log-variance (got "
            f"{described(output)}): return the location alone, or choose another `observation_model`."
        )
    if location.ndim < 2 or len(location) != 2:
        raise OptionError(f"`decoder` must return [N, ...] (got shape {tuple(location.shape)} for N = 2): {advice}.")
    if not location.requires_grad:
        raise OptionError("`decoder` must be differentiable in z: do without torch.no_grad(), detach() and data in it.")
    if probabilities and not (location.min() >= 0 and location.max() <= 1):
        raise OptionError(
            f"`decoder` must return values in [0, 1] if `probabilities` is True (got {location.min():.9g} to "
            f"{location.max():.9g}): leave `probabilities` out if they are logits."
        )
    return location[0].numel()


def _try_encoder(model: LatentVariableModel, encoder: nn.Module, shape: tuple[int, ...]) -> None:
    """Raises OptionError if the encoder does not fit."""
    x = torch.zeros(2, *shape, device=model.device, dtype=model.dtype)
    with frozen(model), torch.no_grad():
        output = _output("encoder", encoder, x, "give the shape of one datapoint as it takes it by `image_shape`")
    mean, _ = _pair("encoder", output, "(mean, scale)")
    if mean.ndim < 2 or len(mean) != 2 or mean[0].numel() != model.latent_size:
        raise OptionError(
            f"`encoder` must return a mean [N, {model.latent_size}], with `latent_size` columns (got shape "
            f"{tuple(mean.shape)} for N = 2)."
        )


def _output(name: str, network: nn.Module, inputs: Tensor, advice: str) -> object:
    """The network's output; raises OptionError if it fails."""
    try:
        return network(inputs)
    except Exception as error:
        raise OptionError(
            f"`{name}` fails on an input of shape {tuple(inputs.shape)} ({type(error).__name__}: {error}): {advice}."
        ) from error


def _pair(name: str, output: object, wanted: str) -> tuple[Tensor, Tensor]:
    """Two tensors of which the second can be expanded to the first; raises OptionError otherwise."""
    if isinstance(output, (tuple, list)) and len(output) == 2 and all(isinstance(part, Tensor) for part in output):
        first, second = output
        if _expandable(second, first):
            return first, second
    raise OptionError(
        f"`{name}` must return a tuple {wanted} of tensors of the same shape (got {described(output)}): wrap it in a "
        "torch.nn.Module that does."
    )


def described(output: object) -> str:
    """What a network has returned, as in "a tuple of (Tensor [2, 6], Tensor [2, 6])"."""
    if isinstance(output, Tensor):
        return f"Tensor {list(output.shape)}"
    if isinstance(output, (tuple, list)):
        return f"a tuple of ({', '.join(map(described, output))})"
    return type(output).__name__


def _expandable(tensor: Tensor, like: Tensor) -> bool:
    """Whether a tensor can be expanded to the shape of another."""
    try:
        return bool(torch.broadcast_shapes(tensor.shape, like.shape) == like.shape)
    except RuntimeError:
        return False
