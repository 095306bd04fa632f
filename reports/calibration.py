"""Is the encoder's q(z|x) as wide as the posterior?  Expected coverage on data that each model has drawn itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.likelihood.calibration import Calibration as EncoderCalibration
    from bench.results.frames import Results

TESTS = "A line is over all latent dimensions; a verdict is of each, of its mean too, and may see what no line shows."


class Calibration(Figure):
    """Expected coverage: how often central intervals of q(z|x) hold the z that x was drawn with, for each algorithm.

    A line below the diagonal indicates an overconfident encoder, whose intervals are too narrow; above the diagonal,
    the intervals are too wide.  The dashed lines enclose the coverage of an exact posterior of one dimension with a
    probability of 99 %.  The ranks themselves are shown in `rank_histograms`.
    Source: Talts et al. 2018; Hermans et al. 2022.
    """

    shows_models = True

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a panel for each place, a line for each algorithm."""
        from bench.likelihood.calibration import FALSE_ALARM, largest_distance
        from bench.reporting.calibrations import calibration_figure

        def draw_diagonals(ax: Axes, num_ranks: int) -> None:
            margin = largest_distance(FALSE_ALARM, num_ranks)
            for offset, line in ((0.0, "-"), (-margin, "--"), (margin, "--")):
                ax.plot([0, 1], [offset, 1 + offset], color="grey", linewidth=0.8, linestyle=line)
            ax.set(xlim=(0, 1), ylim=(0, 1))

        def draw_coverage(ax: Axes, calibration: EncoderCalibration, colour: tuple[float, float, float]) -> None:
            levels = (2 * (calibration.ranks - 0.5).abs()).flatten().sort().values.numpy()
            shares = [(i + 1) / len(levels) for i in range(len(levels))]
            ax.plot(levels, shares, color=colour, linewidth=1.4)

        return calibration_figure(results, "level of the interval", "coverage", draw_diagonals, draw_coverage, (TESTS,))
