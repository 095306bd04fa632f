"""Importance sampling of log p(x), the estimator of most published numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bench.likelihood.estimator import Estimate, Estimator
from bench.likelihood.proposal import DefensiveStudent, EncoderProposal, Proposal
from bench.mcmc.posterior import sample_posterior
from bench.models.latent import LatentVariableModel
from bench.options import option

# Datapoints are taken in blocks of so many pixels.  A constant, because the blocks set the order of the draws.
BLOCK_PIXELS = 2**20

# A datapoint of fewer effective samples is not to be trusted; a run where more than this share are says so.
FEW_SAMPLES = 10
FEW_SHARE = 0.01

# Hamiltonian Monte Carlo for the proposal of a model without encoder; more samples no longer lower the standard error.
NUM_WARMUP, NUM_DRAWS, NUM_LEAPFROG = 50, 50, 4


@dataclass(frozen=True)
class ImportanceOptions:
    """What can be set of the `importance` estimator."""

    num_samples: int = option(1000, "importance samples a datapoint", unit="samples", minimum=1)
    proposal: Literal["auto", "encoder", "hmc"] = option(
        "auto", "where z comes from: the encoder, a fit to Hamiltonian Monte Carlo, or the encoder where there is one"
    )
    chunk_megabytes: float = option(
        4.0, "size of the largest tensor; changes speed, not results: 4 suits caches, 256 a GPU", unit="MB", above=0
    )


class Importance(Estimator):
    """log p(x) by importance sampling: ``log mean_k p(x, z_k) / q(z_k)``, a lower bound in expectation.

    The bound lies some half of the squared standard error below log p(x), as long as the effective sample size is not
    small.  Proposals are the encoder's Gaussian, or a Student t fitted to a Hamiltonian Monte Carlo chain.
    Cost: ``num_samples`` model evaluations a datapoint, and with the fitted proposal 902 more (802 with an encoder).
    Source: Burda et al. 2016, section 3; Kingma & Welling 2014, appendix D, for what it replaces.
    """

    Options = ImportanceOptions
    options: ImportanceOptions

    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """See `Estimator.log_likelihood`.  Raises ValueError for ``proposal=encoder`` on a model without one."""
        sums, model_evaluations = [], len(x) * self.options.num_samples
        for block in x.split(max(1, BLOCK_PIXELS // x.shape[1])):
            proposal, cost = self._proposal(model, block, generator)
            sums.append(self._sums(model, block, proposal, generator))
            model_evaluations += cost
        log_sum, log_sum_squares = (torch.cat(parts) for parts in zip(*sums, strict=True))
        return _estimate(log_sum, log_sum_squares, self.options.num_samples, model_evaluations)

    def _proposal(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> tuple[Proposal, int]:
        """The proposal for each row of x, and what it cost in model evaluations."""
        chosen = self.options.proposal
        if chosen == "encoder" and model.encoder is None:
            raise ValueError(
                "`proposal=encoder` needs a model with an encoder, and this one has none: use auto or hmc."
            )
        if chosen != "hmc" and model.encoder is not None:
            with torch.no_grad():
                return EncoderProposal(model.encode(x)), 0
        samples = sample_posterior(
            model, x, generator, num_warmup=NUM_WARMUP, num_samples=NUM_DRAWS, num_leapfrog=NUM_LEAPFROG
        )
        return DefensiveStudent.fit(samples, model), samples.model_evaluations

    @torch.no_grad()
    def _sums(
        self, model: LatentVariableModel, x: Tensor, proposal: Proposal, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """log sum_k w_k and log sum_k w_k^2, each [N] in float64, streamed over chunks of k."""
        log_sum = x.new_full((len(x),), -math.inf, dtype=torch.float64)
        log_sum_squares = log_sum.clone()
        largest = max(1, int(self.options.chunk_megabytes * 1e6 / (x.numel() * x.element_size())))
        for start in range(0, self.options.num_samples, largest):
            z = proposal.sample(min(largest, self.options.num_samples - start), generator)
            log_w = (model.log_joint(x, z) - proposal.log_prob(z)).double()  # [k, N]
            log_sum = torch.logaddexp(log_sum, log_w.logsumexp(0))
            log_sum_squares = torch.logaddexp(log_sum_squares, (2 * log_w).logsumexp(0))
        return log_sum, log_sum_squares


def _estimate(log_sum: Tensor, log_sum_squares: Tensor, num_samples: int, model_evaluations: int) -> Estimate:
    """The estimate from the sums of weights and of their squares; standard errors by the delta method."""
    effective = (2 * log_sum - log_sum_squares).exp()  # [N]
    relative_variance = (num_samples / effective - 1).clamp_min(0) / (num_samples - 1 or math.nan)
    log_likelihoods = log_sum - math.log(num_samples)
    return Estimate(
        log_likelihoods=log_likelihoods,
        standard_errors=relative_variance.sqrt(),
        bias="lower",
        model_evaluations=model_evaluations,
        diagnostics={"effective_sample_size": effective},
        warnings=_warnings(log_likelihoods, effective, num_samples),
    )


def _warnings(log_likelihoods: Tensor, effective: Tensor, num_samples: int) -> tuple[str, ...]:
    num_data, found = len(effective), []
    failed = int((~torch.isfinite(log_likelihoods)).sum())
    if failed:
        found.append(
            f"{failed} of {num_data} datapoints have no finite estimate: the model's log p(x, z) is not finite."
        )
    if num_samples == 1:
        found.append("One sample has no standard error: set num_samples to 2 or more.")
    few = int((effective < FEW_SAMPLES).sum())
    if num_samples > FEW_SAMPLES and few > FEW_SHARE * num_data:
        found.append(
            f"{few} of {num_data} datapoints ({few / num_data:.0%}) have an effective sample size below {FEW_SAMPLES}: "
            "their estimates may be too low and their standard errors too small. Raise num_samples, "
            "or set proposal=hmc where the encoder proposes."
        )
    return tuple(found)
