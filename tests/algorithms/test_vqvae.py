"""VQ-VAE: gradients and moving averages against independent calculations, and learning on data with a known truth."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from bench import seeds
from bench.algorithms.vqvae import VQVAE
from bench.architectures.mlp import MLP
from bench.training.beginning import begin
from bench.training.clocks import Clocks
from bench.training.loop import train
from bench.training.minibatches import Minibatches
from bench.training.problem import Batch, Problem

M, D = 12, 6


def begun(x: Tensor, latent_size: int = 2, **settings: Any) -> VQVAE:
    """The algorithm after `setup`, with weights that are not small."""
    algorithm = VQVAE(latent_size, model="mlp[hidden=5,init_scale=0.5]", device="cpu", learning_rate=0.1, **settings)
    algorithm.setup(
        Problem(x, latent_size, MLP(hidden=5, init_scale=0.5), "bernoulli"), seeds.generator("noise of vqvae")
    )
    return algorithm


def binary(count: int = M) -> Tensor:
    return torch.bernoulli(torch.full((count, D), 0.5), generator=seeds.generator("pixels of vqvae"))


def test_gradients_are_those_of_the_parts_by_hand() -> None:
    """Decoder and prior: of log p(x, k); encoder: of the likelihood at e_k and commitment; codebook: 2 (e - z_e)."""
    x = binary()
    algorithm = begun(x, num_codes=3, num_groups=2, commitment=0.7)
    model = algorithm.model
    outputs = model.encoder(x).mean
    codes = model.nearest(outputs)
    loss = algorithm.distances(outputs, codes).mean() - algorithm.bound(x, outputs, codes).mean()
    names, parameters = zip(*model.named_parameters(), strict=True)
    found = dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))

    e = torch.stack([torch.cat([model.codebook[g, k] for g, k in enumerate(row)]) for row in codes.tolist()]).detach()
    z = e.clone().requires_grad_()
    log_likelihood = model.decoder.log_prob(x, z).mean()
    of_decoder = torch.autograd.grad(log_likelihood, [z, *model.decoder.parameters()])
    for parameter, expected in zip(model.decoder.named_parameters(prefix="decoder"), of_decoder[1:], strict=True):
        torch.testing.assert_close(found[parameter[0]], -expected)

    at_outputs = -of_decoder[0] + 0.7 * 2 * (outputs.detach() - e) / M
    of_encoder = torch.autograd.grad(model.encoder(x).mean, list(model.encoder.parameters()), at_outputs)
    for parameter, expected in zip(model.encoder.named_parameters(prefix="encoder"), of_encoder, strict=True):
        torch.testing.assert_close(found[parameter[0]], expected)

    expected = torch.zeros_like(model.codebook)
    for row, vector, output in zip(codes.tolist(), e.view(M, 2, 1), outputs.detach().view(M, 2, 1), strict=True):
        for g, k in enumerate(row):
            expected[g, k] += 2 * (vector[g] - output[g]) / M
    torch.testing.assert_close(found["codebook"], expected)

    first = functional.one_hot(codes[:, 0], 3).float().mean(0)
    torch.testing.assert_close(found["initial"], model.initial.softmax(-1).detach() - first)
    pairs = torch.zeros(3, 3)
    for before, after in codes.tolist():
        pairs[before, after] += 1 / M
    expected = pairs.sum(1, keepdim=True) * model.transition[0].softmax(-1).detach() - pairs
    torch.testing.assert_close(found["transition"][0], expected)


@pytest.mark.parametrize("num_groups", [1, 2])
def test_moving_averages_are_the_closed_form(num_groups: int) -> None:
    """After T updates: the averages of counts and of sums, each weighed by gamma^(T - t), from their starts."""
    x = binary()
    algorithm = begun(x, num_codes=3, num_groups=num_groups, codebook="ema", decay=0.8, restart=0)
    start = algorithm.model.codebook.detach().clone()
    counts, sums = torch.full((num_groups, 3), 1 / 3), start / 3
    stream = seeds.generator("outputs of vqvae")
    for _ in range(5):
        outputs = torch.randn(M, 2, generator=stream)
        codes = torch.randint(3, (M, num_groups), generator=stream)
        algorithm.update_codebook(outputs, codes)
        for g in range(num_groups):
            for k in range(3):
                mine = outputs.view(M, num_groups, -1)[codes[:, g] == k, g]
                counts[g, k] = 0.8 * counts[g, k] + 0.2 * len(mine) / M
                sums[g, k] = 0.8 * sums[g, k] + 0.2 * mine.sum(0) / M
    torch.testing.assert_close(algorithm.usage, counts)
    torch.testing.assert_close(algorithm.model.codebook, sums / counts.unsqueeze(-1))
    assert not torch.allclose(algorithm.model.codebook, start)


def test_a_code_of_no_use_begins_anew_at_an_output() -> None:
    x = binary()
    algorithm = begun(x, num_codes=3, num_groups=2, decay=0.5, restart=0.2)
    outputs = torch.arange(2.0 * M).view(M, 2)  # even numbers for the first group, odd ones for the second
    codes = torch.tensor([[0, 2], [1, 1]]).repeat(M // 2, 1)  # never the first group's third, the second's first
    before = algorithm.model.codebook.detach().clone()
    for _ in range(2):
        algorithm.update_codebook(outputs, codes)
        assert torch.equal(algorithm.model.codebook, before)  # used a quarter of its share so far
    algorithm.update_codebook(outputs, codes)
    changed = (algorithm.model.codebook != before)[..., 0]
    assert changed.tolist() == [[False, False, True], [True, False, False]]
    assert float(algorithm.model.codebook[0, 2].detach()) in outputs[:, 0].tolist()
    assert float(algorithm.model.codebook[1, 0].detach()) in outputs[:, 1].tolist()
    assert algorithm.usage[changed].tolist() == pytest.approx([1 / 3, 1 / 3])


def test_the_first_codes_are_outputs_of_the_encoder() -> None:
    x = binary()
    model = begun(x, num_codes=4, num_groups=2).model.requires_grad_(False)
    outputs = model.encoder(x).mean.view(M, 2, 1)
    for group in range(2):
        distances = (model.codebook[group] - outputs[:, group].mT).abs().min(1).values
        assert float(distances.max()) < 1e-6


def test_a_moving_average_gets_no_gradient() -> None:
    x = binary()
    algorithm = begun(x, num_codes=4, codebook="ema")
    before = algorithm.model.initial.detach().clone()
    algorithm.step(Batch(x, torch.arange(M)))
    assert algorithm.model.codebook.grad is None
    assert not torch.equal(algorithm.model.initial, before)  # the prior learns by its gradient in any case


def test_moving_averages_and_groups_go_on_bit_for_bit() -> None:
    x = binary()
    batch = Batch(x, torch.arange(M))
    settings = {"num_codes": 5, "num_groups": 2, "codebook": "ema", "restart": 1.0}
    one, two = begun(x, **settings), begun(x, **settings)
    for _ in range(3):
        one.step(batch)
    two.load_state_dict(one.state_dict())
    for _ in range(3):
        assert torch.equal(one.step(batch).objective, two.step(batch).objective)
    assert torch.equal(one.model.codebook, two.model.codebook)


@pytest.mark.parametrize(
    ("settings", "latent_size"),
    [({"codebook": "gradient"}, 2), ({"codebook": "ema"}, 2), ({"codebook": "gradient", "num_groups": 2}, 4)],
    ids=["gradient", "ema", "groups"],
)
def test_codes_recover_a_mixture(settings: dict[str, Any], latent_size: int) -> None:
    """Four binary prototypes with 5 % of the pixels flipped, of unequal shares: log p(x) is known exactly."""
    stream = seeds.generator("mixture of vqvae")
    shares = torch.tensor([0.4, 0.3, 0.2, 0.1])
    prototypes = torch.bernoulli(torch.full((4, 24), 0.5), generator=stream)
    probability = prototypes * 0.9 + 0.05
    which = torch.multinomial(shares, 2000, replacement=True, generator=stream)
    x = torch.bernoulli(probability[which], generator=stream)
    each = x @ probability.log().T + (1 - x) @ (1 - probability).log().T
    truth = float((each + shares.log()).logsumexp(1).mean())

    codes = 8 if "num_groups" not in settings else 4
    algorithm = VQVAE(
        latent_size,
        model="mlp[hidden=30]",
        device="cpu",
        learning_rate=0.1,
        num_codes=codes,
        prior="none",
        **settings,
    )
    problem = Problem(x, latent_size, algorithm.architecture, "bernoulli")
    minibatches = Minibatches(x, 100, 0)
    begin(algorithm, problem, minibatches, noise=0)

    def purity() -> float:
        """The share of datapoints whose prototype is the most common one of their code."""
        table: Tensor = torch.zeros(codes ** settings.get("num_groups", 1), 4)
        index = algorithm.model.encode_codes(x)
        flat = index[:, 0] if index.shape[1] == 1 else index[:, 0] * codes + index[:, 1]
        table.index_put_((flat, which), torch.ones(()), accumulate=True)
        return float(table.max(1).values.sum() / len(x))

    def behind() -> float:
        """How far the learned prior is from the codes' own frequencies: a KL divergence in nats."""
        counts = algorithm.model.encode_codes(x).unique(dim=0, return_counts=True)[1] / len(x)
        log_prior = algorithm.model.log_prior_of(algorithm.model.encode_codes(x)).mean()
        return float(((counts * counts.log()).sum() - log_prior).detach())

    def level() -> float:
        return algorithm.estimate_log_likelihood(x, "exact").mean

    assert level() < truth - 5
    for _ in train(algorithm, minibatches, Clocks(), budget=20_000):
        pass
    assert truth - 0.6 < level() < truth + 0.3
    assert purity() > 0.98
    if settings == {"codebook": "gradient"}:  # otherwise images keep moving between codes of one prototype
        assert behind() < 0.02
    assert float(algorithm.model.elbo(x, stream).detach().mean()) <= level() + 1e-6
