"""Is the encoder's q(z|x) the posterior?  Ranks of exact posterior draws, on data that each model has drawn itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

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

    A thin line for each latent dimension of each algorithm, a thick one for all of them together.  Grey: where all bars
    of a thin line lie with a probability of 99 % if q is the posterior.  The report `calibration` shows the coverage
    of intervals on the same data.  Source: Talts et al. 2018.
    """

    shows_models = True

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a panel for each place."""
        from bench.reporting.calibrations import calibrations

        calibrated, missing = calibrations(results)
        if not calibrated:
            return None
        from bench.likelihood.calibration import NUM_POINTS
        from bench.reporting.figures.legends import add_legends_and_caption
        from bench.reporting.figures.looks import legend_entries, looks, style
        from bench.reporting.figures.place_panels import place_panels
        from bench.results.models import about, left_out
        from bench.statistics import ranks

        with style():
            every = looks(dict.fromkeys(results.trials["algorithm"]))
            places = sorted({each.cell.place for each, _ in calibrated})
            figure, axes = place_panels(places, "rank of the true z", "density")
            edges = [i / NUM_BINS for i in range(NUM_BINS + 1)]
            low, high = ranks.uniform_band(NUM_POINTS, NUM_BINS, CONFIDENCE)
            for ax in axes.values():
                ax.axhspan(low, high, color="0.85", zorder=0)
                ax.set_xlim(0, 1)
            for each, calibration in calibrated:
                ax, colour = axes[each.cell.place], every[each.cell.algorithm].colour
                for dimension in calibration.ranks.T:
                    heights = ranks.histogram(dimension.cpu().numpy(), NUM_BINS)
                    ax.stairs(heights, edges, baseline=None, color=colour, linewidth=0.6, alpha=0.4)
                heights = ranks.histogram(calibration.ranks.cpu().numpy().ravel(), NUM_BINS)
                ax.stairs(heights, edges, baseline=None, color=colour, linewidth=1.6)
            shown = {each.cell.algorithm for each, _ in calibrated}
            entries = legend_entries({name: look for name, look in every.items() if name in shown})
            seeds = about([each for each, _ in calibrated])
            caption = [
                f"{NUM_POINTS} datapoints drawn from each model. {seeds} Without an encoder there is no line.",
                LINES,
                SHAPES,
                *(
                    f"{each.cell.place.words}: {each.cell.algorithm} is {calibration.verdict}."
                    for each, calibration in calibrated
                ),
                *left_out(missing),
            ]
            add_legends_and_caption(figure, [entries], caption)
        return figure
