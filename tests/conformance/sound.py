"""Sound algorithms of different styles: whatever a check says against one of them is a false alarm."""

from __future__ import annotations

import textwrap

HEAD = '''"""An algorithm."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from bench import Algorithm, Hyperparameters, LatentVariableModel, StepInfo, option
from bench.options import NoOptions

'''
NO_OPTIONS = "    Options = NoOptions\n"
SETUP = "    def setup(self, problem, generator):\n        self.model = problem.model(encoder=True)\n"
BOUND = "        bound = self.model.elbo(batch.x, self.generator).mean()\n"
RETURN = "        return StepInfo(bound.detach(), 2 * len(batch.x))\n"
STEP = "    def step(self, batch):\n" + BOUND


def algorithm(setup: str, step: str, *, options: str = NO_OPTIONS, before: str = "") -> str:
    """A file with one class."""
    inside = textwrap.indent(textwrap.dedent(setup), " " * 8), textwrap.indent(textwrap.dedent(step), " " * 8)
    return f"{HEAD}{before}\nclass Mine(Algorithm):\n{options}\n{SETUP}{inside[0]}\n    def step(self, batch):\n{inside[1]}"


UPDATE = """
self.optimiser.zero_grad()
(-bound).backward()
self.optimiser.step()
return StepInfo(bound.detach(), 2 * len(batch.x))
"""
ELBO = "bound = self.model.elbo(batch.x, self.generator).mean()"

