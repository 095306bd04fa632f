"""Test data in a two-dimensional latent space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.options import option
from bench.report import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results
    from bench.results.models import TrainedModel

MOST_LABELS = 10  # the number of colours that can be distinguished


@dataclass(frozen=True)
class LatentSpaceOptions:
    """Options of `latent_space`."""

    points: int = option(1000, "test points, at most", minimum=1)


class LatentSpace(Figure):
    """The latent space of models with z = 2: the mean of q(z|x) for each test point, coloured by its label.

    Without an encoder, the mean of a Hamiltonian Monte Carlo chain on p(z|x) is used.
    """

    shows_models = True
    Options = LatentSpaceOptions
    options: LatentSpaceOptions

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a row for each data set and number of training points, a panel for each algorithm."""
        models, missing = results.models
        planes = [each for each in models if each.cell.z == 2]
        if not planes:
            return None
        from bench.reporting.figures.scatter_panels import Scatter, draw
        from bench.results.models import about, left_out

        names = [self._names(each) for each in planes]
        coloured = len({name for labels in names for name in labels}) <= MOST_LABELS
        scatters = [
            Scatter(
                f"{each.cell.dataset}, {each.cell.n_train} training points",
                each.cell.algorithm,
                each.encode(each.data.x_test[: self.options.points]).numpy(),
                labels if coloured else [""] * len(labels),
            )
            for each, labels in zip(planes, names, strict=True)
        ]
        uncoloured = (
            "" if coloured else f"More than {MOST_LABELS} labels cannot be told apart by colour: none is coloured."
        )
        return draw(scatters, [f"Test data. {about(planes, coded=True)}", uncoloured, *left_out(missing, z=2)])

    def _names(self, each: TrainedModel) -> list[str]:
        """The label of each point as text; empty if there are none."""
        labels = each.data.labels_test
        count = len(each.data.x_test[: self.options.points])
        return [""] * count if labels is None else [f"{float(label):g}" for label in labels[:count]]
