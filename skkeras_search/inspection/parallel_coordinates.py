"""Display of all hyperparameters and scores as parallel coordinates."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from skkeras_search.inspection.axis import Axis
from skkeras_search.inspection.labels import MOST_OF_VALUE, short, shortest_names
from skkeras_search.inspection.results import Results, read
from skkeras_search.inspection.style import (
    BEST,
    SCORES,
    axes_for,
    faint,
    label_of,
    least_shown,
)
from skkeras_search.space.dimensions import Real
from skkeras_search.statuses import FAILED, FROZEN

# Height at which lines pass the axis of an inactive hyperparameter.
NOT_SET = -0.14
MOST_LABELS = 12
# Width of a character of a label, in inches.
CHARACTER = 0.08


@dataclass(frozen=True, eq=False)
class Scale:
    """One of the parallel axes.

    Attributes
    ----------
    name : str
        Label.
    axis : Axis
        Values on the axis.
    """

    name: str
    axis: Axis

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Return coordinates between 0 and 1 and labels of at most ``most`` characters."""
        if not self.axis.is_numeric:
            labels = [short(category, most) for category in self.axis.dimension.bounds]
            pairs = list(zip(self.axis.line(), labels, strict=True))
            return pairs[:: -(-len(pairs) // MOST_LABELS)]
        from matplotlib.ticker import LogLocator, MaxNLocator

        dimension = self.axis.dimension
        low, high = dimension.bounds
        locators: list[Any] = [MaxNLocator(5)]
        if self.axis.is_log:
            locators = [LogLocator(numticks=6), LogLocator(subs=(1, 2, 5), numticks=6)]
        for locator in locators:
            values = [float(v) for v in locator.tick_values(low, high)]
            values = [value for value in values if low <= value <= high]
            if len(values) > 2:
                break
        return [(dimension.encode(value), f"{value:.4g}") for value in values]


class ParallelCoordinatesDisplay:
    """Display of each candidate as a line through parallel axes, colored by its score.

    There is one axis for each hyperparameter, and the last axis is the score. The best
    candidate is drawn on top. The line of a candidate passes below the axes of inactive
    hyperparameters. Failed candidates are dotted lines that do not reach the last axis.

    Use ``from_search`` to create the display. The parameters of the constructor are stored
    as attributes.

    Parameters
    ----------
    scales : list of Scale
        Axes of the hyperparameters, followed by the axis of the score. Each has a ``name``.
    coordinates : ndarray of shape (n_candidates, n_scales)
        Coordinates between 0 and 1. NaN for an inactive hyperparameter or a missing score.
    scores : ndarray of shape (n_candidates,)
        Scores of the candidates, with NaN for failed ones.
    status : ndarray of str of shape (n_candidates,)
        "finished", "frozen" or "failed".
    best : int or None
        Row of the best candidate, or None if no candidate is finished.

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
    >>> from skkeras_search.inspection import ParallelCoordinatesDisplay
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "kernel": ["linear", "rbf"]})
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> display = ParallelCoordinatesDisplay.from_search(search)
    >>> [scale.name for scale in display.scales]
    ['C', 'kernel', 'mean test score']
    """

    def __init__(
        self,
        scales: list[Scale],
        coordinates: np.ndarray,
        *,
        scores: np.ndarray,
        status: np.ndarray,
        best: int | None,
    ):
        self.scales = scales
        self.coordinates = coordinates
        self.scores = scores
        self.status = status
        self.best = best

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        hyperparameters: list[str] | None = None,
        metric: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot the candidates of a search.

        Parameters
        ----------
        search : fitted search or LoadedSearch
            Search of this package or of scikit-learn. A search of this package may still be
            running.
        hyperparameters : list of str, default=None
            Names of the hyperparameters to show, in the order of the axes. None means all
            hyperparameters that differ between candidates.
        metric : str, default=None
            Metric to show, for a search with several metrics. None means the metric that
            ``refit`` names, or otherwise the first.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None means a new figure.

        Returns
        -------
        ParallelCoordinatesDisplay

        Raises
        ------
        NotFittedError
            If no candidate was evaluated yet.
        TypeError
            If ``search`` is not a search.
        ValueError
            If no candidate is finished, or a hyperparameter or the metric is unknown.
        ImportError
            If matplotlib is not installed.
        """
        results = read(search, metric)
        if isinstance(hyperparameters, str):
            hyperparameters = [hyperparameters]
        for name in hyperparameters or ():
            results.check_hyperparameter(name)
        names = hyperparameters or results.varied or results.names
        labels = shortest_names(names)
        scales = [Scale(labels[name], results.axis(name)) for name in names]
        columns = [scale.axis.coordinates(results.params) for scale in scales]
        scale, column = _of_scores(results)
        return cls(
            [*scales, scale],
            np.column_stack([*columns, column]),
            scores=results.last_scores,
            status=results.status,
            best=results.best,
        ).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None means a new figure.

        Returns
        -------
        ParallelCoordinatesDisplay
            The display itself.
        """
        n = len(self.scales)
        ax = axes_for(ax, type(self).__name__, figsize=(max(6.4, 1.6 * n), 4.8))
        self._draw_lines(ax)
        for position, scale in enumerate(self.scales):
            self._draw_scale(ax, position, scale)
        ax.set_xlim(-0.25, n - 1 + 0.45)
        has_gaps = np.isnan(self.coordinates[:, :-1]).any()
        ax.set_ylim(NOT_SET - 0.06 if has_gaps else -0.06, 1.06)
        if has_gaps:
            ax.set_yticks([NOT_SET], labels=["not set"])
            ax.tick_params(axis="y", length=0)
        else:
            ax.set_yticks([])
        crowded = sum(len(scale.name) for scale in self.scales) > 60
        rotation = {"rotation": 25, "ha": "right"} if crowded else {}
        ax.set_xticks(range(n), labels=[scale.name for scale in self.scales], **rotation)
        ax.tick_params(axis="x", length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_lines(self, ax: Any) -> None:
        from matplotlib.collections import LineCollection

        y = self.coordinates.copy()
        y[:, :-1][np.isnan(y[:, :-1])] = NOT_SET
        has_score = np.isfinite(y[:, -1])
        x = np.broadcast_to(np.arange(y.shape[1]), y.shape)
        lines: Any = np.stack([x, y], axis=-1)
        failed = np.flatnonzero(~has_score)
        # Without a score, a line ends at the last hyperparameter.
        ax.add_collection(
            LineCollection(
                lines[failed, :-1], colors=faint(), alpha=0.35, linestyles=":", linewidths=1
            )
        )
        rows = np.flatnonzero(has_score)
        rows = rows[np.argsort(y[rows, -1], kind="stable")]  # the better ones on top
        alpha = np.where(
            self.status[rows] == FROZEN, 0.3, 0.75 if len(rows) < 100 else 0.45
        )
        collection = LineCollection(lines[rows], cmap=SCORES, linewidths=1.3, alpha=alpha)
        collection.set_array(y[rows, -1])
        collection.set_clim(0, 1)
        ax.add_collection(collection)
        if self.best is not None:
            ax.plot(*lines[self.best].T, color=BEST, linewidth=2.8, label="best", zorder=3)
            ax.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, borderpad=0)

    def _draw_scale(self, ax: Any, position: int, scale: Scale) -> None:
        color = faint()
        ax.plot([position] * 2, [0, 1], color=color, linewidth=1, zorder=4)
        box = {"facecolor": ax.get_facecolor(), "alpha": 0.7, "pad": 0.6, "linewidth": 0}
        room = ax.get_window_extent().width / ax.figure.dpi / len(self.scales)
        most = int(np.clip(room / CHARACTER, 5, MOST_OF_VALUE))
        for y, label in scale.ticks(most):
            ax.plot([position, position + 0.03], [y, y], color=color, linewidth=1, zorder=4)
            ax.text(position + 0.05, y, label, fontsize=8, va="center", zorder=5, bbox=box)


def _of_scores(results: Results) -> tuple[Scale, np.ndarray]:
    """Return the axis of the scores, and the coordinates of the candidates on it."""
    scores, name = results.last_scores, label_of(results.metric)
    finite = scores[np.isfinite(scores)]
    low, high = least_shown(scores), finite.max()
    if not high > low:
        low, high = low - (abs(low) or 1) * 0.05, high + (abs(high) or 1) * 0.05
    dimension = Real(low, high)
    failed = results.status == FAILED
    places = np.array(
        [
            dimension.encode(min(max(s, low), high)) if np.isfinite(s) else np.nan
            for s in scores
        ]
    )
    places[failed & ~np.isfinite(results.scores)] = np.nan
    return Scale(name, Axis(name, dimension)), places
