"""One training session: what resuming repeats, what is followed, and algorithms with hyperparameters of any kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from bench import Algorithm, Batch, Problem, StepInfo, option, seeds
from bench.algorithms.aevb import AEVB
from bench.errors import Diverged, OptionError
from bench.options import NoOptions
from bench.training.beginning import begin
from bench.training.candidates import candidates
from bench.training.minibatches import Minibatches
from bench.training.session import Followed, Session


def blobs(count: int = 60) -> Tensor:
    """Binary rows around two prototypes."""
    stream = seeds.generator("session test")
    prototypes = torch.bernoulli(torch.full((2, 8), 0.5), generator=stream) * 0.9 + 0.05
    return torch.bernoulli(prototypes[torch.randint(2, (count,), generator=stream)], generator=stream)


def session(algorithm: Algorithm) -> Session:
    """A session on blobs, before `begin`."""
    x = blobs()
    problem = Problem(x, 2, algorithm.architecture, "bernoulli")
    followed = {"train": Followed(x, 1), "test": Followed(x[:9], 2)}
    return Session(algorithm, problem, Minibatches(x, algorithm.batch_size, 0), 3, followed)


def aevb(**settings: object) -> AEVB:
    return AEVB(2, model="mlp[hidden=5]", device="cpu", **settings)


def seen(one: Session, budget: int, patience: float = float("inf")) -> list[dict[str, Any]]:
    """The rows at a session's marks up to a budget."""
    looks = one.run(budget, patience)
    return [{**vars(look), "samples": one.clocks.samples} for look in looks if look.at_mark]


@pytest.mark.parametrize("learning_rate", ["auto", 0.1])
def test_a_resumed_session_goes_on_bit_for_bit(learning_rate: object) -> None:
    """Saved between two marks, with incomplete sums for the next mark."""
    whole, cut = session(aevb(learning_rate=learning_rate, batch_size=20)), None
    whole.begin()
    expected = seen(whole, 2000)
    begun = session(aevb(learning_rate=learning_rate, batch_size=20))
    begun.begin()
    for _ in begun.run(2000, patience=0.0):  # pauses after every update
        if begun.clocks.samples == 1140:
            cut = begun.state_dict()
            break
    assert cut is not None
    resumed = session(aevb(learning_rate=learning_rate, batch_size=20))
    resumed.begin(cut)
    assert resumed.tuning == begun.tuning
    assert seen(resumed, 2000) == [row for row in expected if row["samples"] > 1140]
    assert resumed.clocks.model_evaluations == whole.clocks.model_evaluations
    for name, weight in whole.learner.model.state_dict().items():
        assert torch.equal(weight, resumed.learner.model.state_dict()[name])


def test_a_choice_that_was_cut_short_goes_on_with_the_candidates_that_remain() -> None:
    whole = session(aevb(learning_rate="auto", batch_size=20))
    whole.begin()
    begun, saved = session(aevb(learning_rate="auto", batch_size=20)), list[dict[str, Any]]()
    begun.begin(keep=lambda: saved.append(begun.state_dict()))
    assert [len(state["tried"]) for state in saved] == [1, 2, 3]
    for state in saved:
        resumed = session(aevb(learning_rate="auto", batch_size=20))
        resumed.begin(state)
        assert resumed.tuning is not None
        assert whole.tuning is not None
        assert resumed.tuning.objectives == whole.tuning.objectives
        assert resumed.clocks.model_evaluations == whole.clocks.model_evaluations
        assert resumed.clocks.train_seconds >= sum(each["seconds"] for each in state["tried"].values()) > 0
    assert seen(resumed, 500) == seen(whole, 500)


def test_marks_know_the_bounds_and_the_mark_before() -> None:
    one = session(aevb(learning_rate=0.1, batch_size=50))
    one.begin()
    marks = seen(one, 300)
    assert [(row["samples"], row["previous"]) for row in marks] == [(0, 0), (100, 0), (200, 100), (300, 200)]
    assert all(row["bounds"].keys() == {"train", "test"} for row in marks)
    assert one.clocks.eval_seconds > 0


def test_the_noise_of_a_bound_is_the_same_at_every_mark() -> None:
    one = session(aevb(learning_rate=1e-12, prior="none"))
    one.begin()
    first, *others = [row["bounds"]["train"] for row in seen(one, 600)]
    assert others == pytest.approx([first] * len(others), abs=1e-4)


@dataclass(frozen=True)
class Rate:
    """Only a step size, with its own candidates."""

    learning_rate: float | Literal["auto"] = option("auto", "step size", candidates=(0.05, 0.2))


