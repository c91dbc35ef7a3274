"""Callbacks that stop a search."""

import math
import time
from typing import Any

from sklearn.callback import CallbackContext

from skkeras_search.searches.progress import SearchCallback, Standing, checked_number


class TimeBudget(SearchCallback):
    """Stop a search after some time.

    The time is checked after each candidate, or after each step of a candidate that is
    trained in steps. Training that is under way then is abandoned. The best candidate is
    still fitted to all rows, which takes additional time. If a search that saves training
    has no finished candidate by then, it first trains the most promising one to the end.

    Parameters
    ----------
    seconds : float
        Number of seconds; greater than 0.

    Raises
    ------
    TypeError, ValueError
        If ``seconds`` is not a number greater than 0.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import BayesSearchCV, TimeBudget
    >>> search = BayesSearchCV(SVC(), {"C": (0.01, 100.0)}, n_iter=1000, random_state=0)
    >>> search = search.set_callbacks(TimeBudget(0.5)).fit(*load_iris(return_X_y=True))
    >>> len(search.cv_results_["params"]) < 1000
    True
    """

    def __init__(self, seconds: float):
        if not checked_number("seconds", seconds) > 0:
            raise ValueError(f"seconds must be greater than 0, got {seconds!r}.")
        self.seconds = seconds

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Start the clock."""
        super().setup(estimator, context)
        self._end = time.monotonic() + self.seconds

    def update(self, standing: Standing) -> bool:
        """Return whether the time has passed."""
        return time.monotonic() >= self._end


class NoImprovement(SearchCallback):
    """Stop a search whose best score does not improve any more.

    Counting begins with the first score. If candidates are trained in steps, the first
    score is that of the first finished candidate.

    Parameters
    ----------
    n : float
        Number of consecutive candidates without improvement after which the search stops;
        greater than 0. If candidates are trained in steps, the amount of training in full
        evaluations.
    tol : float, default=0.0
        Minimum improvement: a score must exceed the best one by more than ``tol``.

    Raises
    ------
    TypeError, ValueError
        If ``n`` is not a number greater than 0, or ``tol`` is not a number of at least 0.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import BayesSearchCV, NoImprovement
    >>> search = BayesSearchCV(SVC(), {"C": (0.01, 100.0)}, n_iter=1000, random_state=0)
    >>> search = search.set_callbacks(NoImprovement(5)).fit(*load_iris(return_X_y=True))
    >>> len(search.cv_results_["params"]) < 1000
    True
    """

    def __init__(self, n: float, tol: float = 0.0):
        if not checked_number("n", n) > 0:
            raise ValueError(f"n must be greater than 0, got {n!r}.")
        if not checked_number("tol", tol) >= 0:
            raise ValueError(f"tol must be at least 0, got {tol!r}.")
        self.n, self.tol = n, tol

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Forget the search before."""
        super().setup(estimator, context)
        self._best, self._at = -math.inf, 0.0

    def update(self, standing: Standing) -> bool:
        """Return whether the best score has not improved for too long."""
        if standing.best > self._best + self.tol:
            self._best, self._at = standing.best, standing.n
        return math.isfinite(self._best) and standing.n - self._at >= self.n


class TargetScore(SearchCallback):
    """Stop a search when the best score reaches a target.

    Parameters
    ----------
    score : float
        The target. It is negative for losses and errors, like scikit-learn's ``neg_``
        scorers.

    Raises
    ------
    TypeError, ValueError
        If ``score`` is not a number, or NaN.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import BayesSearchCV, TargetScore
    >>> search = BayesSearchCV(SVC(), {"C": (0.01, 100.0)}, n_iter=1000, random_state=0)
    >>> search = search.set_callbacks(TargetScore(0.95)).fit(*load_iris(return_X_y=True))
    >>> len(search.cv_results_["params"]) < 1000
    True
    """

    def __init__(self, score: float):
        if math.isnan(checked_number("score", score)):
            raise ValueError(f"score must be a number, got {score!r}.")
        self.score = score

    def update(self, standing: Standing) -> bool:
        """Return whether the best score has reached the target."""
        return standing.best >= self.score
