"""Where the test data lie in a two-dimensional latent space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.options import option
from bench.report import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results import Results

MOST_LABELS = 10  # as many colours as can be told apart


@dataclass(frozen=True)
class LatentSpaceOptions:
    """What can be set of `latent_space`."""

    points: int = option(1000, "test points, at most", minimum=1)


class LatentSpace(Figure):
    """The latent space of models with z = 2: the mean of q(z|x) for each test point, coloured by its label.

    Without an encoder it is the mean of a Hamiltonian Monte Carlo chain on p(z|x).
    """

    Options = LatentSpaceOptions
    options: LatentSpaceOptions

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a panel for each algorithm."""
        models, missing = results.models
        planes = [each for each in models if each.cell.z == 2]
        if not planes:
            return None
        from matplotlib.lines import Line2D

        from bench.drawing import figures

        with figures.style():
            figure, axes = figures.panel_grid([len(planes)])
            entries: dict[str, Line2D] = {}
            furthest = 2.0
            for each, ax in zip(planes, axes[0], strict=True):
                z = each.encode(each.data.x_test[: self.options.points]).numpy()
                labels = each.data.labels_test
                names = [""] * len(z) if labels is None else [str(int(label)) for label in labels[: len(z)]]
                if len(set(names)) > MOST_LABELS:
                    names = [""] * len(z)
                looks = figures.looks(sorted(set(names)))
                for name, look in looks.items():
                    own = z[[other == name for other in names]]
                    ax.scatter(
                        own[:, 0], own[:, 1], s=9, color=look.colour, marker=look.marker, linewidths=0, alpha=0.7
                    )
                    if name:
                        entries[name] = Line2D([], [], color=look.colour, marker=look.marker, linestyle="none")
                furthest = max(furthest, float(abs(z).max()))
                ax.set_title(f"{each.cell.algorithm}, {each.cell.dataset}", loc="left", fontsize=9, parse_math=False)
                ax.set_xlabel("z1")
            axes[0][0].set(
                ylabel="z2", xlim=(-1.05 * furthest, 1.05 * furthest), ylim=(-1.05 * furthest, 1.05 * furthest)
            )
            for ax in axes[0]:
                ax.set_aspect("equal")
            legends = [dict(sorted(entries.items()))] if entries else []
            figures.add_legends_and_caption(figure, legends, ["Means of q(z|x), test data. One seed each.", *missing])
        return figure
