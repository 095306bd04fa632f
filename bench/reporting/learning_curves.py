"""What the figures of the lower bound against a clock show, and the words below them; `LearningCurves` is their base.

Solid lines are test data, dashed ones training data.  The final log-likelihood of test data stands beside them as a
hollow mark, which is all there is of an algorithm without encoder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from bench.report import Figure
from bench.reporting.competitors import Competitor, first_estimator, read

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results


class LearningCurves(Figure):
    """The lower bound on log p(x) against ``clock``, a column of both the trace and the trials."""

    clock: ClassVar[str]
    label: ClassVar[str]

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a row of panels for each data set and number of training points, one for each z."""
        competitors = read(results, self.clock)
        if not any(c.bands or c.strays or c.likelihood for c in competitors):
            return None
        from bench.reporting.curve_panels import Wording, draw  # matplotlib takes its time, and a listing needs none

        words = Wording(self.label, "lower bound", "bound", first_estimator(results))
        return draw(competitors, words, caption(results, competitors))


def caption(results: Results, competitors: Sequence[Competitor]) -> list[str]:
    """What a reader must know that the lines do not say, a paragraph an entry."""
    texts = [about_lines(competitors), about_pixels(results), *_about_absentees(competitors)]
    return [text for text in texts if text]


def about_lines(competitors: Sequence[Competitor]) -> str:
    """Of how many seeds lines, bands and bars are."""
    counts = [c.num_done for c in competitors if c.bands or c.likelihood]
    texts = []
    spread = bool(counts) and max(counts) > 1
    if spread:
        texts.append(f"Means over {_span(counts)} seeds.")
    elif counts:
        texts.append("One seed: its spread is unknown.")
    if any(c.bands for c in competitors):
        texts.append("Bands: lowest to highest seed, test data." * spread)
        texts.append("The first marks may lie below the axis.")
    if any(c.likelihood for c in competitors):
        texts.append("Hollow marks are of the end of training, drawn to its right, side by side.")
        texts.append("Error bars: standard deviation over seeds." * spread)
    return " ".join(text for text in texts if text)


def about_names(found: Sequence[Competitor], shown: Sequence[Competitor]) -> str:
    """Which competitors are shown under a name that leaves out their options."""
    texts = [
        f"{new.algorithm} with z = {old.z} and {old.n_train} training points is {old.algorithm}."
        for old, new in zip(found, shown, strict=True)
        if old.algorithm != new.algorithm
    ]
    return " ".join(dict.fromkeys(texts))


def about_pixels(results: Results) -> str:
    """What was done to the values, for each data set."""
    known = results.trials.dropna(subset="pixels").groupby("dataset", sort=False)["pixels"].unique()
    several = results.trials["dataset"].nunique() > 1
    return " ".join(
        f"Pixels{f' of {name}' if several else ''}: {'; '.join(map(str, texts))}." for name, texts in known.items()
    )


def about_estimators(results: Results) -> str:
    """Which way each estimator errs, its Monte Carlo error, and on how many points."""
    told = []
    for name, rows in results.likelihood_trace.groupby("estimator", sort=False):
        bias = ", ".join(str(bias) for bias in rows["bias"].unique() if bias) or "no estimate"
        error, points = rows["log_likelihood_se"].max(), rows["num_points"].max()
        told.append(f"{name}: bias {bias}, Monte Carlo error at most {error:.2g} nats, {points} points of each split.")
    return " ".join(told)


def _span(counts: Sequence[int]) -> str:
    return f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else str(counts[0])


def _about_absentees(competitors: Sequence[Competitor]) -> list[str]:
    """Who has no lower bound or no band, and which seeds did not end well."""
    texts = []
    for name in dict.fromkeys(c.algorithm for c in competitors):
        own = [c for c in competitors if c.algorithm == name]
        if any(c.num_done for c in own) and not any(c.bands or c.strays for c in own):
            fate = "is its mark" if any(c.likelihood for c in own) else "was not estimated"
            texts.append(f"{name} has no encoder and so no lower bound; its log-likelihood {fate}.")
        apart = _listed(c.z for c in own if c.apart)
        if apart:
            texts.append(f"{name}: its seeds have no stretch of this axis in common (z = {apart}), so each is drawn.")
    return [*texts, *about_unfinished(competitors)]


def about_unfinished(competitors: Sequence[Competitor]) -> list[str]:
    """Which seeds did not end well, an algorithm and fate a line."""
    texts = []
    for name in dict.fromkeys(c.algorithm for c in competitors):
        own = [c for c in competitors if c.algorithm == name]
        fates = Counter(fate for c in own for fate in c.fates)
        total = sum(c.num_done + len(c.fates) for c in own)
        for fate, count in fates.items():
            where = _listed(c.z for c in own if fate in c.fates)
            share = f"all {total} seeds" if count == total else f"{count} of {total} seeds"
            texts.append(f"{name}: {share} {fate} (z = {where}), not in the mean.")
    return texts


def _listed(latent_sizes: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(set(latent_sizes))))
