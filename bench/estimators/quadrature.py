"""log p(x) by numerical integration over z, the ground truth for small non-linear models."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.estimator import Estimate, Estimator
from bench.likelihood.full_gaussian import FullGaussian
from bench.likelihood.modes import Modes, find_modes
from bench.models.latent import LatentVariableModel
from bench.options import option

LARGEST_LATENT_SIZE = 3

# At each refinement: nodes per dimension, and draws among which modes are searched for.
LEVELS = {1: (16, 32, 64, 128, 256), 2: (12, 18, 27, 40, 60, 90), 3: (8, 12, 18, 27, 36)}
STARTS = (100, 200, 400, 800, 1600, 3200)

MAX_MODES = 4
PRIOR_SHARE = 1e-3  # about the smallest share of the mixture; the prior covers the tails beyond the modes' Gaussians
CHUNK_PIXELS = 2**21  # in the largest tensor, which is float64


@dataclass(frozen=True)
class QuadratureOptions:
    """Options of the `quadrature` estimator."""

    tolerance: float = option(
        1e-3, "change between two refinements below which a datapoint is done", unit="nats", above=0
    )


class Quadrature(Estimator):
    """Numerical integration for up to 3 latent dimensions, refined until the result no longer changes.

    ``p(x) = sum_m w_m int q_m(z) [p(x, z) / sum_k w_k q_k(z)] dz``: a Gauss-Hermite rule for each mode of the
    posterior, centred at the mode and scaled by its curvature, and one for the prior; where several overlap, the
    balance heuristic divides the integrand among them.  Nodes and the search for modes are refined together until the
    value no longer changes.  The standard error is the larger of the last two changes, a quadrature error rather than a
    Monte Carlo one.  Cost: about 10^3 (d = 1) to 10^5 (d = 3) model evaluations per datapoint.  Source: Naylor & Smith
    1982; Veach & Guibas 1995, for the balance heuristic.

    >>> Quadrature(tolerance=0.01).options.tolerance
    0.01
    """

    Options = QuadratureOptions
    options: QuadratureOptions

    def refusal(self, model: LatentVariableModel) -> str:
        """See `Estimator.refusal`."""
        refused = super().refusal(model)
        if refused or model.latent_size <= LARGEST_LATENT_SIZE:
            return refused
        return (
            f"quadrature is for up to {LARGEST_LATENT_SIZE} latent dimensions (got {model.latent_size}): "
            "use ais or importance."
        )

    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """See `Estimator.log_likelihood`."""
        precise, x = copy.deepcopy(model).double(), x.double()
        num_data = len(x)
        values = x.new_full((num_data,), math.nan)
        change, error, modes, nodes = (torch.full_like(values, math.inf) for _ in range(4))
        todo, cost = torch.arange(num_data, device=x.device), 0
        for level, num_nodes in enumerate(LEVELS[model.latent_size]):
            near = find_modes(precise, x[todo], generator, STARTS[level], MAX_MODES)
            refined, spent = integrate(precise, x[todo], near, num_nodes)
            cost += near.model_evaluations + spent
            before, change[todo] = change[todo], (refined - values[todo]).abs().nan_to_num(nan=math.inf)
            error[todo] = (
                change[todo] if level < 2 else torch.maximum(before, change[todo])
            )  # changes alternate in size
            values[todo], modes[todo], nodes[todo] = refined, near.exists.sum(0).to(x.dtype), float(num_nodes)
            todo = todo[(error[todo] > self.options.tolerance) & torch.isfinite(refined)] if level > 1 else todo
            if not len(todo):
                break
        return Estimate(
            log_likelihoods=values,
            standard_errors=error,
            bias="consistent",
            model_evaluations=cost,
            diagnostics={"modes": modes, "nodes": nodes},
            summary={"modes": float(modes.mean()), "nodes": float(nodes.max())},
            warnings=self._warnings(error[torch.isfinite(values)]),
        )

    def _warnings(self, error: Tensor) -> tuple[str, ...]:
        """The warning about datapoints that have a value but have not converged."""
        moving = error > self.options.tolerance
        if not moving.any():
            return ()
        warning = (
            f"{int(moving.sum())} of {len(error)} datapoints still changed by more than {self.options.tolerance:g} "
            f"nats at the finest rule (by up to {float(error.max()):.2g}): that is their standard error."
        )
        return (warning,)


def integrate(model: LatentVariableModel, x: Tensor, modes: Modes, num_nodes: int) -> tuple[Tensor, int]:
    """log p(x) for each row of x [N, D] with ``num_nodes`` nodes per dimension, and the number of model evaluations.

    Cost: ``(1 + number of modes) * num_nodes^d`` model evaluations per datapoint.
    """
    points, log_weights = hermite_rule(num_nodes, model.latent_size, x)  # [Q, d], [Q]
    prior = FullGaussian(
        torch.zeros_like(modes.gaussians[0].mean),
        torch.eye(model.latent_size).to(x).expand_as(modes.gaussians[0].root),
        torch.eye(model.latent_size).to(x).expand_as(modes.gaussians[0].root),
    )
    components = [*modes.gaussians, prior]
    log_shares = _log_shares(modes)  # [M + 1, N]
    terms, cost = [], 0
    for component, log_share in zip(components, log_shares, strict=True):
        used = torch.isfinite(log_share)
        log_sum = torch.full_like(log_share, -math.inf)
        rows = used.nonzero()[:, 0]
        for part in rows.split(max(1, CHUNK_PIXELS // (len(points) * x.shape[1]))) if len(rows) else ():
            for chunk, weight in zip(
                *(t.split(max(1, CHUNK_PIXELS // x.shape[1])) for t in (points, log_weights)), strict=True
            ):
                z = component[part].unwhiten(chunk.unsqueeze(1))  # [Q, n, d]
                mixture = torch.logsumexp(
                    torch.stack([c[part].log_prob(z) + s[part] for c, s in zip(components, log_shares, strict=True)]), 0
                )
                with torch.no_grad():
                    log_ratio = model.log_joint(x[part], z) - mixture + log_share[part]  # [Q, n]
                log_sum[part] = torch.logaddexp(log_sum[part], (weight.unsqueeze(-1) + log_ratio).logsumexp(0))
                cost += log_ratio.numel()
        terms.append(log_sum)
    return torch.stack(terms).logsumexp(0), cost


def hermite_rule(num_nodes: int, latent_size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """The product Gauss-Hermite rule for N(0, I): nodes [Q, d] and log weights [Q] that sum to 1, Q = num_nodes^d."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(num_nodes)
    kept = weights > 0  # with many nodes, the weights of the outermost ones underflow
    axis, log_weight = torch.as_tensor(nodes[kept]).to(like), torch.as_tensor(np.log(weights[kept])).to(like)
    grid = torch.cartesian_prod(*[axis] * latent_size).reshape(-1, latent_size)
    log_weights = torch.cartesian_prod(*[log_weight] * latent_size).reshape(-1, latent_size).sum(-1)
    return grid, log_weights - log_weights.logsumexp(0)


def _log_shares(modes: Modes) -> Tensor:
    """Log weights of the mixture [M + 1, N]: each mode's Laplace mass, PRIOR_SHARE for the prior, -inf if absent."""
    masses = torch.where(modes.exists, modes.log_mass, -math.inf)
    shares = (masses - masses.logsumexp(0)).nan_to_num(nan=-math.inf) + math.log1p(-PRIOR_SHARE)
    shares = torch.where(modes.exists, shares.clamp_min(math.log(1e-3)), -math.inf)
    prior = torch.full_like(shares[:1], math.log(PRIOR_SHARE))
    every = torch.cat([shares, prior])
    return every - every.logsumexp(0)
