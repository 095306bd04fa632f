"""How much each latent dimension carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report import Figure
from bench.results.grid import Place, cells, numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results


class LatentDimensions(Figure):
    """KL of each latent dimension, from the one that carries most to the one that carries least, and active units.

    The encoder's, or where there is none that of the Gaussians fitted to each datapoint's posterior.  Where z is
    discrete, each group of codes is a dimension, and its KL is -log p of its code after those of the groups before.
    """

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: means over seeds with the range of the seeds."""
        done = results.trials.loc[results.trials["status"] == "done", "trial"]
        latents = results.latents[results.latents["trial"].isin(done)]
        if latents.empty:
            return None
        from matplotlib.ticker import MaxNLocator

        from bench.reporting import absentees, figures
        from bench.reporting.place_panels import legend, place_panels

        places = sorted({Place(*cell[:3]) for cell, _ in cells(latents)})
        looked_into = results.diagnosis[results.diagnosis["trial"].isin(done)]
        active = {cell: numbers(rows["active_units"]).mean() for cell, rows in cells(looked_into)}
        discrete = list(dict.fromkeys(looked_into.loc[looked_into["num_states"].notna(), "algorithm"]))
        with figures.style():
            looks = figures.looks(dict.fromkeys(results.trials["algorithm"]))
            figure, axes = place_panels(places, "latent dimension, sorted", "KL (nats a datapoint)", share_x=False)
            told: dict[Place, list[str]] = {place: [] for place in places}
            for cell, own in cells(latents):
                by_rank = numbers(own["kl"]).groupby(own["dimension"].astype(int) + 1)
                mean, low, high = by_rank.mean(), by_rank.min(), by_rank.max()
                ax, look = axes[Place(*cell[:3])], looks[cell.algorithm]
                ax.plot(mean.index, mean, color=look.colour, marker=look.marker, markersize=4, linewidth=1.2)
                ax.fill_between(mean.index, low, high, color=look.colour, alpha=0.2, linewidth=0)
                ax.xaxis.set_major_locator(MaxNLocator(integer=True))
                told[Place(*cell[:3])].append(f"{cell.algorithm} {active[cell]:.1f}")
            caption = [
                "Means over seeds; bands: lowest to highest seed. Active units, means over seeds:",
                *(f"{place.words}: {', '.join(texts)}." for place, texts in told.items()),
                f"{', '.join(discrete)}: a group of codes is a dimension." if discrete else "",
                *absentees.not_done(results.trials, "which do not count"),
            ]
            shown = {cell.algorithm for cell in active}
            entries = legend({name: look for name, look in looks.items() if name in shown})
            figures.add_legends_and_caption(figure, [entries], caption)
        return figure
