"""The paper's figure 3 in its own frame, to be laid beside the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report import Figure
from bench.reporting.curves.captions import about_estimators, about_lines, about_names, about_pixels, about_unfinished
from bench.reporting.curves.competitors import Competitor, plain, read_likelihoods, under_plain_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results

ALGORITHMS = ("aevb", "wakesleep", "mcem")
MILLION = 1e6
SAMPLES = 60 * MILLION
LIKELIHOODS = (-160, -100)  # nats per datapoint


class AEVBFig3(Figure):
    """The paper's figure 3 in its own frame: AEVB, wake-sleep and Monte Carlo EM on MNIST, in millions of samples.

    Drawn if a run with likelihood marks has all three algorithms, with a row for each estimator and a panel for each
    number of training points.  The axis of samples ends at the end of the run.  Results outside the paper's axis of
    log-likelihoods are not visible; `convergence_likelihood` has axes that fit.  Source: Kingma & Welling 2014,
    figure 3.
    """

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`."""
        competitors = [
            c
            for c in read_likelihoods(results, "samples")
            if plain(c.dataset) == "mnist" and plain(c.algorithm) in ALGORITHMS
        ]
        ends = [min(float(band.x[-1]), SAMPLES) for c in competitors for band in c.bands.values()]
        if {plain(c.algorithm) for c in competitors if c.bands} != {*ALGORITHMS} or not any(
            _inside(c) for c in competitors
        ):
            return None
        from bench.reporting.curves.panels import Frame, Wording, draw

        curves = under_plain_names(competitors)
        beyond = any(plain(c.algorithm) == "mcem" and "batch_size" in c.algorithm for c in competitors)
        words = Wording("training samples seen (millions)", "log-likelihood", "log-likelihood", linear=True)
        caption = [
            about_lines(curves),
            about_names(competitors, curves),
            "Monte Carlo EM in minibatches goes beyond the paper." * beyond,
            about_estimators(results),
            about_pixels(results),
            *about_unfinished([c for c in competitors if c.estimator == competitors[0].estimator]),
            f"The axis of log-likelihoods is the paper's; its axis of samples ends at {SAMPLES / MILLION:g} million.",
        ]
        frame = Frame((0, max(ends)), LIKELIHOODS, MILLION)
        return draw(curves, words, [text for text in caption if text], {c.group: frame for c in curves}, columns=2)


def _inside(competitor: Competitor) -> bool:
    """Whether any part of its curve on test data is inside the paper's axes."""
    band = competitor.bands.get("test")
    low, high = LIKELIHOODS
    return band is not None and bool(((band.mean >= low) & (band.mean <= high)).any())
