"""Is the encoder's q(z|x) the posterior?  Ranks of exact posterior draws, on data that each model has drawn itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.likelihood.calibration import Calibration
    from bench.results.frames import Results

NUM_BINS = 20
CONFIDENCE = 0.99
LINES = (
    "Thin lines: latent dimensions; thick: all together. Grey: where all bars of a thin line are with a probability of "
    f"{CONFIDENCE:.0%} if q(z|x) is the posterior."
)
SHAPES = (
    "High at both ends: the encoder is overconfident, its q(z|x) too narrow; high in the middle: too wide; a slope: "
    "its mean is off."
)


class RankHistograms(Figure):
    """Simulation-based calibration: ranks, in q(z|x), of the z that x was drawn with; uniform if q is the posterior.

    There is a thin line for each latent dimension of each algorithm, and a thick one for all dimensions together.  The
    grey band contains all bars of a thin line with a probability of 99 % if q is the posterior.  The report
    `calibration` shows the coverage of intervals on the same data.  Source: Talts et al. 2018.
    """

    shows_models = True

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a panel for each place."""
        from bench.reporting.calibrations import calibration_figure
        from bench.statistics import ranks

        def draw_band(ax: Axes, num_ranks: int) -> None:
            ax.axhspan(*ranks.uniform_band(num_ranks, NUM_BINS, CONFIDENCE), color="0.85", zorder=0)
            ax.set_xlim(0, 1)

        def draw_histograms(ax: Axes, calibration: Calibration, colour: tuple[float, float, float]) -> None:
            edges = [i / NUM_BINS for i in range(NUM_BINS + 1)]
            drawn = calibration.ranks.cpu().numpy()
            for dimension in drawn.T:
                heights = ranks.histogram(dimension, NUM_BINS)
                ax.stairs(heights, edges, baseline=None, color=colour, linewidth=0.6, alpha=0.4)
            ax.stairs(ranks.histogram(drawn.ravel(), NUM_BINS), edges, baseline=None, color=colour, linewidth=1.6)

        return calibration_figure(results, "rank of the true z", "density", draw_band, draw_histograms, (LINES, SHAPES))
