"""Do more draws of z make the gradient better?  Signal-to-noise ratios by the number of draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.options import option
from bench.report import Figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.reporting.figures.looks import Look
    from bench.results.frames import Results

PARTS = ("encoder", "decoder")


@dataclass(frozen=True)
class GradientsOptions:
    """Options of `gradients`."""

    repeats: int = option(256, "repetitions of each gradient, with new noise each", minimum=64)
    datapoints: int = option(200, "datapoints of the minibatch", unit="datapoints", minimum=1)


class Gradients(Figure):
    """Signal-to-noise ratio of each algorithm's gradients against the number K of draws of z per datapoint.

    Drawn if an algorithm has at least four values of num_samples at a place.  All algorithms are measured at the same
    weights, those of the place's first algorithm, on the same minibatch.  The ratio is the square root of the mean,
    over parameters, of (E g)^2 / Var g for one step; error bars are two Monte Carlo standard errors.  The caption gives
    the exponent of K that each curve follows.  In theory, it is -1/2 in the encoder for the standard gradient of the
    importance-weighted bound, +1/2 for the doubly reparameterised one, and +1/2 in the decoder for both.
    Sources: Rainforth et al. 2018, theorem 1; Tucker et al. 2019, section 4.
    Cost: at most 1e7 model evaluations for each algorithm and number of draws, with fewer repetitions if necessary.
    """

    shows_models = True
    Options = GradientsOptions
    options: GradientsOptions

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: for each place a panel for the encoder and one for the decoder."""
        from bench.reporting.gradients import by_place, signal_to_noise

        rows = signal_to_noise(results, repeats=self.options.repeats, datapoints=self.options.datapoints)
        if rows.empty:
            return None
        from bench.reporting.figures.grid import label_panels, panel_grid
        from bench.reporting.figures.legends import add_legends_and_caption
        from bench.reporting.figures.looks import legend_entries, looks, style

        places = by_place(rows)
        with style():
            shown = looks(dict.fromkeys(rows["family"]))
            figure, grid = panel_grid([len(PARTS)] * len(places), share_x=False)
            for (place, at_place), row in zip(places.items(), grid, strict=True):
                label_panels(row, PARTS, place.words, "draws per datapoint (K)", "signal-to-noise ratio")
                for part, axes in zip(PARTS, row, strict=True):
                    _draw(axes, at_place[at_place["part"] == part], shown)
            add_legends_and_caption(figure, [legend_entries(shown)], self._caption(rows))
        return figure

    def _caption(self, rows: pd.DataFrame) -> list[str]:
        from bench.reporting.gradients import by_place, rates

        options = self.options
        measured_at = ", ".join(dict.fromkeys(rows["at"]))
        caption = [
            f"Gradients of one step on {options.datapoints} training points, at most {options.repeats} repetitions.",
            f"All at the weights of {measured_at}, its first seed. Bars and ±: Monte Carlo errors, two and one.",
            "Exponents are fitted to the points that differ from 0 by more than two errors.",
        ]
        places = by_place(rates(rows))
        for place, at_place in places.items():
            for part, curves in at_place.groupby("part", sort=False):
                exponents = [f"{row.family} {row.rate:+.2f} ± {row.rate_se:.2f}" for row in curves.itertuples()]
                where = f"{place.words}, {part}" if len(places) > 1 else str(part)
                caption.append(f"Exponents of K, {where}: {', '.join(exponents)}.")
        return caption


def _draw(axes: Axes, rows: pd.DataFrame, shown: dict[str, Look]) -> None:
    """A curve for each algorithm, on logarithmic axes with a tick for each number of draws."""
    for family, curve in rows.sort_values("num_samples").groupby("family", sort=False):
        look, ratio, error = shown[str(family)], curve["signal_to_noise"], curve["signal_to_noise_se"]
        axes.plot(curve["num_samples"], ratio, color=look.colour, marker=look.marker, markersize=5, linewidth=1.4)
        axes.vlines(curve["num_samples"], ratio - 2 * error, ratio + 2 * error, colors=[look.colour], linewidth=1.4)
    numbers = sorted(rows["num_samples"].unique())
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(numbers, [str(number) for number in numbers])
    axes.minorticks_off()
