"""Codes that the encoder draws at random, rather than choosing the nearest."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.models.codes import CodeModel
from bench.models.discrete import RandomCodes
from bench.models.gaussian import Gaussian


class RandomCodeModel(RandomCodes, CodeModel):
    """A `CodeModel` whose q(k|x) is a distribution: independent over groups, with all codes of positive probability.

    In each group, ``q(k_g|x)`` is proportional to ``N(e_(k_g); m_g(x), s_g(x)^2)``: the encoder's Gaussian, which any
    architecture outputs, restricted to the vectors of the codebook.  The vectors are treated as constants in q, so that
    phi consists of the encoder alone, and theta, which includes the codebook, is learned through p(k) p(x|e_k).
    """

    def draw_codebook(self, generator: torch.Generator) -> None:
        """Initialise the codebook with draws from N(0, I), the prior of continuous z, so that codes start apart."""
        with torch.no_grad():
            nn.init.normal_(self.codebook, generator=generator)

    def log_posterior_of_each(self, x: Tensor) -> Tensor:
        """See `RandomCodes.log_posterior_of_each`."""
        posterior = self.encoder(x)
        if not isinstance(posterior, Gaussian):
            raise TypeError(f"Codes are drawn near a Gaussian, and this encoder outputs a {type(posterior).__name__}.")
        mean, log_variance = (self.by_group(part).unsqueeze(-2) for part in (posterior.mean, posterior.log_variance))
        squares = (self.codebook.detach() - mean).square() * (-log_variance).exp()  # [N, G, K, d/G]
        return (-0.5 * squares.sum(-1)).log_softmax(-1)

    def encode_codes(self, x: Tensor) -> Tensor:
        """See `DiscreteLatents.encode_codes`: the most probable codes under q(k|x)."""
        return self.log_posterior_of_each(x).argmax(-1)

    def draw_posterior(self, x: Tensor, generator: torch.Generator, num_samples: int) -> tuple[Tensor, Tensor]:
        """Draws from q(k|x) for x [N, D]: codes [num_samples, N, G], and their log q(k|x) [num_samples, N] in nats."""
        codes, log_q = draw_codes(self.log_posterior_of_each(x), generator, num_samples)
        return codes, log_q.sum(-1)

    def elbo(
        self, x: Tensor, generator: torch.Generator, num_samples: int = 1, *, seen: Tensor | None = None
    ) -> Tensor:
        """The lower bound ``E_q[log p(x, k) - log q(k|x)]`` from ``num_samples`` draws of k: x [N, D] -> [N] nats.

        Cost: ``num_samples`` model evaluations per datapoint.
        """
        codes, log_q = self.draw_posterior(x if seen is None else seen, generator, num_samples)
        return (self.log_joint_of(x, codes) - log_q).mean(0)


def draw_codes(log_q: Tensor, generator: torch.Generator, num_samples: int) -> tuple[Tensor, Tensor]:
    """Draws from distributions [N, G, K]: codes, and the log-probability of each, both [num_samples, N, G].

    Computed by inverting the distribution function.  If training has diverged, the log-probabilities of the codes are
    NaN, whereas `torch.multinomial` would raise.

    >>> draw_codes(torch.tensor([[[0.0, 1.0]]]).log(), torch.Generator(), num_samples=2)  # one of the two is certain
    (tensor([[[1]],
    <BLANKLINE>
            [[1]]]), tensor([[[0.]],
    <BLANKLINE>
            [[0.]]]))
    """
    below = log_q.detach().exp().cumsum(-1)  # [N, G, K]
    uniform = below.new_empty(*below.shape[:2], num_samples).uniform_(generator=generator)
    drawn = torch.searchsorted(below, uniform * below[..., -1:], right=True).clamp_max(log_q.shape[-1] - 1)
    codes = drawn.movedim(-1, 0)
    chosen = log_q.expand(num_samples, *log_q.shape).gather(-1, codes.unsqueeze(-1))
    return codes, chosen.squeeze(-1)
