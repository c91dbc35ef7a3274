"""Display of the importance of each hyperparameter."""

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
# Largest number of bars. Less important hyperparameters are left out.
MOST_BARS = 20


class ImportanceDisplay:
    """Display of the share of each hyperparameter in the variance of the score.

    The shares are computed by functional analysis of variance (fANOVA) of a random forest
    that is fitted to the candidates. The share of a hyperparameter is the variance of the
    predicted score over its values, averaged over all values of the other hyperparameters,
    divided by the total variance. The rest of the variance is due to interactions.

    A frozen candidate counts with its last score. A hyperparameter that is inactive in a
    candidate is set to the middle of its axis, so that its share measures differences among
    the candidates in which it is active.

    Use ``from_search`` to create the display. The parameters of the constructor are stored
    as attributes.

    Parameters
    ----------
    names : list of str
        Names of the hyperparameters, and "interactions", the most important first.
    importances : ndarray of shape (n_names,)
        Shares, as means over the trees of the forest. They add up to 1, or are all 0 if all
        scores are equal.
    std : ndarray of shape (n_names,)
        Standard deviations of the shares over the trees.
    score_name : str
        Name of the score, for labels.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the plot.
    figure_ : matplotlib.figure.Figure
        Figure that contains the axes.

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
        search : fitted search or LoadedSearch
            Search of this package or of scikit-learn. A search of this package may still be
            running.
        metric : str, default=None
            Metric to show, for a search with several metrics. None means the metric that
            ``refit`` names, or otherwise the first.
        random_state : int, RandomState instance or None, default=0
            Seed of the random forest.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None means a new figure.

        Returns
        -------
        ImportanceDisplay

        Raises
        ------
        NotFittedError
            If no candidate was evaluated yet.
        TypeError
            If ``search`` is not a search.
        ValueError
            If no candidate is finished, the candidates have no hyperparameters, or the
            metric is unknown.
        ImportError
            If matplotlib is not installed.
        """
        results = read(search, metric)
        names = results.varied or results.names
        if not names:
            raise ValueError("The search has no hyperparameters.")
        rows = np.flatnonzero(np.isfinite(results.last_scores))
        params = [results.params[row] for row in rows]
        X = np.column_stack([results.axis(name).filled(params) for name in names])
        scores = results.last_scores[rows]
        # Without the limit, one score far below the others would dominate the variance.
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
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None means a new figure.

        Returns
        -------
        ImportanceDisplay
            The display itself.
        """
        labels = shortest_names(name for name in self.names if name != INTERACTIONS)
        labels = {**labels, INTERACTIONS: INTERACTIONS}
        n = min(len(self.names), MOST_BARS)
        ax = axes_for(ax, type(self).__name__, figsize=(6.4, max(2.5, 0.4 * n + 1)))
        y = np.arange(n)
        is_rest = [name == INTERACTIONS for name in self.names[:n]]
        mean, std = self.importances[:n], self.std[:n]
        below = np.minimum(std, mean)  # shares are not negative
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
