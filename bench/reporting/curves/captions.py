"""Captions of figures of learning curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bench.reporting.curves.competitors import Competitor

if TYPE_CHECKING:
    from bench.results.frames import Results


def learning_curves_caption(results: Results, competitors: Sequence[Competitor]) -> list[str]:
    """Caption text that the lines cannot show, one paragraph per entry."""
    texts = [about_lines(competitors), about_pixels(results), *_about_absentees(competitors)]
    return [text for text in texts if text]


def about_lines(competitors: Sequence[Competitor]) -> str:
    """How many seeds the lines, bands and bars stand for."""
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
        texts.append("Hollow marks show the end of training; they are drawn to its right, side by side.")
        texts.append("Error bars: standard deviation over seeds." * spread)
    return " ".join(text for text in texts if text)


def about_names(competitors: Sequence[Competitor], shown: Sequence[Competitor]) -> str:
    """Which competitors are shown under a name without their options."""
    texts = [
        f"{new.algorithm} with z = {old.z} and {old.n_train} training points is {old.algorithm}."
        for old, new in zip(competitors, shown, strict=True)
        if old.algorithm != new.algorithm
    ]
    return " ".join(dict.fromkeys(texts))


def about_pixels(results: Results) -> str:
    """How the values were prepared, for each data set."""
    known = results.trials.dropna(subset="pixels").groupby("dataset", sort=False)["pixels"].unique()
    several = results.trials["dataset"].nunique() > 1
    return " ".join(
        f"Pixels{f' of {name}' if several else ''}: {'; '.join(map(str, texts))}." for name, texts in known.items()
    )


def about_estimators(results: Results) -> str:
    """The bias of each estimator, its Monte Carlo error, and on how many points."""
    texts = []
    for name, rows in results.likelihood_trace.groupby("estimator", sort=False):
        bias = ", ".join(str(bias) for bias in rows["bias"].unique() if bias) or "no estimate"
        error, points = rows["log_likelihood_se"].max(), rows["num_points"].max()
        texts.append(f"{name}: bias {bias}, Monte Carlo error at most {error:.2g} nats, {points} points of each split.")
    return " ".join(texts)


def _span(counts: Sequence[int]) -> str:
    return f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else str(counts[0])


def _about_absentees(competitors: Sequence[Competitor]) -> list[str]:
    """Which algorithms have no lower bound or no band, and which seeds did not end well."""
    texts = []
    for name in dict.fromkeys(c.algorithm for c in competitors):
        entries = [c for c in competitors if c.algorithm == name]
        if any(c.num_done for c in entries) and not any(c.bands or c.excluded for c in entries):
            fate = "is its mark" if any(c.likelihood for c in entries) else "was not estimated"
            texts.append(f"{name} has no encoder and so no lower bound; its log-likelihood {fate}.")
        apart = _listed(c.z for c in entries if c.apart)
        if apart:
            texts.append(f"{name}: its seeds have no stretch of this axis in common (z = {apart}), so each is drawn.")
    return [*texts, *about_unfinished(competitors)]


def about_unfinished(competitors: Sequence[Competitor]) -> list[str]:
    """Which seeds did not end well, one text per algorithm and status."""
    texts = []
    for name in dict.fromkeys(c.algorithm for c in competitors):
        entries = [c for c in competitors if c.algorithm == name]
        fates = Counter(fate for c in entries for fate in c.fates)
        total = sum(c.num_done + len(c.fates) for c in entries)
        for fate, count in fates.items():
            where = _listed(c.z for c in entries if fate in c.fates)
            share = f"all {total} seeds" if count == total else f"{count} of {total} seeds"
            texts.append(f"{name}: {share} {fate} (z = {where}), not in the mean.")
    return texts


def _listed(latent_sizes: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(set(latent_sizes))))
