"""Reweighted wake-sleep, with the same encoder as AEVB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.errors import OptionError
from bench.objectives.importance_weighted import Ways, weighted_draws


@dataclass(frozen=True)
class RWSHyperparameters(Hyperparameters):
    """Options of reweighted wake-sleep."""

    num_samples: int = option(5, "draws of z per datapoint (K)", unit="samples", minimum=1)
    phi: Literal["wake", "sleep", "both"] = option(
        "wake", "where the encoder learns: wake, from data with weighted draws; sleep, from dreams; both, the sum"
    )
    gradient: Literal["standard", "dreg"] = option(
        "standard", "estimator of the encoder's gradient in the wake phase: by its score, or doubly reparameterised"
    )

    def __post_init__(self) -> None:
        """Check combinations of options."""
        if self.phi == "sleep" and self.gradient == "dreg":
            raise OptionError(
                "`gradient` of rws is that of the encoder's wake phase and has no effect with phi=sleep (got dreg): "
                "choose phi=wake or phi=both, or leave it at standard."
            )
        if self.phi != "sleep" and self.num_samples == 1:
            raise OptionError(
                f"`num_samples` of rws must be at least 2 with phi={self.phi} (got 1): with a single draw the gradient "
                "of the encoder's wake phase is 0 on average. Choose more draws, or phi=sleep for wake-sleep."
            )


class RWS(Algorithm):
    """Reweighted wake-sleep: fits both networks to K weighted draws from the encoder, which represent the posterior.

    With ``w_k = p(x, z_k) / q(z_k|x)`` and ``v_k = w_k / sum w``, the decoder ascends ``sum_k v_k log p(x, z_k)`` at
    fixed v_k, whose gradient is that of the importance-weighted bound, the reported objective. The encoder descends
    KL(p || q): in the wake phase, it ascends ``sum_k v_k log q(z_k|x)`` at fixed z_k; in the sleep phase, it ascends
    ``log q(z|x)`` at dreams (z, x) from the decoder just updated, as in wake-sleep. ``phi=sleep`` with K = 1 is
    wake-sleep. With ``gradient=dreg``, the gradient in phi in the wake phase is ``sum_k (v_k - v_k^2) D_k``, where D_k
    is the derivative of log w_k through z_k alone; it has the same expectation.

    Source: Bornschein & Bengio 2015, section 2 (wake and sleep updates of q); Le et al. 2019 (wake-wake, which is
    ``phi=wake``); Tucker et al. 2019 (RWS-DReG).
    Cost of a step: 2 K M model evaluations, and M more if the encoder learns from dreams.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = RWS(latent_size=2, model="mlp[hidden=8]", phi="both", learning_rate=0.02).fit(x, budget=200)
        >>> estimate = algorithm.estimate_log_likelihood(x, "importance[num_samples=20,proposal=encoder]")
        >>> estimate.log_likelihoods.shape
        torch.Size([100])
    """

    Options = RWSHyperparameters
    hyperparameters: RWSHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the decoder and the encoder, with one optimiser each."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.generative = self.make_optimiser(self.model.theta, problem)
        self.recognition = self.make_optimiser(self.model.phi, problem)

    def step(self, batch: Batch) -> StepInfo:
        """Wake and update the decoder, dream if the encoder learns from dreams, and update the encoder."""
        settings, num_data = self.hyperparameters, len(batch.x)
        self.generative.zero_grad()
        self.recognition.zero_grad()
        bound = self.wake(batch.x)
        self.generative.step()
        if settings.phi != "wake":
            self.sleep(num_data)
        self.recognition.step()
        evaluations = 2 * settings.num_samples * num_data + (num_data if settings.phi != "wake" else 0)
        return StepInfo(bound, model_evaluations=evaluations)

    def wake(self, x: torch.Tensor) -> torch.Tensor:
        """Accumulate the gradients in theta and, unless ``phi=sleep``, in phi; return the importance-weighted bound."""
        settings = self.hyperparameters
        ways: Ways = "path" if settings.gradient == "dreg" else "parameters"
        draws = weighted_draws(self.model, x, self.generator, settings.num_samples, ways)
        shares = draws.shares()
        if settings.gradient == "dreg":
            draws.scale_path(1 - shares)
            ascended = draws.log_w
        else:
            ascended = draws.log_p if settings.phi == "sleep" else draws.log_p + draws.log_q
        (-(shares * ascended).sum(0).mean()).backward()
        return draws.bound().detach().mean()

    def sleep(self, num_dreams: int) -> None:
        """Accumulate the gradient of log q(z|x) in phi at dreams (z, x) ~ p(z) p(x|z); x is a draw, not a mean."""
        with torch.no_grad():
            z = self.model.sample_prior(num_dreams, self.generator)
            x = self.model.decoder.sample(z, self.generator)
        self.model.log_posterior_backward(x, z)
