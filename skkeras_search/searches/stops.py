"""Callbacks that stop a search."""

import math
import time
from numbers import Real
from typing import Any

from sklearn.callback import CallbackContext

from skkeras_search.searches.progress import SearchCallback, Standing


class TimeBudget(SearchCallback):
    """Stop a search when a time has passed.

    The time is read after each candidate, or after each step of one. Training that is under
    way then is given up. The best candidate is fitted to all rows as usual, which takes
    additional time.

    Parameters
    ----------
    seconds : float
        Greater than 0.

    Raises
    ------
    TypeError, ValueError
        If it is no such number.

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
        if not _number("seconds", seconds) > 0:
            raise ValueError(f"seconds must be greater than 0, got {seconds!r}.")
        self.seconds = seconds

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Begin to count."""
        super().setup(estimator, context)
        self._end = time.monotonic() + self.seconds

    def update(self, standing: Standing) -> bool:
        """Whether the time has passed."""
        return time.monotonic() >= self._end


class NoImprovement(SearchCallback):
    """Stop a search whose best score does not get better.

    Counting begins with the first score. A search that trains candidates step by step has
    one when the first candidate is finished.

    Parameters
    ----------
    n : float
        Stop after so many candidates in a row that are not better. Where candidates are
        trained step by step, stop after training worth so many full evaluations. Greater
        than 0.
    tol : float, default=0.0
        A score is better if it is greater than the best before by more than this.

    Raises
    ------
    TypeError, ValueError
        If one of them is no such number.

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
        if not _number("n", n) > 0:
            raise ValueError(f"n must be greater than 0, got {n!r}.")
        if not _number("tol", tol) >= 0:
            raise ValueError(f"tol must not be negative, got {tol!r}.")
        self.n, self.tol = n, tol

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Forget the search before."""
        super().setup(estimator, context)
        self._best, self._at = -math.inf, 0.0

    def update(self, standing: Standing) -> bool:
        """Whether nothing has got better for too long."""
        if standing.best > self._best + self.tol:
            self._best, self._at = standing.best, standing.n
        return math.isfinite(self._best) and standing.n - self._at >= self.n


class TargetScore(SearchCallback):
    """Stop a search that has found a candidate that is good enough.

    Parameters
    ----------
    score : float
        At least this is good enough. For losses and errors it is negative, as
        scikit-learn's ``neg_`` scorers are.

    Raises
    ------
    TypeError, ValueError
        If it is no number.

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
        if math.isnan(_number("score", score)):
            raise ValueError(f"score must be a number, got {score!r}.")
        self.score = score

    def update(self, standing: Standing) -> bool:
        """Whether the best score is good enough."""
        return standing.best >= self.score


def _number(name: str, value: Any) -> float:
    """Refuse what is no number.

    Raises
    ------
    TypeError
        With the name of the parameter.
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    return float(value)
