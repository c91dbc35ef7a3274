"""What was trained when, where, and for how long."""

import heapq
from typing import Any, Self

import numpy as np

from skkeras_search.inspection.labels import short
from skkeras_search.inspection.results import frame_of, read
from skkeras_search.inspection.style import BEST, BLUE, PURPLE, SKY, axes_for, faint
from skkeras_search.statuses import FAILED, FINISHED, FROZEN

# The best candidate is told by its outline, as its colour says what became of it.
COLORS = {FINISHED: BLUE, FROZEN: SKY, FAILED: PURPLE}
# Bars that can have a number in them, and rows that can have a name beside them.
MOST_NUMBERS, MOST_NAMES = 60, 40


class TimelineDisplay:
    """What was trained when, on which worker, and for how long.

    Each bar is a fit, with the number of its candidate if there is room. Fits that a worker
    trains at the same time are in rows below each other. Fits that share a compiled program
    are trained by turns, so that their bars overlap.

    Create it with ``from_search``.

    Parameters
    ----------
    fits : pandas.DataFrame
        As ``timeline_`` of a search, with ``begun`` and ``ended`` in seconds since the
        first fit began, and with the ``row`` in which a fit is drawn.
    best : int or None
        The candidate to outline.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import GridSearchCV
    >>> from skkeras_search.inspection import TimelineDisplay
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1]}).fit(*load_iris(return_X_y=True))
    >>> len(TimelineDisplay.from_search(search).fits)
    10
    """

    def __init__(self, fits: Any, *, best: int | None):
        self.fits = fits
        self.best = best

    @classmethod
    def from_search(cls, search: Any, *, ax: Any = None) -> Self:
        """Plot the fits of a search.

        Parameters
        ----------
        search : GridSearchCV or another search of this package, or LoadedSearch
            Fitted or running.
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        TimelineDisplay

        Raises
        ------
        NotFittedError, TypeError
            If there is nothing to show.
        ValueError
            If the search does not keep when fits began and ended.
        """
        results = read(search, finished=False)
        fits = frame_of(results, "timeline_", "times of its fits").copy()
        fits = fits[fits["begun"].notna() & fits["ended"].notna()]
        if fits.empty:
            raise ValueError("It is not known of any fit of the search when it began.")
        fits["worker"] = fits["worker"].fillna("?").astype(str)
        first = fits["begun"].min()
        fits[["begun", "ended"]] -= first
        fits["row"] = _rows(fits)
        return cls(fits, best=results.best).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw on axes, by default on those of a new figure.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        TimelineDisplay
        """
        from matplotlib.patches import Patch

        fits = self.fits
        n_rows = int(fits["row"].max()) + 1
        height = float(np.clip(0.28 * n_rows + 1.4, 2.4, 9))
        ax = axes_for(ax, type(self).__name__, figsize=(8, height))
        handles = []
        for status, color in COLORS.items():
            of_status = fits[fits["status"] == status]
            if len(of_status):
                ax.add_collection(_bars(of_status, facecolors=color, alpha=0.8))
                handles.append(Patch(facecolor=color, alpha=0.8, label=status))
        best = fits[fits["candidate"] == self.best]
        if len(best):
            ax.add_collection(_bars(best, facecolors="none", edgecolors=BEST, linewidths=2))
            handles.append(Patch(facecolor="none", edgecolor=BEST, lw=2, label="best"))
        self._write(ax)
        ax.set_xlim(0, float(fits["ended"].max()) * 1.01 or 1.0)
        ax.set_ylim(n_rows - 0.4, -0.6)
        ax.set_xlabel("time in s")
        place = {
            "loc": "lower left",
            "bbox_to_anchor": (0, 1),
            "ncols": 4,
            "borderaxespad": 0.2,
        }
        ax.legend(handles=handles, frameon=False, fontsize="small", **place)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _write(self, ax: Any) -> None:
        """Write the workers beside their rows, and the candidates in their bars."""
        fits = self.fits
        first = fits.groupby("worker")["row"].min()
        step = -(-len(first) // MOST_NAMES)
        names = [short(worker) for worker in first.index]
        ax.set_yticks(first.to_numpy()[::step], labels=names[::step])
        for row in first.iloc[1:]:
            ax.axhline(row - 0.5, color=faint(), alpha=0.3, linewidth=0.8)
        if len(fits) <= MOST_NUMBERS:
            wide = (fits["ended"] - fits["begun"]) > 0.025 * fits["ended"].max()
            for fit in fits[wide].itertuples():
                middle = (fit.begun + fit.ended) / 2
                style = {"ha": "center", "va": "center", "size": 8, "color": "white"}
                ax.text(middle, fit.row, str(fit.candidate), **style)


def _bars(fits: Any, **style: Any) -> Any:
    from matplotlib.collections import PolyCollection

    low, high = fits["row"] - 0.38, fits["row"] + 0.38
    begun, ended = fits["begun"], fits["ended"]
    corners = [(begun, low), (ended, low), (ended, high), (begun, high)]
    vertices: Any = np.stack([np.column_stack(corner) for corner in corners], axis=1)
    return PolyCollection(vertices, **style)


def _rows(fits: Any) -> np.ndarray:
    """Give a row to each fit, so that no two overlap and each worker has its own rows."""
    rows = np.zeros(len(fits), int)
    n_rows = 0
    for _, of_worker in fits.reset_index(drop=True).groupby("worker", sort=True):
        free: list[tuple[float, int]] = []
        ordered = of_worker.sort_values("begun", kind="stable")
        for place, begun, ended in ordered[["begun", "ended"]].itertuples():
            if free and free[0][0] <= begun:
                _, row = heapq.heappop(free)
            else:
                row, n_rows = n_rows, n_rows + 1
            rows[place] = row
            heapq.heappush(free, (ended, row))
    return rows
