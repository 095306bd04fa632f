"""Estimates of models with discrete z, against brute force."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench import plugins, seeds
from bench.architecture import Shape
from bench.architectures.mlp import MLP
from bench.errors import OptionError
from bench.likelihood import enumeration, gibbs
from bench.likelihood.diagnosis import diagnose
from bench.likelihood.estimate import Estimate
from bench.models.codes import CodeModel
from bench.models.observation import observation_model

N, D = 12, 20


def code_model(num_codes: int = 3, num_groups: int = 2, likelihood: str = "bernoulli") -> CodeModel:
    """A model of 20 pixels whose codes, prior and networks are random and not small."""
    stream = seeds.generator("discrete", num_codes, num_groups)
    shape, architecture = Shape(4, D, observation_model(likelihood), bounded=True), MLP(hidden=6, init_scale=0.7)
    decoder, encoder = architecture.decoder(shape, stream), architecture.encoder(shape, stream)
    model = CodeModel(4, decoder, encoder, num_codes, num_groups).double()
    with torch.no_grad():
        for parameter in (model.codebook, model.initial, model.transition):
            parameter.normal_(generator=stream)
    return model.requires_grad_(False)


def pixels(model: CodeModel) -> Tensor:
    """Samples from the model."""
    stream = seeds.generator("pixels of discrete")
    x: Tensor = model.decoder.sample(model.sample_prior(N, stream), stream)
    return x


def brute_force(model: CodeModel, x: Tensor) -> NDArray[np.float64]:
    """log p(x, k) of every k, [N, K^G], calculated from the weights by NumPy."""
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    hidden, data = lambda z: np.tanh(weights["decoder.network.hidden.weight"] @ z + weights[HIDDEN_BIAS]), x.numpy()
    columns = []
    for codes in itertools.product(range(model.num_codes), repeat=model.num_groups):
        logits = [weights["initial"]] + [weights["transition"][g, before] for g, before in enumerate(codes[:-1])]
        log_prior = sum(row[k] - np.log(np.exp(row).sum()) for row, k in zip(logits, codes, strict=True))
        h = hidden(np.concatenate([weights["codebook"][g, k] for g, k in enumerate(codes)]))
        if len(weights["decoder.network.head.bias"]) == D:
            p = 1 / (1 + np.exp(-weights["decoder.network.head.weight"] @ h - weights["decoder.network.head.bias"]))
            log_likelihood = data @ np.log(p) + (1 - data) @ np.log(1 - p)
        else:
            mean, log_variance = np.split(
                weights["decoder.network.head.weight"] @ h + weights["decoder.network.head.bias"], 2
            )
            squares = (data - 1 / (1 + np.exp(-mean))) ** 2 / np.exp(log_variance)
            log_likelihood = -0.5 * (squares + log_variance + np.log(2 * np.pi)).sum(1)
        columns.append(log_prior + log_likelihood)
    return np.stack(columns, 1)


HIDDEN_BIAS = "decoder.network.hidden.bias"


def estimated(model: CodeModel, x: Tensor, name: str, seed: int = 0, **settings: Any) -> Estimate:
    found: Estimate = plugins.find("estimator")[name].load()(**settings).estimate(model, x, seeds.generator(seed))
    return found


def too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat codes that could be enumerated as too many."""
    monkeypatch.setattr(enumeration, "LARGEST_NUM_STATES", 1)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_exact_is_brute_force(likelihood: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enumeration, "CHUNK_STATES", 4)  # so that the 9 are cut
    model = code_model(likelihood=likelihood)
    x = pixels(model)
    truth = np.log(np.exp(brute_force(model, x)).sum(1))
    found = estimated(model, x, "exact")
    assert found.log_likelihoods.numpy() == pytest.approx(truth, rel=1e-10)
    assert found.standard_error == 0
    assert found.bias == "consistent"
    assert found.model_evaluations == 9 * N


def test_importance_is_exact_where_codes_can_be_enumerated() -> None:
    model = code_model()
    x = pixels(model)
    stream = seeds.generator("unused")
    before = stream.get_state()
    found = plugins.find("estimator")["importance"].load()(num_samples=10).estimate(model, x, stream)
    assert torch.equal(found.log_likelihoods, estimated(model, x, "exact").log_likelihoods)
    assert found.standard_error == 0
    assert set(found.diagnostics["effective_sample_size"].tolist()) == {10.0}
    assert found.warnings == ()
    assert torch.equal(before, stream.get_state())


def test_the_proposal_of_gibbs_sampling_is_a_distribution_and_draws_follow_it() -> None:
    """Each frequency within five standard errors of its probability."""
    model = code_model()
    x = pixels(model)[:2]
    proposal, cost = gibbs.fit_gibbs(model, x, seeds.generator("fit"))
    assert cost == 2 * 8 * 2 * 3
    states = torch.cat(list(model.states(100)))
    p = proposal.log_prob(states.unsqueeze(1).expand(-1, 2, -1)).exp()  # [9, 2]
    assert p.sum(0).tolist() == pytest.approx([1, 1])
    drawn = proposal.sample(4000, seeds.generator("draws"))
    frequency = (drawn.unsqueeze(1) == states[:, None]).all(-1).double().mean(0)
    assert ((frequency - p).abs() < 5 * (p * (1 - p) / 4000).sqrt()).all()


