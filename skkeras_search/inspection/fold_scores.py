"""The best candidates by fold, and which differences are noise."""

from typing import Any, Self

import numpy as np

from skkeras_search.inspection.paired_comparison import corrected_t_test, ratio_of_test_rows
from skkeras_search.inspection.results import Results, check_number, read
from skkeras_search.inspection.style import BEST, BLUE, SKY, axes_for, faint, label_of


class FoldScoresDisplay:
    """The scores of the best candidates in each fold.

    Dots are folds, the line is the mean. Beside each candidate is the p-value of its
    difference from the best one. Where it is not below ``alpha``, the difference may be
    noise, and the candidate is drawn in full colour, as it may be as good as the best.

    Create it with ``from_search``.

    Parameters
    ----------
    candidates : ndarray of int of shape (n_candidates,)
        Rows of ``cv_results_``, the best first.
    scores : ndarray of shape (n_candidates, n_folds)
    p_values : ndarray of shape (n_candidates,)
        Of the difference from the first candidate. Not a number for itself, or with one
        fold.
    alpha : float
    score_name : str

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

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
        """Plot the best candidates of a search.

        Parameters
        ----------
        search : GridSearchCV or another search, or LoadedSearch
            Of this package or of scikit-learn, fitted. A search of this package may still
            run.
        n : int, default=10
            Number of candidates.
        metric : str, optional
            For a search with several metrics.
        alpha : float, default=0.05
            P-values below are taken as a difference. They are not corrected for the number
            of candidates.
        test_ratio : float, optional
            Number of test rows for each training row of a fold. By default that of the
            ``cv`` of the search if it makes k folds, once or repeated, or shuffle splits.
            Of other splitters, and of sizes in rows, it is not known; then there are no
            p-values.
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        FoldScoresDisplay

        Raises
        ------
        NotFittedError, TypeError, ValueError
            If there is nothing to show, or a parameter is out of range.
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
        """Draw on axes, by default on those of a new figure.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        FoldScoresDisplay
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
        ax.locator_params(axis="x", nbins=4)  # labels such as 0.9825 are wide
        ax.set_title("p-value of the difference from the best", loc="right", size=9)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _test_ratio(results: Results) -> float:
    if hasattr(results.search, "test_ratio"):  # it is loaded
        return float(results.search.test_ratio)
    return ratio_of_test_rows(results.search.cv, results.folds.shape[1])


def _written(p_value: float) -> str:
    if np.isnan(p_value):
        return ""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"
