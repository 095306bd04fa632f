"""AEVB whose decoder learns from draws that are refined by Hamiltonian Monte Carlo."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.mcmc import hmc
from bench.mcmc.adaptation import DualAveraging
from bench.mcmc.posterior import LogPosterior
from bench.models.frozen import frozen


@dataclass(frozen=True)
class HMCVAEHyperparameters(Hyperparameters):
    """Options of the VAE with Hamiltonian Monte Carlo."""

    num_transitions: int = option(2, "Hamiltonian transitions from the encoder's draw (T)", minimum=1)
    num_leapfrog: int = option(5, "leapfrog steps per Hamiltonian transition (S)", minimum=1)
    acceptance: float = option(
        0.9, "target acceptance probability to which the chains' step size is tuned", above=0, maximum=0.99
    )


class HMCVAE(Algorithm):
    """AEVB with Hamiltonian Monte Carlo: the decoder learns from draws nearer to the posterior than the encoder's.

    The encoder ascends the lower bound, as in AEVB. The decoder ascends ``log p(x, z)`` at a z that starts at a draw
    from q(z|x) and then moves by Hamiltonian transitions, which leave the posterior p(z|x) invariant. Since
    ``grad log p(x) = E_p(z|x)[grad log p(x, z)]``, this gradient is that of the log-likelihood if the chain has
    forgotten q or if q is the posterior, whereas that of AEVB pulls the posterior towards the family of q. In between,
    it is biased, usually less than without the chain. Unlike in `mcem`, no chain is kept from one visit to the next.

    The reported objective is the encoder's lower bound, which the decoder does not ascend.

    Source: Hoffman 2017, "Learning deep latent Gaussian models with Markov chain Monte Carlo". One step size, adapted
    throughout training, serves all chains.
    Cost of a step: M (6 + 2 S T) model evaluations: 2 each for the bound, the start of the chain, every one
    of S leapfrog steps in T transitions, and the decoder.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = HMCVAE(latent_size=2, model="mlp[hidden=8]", learning_rate=0.02).fit(x, budget=200)
        >>> 0 < algorithm.history[-1]["acceptance"] <= 1
        True
    """

    Options = HMCVAEHyperparameters
    hyperparameters: HMCVAEHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the decoder and the encoder, with one optimiser each, and the step size of the chains."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.generative = self.make_optimiser(self.model.theta, problem)
        self.recognition = self.make_optimiser(self.model.phi, problem)
        self.step_size = DualAveraging(
            torch.full((), 0.1, device=problem.x.device), target=self.hyperparameters.acceptance, horizon=200
        )

    def step(self, batch: Batch) -> StepInfo:
        """Update the encoder by the bound and the decoder by log p(x, z) at refined draws, both at the same weights."""
        settings = self.hyperparameters
        self.generative.zero_grad()
        self.recognition.zero_grad()
        bound = self.model.elbo_backward(batch.x, self.generator)
        z, diagnostics = self.refined(batch.x)
        self.generative.zero_grad()  # the bound's gradient in theta is not used
        self.model.log_joint_backward(batch.x, z)
        self.generative.step()
        self.recognition.step()
        cost = 6 + 2 * settings.num_transitions * settings.num_leapfrog
        return StepInfo(bound, model_evaluations=cost * len(batch.x), diagnostics=diagnostics)

    def refined(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Draw z [M, d] from q(z|x), move it by the transitions, and adapt the step size; return z and the diagnostics.

        The diagnostic ``refinement`` is the gain in log p(x, z) from the transitions, in nats per datapoint.
        """
        settings, infos = self.hyperparameters, []
        with frozen(self.model), torch.no_grad():  # with dropout the density would change at each leapfrog step
            density = LogPosterior(self.model, x)
            state = start = hmc.init(density, self.model.encode(x).rsample(self.generator))
            for _ in range(settings.num_transitions):
                state, info = hmc.step(density, state, self.step_size.step_size, settings.num_leapfrog, self.generator)
                infos.append(info)
        acceptance = torch.stack([info.acceptance for info in infos]).mean()
        self.step_size.update(acceptance)
        return state.z, {
            "acceptance": acceptance,
            "divergences": torch.stack([info.divergent for info in infos]).sum(),
            "refinement": (state.log_density - start.log_density).mean(),
        }
