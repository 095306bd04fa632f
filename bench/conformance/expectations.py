"""Exact expectations of the terms that the gradient of an encoder consists of, on a tiny model.

By sums over all binary images, and by Gauss-Hermite quadrature over z, with up to two latent dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from torch import Tensor

from bench.conformance.tiny import every_image
from bench.models.frozen import frozen
from bench.models.gaussian import Gaussian
from bench.models.latent import LatentVariableModel

NODES = 14  # of the quadrature, per latent dimension


class Expected:
    """The exact gradients in phi of all terms, averaged over the decoders that they were asked for."""

    def __init__(self, x: Tensor) -> None:
        self.x = x
        self.sums: dict[str, Tensor] = {}
        self.count = 0
        self._last: tuple[dict[str, Tensor], dict[str, Tensor]] | None = None

    def add(self, model: LatentVariableModel, decoder: dict[str, Tensor]) -> None:
        """With the decoder's weights as they were when the gradient was used, and those of the encoder as they began.

        A wake phase may have changed the decoder just before; then the terms are others at each update.
        """
        if self._last is None or any(not torch.equal(decoder[name], old) for name, old in self._last[0].items()):
            self._last = decoder, self._gradients(model, decoder)
        for name, gradient in self._last[1].items():
            self.sums[name] = self.sums.get(name, torch.zeros_like(gradient)) + gradient
        self.count += 1

    def mean(self) -> dict[str, Tensor]:
        """The averages [P]."""
        return {name: total / self.count for name, total in self.sums.items()}

    def _gradients(self, model: LatentVariableModel, decoder: dict[str, Tensor]) -> dict[str, Tensor]:
        now = {name: value.detach().clone() for name, value in model.decoder.named_parameters()}
        _assign(model, decoder)
        try:
            return {
                name: torch.cat([g.flatten() for g in torch.autograd.grad(term(model, self.x), model.phi)]).double()
                for name, term in EXPECTATIONS.items()
            }
        finally:
            _assign(model, now)


@torch.no_grad()
def _assign(model: LatentVariableModel, decoder: dict[str, Tensor]) -> None:
    for name, value in model.decoder.named_parameters():
        value.copy_(decoder[name])


def quadrature(dtype: torch.dtype, latent_size: int) -> tuple[Tensor, Tensor]:
    """Nodes [K, d] and weights [K] for expectations under N(0, I)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    grid = np.stack(np.meshgrid(*[nodes] * latent_size), -1).reshape(-1, latent_size)
    product = np.stack(np.meshgrid(*[weights / np.sqrt(2 * np.pi)] * latent_size), -1).prod(-1).ravel()
    return torch.tensor(grid, dtype=dtype), torch.tensor(product, dtype=dtype)


def _likelihood(model: LatentVariableModel, x: Tensor, halves: float) -> Tensor:
    """E log p(x|z), z = m + exp(v ``halves``) e, a mean over datapoints."""
    nodes, weights = quadrature(x.dtype, model.latent_size)
    posterior = gaussian(model, x)
    z = posterior.mean + (halves * posterior.log_variance).exp() * nodes[:, None, :]  # [K, N, d]
    with torch.enable_grad():
        log_p = model.decoder.observation_model.log_prob(x, *model.decoder.outputs(z))  # [K, N]
    return (weights[:, None] * log_p).sum(0).mean()


def gaussian(model: LatentVariableModel, x: Tensor) -> Gaussian:
    """q(z|x), of which `_check_encoder` has seen that it is one."""
    return cast("Gaussian", model.encode(x))


def _sleep(model: LatentVariableModel, x: Tensor) -> Tensor:
    """E log q(z|x) under p(x, z), by a sum over all images."""
    nodes, weights = quadrature(x.dtype, model.latent_size)
    every = every_image(x.shape[1]).to(x)
    with torch.no_grad():
        probabilities = model.decoder.log_prob_of_pairs(every, nodes).exp()  # [X, K]
    log_q = model.encode(every[:, None, :]).log_prob(nodes)  # [X, K]
    return (weights * probabilities * log_q).sum()


EXPECTATIONS: dict[str, Callable[[LatentVariableModel, Tensor], Tensor]] = {
    "likelihood": lambda model, x: _likelihood(model, x, 0.5),
    "likelihood_sigma": lambda model, x: _likelihood(model, x, 1.0),
    "location": lambda model, x: -0.5 * model.encode(x).mean.square().sum(-1).mean(),
    "variance": lambda model, x: -0.5 * gaussian(model, x).log_variance.exp().sum(-1).mean(),
    "variance_sigma": lambda model, x: -0.5 * (2 * gaussian(model, x).log_variance).exp().sum(-1).mean(),
    "entropy": lambda model, x: 0.5 * gaussian(model, x).log_variance.sum(-1).mean(),
    "sleep": _sleep,
}


@torch.no_grad()
def exact_objectives(model: LatentVariableModel, x: Tensor) -> dict[str, float]:
    """The lower bound and what mistakes make of it: nats per datapoint."""
    with frozen(model):
        expected = float(_likelihood(model, x, 0.5))
        kl = float(model.encode(x).kl_to_standard_normal().mean())
    return {"bound": expected - kl, "kl_sign": expected + kl, "sum_over_pixels": expected / x.shape[1] - kl}
