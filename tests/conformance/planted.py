"""Plugins with one defect each, made from two sound ones by changing a line or two."""

from __future__ import annotations

from pathlib import Path

AUTO_ENCODER = '''"""The lower bound, written out."""

import random
import time

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class AutoEncoder(Algorithm):
    """AEVB with everything written out."""

    Options = NoOptions

    def setup(self, problem, generator):
        """Model and Adam."""
        self.model = problem.model(encoder=True)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)
        self.seen = 0

    def step(self, batch):
        """Ascend the bound."""
        self.seen += len(batch.x)
        mean, log_variance = self.model.encoder.network(batch.x)
        noise = torch.randn(mean.shape, generator=self.generator)
        z = mean + (0.5 * log_variance).exp() * noise
        logits = self.model.decoder.network(z)[0]
        log_likelihood = -cross_entropy(logits, batch.x, reduction="none").sum(-1)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(-1)
        bound = (log_likelihood - kl).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
'''

WAKE_SLEEP = '''"""Wake-sleep, written out."""

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
'''

NOISE = "torch.randn(mean.shape, generator=self.generator)"
LIKELIHOOD = 'cross_entropy(logits, batch.x, reduction="none").sum(-1)'
KL = "0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(-1)"
BOUND = "bound = (log_likelihood - kl).mean()"
REPORT = "StepInfo(bound.detach(), 2"
HONEST = (REPORT, "StepInfo(self.model.elbo(batch.x, self.generator).mean().detach(), 3")
SETUP = "self.seen = 0"
STEP = "self.seen += len(batch.x)"
CLASS = "class AutoEncoder(Algorithm):"

Change = tuple[str, str]

