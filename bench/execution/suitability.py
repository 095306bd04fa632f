"""Which estimators can judge the models that each algorithm builds."""

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
LEARNING_RATE = 0.01  # of an algorithm that is asked for its model alone


@dataclass(frozen=True)
class Suited:
    """The estimators that can judge each kind of trial, and in words which of those asked for cannot."""

    by_kind: dict[TrialSpec, list[Choice]]
    notes: list[str]

    def of(self, spec: TrialSpec) -> list[Choice]:
        """Those that can judge the model of a trial, whatever its seed and number of training points."""
        return self.by_kind[_kind(spec)]


def suited(estimators: Sequence[Choice], specs: Sequence[TrialSpec], data: Data) -> Suited:
    """Ask each estimator about the model that each algorithm builds at each latent size.

    Of the estimators of a trial, those come first that can judge all algorithms of its latent size: the first one's
    numbers are compared.  An algorithm that cannot be set up is refused by none: that is its own trial's row.
    Raises OptionError where an estimator can judge no algorithm at all.
    """
    kinds = list(dict.fromkeys(map(_kind, specs)))
    needed = kinds if any(choice.create().may_refuse for choice in estimators) else []
    models = {kind: model for kind in needed if (model := _model(kind, data)) is not None}
    refusals = {
        choice: {kind: why for kind, model in models.items() if (why := choice.create().refusal(model))}
        for choice in estimators
    }
    for choice, refused in refusals.items():
        if models and len(refused) == len(models):
            raise OptionError(f"`likelihood` {choice.name} cannot be used here: {next(iter(refused.values()))}")
    by_kind = {}
    for kind in kinds:
        able = [choice for choice in estimators if kind not in refusals[choice]]
        by_kind[kind] = sorted(able, key=lambda choice: kind.z in {refused.z for refused in refusals[choice]})
    notes = [
        f"{choice.name} is not used {_where(those, list(models))}: {why}"
        for choice, refused in refusals.items()
        for why in dict.fromkeys(refused.values())
        if (those := [kind for kind, reason in refused.items() if reason == why])
    ]
    return Suited(by_kind, notes)


def _kind(spec: TrialSpec) -> TrialSpec:
    """What the trials that build the same model have in common."""
    return dataclasses.replace(spec, n_train=NUM_POINTS, seed=0)


def _model(kind: TrialSpec, data: Data) -> LatentVariableModel | None:
    """What the algorithm builds; None where that fails."""
    try:
        return untrained_model(kind, data, torch.device("cpu"), LEARNING_RATE)
    except Exception:  # noqa: BLE001  # algorithms are plugins
        return None


def _where(refused: list[TrialSpec], kinds: list[TrialSpec]) -> str:
    """In words: at the latent sizes where no algorithm is left, for the algorithms that have company at theirs."""
    left = [kind for kind in kinds if kind not in refused]
    nowhere = dict.fromkeys(kind.z for kind in refused if kind.z not in {other.z for other in left})
    told = [f"at z = {', '.join(map(str, nowhere))}"] if nowhere else []
    for name in dict.fromkeys(kind.algorithm.name for kind in refused if kind.z not in nowhere):
        sizes = [str(kind.z) for kind in refused if kind.algorithm.name == name and kind.z not in nowhere]
        everywhere = not any(kind.algorithm.name == name for kind in left)
        told.append(f"for {name}" + ("" if everywhere else f" at z = {', '.join(sizes)}"))
    return " and ".join(told)
