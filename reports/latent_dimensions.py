"""How much each latent dimension carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report import Figure
from bench.results.grid import Place, cells, done, finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results


class LatentDimensions(Figure):
    """KL of each latent dimension, from the one that carries most to the one that carries least, and active units.

    The KL is that of the encoder or, without an encoder, that of the Gaussians fitted to the posterior of each
    datapoint.  If z is discrete, each group of codes is a dimension, and its KL is -log p of its code given the codes
    of the preceding groups.
    """

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: means over seeds with the range of the seeds."""
        ended_well = done(results.trials)["trial"]
        latents = finite(results.latents[results.latents["trial"].isin(ended_well)])
        if latents.empty:
            return None
        from matplotlib.ticker import MaxNLocator

        from bench.reporting.captions import absentees
        from bench.reporting.figures.legends import add_legends_and_caption
        from bench.reporting.figures.looks import legend_entries, looks, style
        from bench.reporting.figures.place_panels import place_panels

        places = sorted({cell.place for cell, _ in cells(latents)})
        diagnosis = results.diagnosis[results.diagnosis["trial"].isin(ended_well)]
        active = {cell: rows["active_units"].mean() for cell, rows in cells(diagnosis)}
        discrete = list(dict.fromkeys(diagnosis.loc[diagnosis["num_states"].notna(), "algorithm"]))
        with style():
            every = looks(dict.fromkeys(results.trials["algorithm"]))
            figure, axes = place_panels(places, "latent dimension, sorted", "KL (nats per datapoint)", share_x=False)
            units: dict[Place, list[str]] = {place: [] for place in places}
            for cell, rows in cells(latents):
                by_rank = rows["kl"].groupby(rows["dimension"] + 1)
                mean, low, high = by_rank.mean(), by_rank.min(), by_rank.max()
                ax, look = axes[cell.place], every[cell.algorithm]
                ax.plot(mean.index, mean, color=look.colour, marker=look.marker, markersize=4, linewidth=1.2)
                ax.fill_between(mean.index, low, high, color=look.colour, alpha=0.2, linewidth=0)
                ax.xaxis.set_major_locator(MaxNLocator(integer=True))
                units[cell.place].append(f"{cell.algorithm} {active[cell]:.1f}")
            caption = [
                "Means over seeds; bands: lowest to highest seed. Active units, means over seeds:",
                *(f"{place.words}: {', '.join(texts)}." for place, texts in units.items()),
                f"{', '.join(discrete)}: a group of codes is a dimension." if discrete else "",
                *absentees.not_done(results.trials, "which do not count"),
            ]
            shown = {cell.algorithm for cell in active}
            entries = legend_entries({name: look for name, look in every.items() if name in shown})
            add_legends_and_caption(figure, [entries], caption)
        return figure
