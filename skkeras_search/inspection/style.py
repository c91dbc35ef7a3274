"""Colours and frames that all displays have in common."""

from typing import Any

import numpy as np

# Colours that colour-blind people tell apart: Okabe and Ito, "Color Universal Design",
# 2008. All of them are seen on white and on black.
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
# From blue to yellow, the better the lighter; read the same by colour-blind people.
SCORES = "viridis"
# Scores this many times farther below the median than the best is above are cut off.
REACH = 2.0


def axes_for(ax: Any, display: str, **size: Any) -> Any:
    """Give axes to draw on: those given, or those of a new figure.

    Raises
    ------
    ImportError
        Without matplotlib.
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
        If it is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{display} draws with matplotlib, which is not installed. Install it with "
            "pip install skkeras-search[plot]."
        ) from error
    return plt


def faint() -> str:
    """Give the colour of what is not in the foreground, on any background."""
    import matplotlib

    return str(matplotlib.rcParams["axes.labelcolor"])


def least_shown(scores: np.ndarray) -> float:
    """Give the score below which the worst ones are cut off, so that others are seen.

    Parameters
    ----------
    scores : ndarray of shape (n,)

    Returns
    -------
    float
        The worst finite score, if it is not far from the others.
    """
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return 0.0
    worst, median, best = finite.min(), np.median(finite), finite.max()
    # The quartile, as the median may be as good as the best.
    reach = max(best - median, best - np.quantile(finite, 0.25))
    least = median - REACH * reach
    return float(worst if reach == 0 or worst > least - reach else least)


def margin_of(scores: np.ndarray) -> float:
    """Give what is left free above and below scores."""
    finite = scores[np.isfinite(scores)]
    best = finite.max() if len(finite) else 0.0
    return float(0.06 * ((best - least_shown(scores)) or abs(best) or 1.0))


def label_of(metric: str) -> str:
    """Give the label of an axis of scores."""
    name = "score" if metric == "score" else metric.replace("$", r"\$")
    return f"mean test {name}"
