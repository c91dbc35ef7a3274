"""Display of the fold scores of the best candidates, with tests of their differences."""

from typing import Any, Self

import numpy as np

from skkeras_search.inspection.paired_comparison import corrected_t_test, ratio_of_test_rows
from skkeras_search.inspection.results import Results, check_number, read
from skkeras_search.inspection.style import BEST, BLUE, SKY, axes_for, faint, label_of


class FoldScoresDisplay:
    """Display of the scores of the best candidates in each fold.

    Dots are folds, and the line is their mean. The p-value of the difference from the best
    candidate, by the corrected resampled t-test, is printed next to each other candidate. A
    candidate whose p-value is at least ``alpha`` may be as good as the best one, and is
    drawn in full color.

    Use ``from_search`` to create the display. The parameters of the constructor are stored
    as attributes.

    Parameters
    ----------
    candidates : ndarray of int of shape (n_candidates,)
        Rows of the candidates in ``cv_results_``, the best first.
    scores : ndarray of shape (n_candidates, n_folds)
        Scores of the candidates in each fold.
    p_values : ndarray of shape (n_candidates,)
        p-values of the differences from the first candidate. NaN for the first candidate
        itself, and for all candidates if there is no test.
    alpha : float
        Significance level.
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
    C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine Learning 52,
    2003.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import GridSearchCV
    >>> from skkeras_search.inspection import FoldScoresDisplay
    >>> search = GridSearchCV(SVC(), {"C": [0.01, 1, 10]})
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> display = FoldScoresDisplay.from_search(search)
    >>> [int(row) for row in display.candidates]
    [2, 1, 0]
    """

    def __init__(
        self,
        candidates: np.ndarray,
        scores: np.ndarray,
        *,
        p_values: np.ndarray,
        alpha: float,
        score_name: str,
    ):
        self.candidates = candidates
        self.scores = scores
        self.p_values = p_values
        self.alpha = alpha
        self.score_name = score_name

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        n: int = 10,
        metric: str | None = None,
        alpha: float = 0.05,
        test_ratio: float | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot the fold scores of the best candidates of a search.

        Parameters
        ----------
        search : fitted search or LoadedSearch
            Search of this package or of scikit-learn. A search of this package may still be
            running.
        n : int, default=10
            Largest number of candidates to show.
        metric : str, default=None
            Metric to show, for a search with several metrics. None means the metric that
            ``refit`` names, or otherwise the first.
        alpha : float, default=0.05
            Significance level, between 0 and 1. A candidate with a smaller p-value counts
            as worse than the best one. The p-values are not corrected for the number of
            candidates.
        test_ratio : float, default=None
            Number of test rows divided by the number of training rows in a fold. None means
            the ratio of the ``cv`` of the search, if it is a k-fold, a repeated k-fold or a
            shuffle split. For other splitters, and for sizes in rows, the ratio is unknown
            and no p-values are shown.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None means a new figure.

        Returns
        -------
        FoldScoresDisplay

        Raises
        ------
        NotFittedError
            If no candidate was evaluated yet.
        TypeError
            If ``search`` is not a search.
        ValueError
            If no candidate is finished, the metric is unknown, or a parameter is out of
            range.
        ImportError
            If matplotlib is not installed.
        """
        check_number("n", n)
        if not 0 < alpha < 1:
            raise ValueError(f"alpha must be between 0 and 1, got {alpha!r}.")
        if test_ratio is not None and not test_ratio > 0:
            raise ValueError(f"test_ratio must be positive, got {test_ratio!r}.")
        results = read(search, metric)
        rows = results.by_score()[:n]
        scores = results.folds[rows]
        if test_ratio is None:
            test_ratio = _test_ratio(results)
        p_values = [corrected_t_test(scores[0] - other, test_ratio) for other in scores[1:]]
        return cls(
            rows,
            scores,
            p_values=np.array([np.nan, *p_values]),
            alpha=alpha,
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
        FoldScoresDisplay
            The display itself.
        """
        n = len(self.candidates)
        ax = axes_for(ax, type(self).__name__, figsize=(6.4, max(2.6, 0.36 * n + 1.2)))
        for y, (scores, p_value) in enumerate(zip(self.scores, self.p_values, strict=True)):
            is_worse = p_value < self.alpha
            color = BEST if y == 0 else SKY if is_worse else BLUE
            alpha = 0.45 if is_worse else 0.9
            ax.plot(scores, np.full(len(scores), y), "o", ms=5, c=color, alpha=alpha * 0.7)
            ax.plot([scores.mean()] * 2, [y - 0.3, y + 0.3], c=color, lw=2.5, alpha=alpha)
            label = "best" if y == 0 else _written(p_value)
            where = {"transform": ax.get_yaxis_transform(), "va": "center", "size": 9}
            ax.text(1.02, y, label, color=faint(), **where)
        ax.set_yticks(range(n), labels=[f"candidate {row}" for row in self.candidates])
        ax.set_ylim(n - 0.4, -0.6)
        ax.set_xlabel(self.score_name.replace("mean test", "test") + " of each fold")
        if ax.get_xscale() == "linear":
            ax.locator_params(axis="x", nbins=4)  # labels such as 0.9825 are wide
        ax.set_title("p-value of the difference from the best", loc="right", size=9)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _test_ratio(results: Results) -> float:
    if hasattr(results.search, "test_ratio"):  # a loaded search
        return float(results.search.test_ratio)
    return ratio_of_test_rows(results.search.cv, results.folds.shape[1])


def _written(p_value: float) -> str:
    if np.isnan(p_value):
        return ""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"
