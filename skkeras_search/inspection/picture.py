"""Render displays as images that are embedded in HTML."""

import base64
import io
from collections.abc import Callable
from typing import Any

from skkeras_search.inspection.style import pyplot


def picture_of(
    draw: Callable[[Any], Any], size: tuple[float, float], dpi: int = 110
) -> str:
    """Draw on new axes, and return the image as a URL for an ``img`` element.

    The figure is not registered with ``pyplot``, so that a notebook does not show it. The
    default style of matplotlib is used, whatever the style of the session is.

    Parameters
    ----------
    draw : callable
        Function that draws on the axes that it is called with.
    size : (float, float)
        Width and height of the figure, in inches.
    dpi : int, default=110
        Resolution in dots per inch.

    Returns
    -------
    str
        ``data:`` URL of a PNG image.
    """
    pyplot("A picture in a page")
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure(figsize=size, layout="constrained", dpi=dpi)
        FigureCanvasAgg(figure)
        draw(figure.subplots())
        file = io.BytesIO()
        figure.savefig(file, format="png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
