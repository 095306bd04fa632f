"""The vector-quantised variational auto-encoder: discrete codes."""

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

    num_codes: int = option(128, "codes of each group (K)", unit="codes", minimum=2)
    num_groups: int = option(1, "groups of latent dimensions, each with a code (G); divides z", minimum=1)
    codebook: Literal["gradient", "ema"] = option(
        "gradient", "how codes learn: by the gradient of their loss, or as moving averages of the encoder's outputs"
    )
    commitment: float = option(
        0.25, "weight (beta) of the squared distance of encoder outputs to their codes, summed over z", minimum=0
    )
    decay: float = option(0.99, "fraction that moving averages keep at each update (gamma)", above=0, maximum=0.9999)
    prior_rate: float = option(
        0.3, "step size of the prior's Adagrad; logits of codes have further to go than weights", above=0
    )
    restart: float = option(
        0.5,
        "a code used less often than this fraction of 1/K restarts at an encoder output; 0: never",
        minimum=0,
        maximum=1,
    )


class VQVAE(Algorithm):
    """VQ-VAE: the encoder chooses codes from a learned codebook, with a prior over them learned alongside.

    It ascends the bound ``log p(x, k)`` at the encoder's codes k, with the gradient passed straight through to the
    encoder, minus two squared distances, each with one end held fixed: codes are pulled to the encoder's outputs
    (weight 1) and the outputs to their codes (``commitment``).  The prior is learned with the rest, not afterwards, so
    that the bound and log p(x) are meaningful from the first update.  The first codes are encoder outputs, and a code
    that is rarely used restarts at one: the first updates move the outputs far away, and few codes would follow.
    Source: van den Oord et al. 2017, equations 2 and 3, and appendix A.1 (ema); Dhariwal et al. 2020, "Jukebox", for
    random restarts.  Cost of a step: 2 M model evaluations.

    >>> x = torch.bernoulli(torch.full((50, 6), 0.5), generator=torch.Generator().manual_seed(0))
    >>> fitted = VQVAE(2, model="mlp[hidden=5]", num_codes=4, learning_rate=0.1, device="cpu").fit(x, budget=200)
    >>> fitted.model.encode_codes(x).shape
    torch.Size([50, 1])
    """

    Options = VQVAEHyperparameters
    hyperparameters: VQVAEHyperparameters
    model: CodeModel

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """The usual networks, codes at the encoder's outputs for random datapoints, and two optimisers."""
        settings = self.hyperparameters
        self.generator = generator
        networks = problem.model(encoder=True)
        self.model = CodeModel.around(networks, settings.num_codes, settings.num_groups)
        drawn = self._draw(problem.num_data, (settings.num_codes,))
        with frozen(self.model), torch.no_grad():
            outputs = self.model.encoder(problem.x[drawn]).mean
            self.model.codebook.copy_(self.model.by_group(outputs).movedim(0, 1))
        self.model.codebook.requires_grad_(settings.codebook == "gradient")
        self.usage = torch.full_like(self.model.codebook[..., 0], 1 / settings.num_codes)  # [G, K]
        prior = [self.model.initial, self.model.transition]
        others = [weight for weight in self.model.parameters() if all(weight is not logits for logits in prior)]
        self.optimiser = self.make_optimiser(others, problem)
        self.prior_optimiser = make_optimiser(
            "adagrad", prior, settings.prior_rate, num_data=problem.num_data, prior=settings.prior
        )

    def step(self, batch: Batch) -> StepInfo:
        """One ascent in theta, phi and the prior; codes follow by their own gradient or by moving averages."""
        outputs = self.model.encoder(batch.x).mean  # [M, d]
        codes = self.model.nearest(outputs.detach())  # [M, G]
        bound = self.bound(batch.x, outputs, codes).mean()
        self.optimiser.zero_grad()
        self.prior_optimiser.zero_grad()
        (self.distances(outputs, codes).mean() - bound).backward()
        self.optimiser.step()
        self.prior_optimiser.step()
        self.follow(outputs.detach(), codes)
        return StepInfo(bound.detach(), model_evaluations=2 * len(batch.x))

    def bound(self, x: Tensor, outputs: Tensor, codes: Tensor) -> Tensor:
        """log p(x, k) for each datapoint, [M] nats; its gradient in e_k is passed to the encoder's outputs [M, d]."""
        z = outputs + (self.model.vectors(codes) - outputs).detach()
        return self.model.decoder.log_prob(x, z) + self.model.log_prior_of(codes)

    def distances(self, outputs: Tensor, codes: Tensor) -> Tensor:
        """The squared distances of codes to outputs and of outputs to codes, weighted: [M]."""
        vectors = self.model.vectors(codes)
        of_codes = (vectors - outputs.detach()).square().sum(-1)
        of_outputs = (outputs - vectors.detach()).square().sum(-1)
        return of_codes + self.hyperparameters.commitment * of_outputs

    @torch.no_grad()
    def follow(self, outputs: Tensor, codes: Tensor) -> None:
        """Count which codes are used, move them to the mean of their outputs (ema), restart those that are rarely used.

        With usage N, the share n of the batch and the sum S of its outputs over M, the moving averages
        ``N' = gamma N + (1 - gamma) n`` and ``m' = gamma m + (1 - gamma) S`` give
        ``m'/N' = e + (1 - gamma) (S - n e) / N'``: only the codes e = m/N and N need to be stored.
        """
        settings, codebook = self.hyperparameters, self.model.codebook
        parts = self.model.by_group(outputs)  # [M, G, d/G]
        chosen = functional.one_hot(codes, settings.num_codes).to(outputs.dtype)  # [M, G, K]
        share = chosen.mean(0)
        self.usage.lerp_(share, 1 - settings.decay)
        if settings.codebook == "ema":
            total = torch.einsum("mgk,mgc->gkc", chosen, parts) / len(outputs)
            moved = (1 - settings.decay) * (total - share.unsqueeze(-1) * codebook)
            codebook.add_(moved / self.usage.clamp_min(torch.finfo(moved.dtype).tiny).unsqueeze(-1))
        unused = self.usage < settings.restart / settings.num_codes
        drawn = self._draw(len(outputs), tuple(unused.shape))
        group = torch.arange(settings.num_groups, device=drawn.device).unsqueeze(-1)
        codebook.copy_(torch.where(unused.unsqueeze(-1), parts[drawn, group], codebook))
        self.usage.masked_fill_(unused, 1 / settings.num_codes)

    def _draw(self, below: int, shape: tuple[int, ...]) -> Tensor:
        """Integers from 0 to ``below``, exclusive."""
        return torch.randint(below, shape, generator=self.generator, device=self.generator.device)