@dataclass(frozen=True)
class Undeclared:
    """A step size that nothing can choose."""

    learning_rate: float | Literal["auto"] = "auto"


class Plain(Algorithm):
    """Ascends the bound."""

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Any optimiser."""
        self.model = problem.model(encoder=True)
        if hasattr(self.hyperparameters, "learning_rate"):
            self.optimiser = self.make_optimiser(self.model.parameters(), problem)
        else:
            self.optimiser = torch.optim.SGD(self.model.parameters(), lr=0.1)

    def step(self, batch: Batch) -> StepInfo:
        """One ascent."""
        bound = self.model.elbo(batch.x, self.generator).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))


class Bare(Plain):
    """Has no options."""

    Options = NoOptions


class WithRate(Plain):
    """Has a step size and nothing else."""

    Options = Rate


class WithUndeclared(Plain):
    """Has a step size without candidates."""

    Options = Undeclared


@pytest.mark.parametrize(("kind", "rate"), [(Bare, None), (WithRate, 0.2)])
def test_hyperparameters_need_no_step_size_no_optimiser_and_no_batch_size(
    kind: type[Algorithm], rate: float | None
) -> None:
    algorithm = kind(2, model="mlp[hidden=5]", device="cpu")
    assert algorithm.batch_size == 100
    history = algorithm.fit(blobs(200), budget=2000).history
    assert history[-1]["elbo_train"] > history[0]["elbo_train"] + 0.5
    assert getattr(algorithm.hyperparameters, "learning_rate", None) == rate
    assert algorithm.estimate_log_likelihood(blobs()[:5], "importance[num_samples=5]").num_failed == 0


@pytest.mark.parametrize("form", [float, lambda bound: bound.reshape(1), lambda bound: bound.float().numpy()[()]])
def test_an_objective_of_any_form_chooses_the_same(form: Callable[[torch.Tensor], Any]) -> None:
    """A number, a tensor of one element, a scalar of NumPy."""

    class Formed(WithRate):
        """Reports its objective in another form."""

        def step(self, batch: Batch) -> StepInfo:
            """One ascent."""
            info = super().step(batch)
            return StepInfo(form(info.objective), info.model_evaluations)

    tuned = []
    for kind in (WithRate, Formed):
        algorithm = kind(2, model="mlp[hidden=5]", device="cpu")
        problem = Problem(blobs(), 2, algorithm.architecture, "bernoulli")
        tuned.append(begin(algorithm, problem, Minibatches(problem.x, None, 0), noise=0, now=lambda: 0.0))
    assert tuned[0] is not None
    assert tuned[0] == tuned[1]


def test_tuning_is_off_if_the_step_size_is_given() -> None:
    algorithm = WithRate(2, model="mlp[hidden=5]", device="cpu", learning_rate=0.03)
    problem = Problem(blobs(), 2, algorithm.architecture, "bernoulli")
    assert begin(algorithm, problem, Minibatches(problem.x, None, 0), noise=0) is None
    assert algorithm.hyperparameters.learning_rate == 0.03


def test_a_step_size_without_candidates_is_one_message() -> None:
    with pytest.raises(OptionError, match="`learning_rate` of Undeclared is auto, but declares no candidates: declare"):
        WithUndeclared(2, model="mlp[hidden=5]", device="cpu").fit(blobs(), budget=100)
    assert candidates(Rate()) == [{"learning_rate": 0.05}, {"learning_rate": 0.2}]


def test_an_optimiser_without_a_step_size_is_one_message() -> None:
    algorithm = Bare(2, model="mlp[hidden=5]", device="cpu")
    with pytest.raises(OptionError, match="`make_optimiser` needs a hyperparameter `learning_rate`, and NoOptions has"):
        algorithm.make_optimiser([], Problem(blobs(), 2, algorithm.architecture, "bernoulli"))


def test_fit_tells_that_it_has_diverged() -> None:
    with pytest.raises(Diverged, match=r"The bound is nan|has blown up"):
        aevb(learning_rate=1e6).fit(blobs(), budget=5000)


def test_the_decoder_is_named_as_on_the_command_line() -> None:
    with pytest.raises(OptionError, match="choose another observation model, such as gaussian"):
        aevb().fit(blobs() + 0.5, budget=100)
    fitted = AEVB(2, model="mlp[hidden=5]", decoder="gaussian", device="cpu", learning_rate=0.02)
    assert fitted.fit(blobs() + 0.5, budget=200).history[-1]["samples"] == 240
