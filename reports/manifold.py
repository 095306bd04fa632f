"""The paper's figure 4: what a two-dimensional latent space looks like, decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.options import option
from bench.report import Figure

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure as MatplotlibFigure
    from numpy.typing import NDArray

    from bench.results.frames import Results


@dataclass(frozen=True)
class ManifoldOptions:
    """Options of `manifold`."""

    size: int = option(20, "images along each side", minimum=2, maximum=100)


class Manifold(Figure):
    """The learned manifold of models with z = 2: E[x|z] on a grid of the inverse Gaussian distribution function.

    Source: Kingma & Welling 2014, figure 4 and appendix A.
    """

    shows_models = True
    Options = ManifoldOptions
    options: ManifoldOptions

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`."""
        from bench.results.models import about, about_values, continuous_planes, left_out

        planes, missing = continuous_planes(*results.models)
        if not planes:
            return None
        import torch

        from bench.reporting.figures.image_panels import Row, draw, mosaic

        size = self.options.size
        quantiles = torch.special.ndtri((torch.arange(size) + 0.5) / size)
        z = torch.stack(torch.meshgrid(quantiles, quantiles.flip(0), indexing="xy"), dim=-1)  # up is large, as in plots
        panels: dict[tuple[str, int], list[tuple[str, NDArray[np.float32]]]] = {}
        for each in planes:
            sheet = mosaic(each.decode(z).numpy())
            panels.setdefault((each.cell.dataset, each.cell.n_train), []).append((each.cell.algorithm, sheet))
        rows = [Row(f"{dataset}, {n_train} training points", row) for (dataset, n_train), row in panels.items()]
        caption = [
            f"E[x|z] at the {size} x {size} quantiles of N(0, I): z1 from left to right, z2 upwards. {about(planes)}",
            about_values(planes),
            *left_out(missing, z=2),
        ]
        return draw(rows, caption, width=3.0)
