"""What is left of an image on its way through the latent space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.options import option
from bench.report import Figure

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure as MatplotlibFigure
    from numpy.typing import NDArray

    from bench.results import Results


@dataclass(frozen=True)
class ReconstructionsOptions:
    """What can be set of `reconstructions`."""

    count: int = option(10, "test images", minimum=1, maximum=100)


class Reconstructions(Figure):
    """Reconstructions of the first test images: E[x|z] where z is the mean of q(z|x).

    Without an encoder z is the mean of a Hamiltonian Monte Carlo chain on p(z|x).
    """

    Options = ReconstructionsOptions
    options: ReconstructionsOptions

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a row for each algorithm below one for the images, a block for each latent size."""
        models, missing = results.models
        if not models:
            return None
        from bench.drawing.image_panels import draw, mosaic

        panels: list[list[tuple[str, NDArray[np.float32]]]] = []
        places: set[tuple[object, ...]] = set()
        for each in models:
            x = each.data.x_test[: self.options.count]
            if each.cell[:3] not in places:
                places.add(each.cell[:3])
                images = x.unflatten(-1, each.data.image_shape).clamp(0, 1)
                heading = f"test images: {each.cell.dataset}, {each.cell.n_train} training points, z = {each.cell.z}"
                panels.append([(heading, mosaic(images[None].numpy()))])
            found = each.decode(each.encode(x))
            panels.append([(each.cell.algorithm, mosaic(found[None].numpy()))])
        return draw(panels, ["One seed each.", *missing], width=0.55 * self.options.count)
