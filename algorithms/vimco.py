"""VIMCO: the importance-weighted bound for discrete codes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.models.random_codes import RandomCodeModel
from bench.objectives.importance_weighted import WeightedDraws


@dataclass(frozen=True)
class VIMCOHyperparameters(Hyperparameters):
    """Options of VIMCO."""

    num_codes: int = option(128, "codes per group", unit="codes", minimum=2)
    num_groups: int = option(1, "groups of latent dimensions, with one code each (G); must divide z", minimum=1)
    num_samples: int = option(
        5, "draws of codes per datapoint (K); at least 2, since the others are each one's baseline", minimum=2
    )


class VIMCO(Algorithm):
    """Variational inference for Monte Carlo objectives: K draws of discrete codes, each with the others as baseline.

    The objective is the importance-weighted bound ``L = log((1/K) sum_k w_k)`` with ``w_k = p(x, c_k) / q(c_k|x)``.
    Codes cannot be reparameterised, so phi follows the gradient
    ``sum_k (L - L_(-k)) d log q(c_k|x) + sum_k v_k d log w_k``, which is unbiased for any L_(-k) that does not depend
    on draw k; here it is L with w_k replaced by the geometric mean of the other weights. Theta follows
    ``sum_k v_k d log p(x, c_k)``, with ``v_k = w_k / sum w``. As in `vqvae`, codes have vectors, which the decoder
    receives as z, and a prior, and both are learned; here, however, q draws the codes at random and favours those whose
    vectors are near the encoder's output. With ``num_codes=2`` and ``num_groups`` equal to the size of z, the latent
    variables are binary.

    Source: Mnih & Rezende 2016, "Variational inference for Monte Carlo objectives", section 2.
    Cost of a step: 2 K M model evaluations.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = VIMCO(latent_size=2, model="mlp[hidden=8]", num_codes=4, learning_rate=0.02).fit(x, budget=200)
        >>> algorithm.estimate_log_likelihood(x, "exact").bias  # a sum over all codes
        'consistent'
    """

    Options = VIMCOHyperparameters
    hyperparameters: VIMCOHyperparameters
    model: RandomCodeModel

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the networks, a codebook drawn at random, and one optimiser."""
        settings = self.hyperparameters
        self.generator = generator
        networks = problem.model(encoder=True)
        self.model = RandomCodeModel.around(networks, settings.num_codes, settings.num_groups)
        self.model.draw_codebook(generator)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)

    def step(self, batch: Batch) -> StepInfo:
        """Update theta, including the prior, and phi from the same K draws."""
        draws = self.draw(batch.x)
        bound = draws.bound()
        surrogate = bound + (learning_signals(draws.log_w.detach()) * draws.log_q).sum(0)
        self.optimiser.zero_grad()
        (-surrogate.mean()).backward()
        self.optimiser.step()
        return StepInfo(bound.detach().mean(), model_evaluations=2 * len(draws.log_w) * len(batch.x))

    def draw(self, x: Tensor) -> WeightedDraws:
        """K draws of codes for each row of x [M, D]."""
        codes, log_q = self.model.draw_posterior(x, self.generator, self.hyperparameters.num_samples)
        return WeightedDraws(self.model.vectors(codes), self.model.log_joint_of(x, codes), log_q)


def learning_signals(log_w: Tensor) -> Tensor:
    """``L - L_(-k)`` for each of K draws, in nats: how much draw k improves the bound; [K, M] -> [K, M].

    >>> learning_signals(torch.tensor([[1.0], [1.0], [1.0]]))
    tensor([[0.],
            [0.],
            [0.]])
    """
    num_samples = len(log_w)
    of_others = (log_w.sum(0) - log_w) / (num_samples - 1)  # the log of their geometric mean
    is_own = torch.eye(num_samples, dtype=torch.bool, device=log_w.device).unsqueeze(-1)
    without = torch.where(is_own, of_others.unsqueeze(1), log_w)  # [k, K, M]: draw k is replaced
    signals: Tensor = log_w.logsumexp(0) - without.logsumexp(1)
    return signals
