"""The paper's figure 5: what the models draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import seeds
from bench.options import option
from bench.report import Figure
from bench.results.grid import Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from matplotlib.figure import Figure as MatplotlibFigure
    from numpy.typing import NDArray

    from bench.reporting.figures.image_panels import Row
    from bench.results.frames import Results


@dataclass(frozen=True)
class SamplesOptions:
    """Options of `samples`."""

    size: int = option(8, "images along each side", minimum=1, maximum=50)


class Samples(Figure):
    """Samples of each model: E[x|z] for draws z from the prior, the same draws for all algorithms of one prior.

    Source: Kingma & Welling 2014, figure 5.
    """

    shows_models = True
    Options = SamplesOptions
    options: SamplesOptions

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a row for each latent size, a column for each algorithm."""
        models, missing = results.models
        if not models:
            return None
        from bench.reporting.figures.image_panels import Row, draw, mosaic
        from bench.results.models import about, about_prior, about_values, left_out

        size = self.options.size
        panels: dict[Place, list[tuple[str, NDArray[np.float32]]]] = {}
        for each in models:
            z = each.model.sample_prior(size * size, seeds.generator("figure of samples", each.cell.z))
            images = each.decode(z).unflatten(0, (size, size)).numpy()
            panels.setdefault(each.cell.place, []).append((each.cell.algorithm, mosaic(images)))
        rows = [Row(place.words, row) for place, row in panels.items()]
        if all(len(row.panels) == 1 for row in rows):  # one algorithm: its latent sizes side by side, as in the paper
            rows = _side_by_side(panels)
        return draw(rows, [f"{about_prior(models)} {about(models)}", about_values(models), *left_out(missing)])


def _side_by_side(panels: Mapping[Place, Sequence[tuple[str, NDArray[np.float32]]]]) -> list[Row]:
    """A row for each data set and number of training points, a column for each latent size."""
    from bench.reporting.figures.image_panels import Row

    by_heading: dict[str, list[tuple[str, NDArray[np.float32]]]] = {}
    for place, ((algorithm, sheet),) in panels.items():
        heading = f"{place.dataset}, {place.n_train} training points, {algorithm}"
        by_heading.setdefault(heading, []).append((f"z = {place.z}", sheet))
    return [Row(heading, row) for heading, row in by_heading.items()]
