"""Vector-quantised variational auto-encoder: discrete codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.models.codes import CodeModel
from bench.models.frozen import frozen
from bench.training.optimiser import make_optimiser


@dataclass(frozen=True)
class VQVAEHyperparameters(Hyperparameters):
    """Options of VQ-VAE."""

    num_codes: int = option(128, "codes per group (K)", unit="codes", minimum=2)
    num_groups: int = option(1, "groups of latent dimensions, with one code each (G); must divide z", minimum=1)
    codebook: Literal["gradient", "ema"] = option(
        "gradient", "how codes are learned: by gradient, or as exponential moving averages of the encoder's outputs"
    )
    commitment: float = option(
        0.25, "weight (beta) of the squared distance from encoder outputs to their codes, summed over z", minimum=0
    )
    decay: float = option(0.99, "decay of the moving averages per update (gamma)", above=0, maximum=0.9999)
    prior_rate: float = option(
        0.3, "step size of Adagrad for the prior, whose log odds change more during training than weights do", above=0
    )
    restart: float = option(
        0.5, "codes used less than this fraction of 1/K restart at an encoder output; 0: never", minimum=0, maximum=1
    )


class VQVAE(Algorithm):
    """VQ-VAE: the encoder selects codes from a learned codebook, and the prior over codes is learned alongside.

    The objective is the lower bound ``log p(x, k)`` at the encoder's codes k, with a straight-through gradient to the
    encoder, minus two squared distances, each with a stopped gradient on one side: codes move towards the encoder's
    outputs (weight 1), and outputs towards their codes (``commitment``). The prior is learned jointly rather than
    afterwards, so that the bound and log p(x) are meaningful from the first update. Codes are initialised at encoder
    outputs, and rarely used codes are restarted at an encoder output, because the first updates move the outputs far
    away and few codes would follow otherwise.

    Source: van den Oord et al. 2017, equations 2 and 3, and appendix A.1 (ema); Dhariwal et al. 2020, "Jukebox"
    (random restarts).
    Cost of a step: 2 M model evaluations.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = VQVAE(latent_size=2, model="mlp[hidden=8]", num_codes=4, learning_rate=0.02).fit(x, budget=200)
        >>> algorithm.estimate_log_likelihood(x, "exact").bias  # a sum over all codes
        'consistent'
    """

    Options = VQVAEHyperparameters
    hyperparameters: VQVAEHyperparameters
    model: CodeModel

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the networks, two optimisers, and codes at the encoder's outputs for random datapoints."""
        settings = self.hyperparameters
        self.generator = generator
        networks = problem.model(encoder=True)
        self.model = CodeModel.around(networks, settings.num_codes, settings.num_groups)
        rows = self._draw_indices(problem.num_data, (settings.num_codes,))
        with frozen(self.model), torch.no_grad():
            outputs = self.model.encoder(problem.x[rows]).mean
            self.model.codebook.copy_(self.model.by_group(outputs).movedim(0, 1))
        self.model.codebook.requires_grad_(settings.codebook == "gradient")
        self.usage = torch.full_like(self.model.codebook[..., 0], 1 / settings.num_codes)  # [G, K]
        prior = [self.model.initial, self.model.transition]
        others = [weight for weight in self.model.parameters() if all(weight is not parameter for parameter in prior)]
        self.optimiser = self.make_optimiser(others, problem)
        self.prior_optimiser = make_optimiser(
            "adagrad",
            prior if settings.prior != "none" else [],
            settings.prior_rate,
            num_data=problem.num_data,
            phi=prior if settings.prior == "none" else [],
        )

    def step(self, batch: Batch) -> StepInfo:
        """Update theta, phi and the prior by gradient, and the codes by gradient or by moving averages."""
        outputs = self.model.encoder(batch.x).mean  # [M, d]
        codes = self.model.nearest(outputs.detach())  # [M, G]
        bound = self.bound(batch.x, outputs, codes).mean()
        self.optimiser.zero_grad()
        self.prior_optimiser.zero_grad()
        (self.distances(outputs, codes).mean() - bound).backward()
        self.optimiser.step()
        self.prior_optimiser.step()
        self.update_codebook(outputs.detach(), codes)
        return StepInfo(bound.detach(), model_evaluations=2 * len(batch.x))

    def bound(self, x: Tensor, outputs: Tensor, codes: Tensor) -> Tensor:
        """log p(x, k) per datapoint, [M] nats; the gradient in e_k is passed on to the encoder's outputs [M, d]."""
        z = outputs + (self.model.vectors(codes) - outputs).detach()
        return self.model.decoder.log_prob(x, z) + self.model.log_prior_of(codes)

    def distances(self, outputs: Tensor, codes: Tensor) -> Tensor:
        """The squared distances between codes and outputs, weighted by which of the two receives the gradient: [M]."""
        vectors = self.model.vectors(codes)
        of_codes = (vectors - outputs.detach()).square().sum(-1)
        of_outputs = (outputs - vectors.detach()).square().sum(-1)
        return of_codes + self.hyperparameters.commitment * of_outputs

    @torch.no_grad()
    def update_codebook(self, outputs: Tensor, codes: Tensor) -> None:
        """Track the usage of codes, move them towards the mean of their outputs (ema), and restart rarely used ones.

        Let N be a code's usage, n its share of the minibatch and S the sum of its outputs divided by M. The moving
        averages ``N' = gamma N + (1 - gamma) n`` and ``m' = gamma m + (1 - gamma) S`` then give
        ``m'/N' = e + (1 - gamma) (S - n e) / N'``, so only the codes e = m/N and N need to be stored.
        """
        settings, codebook = self.hyperparameters, self.model.codebook
        parts = self.model.by_group(outputs)  # [M, G, d/G]
        chosen = functional.one_hot(codes, settings.num_codes).to(outputs.dtype)  # [M, G, K]
        share = chosen.mean(0)
        self.usage.lerp_(share, 1 - settings.decay)
        if settings.codebook == "ema":
            total = torch.einsum("mgk,mgc->gkc", chosen, parts) / len(outputs)
            change = (1 - settings.decay) * (total - share.unsqueeze(-1) * codebook)
            codebook.add_(change / self.usage.clamp_min(torch.finfo(change.dtype).tiny).unsqueeze(-1))
        unused = self.usage < settings.restart / settings.num_codes
        rows = self._draw_indices(len(outputs), tuple(unused.shape))
        group = torch.arange(settings.num_groups, device=rows.device).unsqueeze(-1)
        codebook.copy_(torch.where(unused.unsqueeze(-1), parts[rows, group], codebook))
        self.usage.masked_fill_(unused, 1 / settings.num_codes)

    def _draw_indices(self, below: int, shape: tuple[int, ...]) -> Tensor:
        """Random integers from 0 (inclusive) to ``below`` (exclusive)."""
        return torch.randint(below, shape, generator=self.generator, device=self.generator.device)