SOUND: dict[str, str] = {
    "sgd with momentum": algorithm(
        "self.optimiser = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.9)", ELBO + UPDATE
    ),
    "slow adam": algorithm("self.optimiser = torch.optim.Adam(self.model.parameters(), lr=1e-3)", ELBO + UPDATE),
    "adamw, clipped": algorithm(
        "self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=0.01, weight_decay=0.01)",
        ELBO
        + """
self.optimiser.zero_grad()
(-bound).backward()
nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
self.optimiser.step()
return StepInfo(bound.detach(), 2 * len(batch.x))
""",
    ),
    "own loop over samples": algorithm(
        "self.optimiser = torch.optim.RMSprop(self.model.parameters(), lr=0.005)",
        """
        q = self.model.encode(batch.x)
        log_w = []
        for _ in range(4):
            z = q.rsample(self.generator)
            log_w.append(self.model.log_joint(batch.x, z) - q.log_prob(z))
        bound = (torch.logsumexp(torch.stack(log_w), 0) - math.log(4)).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 8 * len(batch.x))
        """,
    ),
    "own loop over datapoints": algorithm(
        "self.optimiser = torch.optim.Adagrad(self.model.parameters(), lr=0.05)",
        """
        self.optimiser.zero_grad()
        total = torch.zeros(())
        for x in batch.x:
            bound = self.model.elbo(x[None], self.generator).sum() / len(batch.x)
            (-bound).backward()
            total += bound.detach()
        self.optimiser.step()
        return StepInfo(total, 2 * len(batch.x))
        """,
    ),
    "float64 inside": algorithm(
        "self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)",
        """
        q = self.model.encode(batch.x)
        mean, log_variance = q.mean.double(), q.log_variance.double()
        noise = torch.randn(mean.shape, generator=self.generator, dtype=torch.float64)
        z = mean + (log_variance / 2).exp() * noise
        log_likelihood = self.model.decoder.log_prob(batch.x, z.float()).double()
        bound = (log_likelihood + 0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1)).mean()
        """
        + textwrap.indent(UPDATE, " " * 8),
    ),
    "two optimisers": algorithm(
        """
        self.theta = torch.optim.Adam(self.model.theta, lr=0.01)
        self.phi = torch.optim.SGD(self.model.phi, lr=0.05)
        """,
        """
        bound = self.model.elbo(batch.x, self.generator).mean()
        for each in (self.theta, self.phi):
            each.zero_grad()
        (-bound).backward()
        for each in (self.theta, self.phi):
            each.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
        """,
    ),
    "a list of optimisers": algorithm(
        "self.optimisers = [torch.optim.Adam(each, lr=0.01) for each in (self.model.theta, self.model.phi)]",
        """
        bound = self.model.elbo(batch.x, self.generator).mean()
        for each in self.optimisers:
            each.zero_grad()
        (-bound).backward()
        for each in self.optimisers:
            each.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
        """,
    ),
    "no optimiser": algorithm(
        "self.rate = 0.05",
        """
        bound = self.model.elbo(batch.x, self.generator, 2).mean()
        parameters = [*self.model.parameters()]
        gradients = torch.autograd.grad(bound, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients):
                parameter += self.rate * gradient
        return StepInfo(float(bound), 4 * len(batch.x))
        """,
    ),
    "scheduler and warm-up": algorithm(
        """
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.02)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimiser, 100, 0.9)
        self.updates = 0
        """,
        """
        self.updates += 1
        q = self.model.encode(batch.x)
        log_likelihood = self.model.decoder.log_prob(batch.x, q.rsample(self.generator))
        kl = q.kl_to_standard_normal()
        loss = (min(1.0, self.updates / 50) * kl - log_likelihood).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.scheduler.step()
        return StepInfo((log_likelihood - kl).mean().detach(), 2 * len(batch.x), {"kl": kl.mean().detach()})
        """,
    ),
    "all the data": algorithm(
        "self.optimiser = self.make_optimiser(self.model.parameters(), problem)",
        ELBO + UPDATE,
        options="    Options = Settings\n",
        before='''
@dataclass(frozen=True)
class Settings:
    """Options."""

    learning_rate: float = option(0.05, "step size", above=0)
    batch_size: str = option("all", "datapoints in an update")

''',
    ),
    "shared hyperparameters": algorithm(
        "self.optimiser = self.make_optimiser(self.model.parameters(), problem)",
        "bound = self.model.elbo_backward(batch.x, self.generator, 3).mean()\n"
        "self.optimiser.step()\nself.optimiser.zero_grad()\nreturn StepInfo(bound, 6 * len(batch.x))\n",
        options="",
    ),
    "a learned prior": algorithm(
        """
        self.model = WithPrior(self.model)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)
        """,
        """
        q = self.model.encode(batch.x)
        z = q.rsample(self.generator)
        bound = (self.model.log_joint(batch.x, z) - q.log_prob(z)).mean()
        """
        + textwrap.indent(UPDATE, " " * 8),
        before="""
class WithPrior(LatentVariableModel):
    def __init__(self, model):
        super().__init__(model.latent_size, model.decoder, model.encoder)
        self.location = nn.Parameter(torch.zeros(model.latent_size))

    def log_prior(self, z):
        return super().log_prior(z - self.location)

    def sample_prior(self, num_samples, generator):
        return super().sample_prior(num_samples, generator) + self.location

    def elbo(self, x, generator, num_samples=1, *, seen=None):
        q = self.encode(x if seen is None else seen)
        z = q.rsample(generator, num_samples)
        return (self.log_joint(x, z) - q.log_prob(z)).mean(0)

""",
    ),
    "no encoder, Langevin chains": algorithm(
        """
        self.model = problem.model(encoder=False)
        self.chains = self.model.sample_prior(problem.num_data, generator)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)
        """,
        """
        z = self.chains[batch.index]
        for _ in range(3):
            noise = torch.randn(z.shape, generator=self.generator)
            z = z + 0.1 * self.model.log_joint_gradient(batch.x, z) + math.sqrt(0.2) * noise
        self.chains[batch.index] = z
        bound = self.model.log_joint(batch.x, z).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 8 * len(batch.x))
        """,
    ),
    "NumPy's noise, seeded by the generator": algorithm(
        """
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)
        """,
        """
        rng = np.random.default_rng(int(torch.randint(2**31, (), generator=self.generator)))
        q = self.model.encode(batch.x)
        noise = torch.as_tensor(rng.standard_normal(q.mean.shape)).float()
        z = q.mean + (q.log_variance / 2).exp() * noise
        bound = (self.model.decoder.log_prob(batch.x, z) - q.kl_to_standard_normal()).mean()
        """
        + textwrap.indent(UPDATE, " " * 8),
    ),
    "the score function": algorithm(
        """
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)
        self.baseline = torch.zeros(())
        """,
        """
        q = self.model.encode(batch.x)
        z = q.rsample(self.generator, 8).detach()
        log_q = q.log_prob(z)
        log_w = self.model.log_joint(batch.x, z) - log_q
        signal = log_w.detach()
        signal = signal - (signal.sum(0) - signal) / 7
        loss = -(log_w + signal * log_q).mean() + (log_q - log_q.detach()).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        bound = log_w.detach().mean()
        self.baseline = 0.9 * self.baseline + 0.1 * bound
        return StepInfo(bound, 16 * len(batch.x))
        """,
    ),
    "a beta of one half": algorithm(
        "self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)",
        """
        q = self.model.encode(batch.x)
        z = q.rsample(self.generator)
        bound = (self.model.decoder.log_prob(batch.x, z) - 0.5 * q.kl_to_standard_normal()).mean()
        """
        + textwrap.indent(UPDATE, " " * 8),
    ),
    "a critic of its own": algorithm(
        """
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)
        with torch.random.fork_rng():
            torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
            self.critic = nn.Linear(problem.latent_size, 1)
        self.of_critic = torch.optim.Adam(self.critic.parameters(), lr=0.01)
        """,
        """
        z = self.model.encode(batch.x).rsample(self.generator).detach()
        loss = (self.critic(z).squeeze(-1) - 1).square().mean()
        self.of_critic.zero_grad()
        loss.backward()
        self.of_critic.step()
        bound = self.model.elbo(batch.x, self.generator).mean()
        """
        + textwrap.indent(UPDATE, " " * 8),
    ),
    "wake-sleep, all in one": algorithm(
        "self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)",
        """
        with torch.no_grad():
            q = self.model.encode(batch.x)
            z = q.rsample(self.generator)
            dream = self.model.sample_prior(len(batch.x), self.generator)
            x = self.model.decoder.sample(dream, self.generator)
        log_joint = self.model.log_joint(batch.x, z).mean()
        loss = -log_joint - self.model.encode(x).log_prob(dream).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return StepInfo(log_joint.detach() - q.log_prob(z).mean(), 3 * len(batch.x))
        """,
    ),
}
