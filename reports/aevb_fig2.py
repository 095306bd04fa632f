"""The paper's figure 2 in its own frame, to be laid beside the paper."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from bench.report import Figure
from bench.reporting.curves.captions import about_lines, about_names, about_pixels, about_unfinished
from bench.reporting.curves.competitors import Competitor, plain, read, under_plain_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results

ALGORITHMS = ("aevb", "wakesleep")
SAMPLES = (1e5, 1e8)
BOUNDS = {"mnist": (-150, -100), "freyface": (0, 1600)}  # nats per datapoint


class AEVBFig2(Figure):
    """The paper's figure 2 in its own frame: AEVB and wake-sleep on MNIST and Frey Face, a row each, and its axes.

    Drawn if a run has both algorithms with several latent sizes on one of the two data sets.  Results outside the
    paper's axes are not visible; `convergence_samples` has axes that fit.  Source: Kingma & Welling 2014, figure 2.
    """

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`."""
        competitors = [
            c for c in read(results, "samples") if plain(c.dataset) in BOUNDS and plain(c.algorithm) in ALGORITHMS
        ]
        both = {plain(c.algorithm) for c in competitors if c.bands} == {*ALGORITHMS}
        if not both or len({c.z for c in competitors}) < 2 or not any(_inside(c) for c in competitors):
            return None
        from bench.reporting.curves.panels import Frame, Wording, draw

        curves = [dataclasses.replace(c, likelihood=None) for c in under_plain_names(competitors)]
        words = Wording("training samples seen", "lower bound", "bound")
        caption = [
            about_lines(curves),
            about_names(competitors, curves),
            about_pixels(results),
            *about_unfinished(curves),
        ]
        caption.append("The axes are the paper's.")
        frames = {c.group: Frame(SAMPLES, BOUNDS[plain(c.dataset)]) for c in curves}
        return draw(curves, words, [text for text in caption if text], frames, columns=5)


def _inside(competitor: Competitor) -> bool:
    """Whether any part of its curve on test data is inside the paper's axes."""
    band = competitor.bands.get("test")
    if band is None:
        return False
    low, high = BOUNDS[plain(competitor.dataset)]
    return bool(((band.x >= SAMPLES[0]) & (band.mean >= low) & (band.mean <= high)).any())
