"""Importance sampling of log p(x), the estimator of most published numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from bench.estimator import Estimate, Estimator
from bench.likelihood import enumeration
from bench.likelihood.blocks import blocks
from bench.likelihood.fit import fit_mixture
from bench.likelihood.gibbs import fit_gibbs
from bench.likelihood.local import fit_local_posteriors
from bench.likelihood.proposal import DefensiveMixture, EncoderProposal, Proposal
from bench.likelihood.weights import Weighed, Weights
from bench.models.discrete import DiscreteLatents
from bench.models.latent import LatentVariableModel
from bench.options import option

DRAWN_VALUES = 2**17  # values of z drawn at once; a constant, because it determines the order of the draws


@dataclass(frozen=True)
class ImportanceOptions:
    """Options of the `importance` estimator."""

    num_samples: int = option(500, "importance samples per datapoint", unit="samples", minimum=2)
    proposal: Literal["hmc", "variational", "encoder"] = option(
        "hmc",
        "source of z: a fit to Hamiltonian Monte Carlo chains, a locally optimised Gaussian, or the encoder",
    )
    chunk_megabytes: float = option(
        4.0, "size of the largest tensor; changes speed, not results: 4 suits caches, 256 a GPU", unit="MB", above=0
    )


class Importance(Estimator):
    """log p(x) by importance sampling: ``log mean_k p(x, z_k) / q(z_k)``, a lower bound in expectation.

    The proposal is fitted to each datapoint's posterior, in the same way for every algorithm, or is the encoder's
    Gaussian, as for most published numbers.  The fit by hmc has a component for each mode that is found, either by a
    chain or, in up to 20 dimensions, among 16,384 draws (fewer for very many pixels or datapoints) from the prior and
    from wider distributions.  This search is repeated with new draws, up to eight searches in total, as long as it adds
    components to more than 2 % of the datapoints.  Narrower modes can be missed.  The first component is fitted to one
    chain or, in more than 10 dimensions, to four.  In more than 20 dimensions, no draw comes near a mode, so this
    component is the only one.  The bound lies about half the squared standard error below log p(x), unless the
    effective sample size is small; a warning is issued if it is below 10 or if the weights are heavy-tailed.
    If z is discrete, the proposal is the exact posterior for up to 65,536 values of z, and all weights equal p(x); for
    more, it is fitted by Gibbs sampling.  Cost per datapoint: ``num_samples`` model evaluations, plus, for the fit by
    hmc, 902 for each chain of the first component (802 with an encoder), 802 for each further component, and the draws
    of the searches once per block of datapoints, or 1382 for the variational fit (1282 with an encoder); if z is
    discrete, one per value of z, or, with Gibbs sampling, ``num_samples`` plus 8 for each code of each group.
    Source: Burda et al. 2016, section 3; Kingma & Welling 2014, appendix D, for the estimator that it replaces; Raftery
    & Bao 2010, for a proposal that is extended by components.

    >>> Importance(num_samples=5000).options.proposal
    'hmc'
    """

    Options = ImportanceOptions
    options: ImportanceOptions
    takes_codes: ClassVar[bool] = True

    @property
    def may_refuse(self) -> bool:
        """See `Estimator.may_refuse`."""
        return self.options.proposal != "hmc"

    def refusal(self, model: LatentVariableModel) -> str:
        """See `Estimator.refusal`."""
        if self.options.proposal == "encoder" and model.encoder is None:
            return (
                "`proposal` of importance cannot be 'encoder' for a model without an encoder: use hmc, the default, or "
                "variational."
            )
        if self.options.proposal != "hmc" and model.discrete is not None:
            return (
                f"`proposal` of importance cannot be {self.options.proposal!r} for a model whose z is one of "
                f"{model.discrete.latents_in_words}: use hmc, the default, which is Gibbs sampling for such models."
            )
        return super().refusal(model)

    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """See `Estimator.log_likelihood`."""
        if model.discrete is not None and enumeration.is_enumerable(model.discrete):
            return self._exact(model.discrete, x)
        parts, costs = [], []
        for block in blocks(x):
            proposal, cost = self._proposal(model, block, generator)
            parts.append(self._weigh(model, block, proposal, generator))
            costs.append(cost + len(block) * self.options.num_samples)
        weighed = Weighed.cat(parts)
        remedy = "Raise num_samples" + (", or leave proposal=encoder." if self.options.proposal == "encoder" else ".")
        return Estimate(
            log_likelihoods=weighed.log_mean,
            standard_errors=weighed.standard_error,
            bias="lower",
            model_evaluations=sum(costs),
            diagnostics={"effective_sample_size": weighed.effective, "pareto_k": weighed.pareto_k},
            summary=weighed.summary(),
            warnings=weighed.warnings(remedy),
        )

    def _exact(self, model: DiscreteLatents, x: Tensor) -> Estimate:
        """The result that draws from the exact posterior would give, without drawing them: each weight is p(x)."""
        values = enumeration.log_likelihood(model, x)
        zeros = torch.zeros_like(values)
        effective = zeros + self.options.num_samples
        return Estimate(
            log_likelihoods=values,
            standard_errors=zeros,
            bias="consistent",
            model_evaluations=model.num_states * len(x),
            diagnostics={"effective_sample_size": effective, "pareto_k": zeros},
            summary={"effective_sample_size": float(self.options.num_samples), "heavy_tails": 0.0, "looseness": 0.0},
        )

    def _proposal(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> tuple[Proposal, int]:
        """The proposal for each row of x, and its cost in model evaluations."""
        if model.discrete is not None:
            return fit_gibbs(model.discrete, x, generator)
        if self.options.proposal == "encoder":
            with torch.no_grad():
                return EncoderProposal(model.encode(x)), 0
        if self.options.proposal == "variational":
            local = fit_local_posteriors(model, x, generator)
            return DefensiveMixture.around(local.posterior, model), local.model_evaluations
        return fit_mixture(model, x, generator)

    @torch.no_grad()
    def _weigh(self, model: LatentVariableModel, x: Tensor, proposal: Proposal, generator: torch.Generator) -> Weighed:
        """The weights of one block, streamed over chunks of samples."""
        num_samples = self.options.num_samples
        weights = Weights(num_samples, x)
        widest = max([x.shape[1], *(p.shape[0] for p in model.decoder.parameters() if p.ndim > 1)])  # or a hidden layer
        largest = int(self.options.chunk_megabytes * 1e6 / (len(x) * widest * x.element_size()))
        log_joint = model.log_joint if model.discrete is None else model.discrete.log_joint_of
        for count in _parts(num_samples, DRAWN_VALUES // (len(x) * model.latent_size)):
            draws = proposal.sample(count, generator)
            for z in draws.split(_parts(count, largest)):
                weights.add(log_joint(x, z) - proposal.log_prob(z))  # [k, N]
        return weights.weighed()


def _parts(total: int, largest: int) -> list[int]:
    """Divide ``total`` into as few parts as possible, of nearly equal size and none above ``largest`` (or 1)."""
    number = -(-total // max(1, largest))
    return [total // number + (part < total % number) for part in range(number)]
