"""Wake-sleep, Monte Carlo EM and annealed importance sampling beside the same in plain PyTorch.

The other side is what a user would write: `nn.Linear`, autograd in z or in the weights alone, PyTorch's fused Adagrad.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn, optim
from torch.nn.functional import softplus

from bench import plugins, seeds
from bench.architectures.mlp import MLP
from bench.estimators.ais import AIS
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem, update

BATCH, RATE, LEAPFROG = 100, 0.02, 10


class Plain(nn.Module):
    """The paper's networks."""

    def __init__(self, pixels: int, hidden: int, latent_size: int) -> None:
        super().__init__()
        self.latent_size = latent_size
        self.encoder = nn.Sequential(nn.Linear(pixels, hidden), nn.Tanh(), nn.Linear(hidden, 2 * latent_size))
        self.decoder = nn.Sequential(nn.Linear(latent_size, hidden), nn.Tanh(), nn.Linear(hidden, pixels))
        for parameter in self.parameters():
            nn.init.normal_(parameter, 0, 0.01)

    def log_joint(self, x: Tensor, z: Tensor, beta: float = 1.0) -> Tensor:
        logits = self.decoder(z)
        return beta * (logits * x - softplus(logits)).sum(-1) - 0.5 * z.square().sum(-1)

    def log_posterior(self, x: Tensor, z: Tensor) -> Tensor:
        mean, log_variance = self.encoder(x).chunk(2, -1)
        return -0.5 * ((z - mean).square() * (-log_variance).exp() + log_variance).sum(-1)

    def gradient(self, x: Tensor, z: Tensor, beta: float = 1.0) -> tuple[Tensor, Tensor]:
        z = z.detach().requires_grad_()
        value = self.log_joint(x, z, beta)
        return value.detach(), torch.autograd.grad(value.sum(), z)[0]

    def transition(self, x: Tensor, z: Tensor, step: float, beta: float = 1.0) -> Tensor:
        """Hamiltonian Monte Carlo, one chain per row."""
        momentum, start = torch.randn_like(z), z
        value, slope = self.gradient(x, z, beta)
        energy = 0.5 * momentum.square().sum(-1) - value
        momentum = momentum + 0.5 * step * slope
        for left in reversed(range(LEAPFROG)):
            z = z + step * momentum
            value, slope = self.gradient(x, z, beta)
            momentum = momentum + (1.0 if left else 0.5) * step * slope
        accepted = torch.rand_like(energy) < (energy - 0.5 * momentum.square().sum(-1) + value).exp()
        return torch.where(accepted.unsqueeze(-1), z, start)


def wakesleep(model: Plain, x: Tensor, updates: int) -> None:
    theta = optim.Adagrad(model.decoder.parameters(), lr=RATE, fused=True)
    phi = optim.Adagrad(model.encoder.parameters(), lr=RATE, fused=True)
    for index in torch.randint(len(x), (updates, BATCH)):
        batch = x[index]
        with torch.no_grad():
            mean, log_variance = model.encoder(batch).chunk(2, -1)
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        theta.zero_grad()
        (-model.log_joint(batch, z).mean()).backward()
        theta.step()
        with torch.no_grad():
            z = torch.randn_like(z)
            dream = torch.bernoulli(torch.sigmoid(model.decoder(z)))
        phi.zero_grad()
        (-model.log_posterior(dream, z).mean()).backward()
        phi.step()


def mcem(model: Plain, x: Tensor, updates: int) -> None:
    theta = optim.Adagrad(model.decoder.parameters(), lr=RATE, fused=True)
    z = torch.randn(len(x), model.latent_size)
    for _ in range(updates):
        model.requires_grad_(requires_grad=False)
        z = model.transition(x, z, 0.1)
        model.requires_grad_(requires_grad=True)
        for _ in range(5):
            theta.zero_grad()
            (-model.log_joint(x, z).mean()).backward()
            theta.step()


