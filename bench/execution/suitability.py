"""Which estimators can be used on the models that each algorithm builds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bench.dataset import Data
from bench.errors import OptionError
from bench.execution.setup import untrained_model
from bench.models.latent import LatentVariableModel
from bench.studies.spec import Choice, TrialSpec

NUM_POINTS = 2  # that a model is built for
LEARNING_RATE = 0.01  # of an algorithm that only has to build its model


@dataclass(frozen=True)
class Suitability:
    """The estimators that can be used on each kind of trial; ``notes`` say which cannot be used where, and why."""

    by_kind: dict[TrialSpec, list[Choice]]
    notes: list[str]

    def of(self, spec: TrialSpec) -> list[Choice]:
        """The estimators for the model of a trial, whatever its seed and number of training points."""
        return self.by_kind[_kind(spec)]


def check_suitability(estimators: Sequence[Choice], specs: Sequence[TrialSpec], data: Data) -> Suitability:
    """Offer each estimator the model that each algorithm builds at each latent size.

    A trial's estimators begin with those that can be used on all algorithms of its latent size, because algorithms are
    compared by the first one's numbers.  An algorithm that cannot be set up keeps all estimators: its own trial will
    report what is wrong.  Models are built only if an estimator may refuse one.
    Raises OptionError if an estimator cannot be used on any algorithm.
    """
    kinds = list(dict.fromkeys(map(_kind, specs)))
    needed = kinds if any(choice.create().may_refuse for choice in estimators) else []
    models = {kind: model for kind in needed if (model := _model(kind, data)) is not None}
    refusals = {
        choice: {kind: reason for kind, model in models.items() if (reason := choice.create().refusal(model))}
        for choice in estimators
    }
    for choice, refused in refusals.items():
        if models and len(refused) == len(models):
            raise OptionError(f"`likelihood` {choice.name} cannot be used here: {next(iter(refused.values()))}")
    by_kind = {}
    for kind in kinds:
        able = [choice for choice in estimators if kind not in refusals[choice]]
        by_kind[kind] = sorted(able, key=lambda choice: kind.z in {refused.z for refused in refusals[choice]})
    notes = [note for choice, refused in refusals.items() for note in _notes(choice, refused, list(models))]
    return Suitability(by_kind, notes)


def _kind(spec: TrialSpec) -> TrialSpec:
    """What trials have in common that build the same model."""
    return dataclasses.replace(spec, n_train=NUM_POINTS, seed=0)


def _model(kind: TrialSpec, data: Data) -> LatentVariableModel | None:
    """The model that the algorithm builds, or None if it fails."""
    try:
        return untrained_model(kind, data, torch.device("cpu"), LEARNING_RATE)
    except Exception:  # noqa: BLE001  # algorithms are plugins
        return None


def _notes(choice: Choice, refused: dict[TrialSpec, str], kinds: list[TrialSpec]) -> list[str]:
    """A sentence for each reason why the estimator cannot be used somewhere."""
    return [
        f"{choice.name} is not used {_where([k for k, r in refused.items() if r == reason], kinds)}: {reason}"
        for reason in dict.fromkeys(refused.values())
    ]


def _where(refused: list[TrialSpec], kinds: list[TrialSpec]) -> str:
    """In words: "at z = ..." for latent sizes that lose all their algorithms, "for ..." for single algorithms."""
    left = [kind for kind in kinds if kind not in refused]
    lost = dict.fromkeys(kind.z for kind in refused if kind.z not in {other.z for other in left})
    phrases = [f"at z = {', '.join(map(str, lost))}"] if lost else []
    for name in dict.fromkeys(kind.algorithm.name for kind in refused if kind.z not in lost):
        sizes = [str(kind.z) for kind in refused if kind.algorithm.name == name and kind.z not in lost]
        everywhere = not any(kind.algorithm.name == name for kind in left)
        phrases.append(f"for {name}" + ("" if everywhere else f" at z = {', '.join(sizes)}"))
    return " and ".join(phrases)
