"""AEVB with a posterior that is transformed by a normalising flow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.errors import OptionError
from bench.models.flow_posterior import FlowEncoder
from bench.models.flows import Chain, Flow, Planar
from bench.models.network_flows import Coupling, InverseAutoregressive


@dataclass(frozen=True)
class FlowVAEHyperparameters(Hyperparameters):
    """Options of AEVB with flows."""

    flow: Literal["planar", "coupling", "iaf"] = option(
        "planar", "kind of the flow: planar, affine coupling or inverse autoregressive"
    )
    num_flows: int = option(4, "flows, one after the other (K)", minimum=1)
    num_features: int = option(16, "outputs of the encoder that the flows depend on", minimum=1)
    flow_hidden: int = option(32, "units in the hidden layer of each flow; planar has none", minimum=1)
    num_samples: int = option(1, "draws of z per datapoint (L)", minimum=1)

    def __post_init__(self) -> None:
        """Check combinations of options."""
        if self.flow == "planar" and self.flow_hidden != type(self).flow_hidden:
            raise OptionError(
                f"`flow_hidden` of flowvae has no effect with flow=planar (got {self.flow_hidden}): choose coupling or "
                "iaf, or leave it out."
            )


class FlowVAE(Algorithm):
    """AEVB with a normalising flow: q(z|x) is a Gaussian whose draws pass through invertible maps.

    Ascends ``E_q[log p(x|z) + log p(z) - log q(z|x)]``, the lower bound, at ``z = z_K``, where z_0 is drawn from the
    encoder's Gaussian and ``log q(z|x) = log q(z_0|x) - sum_k log |det dz_k/dz_(k-1)|``. The flows depend on x through
    features that the encoder outputs in addition to the mean and variance. They learn shapes that no Gaussian with
    diagonal covariance has, and so close part of the approximation gap; in the diagnosis of a run, the amortisation
    gap, which is measured relative to the best such Gaussian, can then be negative. Densities are exact at any z, so
    all estimators can be used: planar flows are inverted by bisection, and inverse autoregressive flows one dimension
    at a time.

    Source: Rezende & Mohamed 2015, equations 10 to 15 (planar, with the bound); Dinh et al. 2017 (coupling); Kingma et
    al. 2016, algorithm 1 (inverse autoregressive).
    Cost of a step: 2 L M model evaluations; passes through the encoder and the flows are not counted.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = FlowVAE(latent_size=2, model="mlp[hidden=8]", num_flows=2, learning_rate=0.02)
        >>> algorithm = algorithm.fit(x, budget=200)
        >>> estimate = algorithm.estimate_log_likelihood(x, "importance[num_samples=20,proposal=encoder]")
        >>> estimate.log_likelihoods.shape
        torch.Size([100])
    """

    Options = FlowVAEHyperparameters
    hyperparameters: FlowVAEHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the decoder, an encoder with additional outputs, the flows, and one optimiser for all of them."""
        settings = self.hyperparameters
        if settings.flow != "planar" and problem.latent_size < 2:
            raise OptionError(
                f"`flow` of flowvae cannot be {settings.flow!r} if z has one dimension, of which it makes another "
                "Gaussian: choose planar, or a larger z."
            )
        self.generator = generator
        self.model = problem.model(encoder=partial(self.build_encoder, problem))
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)

    def build_encoder(self, problem: Problem, stream: torch.Generator) -> FlowEncoder:
        """Build the architecture's network from x to the Gaussian and the features, together with the flows."""
        d, num_features = problem.latent_size, self.hyperparameters.num_features
        wider = problem.architecture.encoder(replace(problem.shape, latent_size=d + num_features), stream)
        flow = Chain([self.build_flow(d) for _ in range(self.hyperparameters.num_flows)])
        flow.draw_weights(stream)
        return FlowEncoder(wider.network, flow, d)

    def build_flow(self, latent_size: int) -> Flow:
        """Build one of the flows, without initialising its weights."""
        settings = self.hyperparameters
        if settings.flow == "planar":
            return Planar(latent_size, settings.num_features)
        kinds = {"coupling": Coupling, "iaf": InverseAutoregressive}
        return kinds[settings.flow](latent_size, settings.num_features, settings.flow_hidden)

    def step(self, batch: Batch) -> StepInfo:
        """Update theta and phi together by the gradient of the bound."""
        self.optimiser.zero_grad()
        bound = self.model.elbo_backward(batch.x, self.generator, self.hyperparameters.num_samples)
        self.optimiser.step()
        return StepInfo(bound, model_evaluations=2 * self.hyperparameters.num_samples * len(batch.x))
