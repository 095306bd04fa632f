"""VIMCO: gradients against the sum over all codes, and learning on data with a known truth."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from bench import plugins, seeds
from bench.algorithms.vimco import VIMCO
from bench.objectives.importance_weighted import WeightedDraws
from bench.training.problem import Batch, Problem

D, NUM_CODES, NUM_GROUPS, NUM_SAMPLES = 5, 3, 2, 2
ROWS, STEPS = 1000, 100  # 1e5 independent draws of codes
LARGEST_SCORE = 4.5  # of about 60 numbers: one false alarm in a thousand tests


def begun(x: Tensor, learning_rate: float = 1e-30, **settings: Any) -> VIMCO:
    """The algorithm after `setup`, in float64, with weights and a prior that are not small."""
    settings = {"num_codes": NUM_CODES, "num_groups": NUM_GROUPS, "num_samples": NUM_SAMPLES, **settings}
    algorithm = VIMCO(2, model="mlp[hidden=4,init_scale=0.4]", device="cpu", learning_rate=learning_rate, **settings)
    algorithm.setup(Problem(x, 2, algorithm.architecture, "bernoulli"), seeds.generator("noise of vimco"))
    stream = seeds.generator("prior of vimco")
    for logits in (algorithm.model.initial, algorithm.model.transition):
        torch.nn.init.normal_(logits, generator=stream)
    return algorithm


def one_datapoint() -> Tensor:
    return torch.tensor([[1.0, 0.0, 0.0, 1.0, 1.0]], dtype=torch.float64)


def log_weights_of_all_codes(algorithm: VIMCO, x: Tensor) -> tuple[Tensor, Tensor]:
    """log p(x, c) and log q(c|x) of one datapoint for each pair of codes, written out: [9] each."""
    model = algorithm.model
    posterior = model.encoder(x)
    log_p, log_q = [], []
    for codes in itertools.product(range(NUM_CODES), repeat=NUM_GROUPS):
        first, second = codes
        z = torch.cat([model.codebook[0, first], model.codebook[1, second]])
        log_prior = model.initial.log_softmax(0)[first] + model.transition[0, first].log_softmax(0)[second]
        log_p.append(log_prior + model.decoder.log_prob(x, z.unsqueeze(0))[0])
        of_groups = []
        for group, code in enumerate(codes):
            q = torch.distributions.Normal(posterior.mean[0, group], (posterior.log_variance[0, group] / 2).exp())
            near = q.log_prob(model.codebook[group, :, 0].detach())
            of_groups.append(near[code] - near.logsumexp(0))
        log_q.append(torch.stack(of_groups).sum())
    return torch.stack(log_p), torch.stack(log_q)


def expected_gradients(algorithm: VIMCO, x: Tensor) -> dict[str, Tensor]:
    """The gradient of E[log (w_1 + w_2) / 2], summed over all pairs of draws."""
    log_p, log_q = log_weights_of_all_codes(algorithm, x)
    log_w = log_p - log_q
    pairs = torch.logaddexp(log_w, log_w.unsqueeze(1)) - torch.tensor(2.0).log()
    expectation = (log_q.exp() * log_q.exp().unsqueeze(1) * pairs).sum()
    names, parameters = zip(*algorithm.model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(expectation, parameters), strict=True))


def test_gradients_are_those_of_the_sum_over_all_codes() -> None:
    """In phi, theta, the codebook and the prior, within Monte Carlo error of 1e5 draws."""
    x = one_datapoint()
    copies = x.expand(ROWS, -1)
    algorithm = begun(copies)
    expected = expected_gradients(algorithm, x)
    found: dict[str, list[Tensor]] = {name: [] for name in expected}
    for _ in range(STEPS):
        algorithm.step(Batch(copies, torch.arange(ROWS)))
        for name, parameter in algorithm.model.named_parameters():
            assert parameter.grad is not None
            found[name].append(-parameter.grad.clone())
    for name, truth in expected.items():
        assert truth.abs().max() > 1e-3, f"{name}: a gradient of zero proves nothing"
        steps = torch.stack(found[name])
        error = steps.std(0) / STEPS**0.5
        assert ((steps.mean(0) - truth).abs() <= LARGEST_SCORE * error + 1e-9).all(), name


def test_draws_have_the_probabilities_that_they_are_weighed_with() -> None:
    x = one_datapoint()
    algorithm = begun(x)
    codes, log_q = algorithm.model.draw_posterior(x, seeds.generator("draws of vimco"), 100_000)
    index = codes[:, 0, 0] * NUM_CODES + codes[:, 0, 1]
    expected = log_weights_of_all_codes(algorithm, x)[1]
    torch.testing.assert_close(log_q[:, 0], expected[index])
    counts = index.bincount(minlength=9).double()
    chi_squared = float(((counts - 100_000 * expected.exp()).square() / (100_000 * expected.exp())).sum().detach())
    assert chi_squared < 26.1  # the 99.9 % point with 8 degrees of freedom
    assert float(expected.detach().exp().sum()) == pytest.approx(1)


def of_score_function(draws: WeightedDraws) -> Tensor:
    """The surrogate without a baseline: every draw's score is multiplied by the whole bound."""
    bound = draws.bound()
    return bound + bound.detach() * draws.log_q.sum(0)


