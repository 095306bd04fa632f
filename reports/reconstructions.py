"""Images after encoding and decoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.options import option
from bench.report import Figure
from bench.results.grid import Place

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.reporting.figures.image_panels import Row
    from bench.results.frames import Results


@dataclass(frozen=True)
class ReconstructionsOptions:
    """Options of `reconstructions`."""

    count: int = option(10, "test images", minimum=1, maximum=100)


class Reconstructions(Figure):
    """Reconstructions of the first test images: E[x|z] with z the mean of q(z|x).

    Without an encoder, z is the mean of a Hamiltonian Monte Carlo chain on p(z|x).
    """

    shows_models = True
    Options = ReconstructionsOptions
    options: ReconstructionsOptions

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a row for each algorithm below one for the images, a block for each latent size."""
        models, missing = results.models
        if not models:
            return None
        from bench.reporting.figures.image_panels import Row, draw, mosaic
        from bench.results.models import about, about_values, left_out

        rows: list[Row] = []
        places: set[Place] = set()
        for each in models:
            x = each.data.x_test[: self.options.count]
            place = each.cell.place
            if place not in places:
                places.add(place)
                rows.append(Row(place.words, [("test images", mosaic(each.images(x)[None].numpy()))]))
            decoded = each.decode(each.encode(x))
            rows.append(Row("", [(each.cell.algorithm, mosaic(decoded[None].numpy()))]))
        caption = [f"E[x|z]. {about(models, coded=True)}", about_values(models), *left_out(missing)]
        return draw(rows, caption, width=min(max(0.55 * self.options.count, 3.0), 16.0))
