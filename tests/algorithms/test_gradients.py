"""The gradients that each algorithm's step leaves, against finite differences of objectives written out in NumPy.

The reference shares no code with the library: networks, densities and KL are written again, in float64.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench import plugins
from bench.algorithm import Algorithm
from bench.models.corruption import Corruption, corrupt
from bench.training.problem import Batch, Problem

Array = NDArray[np.float64]
Parameters = dict[str, Array]
M, D, Z, H = 4, 5, 2, 3


def tanh_layer(p: Parameters, where: str, inputs: Array) -> Array:
    return np.tanh(inputs @ p[f"{where}.hidden.weight"].T + p[f"{where}.hidden.bias"])


def encoded(p: Parameters, x: Array) -> tuple[Array, Array]:
    out = tanh_layer(p, "encoder.network", x) @ p["encoder.network.head.weight"].T + p["encoder.network.head.bias"]
    return out[:, :Z], out[:, Z:]


def decoded(p: Parameters, z: Array) -> Array:
    """The probability of each pixel."""
    logits = tanh_layer(p, "decoder.network", z) @ p["decoder.network.head.weight"].T + p["decoder.network.head.bias"]
    return np.asarray(1 / (1 + np.exp(-logits)))


def log_likelihood(p: Parameters, x: Array, z: Array) -> Array:
    """log Bernoulli(x; probability), the long way."""
    probability = decoded(p, z)
    return (x * np.log(probability) + (1 - x) * np.log(1 - probability)).sum(-1)


def log_normal(z: Array, mean: Array | float, log_variance: Array | float) -> Array:
    return (-0.5 * (np.log(2 * np.pi) + log_variance + (z - mean) ** 2 / np.exp(log_variance))).sum(-1)


def begun(name: str, **settings: object) -> tuple[Algorithm, Batch]:
    """An algorithm in float64 with weights large enough for curvature to matter."""
    x = torch.bernoulli(torch.full((M, D), 0.4, dtype=torch.float64), generator=torch.Generator().manual_seed(1))
    algorithm: Algorithm = plugins.find("algorithm")[name].load()(
        Z, model=f"mlp[hidden={H},init_scale=0.5]", device="cpu", **{"learning_rate": 0.01, **settings}
    )
    algorithm.setup(Problem(x, Z, algorithm.architecture, "bernoulli"), torch.Generator().manual_seed(2))
    return algorithm, Batch(x, torch.arange(M))


def parameters(algorithm: Algorithm) -> Parameters:
    return {name: value.detach().numpy().copy() for name, value in algorithm.model.named_parameters()}


def finite_differences(
    objective: Callable[[Parameters], float], at: Parameters, name: str, step: float = 1e-5
) -> Array:
    gradient = np.zeros_like(at[name])
    for index in np.ndindex(at[name].shape):
        there = {key: value.copy() for key, value in at.items()}
        there[name][index] += step
        up = objective(there)
        there[name][index] -= 2 * step
        gradient[index] = (up - objective(there)) / (2 * step)
    return gradient


def check(algorithm: Algorithm, objective: Callable[[Parameters], float], at: Parameters, part: str) -> None:
    """The gradients of one part (``decoder`` or ``encoder``) are those of minus the objective."""
    compared = 0
    for name, parameter in algorithm.model.named_parameters():
        if name.startswith(part):
            assert parameter.grad is not None
            expected = -finite_differences(objective, at, name)
            assert np.abs(expected).max() > 1e-4, f"{name}: a gradient of zero proves nothing"
            np.testing.assert_allclose(parameter.grad.numpy(), expected, rtol=1e-5, atol=1e-8, err_msg=name)
            compared += 1
    assert compared == 4


@pytest.mark.parametrize("estimator", ["A", "B"])
@pytest.mark.parametrize("num_samples", [1, 3])
def test_aevb_ascends_the_stochastic_bound(estimator: str, num_samples: int) -> None:
    """Equations 6 and 7 of the paper, gradients through the reparameterised draws included."""
    algorithm, batch = begun("aevb", estimator=estimator, num_samples=num_samples)
    at, x = parameters(algorithm), batch.x.numpy()
    noise = torch.randn((num_samples, M, Z), generator=torch.Generator().manual_seed(2), dtype=torch.float64).numpy()

    def bound(p: Parameters) -> float:
        mean, log_variance = encoded(p, x)
        total = 0.0
        for epsilon in noise:
            z = mean + np.exp(log_variance / 2) * epsilon
            if estimator == "A":
                terms = log_likelihood(p, x, z) + log_normal(z, 0.0, 0.0) - log_normal(z, mean, log_variance)
            else:
                kl = -0.5 * (1 + log_variance - mean**2 - np.exp(log_variance)).sum(-1)
                terms = log_likelihood(p, x, z) - kl
            total += float(terms.mean()) / num_samples
        return total

    info = algorithm.step(batch)
    assert float(info.objective) == pytest.approx(bound(at), rel=1e-9)
    check(algorithm, bound, at, "decoder")
    check(algorithm, bound, at, "encoder")


NOISY = [("masking", 0.5), ("salt_and_pepper", 0.5), ("gaussian", 0.5)]


@pytest.mark.parametrize(("denoise", "amount"), NOISY)
def test_aevb_denoises(denoise: Corruption, amount: float) -> None:
    """q of the corrupted x, bound on the clean one: E_q(z|noisy x)[log p(x|z)] - KL(q(z|noisy x) || p)."""
    algorithm, batch = begun("aevb", denoise=denoise, corruption=amount)
    at, x, stream = parameters(algorithm), batch.x.numpy(), torch.Generator().manual_seed(2)
    noisy = corrupt(batch.x, denoise, amount, stream).numpy()
    epsilon = torch.randn((M, Z), generator=stream, dtype=torch.float64).numpy()
    assert not np.array_equal(noisy, x)

    def bound(p: Parameters) -> float:
        mean, log_variance = encoded(p, noisy)
        kl = -0.5 * (1 + log_variance - mean**2 - np.exp(log_variance)).sum(-1)
        return float((log_likelihood(p, x, mean + np.exp(log_variance / 2) * epsilon) - kl).mean())

    info = algorithm.step(batch)
    assert float(info.objective) == pytest.approx(bound(at), rel=1e-9)
    check(algorithm, bound, at, "decoder")
    check(algorithm, bound, at, "encoder")


@pytest.mark.parametrize("seen", [0, 3, 20])
def test_aevb_ascends_an_easier_bound(seen: int) -> None:
    """With w = min(1, seen / 10), a floor between both KL_j: E[log p(x|z)] - w sum_j max(floor, KL_j)."""
    start, batch = begun("aevb")
    at, x = parameters(start), batch.x.numpy()
    epsilon = torch.randn((M, Z), generator=torch.Generator().manual_seed(2), dtype=torch.float64).numpy()

    def kl(p: Parameters) -> Array:
        mean, log_variance = encoded(p, x)
        terms: Array = -0.5 * (1 + log_variance - mean**2 - np.exp(log_variance)).mean(0)
        return terms

    def expected(p: Parameters) -> float:
        mean, log_variance = encoded(p, x)
        return float(log_likelihood(p, x, mean + np.exp(log_variance / 2) * epsilon).mean())

    floor = float(kl(at).mean())
    assert kl(at).min() < floor - 0.01 < floor + 0.01 < kl(at).max()
    algorithm, _ = begun("aevb", kl_warmup=10, free_bits=floor)
    algorithm.samples = seen  # type: ignore[attr-defined]
    info = algorithm.step(batch)
    assert float(info.objective) == pytest.approx(expected(at) - kl(at).sum(), rel=1e-9)

    def eased(p: Parameters) -> float:
        return expected(p) - min(1, seen / 10) * float(np.maximum(floor, kl(p)).sum())

    check(algorithm, eased, at, "decoder")
    check(algorithm, eased, at, "encoder")


@pytest.mark.parametrize("num_samples", [1, 3])
def test_fullvb_ascends_the_bound_over_parameters_too(num_samples: int) -> None:
    """Appendix F: gradients in mu, log sigma^2 and phi, through theta = mu + sigma zeta and through z."""
    algorithm, batch = begun("fullvb", num_samples=num_samples, initial_scale=0.3)
    at, x, stream = parameters(algorithm), batch.x.numpy(), torch.Generator().manual_seed(2)
    theta = [name for name in at if name.startswith("decoder")]
    log_variances = {f"log_variance of {name}": np.full_like(at[name], 2 * np.log(0.3)) for name in theta}

    def noise(*shape: int) -> Array:
        drawn: Array = torch.randn(shape, generator=stream, dtype=torch.float64).numpy()
        return drawn

    zetas_and_epsilons = [({name: noise(*at[name].shape) for name in theta}, noise(M, Z)) for _ in range(num_samples)]

    def bound(p: Parameters) -> float:
        mean, log_variance = encoded(p, x)
        total = 0.5 * (1 + log_variance - mean**2 - np.exp(log_variance)).sum(-1).mean()
        sigma = {name: np.exp(p[f"log_variance of {name}"] / 2) for name in theta}
        for name in theta:  # of N = M = 4 datapoints
            total -= (-np.log(sigma[name]) + (sigma[name] ** 2 + p[name] ** 2) / 2 - 0.5).sum() / M
        for zeta, epsilon in zetas_and_epsilons:
            drawn = {name: p[name] + sigma[name] * zeta[name] for name in theta}
            z = mean + np.exp(log_variance / 2) * epsilon
            total += log_likelihood(drawn, x, z).mean() / num_samples
        return float(total)

    info = algorithm.step(batch)
    assert float(info.objective) == pytest.approx(bound(at | log_variances), rel=1e-9)
    check(algorithm, lambda p: bound(p | log_variances), at, "decoder")
    check(algorithm, lambda p: bound(p | log_variances), at, "encoder")
    for name, parameter in zip(theta, algorithm.log_variances, strict=True):  # type: ignore[attr-defined]
        expected = -finite_differences(bound, at | log_variances, f"log_variance of {name}")
        np.testing.assert_allclose(parameter.grad.numpy(), expected, rtol=1e-5, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("phases", ["alternating", "simultaneous"])
def test_wakesleep_ascends_two_objectives(phases: str) -> None:
    """Wake: log p(x, z) in theta at z ~ q.  Sleep: log q(z|x) in phi at a dream; x is a draw of zeros and ones.

    Alternating phases dream with the decoder that the wake phase has updated (Hinton et al. 1995).
    """
    algorithm, batch = begun("wakesleep", phases=phases, learning_rate=1.0)
    at, x = parameters(algorithm), batch.x.numpy()
    stream = torch.Generator().manual_seed(2)
    mean, log_variance = encoded(at, x)
    awake = mean + np.exp(log_variance / 2) * torch.randn((M, Z), generator=stream, dtype=torch.float64).numpy()
    dreamed_z = torch.randn((M, Z), generator=stream, dtype=torch.float64)

    info = algorithm.step(batch)

    state = stream.get_state()
    dreams = {}
    for name, decoder in (("simultaneous", at), ("alternating", parameters(algorithm))):
        probability = torch.from_numpy(decoded(decoder, dreamed_z.numpy()))
        dreams[name] = torch.bernoulli(probability, generator=stream.set_state(state)).numpy()
    assert (dreams["simultaneous"] != dreams["alternating"]).any(), "otherwise the order proves nothing"
    dreamed_x = dreams[phases]
    assert set(np.unique(dreamed_x)) == {0.0, 1.0}

    def wake(p: Parameters) -> float:
        return float((log_likelihood(p, x, awake) + log_normal(awake, 0.0, 0.0)).mean())

    def sleep(p: Parameters) -> float:
        return float(log_normal(dreamed_z.numpy(), *encoded(p, dreamed_x)).mean())

    check(algorithm, wake, at, "decoder")
    check(algorithm, sleep, at, "encoder")
    assert float(info.objective) == pytest.approx(
        wake(at) - float(log_normal(awake, mean, log_variance).mean()), rel=1e-9
    )


def test_aae_reconstructs_and_fools_the_discriminator() -> None:
    """E_q[log p(x|z)] + w log D(z), through z; the discriminator has just been updated and is held fixed."""
    algorithm, batch = begun("aae", adversarial_weight=2.0, discriminator_hidden=4)
    discriminator: torch.nn.Module = algorithm.discriminator  # type: ignore[attr-defined]
    for parameter in discriminator.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(3))
    at, x = parameters(algorithm), batch.x.numpy()
    epsilon = torch.randn((M, Z), generator=algorithm.generator.clone_state(), dtype=torch.float64).numpy()  # type: ignore[attr-defined]
    info = algorithm.step(batch)
    w = [parameter.detach().numpy() for parameter in discriminator.parameters()]

    def log_odds(z: Array) -> Array:
        for weight, bias in ((w[0], w[1]), (w[2], w[3])):
            z = z @ weight.T + bias
            z = np.maximum(z, 0.2 * z)
        odds: Array = (z @ w[4].T + w[5])[:, 0]
        return odds

    def objective(p: Parameters) -> float:
        mean, log_variance = encoded(p, x)
        z = mean + np.exp(log_variance / 2) * epsilon
        return float((log_likelihood(p, x, z) - 2.0 * np.log1p(np.exp(-log_odds(z)))).mean())

    check(algorithm, objective, at, "decoder")
    check(algorithm, objective, at, "encoder")
    mean, log_variance = encoded(at, x)
    z = mean + np.exp(log_variance / 2) * epsilon
    assert float(info.objective) == pytest.approx(float((log_likelihood(at, x, z) + log_odds(z)).mean()), rel=1e-9)
    assert info.model_evaluations == 2 * M


def test_mcem_ascends_the_complete_data_likelihood() -> None:
    """One weight update: the gradient of log p(x, z) in theta at the current state of the chains."""
    algorithm, batch = begun("mcem", num_updates=1)
    at, x, before = parameters(algorithm), batch.x.numpy(), algorithm.chains.clone()  # type: ignore[attr-defined]
    algorithm.step(batch)
    z = algorithm.chains.numpy()  # type: ignore[attr-defined]
    assert not torch.equal(before, algorithm.chains)  # type: ignore[attr-defined]
    check(algorithm, lambda p: float((log_likelihood(p, x, z) + log_normal(z, 0.0, 0.0)).mean()), at, "decoder")
    assert algorithm.model.encoder is None


def test_mcem_updates_weights_as_often_as_asked() -> None:
    """But each chain moves only once: after 5 updates the decoder differs from that after 1, the chains do not."""
    (one, batch), (five, _) = begun("mcem", num_updates=1), begun("mcem", num_updates=5)
    for algorithm in (one, five):
        algorithm.step(batch)
    assert torch.equal(one.chains, five.chains)  # type: ignore[attr-defined]
    steps = {name: len(algorithm.optimiser.state) for name, algorithm in (("one", one), ("five", five))}  # type: ignore[attr-defined]
    assert steps["one"] == steps["five"] > 0
    counts = [a.optimiser.param_groups[0]["updates"] for a in (one, five)]  # type: ignore[attr-defined]
    assert counts == [1, 5]