def test_importance_is_unbiased_where_codes_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """p(x) is the mean of its estimates: 200 of them for each datapoint, within five standard errors."""
    model = code_model(num_codes=4, num_groups=4)
    x = pixels(model)
    truth = estimated(model, x, "exact").log_likelihoods
    too_many(monkeypatch)
    found = estimated(model, x.repeat(200, 1), "importance", num_samples=5)
    assert found.bias == "lower"
    ratio = (found.log_likelihoods.view(200, N) - truth).exp()
    error = ratio.std(0) / math.sqrt(200)
    assert ((ratio.mean(0) - 1).abs() < 5 * error).all()
    assert (error > 0).all()
    fine = estimated(model, x, "importance", num_samples=500)
    assert ((fine.log_likelihoods - truth).abs() < 5 * fine.standard_errors).all()
    assert 0 < fine.standard_error < 0.05
    assert fine.model_evaluations == N * (500 + 8 * 4 * 4)
    assert fine.summary["effective_sample_size"] > 100


def test_chunks_change_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    too_many(monkeypatch)
    model = code_model()
    x = pixels(model)
    one, many = (estimated(model, x, "importance", num_samples=20, chunk_megabytes=size) for size in (1e-3, 10))
    torch.testing.assert_close(one.log_likelihoods, many.log_likelihoods)


@pytest.mark.parametrize("name", ["ais", "bdmc", "hmc", "quadrature"])
def test_estimators_of_continuous_z_refuse(name: str) -> None:
    model = code_model()
    with pytest.raises(
        OptionError, match=rf"^{name} requires continuous z, but z of this model is one of 3\^2 codes: use exact"
    ):
        estimated(model, pixels(model), name)


def test_what_codes_cannot_be_asked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = code_model()
    with pytest.raises(OptionError, match=r"`proposal` of importance cannot be 'encoder' for a model whose z is one"):
        estimated(model, pixels(model), "importance", proposal="encoder")
    too_many(monkeypatch)
    with pytest.raises(OptionError, match=r"exact sums over up to 1 values of z, and here z is one of 3\^2 codes"):
        estimated(model, pixels(model), "exact")


@pytest.mark.parametrize("enumerable", [True, False])
def test_the_diagnosis_is_of_codes(enumerable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model = code_model(num_codes=4)
    x = pixels(model)
    log_joint = brute_force(model, x)
    log_p = torch.as_tensor(np.log(np.exp(log_joint).sum(1)))
    if not enumerable:
        too_many(monkeypatch)
    found = diagnose(model, x, log_p, torch.zeros(N), seeds.generator("unused"))
    best, bound = log_joint.max(1), model.elbo(x, seeds.generator("unused"))
    assert found.bound == pytest.approx(float(bound.mean()))
    assert found.bound + found.amortisation_gap + found.approximation_gap == pytest.approx(found.log_likelihood)
    assert found.bound < found.best_bound <= best.mean() + 1e-9
    assert found.best_bound == pytest.approx(best.mean(), abs=1e-9 if enumerable else 0.2)
    assert found.approximation_gap > 0
    codes = model.encode_codes(x)
    counts = np.unique(codes.numpy(), axis=0, return_counts=True)[1]
    assert found.num_states == 16
    assert found.states_in_use == len(counts)
    assert found.latents.mutual_information == pytest.approx(float(-(counts / N * np.log(counts / N)).sum()))
    assert float(found.latents.kl.sum()) == pytest.approx(float(-model.log_prior_of(codes).mean()))
    assert found.collapse == ""


def test_codes_that_are_all_the_same_are_called_collapsed() -> None:
    model = code_model(num_codes=4)
    model.codebook[1, 1:] += 1e3  # the second group has one code that is near
    x = pixels(model)
    log_p = estimated(model, x, "exact").log_likelihoods
    found = diagnose(model, x, log_p, torch.zeros(N), seeds.generator("unused"))
    assert found.latents.active.tolist() == [True, False]
    assert "1 of 2 groups of codes carry no information about x (their code hardly depends on x)" in found.collapse


def test_a_climb_ends_where_no_single_change_is_better() -> None:
    model = code_model(num_codes=4, num_groups=4)
    x = pixels(model)
    start = model.encode_codes(x)
    codes = gibbs.climb(model, x, start)
    level = model.log_joint_of(x, codes)
    assert (level >= model.log_joint_of(x, start)).all()
    assert (level > model.log_joint_of(x, start)).any()
    for group, code in itertools.product(range(4), range(4)):
        changed = codes.clone()
        changed[:, group] = code
        assert (model.log_joint_of(x, changed) <= level + 1e-9).all()
