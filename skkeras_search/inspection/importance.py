"""Which hyperparameters mattered."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from skkeras_search.inspection.fanova import importances
from skkeras_search.inspection.labels import shortest_names
from skkeras_search.inspection.results import read
from skkeras_search.inspection.style import (
    BLUE,
    SKY,
    axes_for,
    faint,
    label_of,
    least_shown,
)

INTERACTIONS = "interactions"
# Bars; the others are left out.
MOST_BARS = 20


class ImportanceDisplay:
    """The share of each hyperparameter in the variance of the score.

    By the functional analysis of variance (fANOVA) of a random forest: how much the score
    varies with a hyperparameter when it is averaged over all values of the others. What
    remains is due to interactions. A frozen candidate counts with its last score. A
    candidate that does not have a conditional hyperparameter counts as one in the middle of
    its axis, so that only differences among candidates that have it are due to it.

    Create it with ``from_search``.

    Parameters
    ----------
    names : list of str
        Hyperparameters, and "interactions", the most important first.
    importances : ndarray of shape (n_names,)
        Mean over the trees of the forest. They add up to one, or are zero if all scores are
        the same.
    std : ndarray of shape (n_names,)
        Standard deviation over the trees.
    score_name : str

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    References
    ----------
    F. Hutter, H. Hoos and K. Leyton-Brown, "An Efficient Approach for Assessing
    Hyperparameter Importance", ICML 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import GridSearchCV
    >>> from skkeras_search.inspection import ImportanceDisplay
    >>> grid = {"C": [1e-3, 1e-2, 1e-1, 1], "shrinking": [True, False]}
    >>> search = GridSearchCV(SVC(), grid).fit(*load_iris(return_X_y=True))
    >>> ImportanceDisplay.from_search(search).names[0]
    'C'
    """

    def __init__(
        self,
        names: Sequence[str],
        importances: np.ndarray,
        *,
        std: np.ndarray,
        score_name: str,
    ):
        self.names = names
        self.importances = importances
        self.std = std
        self.score_name = score_name

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        metric: str | None = None,
        random_state: Any = 0,
        ax: Any = None,
    ) -> Self:
        """Plot the importances of the hyperparameters of a search.

        Parameters
        ----------
        search : GridSearchCV or another search, or LoadedSearch
            Of this package or of scikit-learn, fitted. A search of this package may still
            run.
        metric : str, optional
            For a search with several metrics.
        random_state : int, RandomState instance or None, default=0
            Of the forest.
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        ImportanceDisplay

        Raises
        ------
        NotFittedError, TypeError, ValueError
            If there is nothing to show, or the metric is not known.
        """
        results = read(search, metric)
        names = results.varied or results.names
        if not names:
            raise ValueError("The search has no hyperparameters.")
        rows = np.flatnonzero(np.isfinite(results.last_scores))
        params = [results.params[row] for row in rows]
        X = np.column_stack([results.axis(name).filled(params) for name in names])
        scores = results.last_scores[rows]
        # One score that is far below the others would be all of the variance.
        shares = importances(X, np.maximum(scores, least_shown(scores)), random_state)
        varies = shares.any(axis=1)
        rest = np.where(varies, np.maximum(0, 1 - shares.sum(axis=1)), 0)
        shares = np.column_stack([shares, rest])[varies if varies.any() else slice(None)]
        mean, std = shares.mean(axis=0), shares.std(axis=0)
        order = np.argsort(-mean, kind="stable")
        labels = [*names, INTERACTIONS]
        return cls(
            [labels[n] for n in order],
            mean[order],
            std=std[order],
            score_name=label_of(results.metric),
        ).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw on axes, by default on those of a new figure.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        ImportanceDisplay
        """
        labels = shortest_names(name for name in self.names if name != INTERACTIONS)
        labels = {**labels, INTERACTIONS: INTERACTIONS}
        n = min(len(self.names), MOST_BARS)
        ax = axes_for(ax, type(self).__name__, figsize=(6.4, max(2.5, 0.4 * n + 1)))
        y = np.arange(n)
        is_rest = [name == INTERACTIONS for name in self.names[:n]]
        mean, std = self.importances[:n], self.std[:n]
        below = np.minimum(std, mean)  # no share is negative
        bars = ax.barh(
            y,
            mean,
            xerr=[below, std],
            color=BLUE,
            error_kw={"ecolor": faint(), "alpha": 0.7},
        )
        for bar, rest in zip(bars, is_rest, strict=True):
            if rest:
                bar.set(facecolor="none", edgecolor=SKY, hatch="///")
        ax.set_yticks(y, labels=[labels[name] for name in self.names[:n]])
        ax.invert_yaxis()
        ax.set_xlim(0, max(0.05, 1.05 * float((mean + std).max())))
        ax.set_xlabel(f"share of the variance of the {self.score_name}")
        if not mean.any():
            where = {"transform": ax.transAxes, "ha": "center", "va": "center"}
            ax.text(0.5, 0.5, "all scores are the same", **where)
        self.ax_, self.figure_ = ax, ax.figure
        return self