# name: the checks of which at least one must fail, words of which one must be in its lesson, and the changes
DEFECTS: dict[str, tuple[set[str], str, list[Change]]] = {
    "global seed in setup": (
        {"no_global_seed"},
        "seeds the global",
        [(SETUP, SETUP + "\n        torch.manual_seed(0)")],
    ),
    "global seed in step": (
        {"no_global_seed"},
        "seeds the global",
        [(STEP, STEP + "\n        torch.manual_seed(1)"), (NOISE, "torch.randn_like(mean)")],
    ),
    "global seed of NumPy": ({"no_global_seed"}, "numpy", [(SETUP, SETUP + "\n        np.random.seed(problem.seed)")]),
    "global seed of Python": ({"no_global_seed"}, "random", [(STEP, STEP + "\n        random.seed(self.seen)")]),
    "global seed at import": ({"no_global_seed"}, "torch", [(CLASS, "torch.manual_seed(42)\n\n\n" + CLASS)]),
    "state on the class": (
        {"resumes"},
        "left out of the checkpoint",
        [
            (SETUP, "type(self).count = 0"),
            (STEP, "type(self).count += 1"),
            (BOUND, "bound = (log_likelihood - min(1, type(self).count / 30) * kl).mean()"),
        ],
    ),
    "state in the module": (
        {"resumes"},
        "left out of the checkpoint",
        [
            (CLASS, 'STATE = {"mean": 0.0}\n\n\n' + CLASS),
            (SETUP, 'STATE["mean"] = 0.0'),
            (STEP, 'STATE["mean"] = 0.9 * STATE["mean"] + 0.1 * float(batch.x.mean())'),
            (BOUND, 'bound = (log_likelihood - (1 + STATE["mean"]) * kl).mean()'),
        ],
    ),
    "state that cannot be saved": ({"resumes"}, "cannot be saved", [(SETUP, SETUP + "\n        self.name = object()")]),
    "state_dict without the optimiser": (
        {"resumes"},
        "left out of the checkpoint",
        [
            (
                "    def step(self, batch):",
                "    def state_dict(self):\n"
                '        return {"model": {k: v.clone() for k, v in self.model.state_dict().items()},\n'
                '                "generator": self.generator.get_state(), "seen": self.seen}\n\n'
                "    def step(self, batch):",
            )
        ],
    ),
    "wrong sign of the KL": ({"kl_sign"}, "wrong sign", [(BOUND, "bound = (log_likelihood + kl).mean()")]),
    "wrong sign of the KL, honest report": (
        {"kl_sign"},
        "wrong sign",
        [(BOUND, "bound = (log_likelihood + kl).mean()"), HONEST],
    ),
    "wrong sign in the formula of the KL": (
        {"kl_sign"},
        "wrong sign",
        [(KL, "0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(-1)")],
    ),
    "wrong sign of the entropy": (
        {"kl_sign"},
        "wrong sign",
        [(KL, "0.5 * (mean**2 + log_variance.exp() - 1 + log_variance).sum(-1)")],
    ),
    "mean over pixels": (
        {"objective", "sum_over_pixels"},
        "mean over pixels",
        [(LIKELIHOOD, LIKELIHOOD[:-8] + ".mean(-1)")],
    ),
    "mean over pixels, honest report": (
        {"sum_over_pixels"},
        "mean over pixels",
        [(LIKELIHOOD, LIKELIHOOD[:-8] + ".mean(-1)"), HONEST],
    ),
    "mean over everything": (
        {"objective", "sum_over_pixels"},
        "mean over pixels",
        [(LIKELIHOOD, "cross_entropy(logits, batch.x)")],
    ),
    "KL divided by batch size times pixels": (
        {"sum_over_pixels"},
        "divided by minibatch size times pixels",
        [(KL, KL + " / batch.x.numel()")],
    ),
    "log sigma in draws": ({"log_variance"}, "log-sigma", [("(0.5 * log_variance).exp()", "log_variance.exp()")]),
    "log sigma in the KL": (
        {"log_variance"},
        "log-sigma",
        [(KL, "0.5 * (mean**2 + (2 * log_variance).exp() - 1 - 2 * log_variance).sum(-1)")],
    ),
    "log sigma in draws and in the KL": (
        {"log_variance"},
        "log-sigma",
        [
            ("(0.5 * log_variance).exp()", "log_variance.exp()"),
            (KL, "0.5 * (mean**2 + (2 * log_variance).exp() - 1 - 2 * log_variance).sum(-1)"),
        ],
    ),
    "log sigma in the variance of the KL": (
        {"log_variance"},
        "log-sigma",
        [(KL, "0.5 * (mean**2 + log_variance.exp() ** 2 - 1 - log_variance).sum(-1)")],
    ),
    "log sigma in draws, honest report": (
        {"log_variance"},
        "log-sigma",
        [("(0.5 * log_variance).exp()", "log_variance.exp()"), HONEST],
    ),
    "the time": ({"deterministic"}, "same seeds", [(BOUND, BOUND + " + 1e-3 * (time.perf_counter() % 1)")]),
    "an unseeded generator": (
        {"deterministic"},
        "same seeds",
        [(NOISE, "torch.as_tensor(np.random.default_rng().standard_normal(mean.shape)).float()")],
    ),
    "a generator seeded by chance": (
        {"deterministic"},
        "same seeds",
        [(SETUP, SETUP + "\n        self.generator.seed()")],
    ),
    "global noise": ({"no_global_draws"}, "ignores the generator", [(NOISE, "torch.randn_like(mean)")]),
    "global noise of NumPy": (
        {"no_global_draws"},
        "numpy",
        [(NOISE, "torch.as_tensor(np.random.standard_normal(mean.shape)).float()")],
    ),
    "noise of torch.distributions": (
        {"no_global_draws"},
        "ignores the generator",
        [(NOISE, "torch.distributions.Normal(0.0, 1.0).sample(mean.shape)")],
    ),
    "a generator of its own": (
        {"own_generator"},
        "ignores the generator",
        [
            (SETUP, SETUP + "\n        self.own = torch.Generator().manual_seed(0)"),
            (NOISE, "torch.randn(mean.shape, generator=self.own)"),
        ],
    ),
    "the same noise in each update": (
        {"own_generator"},
        "ignores the generator",
        [(NOISE, "torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))")],
    ),
    "an objective for each datapoint": (
        {"runs"},
        "wrong shape",
        [(REPORT, "StepInfo((log_likelihood - kl).detach(), 2")],
    ),
    "a fixed minibatch size": ({"shapes"}, "wrong shape", [(NOISE, "torch.randn(24, 2, generator=self.generator)")]),
    "log p(x|z) of the wrong axis": ({"runs"}, "wrong shape", [(LIKELIHOOD, LIKELIHOOD[:-4] + "(0)")]),
    "log 0": (
        {"finite"},
        "NaN",
        [(LIKELIHOOD, "-(batch.x * logits.sigmoid().log() + (1 - batch.x) * (1 - logits.sigmoid()).log()).sum(-1)")],
    ),
    "the standard deviation of one": (
        {"shapes", "finite"},
        "is nan",
        [(BOUND, "bound = (log_likelihood - kl).mean() + 0 * (log_likelihood - kl).std()")],
    ),
    "NaN after a while": (
        {"finite"},
        "NaN",
        [(BOUND, BOUND + "\n        bound = bound * float('nan') if self.seen > 2000 else bound")],
    ),
}

SLEEPS: dict[str, tuple[set[str], str, list[Change]]] = {
    "gradient through the sample": ({"wake_gradient"}, "wake phase", [(".detach()\n        log_joint", "\n        log_joint")]),
    "gradient through the sample, one optimiser": (
        {"wake_gradient"},
        "wake phase",
        [
            (".detach()\n        log_joint", "\n        log_joint"),
            ("self.of_decoder = self.make_optimiser(self.model.theta, problem)", "pass"),
            ("self.of_encoder = self.make_optimiser(self.model.phi, problem)",
             "self.of_encoder = torch.optim.Adam(self.model.parameters(), lr=0.01)"),
            ("        self.of_decoder.zero_grad()\n", ""),
            ("        self.of_decoder.step()\n", ""),
        ],
    ),
}  # fmt: skip


def write(folder: Path, source: str, changes: list[Change]) -> Path:
    """The plugin with these changes, as a file."""
    for old, new in changes:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    path = folder / "planted.py"
    path.write_text(source, encoding="utf-8")
    return path