PLAIN = {"wakesleep": wakesleep, "mcem": mcem}
CASES = [
    pytest.param("wakesleep", 64, 100, 3, 100, 1.35, id="wakesleep-64-100-3"),
    pytest.param("wakesleep", 784, 100, 3, 50, 1.2, id="wakesleep-784-100-3"),
    pytest.param("wakesleep", 784, 500, 20, 20, 1.1, id="wakesleep-784-500-20"),
    pytest.param("mcem", 64, 100, 3, 10, 1.3, id="mcem-64-100-3"),
    pytest.param("mcem", 784, 100, 3, 4, 1.3, id="mcem-784-100-3"),
]


@pytest.mark.parametrize(("name", "pixels", "hidden", "latent_size", "updates", "least"), CASES)
def test_updates(
    mnist: Callable[[str], tuple[Tensor, Tensor]],
    alternately: Callable[..., dict[str, float]],
    name: str,
    pixels: int,
    hidden: int,
    latent_size: int,
    updates: int,
    least: float,
) -> None:
    x = mnist("binarize=none")[0][:1000]
    if pixels == 64:
        x = x.view(-1, 28, 28)[:, 2:26, 2:26].reshape(-1, 8, 3, 8, 3).mean((2, 4)).reshape(-1, 64)
    kind = plugins.find("algorithm")[name].load()
    algorithm = kind(latent_size, model=f"mlp[hidden={hidden}]", device="cpu", learning_rate=RATE, prior="none")
    algorithm.setup(Problem(x, latent_size, algorithm.architecture, "bernoulli"), torch.Generator().manual_seed(0))
    batches, model = Minibatches(x, algorithm.batch_size, seed=0), Plain(pixels, hidden, latent_size)

    def bench() -> None:
        for number in range(updates):
            update(algorithm, batches[number])

    seconds = alternately(bench=bench, plain=lambda: PLAIN[name](model, x, updates))
    milliseconds = {side: round(1000 * value / updates, 2) for side, value in seconds.items()}
    ratio = seconds["plain"] / seconds["bench"]
    print(f"{name} {pixels}-{hidden}-{latent_size}: ms per update {milliseconds}, {ratio:.2f} times as fast")  # noqa: T201
    assert ratio >= least


def test_annealed_importance_sampling(
    mnist: Callable[[str], tuple[Tensor, Tensor]], alternately: Callable[..., dict[str, float]]
) -> None:
    """Leapfrog steps of a chain per second, from the prior, in 784-200-10; both find the same log p(x)."""
    x, latent_size, hidden, chains, temperatures = mnist("binarize=threshold")[1][:10], 10, 200, 16, 100
    model = Problem(x, latent_size, MLP(hidden=hidden, init_scale=0.1), "bernoulli").model(encoder=False)
    plain = Plain(784, hidden, latent_size).requires_grad_(requires_grad=False)
    for parameter, value in zip(plain.decoder.parameters(), model.decoder.parameters(), strict=True):
        parameter.copy_(value.detach())
    estimator, found = AIS(start="prior", num_steps=temperatures, num_chains=chains), {}
    num_leapfrog = estimator.options.num_leapfrog
    steps = {"bench": 0, "plain": temperatures * LEAPFROG * chains * len(x)}

    def bench() -> None:
        result = estimator.estimate(model, x, seeds.generator("peers"))
        found["bench"], steps["bench"] = result.mean, result.model_evaluations // 2

    def autograd() -> None:
        z, log_weights = torch.randn(chains, len(x), latent_size), torch.zeros(chains, len(x))
        betas = torch.linspace(0, 1, temperatures + 1).square().tolist()
        for before, beta in itertools.pairwise(betas):
            log_weights += (beta - before) * (plain.log_joint(x, z) + 0.5 * z.square().sum(-1))
            z = plain.transition(x, z, 0.15, beta)
        found["plain"] = float((log_weights.logsumexp(0) - torch.tensor(float(chains)).log()).mean())

    seconds = alternately(bench=bench, plain=autograd)
    rates = {side: round(steps[side] / value) for side, value in seconds.items()}
    ratio = rates["bench"] / rates["plain"]
    print(f"leapfrog steps per second: {rates}, {ratio:.2f} times as many ({num_leapfrog} per temperature); {found}")  # noqa: T201
    assert found["bench"] == pytest.approx(found["plain"], abs=2)
    assert ratio >= 1.15