def of_vimco(draws: WeightedDraws) -> Tensor:
    from bench.algorithms.vimco import learning_signals

    return draws.bound() + (learning_signals(draws.log_w.detach()) * draws.log_q).sum(0)


@pytest.mark.parametrize("num_samples", [2, 5])
def test_the_gradient_varies_less_than_that_of_the_score_function(num_samples: int) -> None:
    """In phi, in all numbers together: by a factor of at least five here."""
    x = one_datapoint()
    algorithm = begun(x, num_samples=num_samples)
    variances = {}
    for surrogate in (of_score_function, of_vimco):
        steps = []
        for _ in range(300):
            gradients = torch.autograd.grad(surrogate(algorithm.draw(x)).mean(), algorithm.model.phi)
            steps.append(torch.cat([gradient.flatten() for gradient in gradients]))
        variances[surrogate.__name__] = float(torch.stack(steps).var(0).sum())
    print(variances)  # noqa: T201  # shown by pytest -rP
    assert variances["of_vimco"] < variances["of_score_function"] / 5


def test_each_draw_is_judged_without_itself() -> None:
    """log mean w - log mean (w with one replaced by the geometric mean of the others), the long way."""
    from bench.algorithms.vimco import learning_signals

    w = [0.5, 2.0, 4.0]
    expected = []
    for k, _ in enumerate(w):
        others = w[:k] + w[k + 1 :]
        expected.append(torch.tensor(sum(w) / (sum(others) + (others[0] * others[1]) ** 0.5)).log())
    torch.testing.assert_close(learning_signals(torch.tensor(w).log().unsqueeze(1))[:, 0], torch.stack(expected))


def test_the_bound_during_training_is_that_of_the_draws() -> None:
    """`elbo` is E_q[log p(x, c) - log q(c|x)], which a sum over all codes gives too."""
    x = one_datapoint()
    algorithm = begun(x)
    log_p, log_q = log_weights_of_all_codes(algorithm, x)
    expected = float((log_q.exp() * (log_p - log_q)).sum().detach())
    values = algorithm.model.elbo(x.expand(20_000, -1), seeds.generator("bounds of vimco")).detach()
    assert abs(float(values.mean()) - expected) < LARGEST_SCORE * float(values.std()) / 20_000**0.5
    assert torch.equal(algorithm.model.encode_codes(x)[0] @ torch.tensor([NUM_CODES, 1]), log_q.argmax())


def test_an_encoder_that_has_blown_up_is_reported_and_not_raised() -> None:
    """As is any other algorithm's: then the choice of a step size survives it, and the trial is called diverged."""
    x = one_datapoint()
    algorithm = begun(x)
    torch.nn.init.constant_(algorithm.model.phi[0], math.nan)
    assert math.isnan(algorithm.step(Batch(x, torch.arange(1))).objective)


def test_groups_must_divide_z() -> None:
    algorithm = plugins.find("algorithm")["vimco"].load()(3, num_groups=2, device="cpu", learning_rate=0.1)
    with pytest.raises(ValueError, match=r"`num_groups` must divide z, which is 3 \(got 2\)"):
        algorithm.setup(Problem(torch.zeros(4, 5), 3, algorithm.architecture, "bernoulli"), torch.Generator())
