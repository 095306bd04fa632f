"""Is the encoder's q(z|x) as wide as the posterior?  Expected coverage on data that each model has drawn itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results

TESTS = "A line is over all latent dimensions; a verdict is of each, of its mean too, and may see what no line shows."


class Calibration(Figure):
    """Expected coverage: how often central intervals of q(z|x) hold the z that x was drawn with, for each algorithm.

    A line below the diagonal is an encoder that is overconfident, whose intervals are too narrow; above it, they are
    too wide.  Dashed: what an exact posterior of one dimension stays within with a probability of 99 %.  The ranks
    themselves are in `rank_histograms`.
    Source: Talts et al. 2018; Hermans et al. 2022.
    """

    shows_models = True

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a panel for each place, a line for each algorithm."""
        from bench.reporting.calibrations import calibrations

        calibrated, missing = calibrations(results)
        if not calibrated:
            return None
        from bench.likelihood.calibration import FALSE_ALARM, NUM_POINTS, largest_distance
        from bench.reporting.figures.legends import add_legends_and_caption
        from bench.reporting.figures.looks import legend_entries, looks, style
        from bench.reporting.figures.place_panels import place_panels
        from bench.results.models import about, left_out

        with style():
            every = looks(dict.fromkeys(results.trials["algorithm"]))
            places = sorted({each.cell.place for each, _ in calibrated})
            figure, axes = place_panels(places, "level of the interval", "coverage")
            verdicts = []
            margin = largest_distance(FALSE_ALARM, NUM_POINTS)
            for place in places:
                for offset, line in ((0.0, "-"), (-margin, "--"), (margin, "--")):
                    axes[place].plot([0, 1], [offset, 1 + offset], color="grey", linewidth=0.8, linestyle=line)
                axes[place].set(xlim=(0, 1), ylim=(0, 1))
            for each, found in calibrated:
                levels = (2 * (found.ranks - 0.5).abs()).flatten().sort().values.numpy()
                shares = [(i + 1) / len(levels) for i in range(len(levels))]
                look = every[each.cell.algorithm]
                axes[each.cell.place].plot(levels, shares, color=look.colour, linewidth=1.4)
                verdicts.append(f"{each.cell.place.words}: {each.cell.algorithm} is {found.verdict}.")
            shown = {each.cell.algorithm for each, _ in calibrated}
            entries = legend_entries({name: look for name, look in every.items() if name in shown})
            seeds = about([each for each, _ in calibrated])
            caption = [
                f"{NUM_POINTS} datapoints drawn from each model. {seeds} Without an encoder there is no line.",
                TESTS,
                *verdicts,
                *left_out(missing),
            ]
            add_legends_and_caption(figure, [entries], caption)
        return figure
