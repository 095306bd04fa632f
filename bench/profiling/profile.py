"""A profile of algorithms: the time of a step, model evaluations, and the quality of gradients, side by side."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor, nn

from bench import options, seeds
from bench.algorithm import Algorithm
from bench.dataset import Data
from bench.profiling import gradients, times
from bench.profiling.evaluations import counted
from bench.profiling.moments import Measured, Moments
from bench.profiling.targets import likelihood_gradients
from bench.profiling.training import Trained, blamed
from bench.profiling.variation import Subject, Variation
from bench.training.minibatches import Minibatches
from bench.training.problem import Batch, update

BATCH_SIZE = 100  # of the minibatch at which gradients are measured
COUNTED = 4  # steps whose evaluations are counted
UNKNOWN = Measured(float("nan"), float("nan"))
Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Profile:
    """What a step of each algorithm costs, and how good its gradients are, at the weights of the ``reference``.

    - ``times``: a row for each algorithm and ``part`` of a step, and for the whole ``step``: ``milliseconds`` (mean
      over the middle half of the steps), their quartiles ``low`` and ``high``, the ``share`` of the step, the
      ``steps``, and ``overhead``, how much longer they took for being measured.
    - ``evaluations``: model evaluations per datapoint of a step, ``counted`` (``forward`` and ``backward``) and
      ``declared``.
    - ``gradients``: a row for each algorithm, value of the option that ``by`` names, and ``part`` of the model:
      ``signal_to_noise``, ``variance`` and ``bias``, each with its Monte Carlo standard error (``_se``), and the
      ``repeats``.  The bias is the distance of the expected gradient from a ``target``, as a share of the target.
    """

    times: pd.DataFrame
    evaluations: pd.DataFrame
    gradients: pd.DataFrame
    by: str
    reference: str
    samples: int  # of the training before
    threads: int
    notes: tuple[str, ...]


def times_of(subjects: Sequence[Trained], *, repeats: int, seconds: float) -> pd.DataFrame:
    """See `Profile.times`."""
    rows: list[dict[str, object]] = []
    for each in subjects:
        with blamed(each.name, "`step`"):
            measured = times.measure(each.algorithm, each.minibatches, repeats=repeats, seconds=seconds)
        means, typical = measured.means(), measured.typical()
        whole = sum(means.values())
        for part in (*times.PARTS, "step"):
            every = [1e3 * (sum(step.values()) if part == "step" else step[part]) for step in measured.parts]
            low, high = np.quantile(every, [0.25, 0.75])
            mean = whole if part == "step" else means[part]
            rows.append(
                {
                    "algorithm": each.name,
                    "part": part,
                    "milliseconds": 1e3 * mean,
                    "low": low,
                    "high": high,
                    "share": mean / whole,
                    "steps": len(typical),
                    "overhead": measured.overhead,
                }
            )
    return pd.DataFrame(rows)


def evaluations_of(subjects: Sequence[Trained]) -> pd.DataFrame:
    """See `Profile.evaluations`."""
    rows: list[dict[str, object]] = []
    for each in subjects:
        declared = []
        with blamed(each.name, "`step`"), counted(each.algorithm.model) as seen:
            for number in range(COUNTED):
                batch = each.minibatches[each.updates + number]
                declared.append(update(each.algorithm, batch).model_evaluations / len(batch.x))
        datapoints = COUNTED * each.minibatches.size
        rows.append(
            {
                "algorithm": each.name,
                "counted": seen.total / datapoints,
                "forward": seen.forward / datapoints,
                "backward": seen.backward / datapoints,
                "declared": statistics.fmean(declared),
            }
        )
    return pd.DataFrame(rows)


class GradientTable:
    """Measures the gradients of algorithms at the same weights and minibatch, and collects `Profile.gradients`."""

    def __init__(
        self, reference: Trained, data: Data, variation: Variation, *, repeats: int, seconds: float, seed: int
    ) -> None:
        """The weights are those of the ``reference``; each measurement has ``repeats``, or takes ``seconds``."""
        x = reference.problem.x
        order = seeds.derive("profile", seed)
        self.batch: Batch = Minibatches(x, BATCH_SIZE, order, resample=data.resample)[0]
        self.reference = reference
        self.weights: Weights = _copied(reference.algorithm.model.state_dict())
        self.variation = variation
        self.notes: list[str] = []
        self.rows: list[dict[str, object]] = []
        self._repeats, self._seconds, self._seed = repeats, seconds, seed
        self._of_likelihood: dict[str, Tensor | None] = {}
        self._of_encoder: dict[str, Tensor] = {}  # block means of the reference, by the value of the option

    def add(self, subject: Subject, trained: Trained) -> None:
        """Measure an algorithm, at each value of the option; the reference comes first."""
        settings, refusals = self.variation.settings(subject)
        with blamed(trained.name, "saving its state"):
            state = trained.algorithm.state_dict()
        weights, is_shared = self._weights_for(trained, state)
        for refusal in refusals:
            self.notes.append(f"Left out: {refusal}")
        for value, chosen in settings.items():
            with blamed(trained.name, "`step`"):
                algorithm = gradients.prepared(
                    subject.choice.plugin.load(),
                    trained.problem,
                    weights,
                    state,
                    **{**dict(subject.choice.settings), **chosen},
                )
                measured = gradients.measure(
                    algorithm, self.batch, repeats=self._repeats, seconds=self._seconds, noise=self._seed
                )
            place = {"algorithm": trained.name, self.variation.name: value, "repeats": measured.repeats}
            if measured.encoder is not None:
                target = self._encoder_target(trained, value, measured.encoder) if is_shared else None
                self.rows.append({**place, "part": "encoder", **_numbers(measured.encoder, target)})
            if measured.decoder is not None:
                name = "" if is_shared else trained.name
                if name not in self._of_likelihood:
                    stream = seeds.generator("profile", "likelihood", self._seed, device=self.batch.x.device)
                    self._of_likelihood[name] = likelihood_gradients(algorithm.model, self.batch.x, stream)
                self.rows.append({**place, "part": "decoder", **_numbers(measured.decoder, self._of_likelihood[name])})
            if measured.encoder is None and measured.decoder is None:
                self.notes.append(f"The gradients of {trained.name} cannot be seen: no optimiser of torch has any.")

    def _weights_for(self, trained: Trained, state: Mapping[str, object]) -> tuple[Weights, bool]:
        """The weights for an algorithm's model, and whether they are the reference's."""
        weights = trained.algorithm.model.state_dict()
        if trained is self.reference:
            return self.weights, True
        if _keeps_more(trained.algorithm, state):
            why = "what else it keeps, such as chains, belongs to these"
        elif any(name not in self.weights or self.weights[name].shape != each.shape for name, each in weights.items()):
            why = f"its model has others than that of {self.reference.name}"
        else:
            return {name: self.weights[name] for name in weights}, True
        self.notes.append(f"{trained.name} is measured at weights of its own, after as many training samples: {why}.")
        return _copied(weights), False

    def _encoder_target(self, trained: Trained, value: str, measured: Moments) -> Tensor | None:
        """The mean gradient of the reference at the same value; None for the reference itself."""
        if trained is self.reference:
            self._of_encoder[value] = measured.block_means
            return None
        option = self.variation.name
        if not value and option in vars(self.reference.choice.options()):  # the algorithm has none
            value = options.text(getattr(self.reference.choice.options(), option))
        alone = next(iter(self._of_encoder.values())) if len(self._of_encoder) == 1 else None
        target = self._of_encoder.get(value, alone)
        if target is None and self._of_encoder:
            self.notes.append(
                f"The encoder's bias of {trained.name} at {option}={value} is left out, since {self.reference.name} "
                "was not measured there."
            )
        return target if target is not None and target.shape == measured.block_means.shape else None


def _keeps_more(algorithm: Algorithm, state: Mapping[str, object]) -> bool:
    """Whether an algorithm keeps more than its model, optimisers and numbers: chains, or another network."""
    model = algorithm.model
    known = {*map(id, model.modules()), *map(id, model.parameters())}  # other names for parts of the model are no more

    def holds_more(value: object) -> bool:
        if id(value) in known:
            return False
        if isinstance(value, Tensor):
            return value.dim() > 0
        inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
        return isinstance(value, nn.Module) or any(map(holds_more, inside))

    return any(holds_more(vars(algorithm).get(name, value)) for name, value in state.items() if name != "generator")


def _numbers(measured: Moments, target: Tensor | None) -> dict[str, object]:
    """The columns of one row."""
    each = {
        "signal_to_noise": measured.signal_to_noise(),
        "variance": measured.total_variance(),
        "bias": UNKNOWN if target is None or target.shape[1] != len(measured.mean) else measured.distance(target),
    }
    return {
        column: number
        for name, (value, error) in each.items()
        for column, number in ((name, value), (f"{name}_se", error))
    }


def _copied(weights: Weights) -> Weights:
    return {name: value.detach().clone() for name, value in weights.items()}


def ordered(rows: Sequence[Mapping[str, object]], names: Sequence[str], by: str) -> pd.DataFrame:
    """The rows of a `GradientTable` by part, then in the order of the algorithms."""
    columns = ["algorithm", by, "part"]
    columns += [f"{name}{end}" for name in ("signal_to_noise", "variance", "bias") for end in ("", "_se")] + ["repeats"]
    frame = pd.DataFrame([*rows], columns=columns)
    order = {name: place for place, name in enumerate(names)}
    places = frame["algorithm"].map(order)
    return (
        frame.assign(place=places)
        .sort_values(["part", "place"], kind="stable", ascending=[False, True])[columns]
        .reset_index(drop=True)
    )
