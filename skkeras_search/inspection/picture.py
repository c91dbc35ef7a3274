"""Displays as pictures inside of a page."""

import base64
import io
from collections.abc import Callable
from typing import Any

from skkeras_search.inspection.style import pyplot


def picture_of(
    draw: Callable[[Any], Any], size: tuple[float, float], dpi: int = 110
) -> str:
    """Draw on new axes, and give the picture as an address for an ``img`` element.

    The figure is not one of ``pyplot``, so that no notebook shows it, and the page looks
    the same whatever the style of the session.

    Parameters
    ----------
    draw : callable
        Takes axes.
    size : (float, float)
        Of the figure, in inches.
    dpi : int, default=110

    Returns
    -------
    str
        A ``data:`` address of a PNG.
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
