"""A profile as it is read: tables, what their columns are, and plain data for JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from bench.profiling.moments import BLOCKS
from bench.profiling.profile import BATCH_SIZE
from bench.profiling.times import PARTS
from bench.reporting.tables.formatting import MISSING, quantity

if TYPE_CHECKING:
    from bench.profiling.profile import Profile

QUALITIES = ("signal to noise", "variance", "bias")  # of gradients
MOST_COLUMNS = 4  # algorithms beside each other


def tables(profile: Profile) -> dict[str, pd.DataFrame]:
    """The tables to be shown, by their titles."""
    shown = {
        "Time of a step in milliseconds": times(profile),
        "Model evaluations per datapoint of a step": evaluations(profile),
    }
    for part in ("encoder", "decoder"):
        of_part = gradients(profile, part)
        if len(of_part):
            shown[f"Gradient of the {part}"] = of_part
    return shown


def times(profile: Profile) -> pd.DataFrame:
    """A row for each part of a step and a column for each algorithm; a row for each algorithm if there are many."""
    milliseconds, shares, low, high = (
        profile.times.pivot_table(column, "part", "algorithm", sort=False)
        for column in ("milliseconds", "share", "low", "high")
    )
    parts = [*PARTS, "step"]
    if len(milliseconds.columns) > MOST_COLUMNS:
        rows = milliseconds.T[["step", *PARTS]].map(_digits)
        return rows.rename_axis(columns=None).reset_index()
    shown = milliseconds.map(_digits) + "  " + shares.map("{:4.0%}".format)
    quartiles = low.map(_digits) + " to " + high.map(_digits)
    columns = {name: [*shown.loc[parts, name], quartiles.loc["step", name]] for name in milliseconds.columns}
    return pd.DataFrame({"part": [*parts, "its quartiles"], **columns})


def evaluations(profile: Profile) -> pd.DataFrame:
    """A row for each algorithm."""
    numbers = ("counted", "forward", "backward", "declared")
    shown = {name: [f"{value:.10g}" for value in profile.evaluations[name].round(3)] for name in numbers}
    return pd.DataFrame({"algorithm": profile.evaluations["algorithm"], **shown})


def gradients(profile: Profile, part: str) -> pd.DataFrame:
    """A row for each algorithm and value of the option."""
    rows = profile.gradients[profile.gradients["part"] == part]
    shown = {
        heading: [with_error(value, error) for value, error in zip(rows[name], rows[f"{name}_se"], strict=True)]
        for heading, name in zip(QUALITIES, ("signal_to_noise", "variance", "bias"), strict=True)
    }
    return pd.DataFrame(
        {"algorithm": rows["algorithm"], profile.by: rows[profile.by], **shown, "repeats": rows["repeats"].map(str)}
    )


def footnotes(profile: Profile) -> list[str]:
    """The meaning of the columns, and caveats about them."""
    reference, overhead = profile.reference, max(0.0, float(profile.times["overhead"].max()))
    fewer = profile.evaluations[profile.evaluations["declared"] < profile.evaluations["counted"] - 1e-9]
    notes = [
        (
            f"Time: steps after {profile.samples} training samples, with {quantity(profile.threads, 'thread')}; means "
            "over the middle half of them by their time. encoder, decoder: their networks forward, and the density of "
            "x; drawing: random numbers; backward: gradients; rest: all else. Each part leaves out others that begin "
            f"inside it. Measuring makes a step up to {overhead:.0%} longer."
        ),
        (
            "Model evaluations: datapoints through the decoder's network, forward and backward one each; declared: the "
            "`model_evaluations` that `step` returns."
        ),
    ]
    notes += [f"Warning: {name} declares fewer model evaluations than it makes." for name in fewer["algorithm"]]
    if len(profile.gradients):
        notes += [
            (
                f"Gradients g: what `step` gives its optimisers, at the weights of {reference} after {profile.samples} "
                f"training samples and one minibatch of {BATCH_SIZE}, repeated with new noise. ± is a Monte Carlo "
                f"standard error (jackknife over {BLOCKS} blocks)."
            ),
            (
                "Signal to noise: |E g| / sd(g) of each parameter (Rainforth et al. 2018), as root mean square over "
                "the parameters whose gradient varies; what noise adds to the square is subtracted."
            ),
            "Variance: the sum over parameters.",
            (
                "Bias: |E g - t| / |t|. For the decoder, t is the gradient of log p(x), by importance sampling; a "
                f"looser bound is further off. For the encoder, t is the mean gradient of {reference} at the same "
                f"{profile.by}, or at its only or default one: a bias if both ascend the same objective, else how far "
                "the objectives differ. --beside "
                "chooses another reference."
            ),
        ]
    return [*notes, *(f"Note: {note}" for note in profile.notes)]


def record(profile: Profile) -> dict[str, object]:
    """Plain data for JSON: rows of the three frames, with null for what is not known."""
    frames = {"times": profile.times, "evaluations": profile.evaluations, "gradients": profile.gradients}
    rows = {
        name: [{key: _plain(value) for key, value in row.items()} for row in frame.to_dict("records")]
        for name, frame in frames.items()
    }
    return {
        "reference": profile.reference,
        "samples": profile.samples,
        "threads": profile.threads,
        "by": profile.by,
        **rows,
        "notes": [*profile.notes],
    }


def with_error(value: float, error: float) -> str:
    """``0.235 ± 0.030``: two digits of the error, or fewer of large numbers; the value alone if its error is 0.

    >>> with_error(0.2348, 0.0295), with_error(138.01, 7.39), with_error(1.2e-9, 2e-10), with_error(math.nan, 0)
    ('0.235 ± 0.029', '138.0 ± 7.4', '1.2e-09 ± 2e-10', '–')
    >>> with_error(498.1, math.nan)  # the error is not known
    '498 ± ?'
    """
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "infinite"
    if not error > 0:
        return f"{_digits(value)} ± ?" if math.isnan(error) else _digits(value)
    if max(value, error) < 1e-3:
        return f"{value:.1e} ± {error:.0e}"
    decimals = min(max(0, 1 - math.floor(math.log10(error))), 4)
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def _digits(value: float) -> str:
    """Three digits, without a power of ten unless the value is far from 1."""
    if value == 0 or not 1e-3 <= abs(value) < 1e6:
        return f"{value:.2g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def _plain(value: object) -> object:
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and not math.isfinite(number) else number
