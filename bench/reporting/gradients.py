"""The signal-to-noise ratio of gradients by the number of draws, of all algorithms at one and the same model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from bench import seeds
from bench.errors import UsageError
from bench.execution.setup import problem_of
from bench.profiling.gradients import measure, prepared
from bench.results.grid import Place
from bench.training.minibatches import Minibatches

if TYPE_CHECKING:
    from bench.results.frames import Results
    from bench.results.models import TrainedModel

NUM_SAMPLES = "num_samples"
MOST_EVALUATIONS = 10_000_000  # for one gradient
FEWEST = 4  # numbers of draws that an algorithm has at a place; fewer do not make a curve
LINE = [*Place._fields, "family", "part"]  # the values of one curve
COLUMNS = [*LINE, "num_samples", "signal_to_noise", "signal_to_noise_se", "repeats", "at"]


def signal_to_noise(results: Results, *, repeats: int, datapoints: int) -> pd.DataFrame:
    """One row per algorithm, part of the model (encoder, decoder) and number of draws of z per datapoint.

    Algorithms that a place has with at least `FEWEST` values of num_samples are measured, with their options and chosen
    hyperparameters, all ``at`` the weights of one model: that of the place's first algorithm with an encoder, in its
    first seed.  Other state of an algorithm (a count of updates, the step size of chains) is as at the beginning of
    training.  The gradient is that of one step on the first ``datapoints`` of the training data, repeated with new
    noise ``repeats`` times, or fewer if this would exceed `MOST_EVALUATIONS`.  Algorithms that have other networks, a
    state that cannot be saved or a gradient that is not finite have no rows.
    Cost: 2 K M model evaluations for each repetition with K draws and M datapoints.
    """
    rows = [
        row
        for place, model, members in _comparable(results)
        for member, family in members
        for row in _rows(place, model, member, family, repeats, datapoints)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def by_place(rows: pd.DataFrame) -> dict[Place, pd.DataFrame]:
    """The rows of `signal_to_noise` or `rates` at each place."""
    places = [Place(*place) for place in zip(*(rows[name] for name in Place._fields), strict=True)]
    return {place: rows[[each == place for each in places]] for place in dict.fromkeys(places)}


def rates(rows: pd.DataFrame) -> pd.DataFrame:
    """The exponent p of the power K^p that each curve follows: the slope of its logarithm, with its standard error.

    Points are weighted by their Monte Carlo errors; those within two errors of 0 are left out.
    """
    fits = []
    for line, points in rows.groupby(LINE, sort=False):
        known = points[points["signal_to_noise"] > 2 * points["signal_to_noise_se"]]
        ratios = known["signal_to_noise"]
        of_logarithm = (known["signal_to_noise_se"] / ratios).to_numpy()
        fits.append({**dict(zip(LINE, line, strict=True)), **_slope(known["num_samples"], ratios, of_logarithm)})
    return pd.DataFrame(fits, columns=[*LINE, "rate", "rate_se"])


def _slope(numbers: pd.Series, ratios: pd.Series, errors: np.ndarray) -> dict[str, float]:
    if len(numbers) < 2 or not (errors > 0).all():
        return {"rate": math.nan, "rate_se": math.nan}
    x, y, weights = np.log(numbers), np.log(ratios), errors**-2.0
    centred = x - np.average(x, weights=weights)
    information = (weights * centred**2).sum()
    return {"rate": float((weights * centred * y).sum() / information), "rate_se": float(information**-0.5)}


def _comparable(results: Results) -> Iterator[tuple[Place, TrainedModel, list[tuple[TrainedModel, str]]]]:
    """Each place that has such algorithms, the model that they are measured at, and the families that they are of."""
    models, _ = results.models
    named = results.hyperparameters
    families = named[named["hyperparameter"] == NUM_SAMPLES].drop_duplicates(["algorithm", *Place._fields])
    family_of = families.set_index(["algorithm", *Place._fields])["family"].to_dict()
    for place in dict.fromkeys(each.cell.place for each in models):
        there = [each for each in models if each.cell.place == place]
        with_encoder = [each for each in there if each.model.encoder is not None and each.model.discrete is None]
        named_there = [(each, family_of.get((each.cell.algorithm, *place), "")) for each in with_encoder]
        sizes = pd.Series([family for _, family in named_there if family], dtype=object).value_counts()
        members = [(each, family) for each, family in named_there if sizes.get(family, 0) >= FEWEST]
        if members:
            yield place, with_encoder[0], members


def _rows(
    place: Place, at: TrainedModel, member: TrainedModel, family: str, repeats: int, datapoints: int
) -> Sequence[dict[str, object]]:
    spec, data = member.spec, member.data
    problem = problem_of(spec, data, torch.device("cpu"))
    settings = {**dict(spec.algorithm.settings), **member.chosen}
    num_samples = int(str(settings[NUM_SAMPLES]))
    batch = Minibatches(problem.x[:datapoints], None, seeds.derive("gradients", place), resample=data.resample)[0]
    affordable = MOST_EVALUATIONS // (2 * num_samples * len(batch.x))
    try:
        algorithm = prepared(spec.algorithm.plugin.load(), problem, at.model.state_dict(), **settings)
        gradients = measure(algorithm, batch, repeats=max(1, min(repeats, affordable)))
    except (RuntimeError, UsageError):  # other networks, a state that cannot be saved, a gradient that is not finite
        return []
    parts = {"encoder": gradients.encoder, "decoder": gradients.decoder}
    ratios = {part: moments.signal_to_noise() for part, moments in parts.items() if moments is not None}
    return [
        {
            **place._asdict(),
            "family": family,
            "part": part,
            "num_samples": num_samples,
            "signal_to_noise": ratio.value,
            "signal_to_noise_se": ratio.error,
            "repeats": gradients.repeats,
            "at": at.cell.algorithm,
        }
        for part, ratio in ratios.items()
    ]
