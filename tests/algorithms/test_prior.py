"""Which parameters have the prior N(0, I): the paper's are those of the generative model alone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from bench import plugins
from bench.algorithm import Algorithm, Hyperparameters
from bench.errors import OptionError
from bench.training.optimiser import Adagrad
from bench.training.problem import Batch, Problem

N = 40
WITH_ENCODER = ("aevb", "wakesleep", "aae", "vqvae", "iwae", "rws", "vralpha", "vimco")


def begun(name: str, **settings: object) -> tuple[Algorithm, Batch]:
    """An algorithm in float64 whose weights are so large that their decay can be seen."""
    x = torch.bernoulli(torch.full((N, 5), 0.4, dtype=torch.float64), generator=torch.Generator().manual_seed(1))
    algorithm: Algorithm = plugins.find("algorithm")[name].load()(
        2, model="mlp[hidden=3,init_scale=0.5]", device="cpu", learning_rate=0.01, **settings
    )
    algorithm.setup(Problem(x, 2, algorithm.architecture, "bernoulli"), torch.Generator().manual_seed(2))
    return algorithm, Batch(x, torch.arange(N))


def has_prior(optimiser: torch.optim.Optimizer, parameter: torch.nn.Parameter, before: torch.Tensor) -> bool:
    """Whether the gradient that Adagrad used in its first step, squared in its sum, had theta / N."""
    summed, gradient = optimiser.state[parameter]["sum"], parameter.grad
    assert gradient is not None
    with_prior = torch.allclose(summed, (gradient + before / N) ** 2, rtol=1e-9, atol=0)
    assert with_prior != torch.allclose(summed, gradient**2, rtol=1e-9, atol=0)
    return with_prior


@pytest.mark.parametrize("prior", ["decoder", "all", "none"])
@pytest.mark.parametrize("name", WITH_ENCODER)
def test_parameters_with_a_prior_are_those_asked_for(name: str, prior: str) -> None:
    algorithm, batch = begun(name, prior=prior)
    before = {name: parameter.detach().clone() for name, parameter in algorithm.model.named_parameters()}
    algorithm.step(batch)
    optimisers = [each for each in vars(algorithm).values() if isinstance(each, Adagrad)]
    seen = set()
    for name_of, parameter in algorithm.model.named_parameters():
        for optimiser in optimisers:
            if parameter in optimiser.state and (before[name_of] != 0).any():
                expected = prior == "all" or (prior == "decoder" and not name_of.startswith("encoder."))
                assert has_prior(optimiser, parameter, before[name_of]) == expected, name_of
                seen.add(name_of.partition(".")[0])
    assert seen >= {"encoder", "decoder"}


@dataclass(frozen=True)
class Boolean(Hyperparameters):
    """A `prior` of another kind."""

    prior: bool = True  # type: ignore[assignment]


def test_a_prior_of_another_kind_is_refused_by_name() -> None:
    kind = type(begun("aevb")[0])
    other = type("Other", (kind,), {"Options": Boolean})
    algorithm = other(2, model="mlp[hidden=3]", device="cpu", learning_rate=0.01)
    with pytest.raises(OptionError, match=r"`prior` of Boolean must be decoder, all or none for `make_opt"):
        algorithm.make_optimiser([], Problem(torch.zeros(4, 5), 2, algorithm.architecture, "bernoulli"))
