"""Which estimators can be used on the models that each algorithm builds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from bench.dataset import Data
from bench.errors import OptionError
from bench.execution import foreign, interruption
from bench.execution.backend import Backend, Workers
from bench.execution.foreign import Code
from bench.execution.setup import untrained_model
from bench.execution.survey import SAMPLE
from bench.process import state as process_state
from bench.studies.spec import Choice, TrialSpec

PATIENCE = 60.0  # seconds


@dataclass(frozen=True)
class Suitability:
    """The estimators that can be used on each kind of trial; ``notes`` say which cannot be used where, and why."""

    by_kind: dict[TrialSpec, list[Choice]]
    notes: list[str]

    def of(self, spec: TrialSpec) -> list[Choice]:
        """Return the estimators for the model of a trial, regardless of its seed and number of training points."""
        return self.by_kind[_kind(spec)]


def check_suitability(
    estimators: Sequence[Choice], specs: Sequence[TrialSpec], sample: Data, backend: Backend, workers: Workers
) -> Suitability:
    """Check each estimator on the model that each algorithm builds at each latent size, for a ``sample`` of the data.

    A trial's estimators begin with those that can be used on all algorithms of its latent size, because algorithms are
    compared by the values of the first estimator.  An algorithm that cannot be set up, or takes longer than PATIENCE
    seconds, keeps all estimators: its own trial will report the error.  Models are built only if an estimator may
    refuse one, and in the workers of the back end, so that a crashing plugin does no harm.
    Raises OptionError if an estimator cannot be used on any algorithm.
    """
    kinds = list(dict.fromkeys(map(_kind, specs)))
    code = map(Code.of, estimators)
    choosy = foreign.call(_choosy, estimators, code, backend, workers, doing="create the estimators")
    offers = [_Offer(kind, sample, choosy) for kind in kinds] if choosy else []
    outcomes = backend.run(_answer, offers, replace(workers, time_limit=PATIENCE))
    answers = {outcome.task.kind: outcome.result for outcome in outcomes if outcome.result is not None}
    models = [kind for kind in kinds if kind in answers]
    refusals: dict[Choice, dict[TrialSpec, str]] = {choice: {} for choice in estimators}
    for i, choice in enumerate(choosy):
        refusals[choice] = {kind: answers[kind][i] for kind in models if answers[kind][i]}
        if models and len(refusals[choice]) == len(models):
            raise OptionError(f"`likelihood` {choice.name} cannot be used here: {refusals[choice][models[0]]}")
    by_kind = {}
    for kind in kinds:
        able = [choice for choice in estimators if kind not in refusals[choice]]
        by_kind[kind] = sorted(able, key=lambda choice: kind.z in {refused.z for refused in refusals[choice]})
    notes = [note for choice, refused in refusals.items() for note in _notes(choice, refused, models)]
    return Suitability(by_kind, notes)


def _choosy(estimators: Sequence[Choice]) -> list[Choice]:
    """Return the estimators that may refuse a model."""
    return [choice for choice in estimators if choice.create().may_refuse]


def _kind(spec: TrialSpec) -> TrialSpec:
    """Return a specification that is the same for all trials with the same model."""
    return replace(spec, n_train=SAMPLE, seed=0)


@dataclass(frozen=True)
class _Offer:
    """The model of a kind of trial to be checked by estimators, as it is sent to a worker."""

    kind: TrialSpec
    sample: Data
    choices: list[Choice]


def _answer(offer: _Offer) -> list[str] | None:
    """Return, per estimator, the reason why it refuses the model, empty if it does not; None if there is no model."""
    try:
        with process_state.preserved():
            search = offer.kind.search
            chosen = dict(search.candidates[0]) if search is not None else None
            model = untrained_model(offer.kind, offer.sample, torch.device("cpu"), chosen)
            return [choice.create().refusal(model) or "" for choice in offer.choices]
    except BaseException as error:  # algorithms are plugins
        if interruption.is_by_user(error):
            raise
        return None


def _notes(choice: Choice, refused: dict[TrialSpec, str], kinds: list[TrialSpec]) -> list[str]:
    """Return a sentence for each reason why the estimator cannot be used on some models."""
    return [
        f"{choice.name} is not used {_where([k for k, r in refused.items() if r == reason], kinds)}: {reason}"
        for reason in dict.fromkeys(refused.values())
    ]


def _where(refused: list[TrialSpec], kinds: list[TrialSpec]) -> str:
    """The trials: "at z = ..." for latent sizes that lose all their algorithms, "for ..." for single algorithms."""
    left = [kind for kind in kinds if kind not in refused]
    lost = dict.fromkeys(kind.z for kind in refused if kind.z not in {other.z for other in left})
    phrases = [f"at z = {', '.join(map(str, lost))}"] if lost else []
    for name in dict.fromkeys(kind.algorithm.name for kind in refused if kind.z not in lost):
        sizes = [str(kind.z) for kind in refused if kind.algorithm.name == name and kind.z not in lost]
        everywhere = not any(kind.algorithm.name == name for kind in left)
        phrases.append(f"for {name}" + ("" if everywhere else f" at z = {', '.join(sizes)}"))
    return " and ".join(phrases)
