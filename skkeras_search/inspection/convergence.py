"""Display of the best score in the course of a search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from skkeras_search.inspection.labels import short
from skkeras_search.inspection.results import Results, read
from skkeras_search.inspection.style import (
    CYCLE,
    axes_for,
    label_of,
    least_shown,
    margin_of,
)
from skkeras_search.nearest_name import did_you_mean
from skkeras_search.statuses import FAILED, FROZEN

UNITS = {
    "candidates": "number of candidates",
    "fits": "number of fits",
    "seconds": "time in s",
}
# Limit of the length of a name in the legend.
MOST_CHARACTERS = 40


@dataclass(frozen=True)
class Progress:
    """Scores of the candidates of a search, in order.

    Attributes
    ----------
    x : ndarray of shape (n_candidates,)
        Number of candidates, number of fits, or seconds up to the end of each candidate.
    scores : ndarray of shape (n_candidates,)
        Score of each candidate, the last score of a frozen candidate, and NaN for a failed
        one.
    is_frozen : ndarray of bool of shape (n_candidates,)
        Whether each candidate is frozen.
    best : ndarray of shape (n_candidates,)
        Best score of the finished candidates so far.
    has_failed : ndarray of bool of shape (n_candidates,)
        Whether each candidate failed.
    """

    x: np.ndarray
    scores: np.ndarray
    is_frozen: np.ndarray
    best: np.ndarray
    has_failed: np.ndarray


class ConvergenceDisplay:
    """Display of the best score so far, over the candidates, fits or seconds of a search.

    A line shows the best score of the finished candidates. Dots are candidates. Candidates
    that failed, and candidates far below the others, are drawn at the lower edge.

    Use ``from_search`` or ``from_searches`` to create the display. The parameters of the
    constructor are stored as attributes.

    Parameters
    ----------
    progress : dict of str to Progress
        Scores of the searches, by the label of each search.
    unit : {"candidates", "fits", "seconds"}
        Unit of the horizontal axis.
    score_name : str
        Name of the score, for the label of the vertical axis.

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
    >>> from skkeras_search import BayesSearchCV
    >>> from skkeras_search.inspection import ConvergenceDisplay
    >>> space = {"C": (1e-2, 1e2, "log-uniform")}
    >>> search = BayesSearchCV(SVC(), space, n_iter=6, random_state=0)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> display = ConvergenceDisplay.from_search(search)
    >>> display.ax_.get_xlabel()
    'number of candidates'
    """

    def __init__(self, progress: Mapping[str, Progress], *, unit: str, score_name: str):
        self.progress = progress
        self.unit = unit
        self.score_name = score_name

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        x: str = "candidates",
        metric: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot the best score of a search.

        Parameters
        ----------
        search : fitted search or LoadedSearch
            Search of this package or of scikit-learn. A search of this package may still be
            running.
        x : {"candidates", "fits", "seconds"}, default="candidates"
            Unit of the horizontal axis: candidates in the order of ``cv_results_``, fits of
            single folds, or seconds since the first fit. Searches of scikit-learn do
            not record when a candidate was evaluated; for them, seconds are the sum of the
            fit and score times.
        metric : str, default=None
            Metric to show, for a search with several metrics. None means the metric that
            ``refit`` names, or otherwise the first.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None means a new figure.

        Returns
        -------
        ConvergenceDisplay

        Raises
        ------
        NotFittedError
            If no candidate was evaluated yet.
        TypeError
            If ``search`` is not a search.
        ValueError
            If no candidate is finished, or ``x`` or ``metric`` is unknown.
        ImportError
            If matplotlib is not installed.
        """
        return cls.from_searches([search], x=x, metric=metric, ax=ax)

    @classmethod
    def from_searches(
        cls,
        searches: Mapping[str, Any] | Sequence[Any],
        *,
        x: str = "candidates",
        metric: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot the best scores of several searches in the same axes.

        Parameters
        ----------
        searches : dict of str to search, or list of searches
            Fitted searches of this package or of scikit-learn, or loaded searches. The keys
            of a dict are the labels; in a list, the class names are.
        x : {"candidates", "fits", "seconds"}, default="candidates"
            Unit of the horizontal axis: candidates in the order of ``cv_results_``, fits of
            single folds, or seconds since the first fit. For searches of scikit-learn,
            seconds are the sum of the fit and score times.
        metric : str, default=None
            Metric to show, for searches with several metrics. None means the metric that
            ``refit`` names, or otherwise the first.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None means a new figure.

        Returns
        -------
        ConvergenceDisplay

        Raises
        ------
        NotFittedError
            If a search has no evaluated candidate yet.
        TypeError
            If an element of ``searches`` is not a search.
        ValueError
            If ``searches`` is empty, a search has no finished candidate, or ``x`` or
            ``metric`` is unknown.
        ImportError
            If matplotlib is not installed.
        """
        if x not in UNITS:
            raise ValueError(
                f"x={x!r} must be one of {list(UNITS)}.{did_you_mean(str(x), UNITS)}"
            )
        if not isinstance(searches, (Mapping, list, tuple)) or not searches:
            raise ValueError(
                "searches must be a dict or a list of at least one search, got "
                f"{searches!r}."
            )
        if isinstance(searches, Mapping):
            named = {str(name): read(one, metric) for name, one in searches.items()}
        else:
            named = _named([read(one, metric) for one in searches])
        scored = dict.fromkeys(results.metric for results in named.values())
        progress = {name: _progress(results, x) for name, results in named.items()}
        score_name = label_of(next(iter(scored)) if len(scored) == 1 else "score")
        return cls(progress, unit=x, score_name=score_name).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None means a new figure.

        Returns
        -------
        ConvergenceDisplay
            The display itself.
        """
        ax = axes_for(ax, type(self).__name__)
        every = np.concatenate([one.scores for one in self.progress.values()])
        least = least_shown(every)
        margin = margin_of(every)
        for n, (name, one) in enumerate(self.progress.items()):
            _draw(
                ax, one, CYCLE[n % len(CYCLE)], short(name, MOST_CHARACTERS), least - margin
            )
        ax.set_ylim(least - 2 * margin, np.nanmax(every) + margin)
        ax.set(xlabel=UNITS[self.unit], ylabel=f"best {self.score_name}")
        if self.unit != "seconds":
            ax.xaxis.get_major_locator().set_params(integer=True)
        handles, labels = ax.get_legend_handles_labels()
        distinct = dict(zip(labels, handles, strict=True))  # each kind of candidates once
        ax.legend(distinct.values(), distinct.keys(), loc="lower right", fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _draw(ax: Any, one: Progress, color: str, name: str, below: float) -> None:
    """Draw one search, with failed and far worse candidates at the height ``below``."""
    known = np.isfinite(one.best)
    ends = one.x[known], one.best[known]
    ax.plot(*ends, drawstyle="steps-post", color=color, linewidth=2, label=name)
    shown = one.scores > below
    low = np.isfinite(one.scores) & ~shown
    at_the_bottom = np.full(len(one.x), below)
    for rows, y, marker, alpha, label in (
        (shown & ~one.is_frozen, one.scores, "o", 0.6, "candidates"),
        (shown & one.is_frozen, one.scores, "o", 0.25, "frozen"),
        (low, at_the_bottom, "v", 0.6, "far below"),
        (one.has_failed, at_the_bottom, "x", 0.8, "failed"),
    ):
        if rows.any():
            style = {"markersize": 4, "alpha": alpha, "label": label, "linewidth": 0}
            ax.plot(one.x[rows], y[rows], marker, color=color, **style)


def _named(several: list[Results]) -> dict[str, Results]:
    """Label searches by their class names, with numbers if a name occurs repeatedly."""
    names = [results.name for results in several]
    labels = [
        name if names.count(name) == 1 else f"{name} {names[:n].count(name) + 1}"
        for n, name in enumerate(names)
    ]
    return dict(zip(labels, several, strict=True))


def _progress(results: Results, unit: str) -> Progress:
    n = len(results)
    order = np.arange(n)
    if unit == "candidates":
        x = np.arange(1.0, n + 1)
    elif unit == "fits":
        repeats = getattr(results.search, "n_repeats", 1)
        n_fits = np.isfinite(results.folds).sum(axis=1)
        n_fits[results.status == FAILED] = results.folds.shape[1]
        x = np.cumsum(n_fits * repeats).astype(float)
    else:
        ended = _ended(results)
        order = np.argsort(ended, kind="stable")
        x = ended[order]
    status = results.status[order]
    best = np.fmax.accumulate(results.scores[order])
    last = results.last_scores[order]
    return Progress(x, last, status == FROZEN, best, status == FAILED)


def _ended(results: Results) -> np.ndarray:
    """Return the seconds from the start of a search to the end of each candidate."""
    if hasattr(type(results.search), "timeline_"):
        times = results.search.timeline_
        ended = times.groupby("candidate")["ended"].max() - times["begun"].min()
        return ended.reindex(range(len(results))).to_numpy(float)
    table, n_folds = results.search.cv_results_, results.folds.shape[1]
    seconds = np.nan_to_num(table["mean_fit_time"]) + np.nan_to_num(
        table["mean_score_time"]
    )
    return np.cumsum(seconds * n_folds)
