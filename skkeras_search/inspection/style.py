"""Colors and limits of the axes, shared by all displays."""

from typing import Any

import numpy as np

# Colors that color-blind people can distinguish: Okabe and Ito, "Color Universal Design",
# 2008. All of them are visible on white and on black.
BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
)
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION)
BEST = VERMILLION
# Color map of scores, from blue to yellow. Color-blind people can read it, too.
SCORES = "viridis"
# Scores are cut off at this multiple of the distance from the median to the best score,
# below the median.
REACH = 2.0


def axes_for(ax: Any, display: str, **size: Any) -> Any:
    """Return ``ax``, or the axes of a new figure if it is None.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    plt = pyplot(display)
    if ax is None:
        _, ax = plt.subplots(layout="constrained", **size)
    return ax


def pyplot(display: str) -> Any:
    """Import ``matplotlib.pyplot``.

    Raises
    ------
    ImportError
        If matplotlib is not installed. The message starts with ``display``.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{display} requires matplotlib, which is not installed. Install it with "
            "pip install skkeras-search[plot]."
        ) from error
    return plt


def faint() -> str:
    """Return the color of background elements, which is visible in any style."""
    import matplotlib

    return str(matplotlib.rcParams["axes.labelcolor"])


def least_shown(scores: np.ndarray) -> float:
    """Return the score below which scores are cut off, so that the others stay readable.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Scores. Those that are not finite are ignored.

    Returns
    -------
    float
        The limit. It is the worst finite score if no score is far below the others.
    """
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return 0.0
    worst, median, best = finite.min(), np.median(finite), finite.max()
    # The lower quartile is used, too, as the median may equal the best score.
    reach = max(best - median, best - np.quantile(finite, 0.25))
    least = median - REACH * reach
    return float(worst if reach == 0 or worst > least - reach else least)


def margin_of(scores: np.ndarray) -> float:
    """Return the margin above and below the scores in a plot."""
    finite = scores[np.isfinite(scores)]
    best = finite.max() if len(finite) else 0.0
    return float(0.06 * ((best - least_shown(scores)) or abs(best) or 1.0))


def label_of(metric: str) -> str:
    """Return the label of an axis of scores."""
    name = "score" if metric == "score" else metric.replace("$", r"\$")
    return f"mean test {name}"
