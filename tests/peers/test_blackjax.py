"""Hamiltonian Monte Carlo against blackjax under its compiler: the same posteriors and machine, in the same run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch import Tensor

from bench import seeds
from bench.algorithms.aevb import AEVB
from bench.mcmc import hmc
from bench.mcmc.posterior import LogPosterior
from bench.models.frozen import frozen

NUM_DATA, LATENT_SIZE, HIDDEN = 1000, 3, 100
NUM_STEPS, NUM_LEAPFROG, STEP_SIZE = 20, 10, 0.1


def test_at_least_the_gradients_a_second_of_blackjax(
    mnist: Callable[[str], tuple[Tensor, Tensor]], alternately: Callable[..., dict[str, float]]
) -> None:
    x_train, _ = mnist("binarize=none")
    x = x_train[:NUM_DATA]
    model = (
        AEVB(LATENT_SIZE, model=f"mlp[hidden={HIDDEN}]", learning_rate=0.02, device="cpu").fit(x_train, 30_000).model
    )
    with torch.no_grad():
        start = model.encode(x).mean.clone()
    theirs = compiled(model, x)
    found: dict[str, Any] = {}

    def bench() -> None:
        generator, accepted = seeds.generator("peers"), []
        with frozen(model):
            density = LogPosterior(model, x)
            state = hmc.init(density, start)
            for _ in range(NUM_STEPS):
                state, info = hmc.step(density, state, STEP_SIZE, NUM_LEAPFROG, generator)
                accepted.append(info.acceptance.mean())
        found["bench"] = float(torch.stack(accepted).mean()), state.z.numpy()

    def jaxed() -> None:
        z, acceptance = jax.block_until_ready(theirs(jnp.asarray(start.numpy()), jax.random.PRNGKey(0)))
        found["blackjax"] = float(acceptance.mean()), np.asarray(z)

    bench()
    jaxed()  # compiles
    seconds = alternately(bench=bench, blackjax=jaxed)
    gradients = NUM_DATA * NUM_STEPS * NUM_LEAPFROG
    rates = {name: round(gradients / value) for name, value in seconds.items()}
    ratio = seconds["blackjax"] / seconds["bench"]
    print(f"gradients per second: {rates}, ratio {ratio:.2f}; acceptance {[round(v[0], 3) for v in found.values()]}")  # noqa: T201
    assert abs(found["bench"][0] - found["blackjax"][0]) < 0.02
    assert np.abs(found["bench"][1].mean(0) - found["blackjax"][1].mean(0)).max() < 0.1
    assert ratio >= 1.15


def compiled(model: Any, x: Tensor) -> Any:
    """NUM_STEPS transitions by blackjax in one compiled program: one chain per datapoint, with its own decision."""
    network = model.decoder.network
    names = ("hidden.weight", "hidden.bias", "head.weight", "head.bias")
    w1, b1, w2, b2 = (jnp.asarray(network.get_parameter(name).detach().numpy()) for name in names)
    pixels = jnp.asarray(x.numpy())
    inverse_mass = jnp.ones(LATENT_SIZE)

    def log_joint(z: Any, pixel: Any) -> Any:
        logits = w2 @ jnp.tanh(w1 @ z + b1) + b2
        return (logits * pixel).sum() - jax.nn.softplus(logits).sum() - 0.5 * (z**2).sum()

    def one(key: Any, state: Any, pixel: Any) -> Any:
        kernel = blackjax.hmc(lambda z: log_joint(z, pixel), STEP_SIZE, inverse_mass, NUM_LEAPFROG)
        return kernel.step(key, state)

    @jax.jit
    def run(start: Any, key: Any) -> Any:
        begin = jax.vmap(lambda z, pixel: blackjax.mcmc.hmc.init(z, lambda v: log_joint(v, pixel)))(start, pixels)

        def body(states: Any, key: Any) -> Any:
            states, info = jax.vmap(one)(jax.random.split(key, NUM_DATA), states, pixels)
            return states, info.acceptance_rate.mean()

        states, acceptance = jax.lax.scan(body, begin, jax.random.split(key, NUM_STEPS))
        return states.position, acceptance

    return run
