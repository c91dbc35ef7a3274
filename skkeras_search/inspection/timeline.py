"""Display of the fits of a search over time."""

import heapq
from typing import Any, Self

import numpy as np

from skkeras_search.inspection.labels import short
from skkeras_search.inspection.results import frame_of, read
from skkeras_search.inspection.style import BEST, BLUE, PURPLE, SKY, axes_for, faint
from skkeras_search.statuses import FAILED, FINISHED, FROZEN

# The color shows the status of a candidate, and an outline marks the best candidate.
COLORS = {FINISHED: BLUE, FROZEN: SKY, FAILED: PURPLE}
# Limits of the numbers of bars with a number and of rows with a name.
MOST_NUMBERS, MOST_NAMES = 60, 40


class TimelineDisplay:
    """Display of when, on which worker and for how long each fit of a search was trained.

    Each bar is a fit, with the number of its candidate if there is room. The fits that a
    worker trained at the same time are drawn in separate rows. Fits that share a compiled
    program are trained in turns, so their bars overlap in time.

    Use ``from_search`` to create the display. The parameters of the constructor are stored
    as attributes.

    Parameters
    ----------
    fits : pandas.DataFrame
        One row per fit, or per part of a fit that was trained without interruption, with
        the columns ``candidate``, ``fold``, ``repeat``, ``begun`` and ``ended`` (seconds
        since the start of the first fit), ``worker``, ``status`` and ``row`` (position in
        the plot).
    best : int or None
        Candidate to outline, a row of ``cv_results_``. None outlines no candidate.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the plot.
    figure_ : matplotlib.figure.Figure
        Figure that contains the axes.

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
        search : fitted search or LoadedSearch
            Search of this package, which may still be running. Searches of scikit-learn do
            not record the times of their fits.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None means a new figure.

        Returns
        -------
        TimelineDisplay

        Raises
        ------
        NotFittedError
            If no candidate was evaluated yet.
        TypeError
            If ``search`` is not a search.
        ValueError
            If the search did not record the times of its fits.
        ImportError
            If matplotlib or pandas is not installed.
        """
        results = read(search, finished=False)
        fits = frame_of(results, "timeline_", "times of its fits").copy()
        fits = fits[fits["begun"].notna() & fits["ended"].notna()]
        if fits.empty:
            raise ValueError(
                "The search has no fit with known start and end times, so there is nothing "
                "to show."
            )
        fits["worker"] = fits["worker"].fillna("?").astype(str)
        first = fits["begun"].min()
        fits[["begun", "ended"]] -= first
        fits["row"] = _rows(fits)
        return cls(fits, best=results.best).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None means a new figure.

        Returns
        -------
        TimelineDisplay
            The display itself.
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
        """Add the names of the workers to the rows, and the candidates to the bars."""
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
    """Assign fits to rows: fits of one row do not overlap, and workers share no rows."""
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
