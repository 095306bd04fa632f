"""Wake-sleep, written out."""

import torch

from bench import Algorithm, Hyperparameters, StepInfo


class WakeSleep(Algorithm):
    """Wake-sleep with an optimiser per phase."""

    Options = Hyperparameters

    def setup(self, problem, generator):
        """Model, and an optimiser for each phase."""
        self.model = problem.model(encoder=True)
        self.of_decoder = self.make_optimiser(self.model.theta, problem)
        self.of_encoder = self.make_optimiser(self.model.phi, problem)

    def step(self, batch):
        """Wake, then sleep."""
        self.of_decoder.zero_grad()
        self.of_encoder.zero_grad()
        posterior = self.model.encode(batch.x)
        z = posterior.rsample(self.generator).detach()
        log_joint = self.model.log_joint(batch.x, z).mean()
        (-log_joint).backward()
        self.of_decoder.step()
        with torch.no_grad():
            dream = self.model.sample_prior(len(batch.x), self.generator)
            x = self.model.decoder.sample(dream, self.generator)
        (-self.model.encode(x).log_prob(dream).mean()).backward()
        self.of_encoder.step()
        bound = log_joint.detach() - posterior.log_prob(z).detach().mean()
        return StepInfo(bound, 3 * len(batch.x))
