"""How far a search is: callbacks that are told, and a line about it now and then."""

import math
import sys
import time
from typing import Any, NamedTuple, TextIO

from sklearn.callback import CallbackContext

from skkeras_search.searches.outcome import Outcome


class Standing(NamedTuple):
    """How far a search is.

    Attributes
    ----------
    n : float
        Candidates that are evaluated; or, where the training of a candidate can stop on
        the way, how many evaluations that training is worth.
    total : float
        As many in the whole search.
    best : float
        Best score so far, not finite if there is none.
    unit : str
        What is counted.
    """

    n: float
    total: float
    best: float
    unit: str = "candidates"

    def __str__(self) -> str:
        return f"{_number(self.n)} of {_number(self.total)}"


class SearchCallback:
    """Base of callbacks that are told after each candidate how far a search is.

    Such a callback is one of scikit-learn's, for ``set_callbacks``. Searches of this
    package call its methods in the process where they run.
    """

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Begin with a search.

        Raises
        ------
        TypeError
            If the estimator is none of the searches that call ``update``.
        """
        if not hasattr(estimator, "_advance"):
            kind = type(estimator)
            raise TypeError(
                f"{type(self).__name__} is a callback of the searches of skkeras_search, "
                f"and {kind.__module__}.{kind.__qualname__} is none of them."
            )

    def on_fit_task_begin(self, estimator: Any, context: CallbackContext) -> None:
        """Do nothing: a task may begin in a worker, where nobody knows the others."""

    def on_fit_task_end(self, estimator: Any, context: CallbackContext) -> None:
        """Do nothing: a task may end in a worker, where nobody knows the others."""

    def teardown(self, estimator: Any, context: CallbackContext) -> None:
        """End with a search."""

    def on_outcome(self, outcome: Outcome) -> None:
        """Learn what has become of a candidate.

        Searches call it whenever a job has arrived: once for each candidate; more often
        where a candidate is trained step by step.

        Parameters
        ----------
        outcome : Outcome
        """

    def update(self, standing: Standing) -> bool | None:
        """Learn how far the search is. Searches call it after each candidate or batch.

        Parameters
        ----------
        standing : Standing

        Returns
        -------
        bool or None
            Whether the search is to stop.
        """


class SearchProgress(SearchCallback):
    """Print how far a search is, its best score so far, and the time left.

    A callback of scikit-learn, for ``set_callbacks`` of the searches of this package. It
    prints whole lines, so that log files and notebooks stay readable, beside or instead of
    the bars of ``sklearn.callback.ProgressBar``.

    Parameters
    ----------
    every : float, default=10
        Seconds between two lines at least. The last is always printed.
    file : file, default=sys.stderr
        Where to print.

    Examples
    --------
    >>> import sys
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import BayesSearchCV, SearchProgress
    >>> search = BayesSearchCV(SVC(), {"C": [1.0, 2.0]}, n_iter=2, cv=3, random_state=0)
    >>> search = search.set_callbacks(SearchProgress(file=sys.stdout))
    >>> search = search.fit(*load_iris(return_X_y=True))
    2 of 2 candidates, best score 0.9667, 0 s
    """

    def __init__(self, every: float = 10.0, file: TextIO | None = None):
        if not every >= 0:
            raise ValueError(f"every must not be negative, got {every!r}.")
        self.every = every
        self.file = file

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "file": None}  # an open file stays in its process

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Begin with a search."""
        self._pace, self._printed = Pace(), time.monotonic()
        self._unprinted: Standing | None = None  # `teardown` follows an error, too
        self._is_new = True
        super().setup(estimator, context)

    def on_outcome(self, outcome: Outcome) -> None:
        """Learn whether the search is still reading what it has evaluated before."""
        self._is_new = outcome.is_new

    def update(self, standing: Standing) -> None:
        """Print a line, if it is time."""
        self._unprinted = standing
        self._pace.reach(standing, self._is_new)
        if time.monotonic() - self._printed >= self.every:
            self._print(standing, self._pace.left_in_words())

    def teardown(self, estimator: Any, context: CallbackContext) -> None:
        """Print the last line of a search."""
        if self._unprinted is not None:
            self._print(self._unprinted, duration(self._pace.passed))

    def _print(self, standing: Standing, duration: str) -> None:
        self._unprinted, self._printed = None, time.monotonic()
        line = f"{standing} {standing.unit}, {best_in_words(standing)}, {duration}"
        print(line, file=self.file or sys.stderr, flush=True)


class Pace:
    """How fast a search goes. What is read from a storage does not count."""

    def __init__(self) -> None:
        self._begun = self._from = time.monotonic()
        self._n_before = 0.0
        self._end: float | None = None

    def reach(self, standing: Standing, is_new: bool) -> None:
        """Learn how far the search is."""
        now = time.monotonic()
        if not is_new:
            self._from, self._n_before = now, standing.n
        n = standing.n - self._n_before
        if n > 0:
            left = max(0.0, standing.total - standing.n)
            self._end = now + (now - self._from) / n * left

    @property
    def passed(self) -> float:
        """Seconds since the search began."""
        return time.monotonic() - self._begun

    def left_in_words(self) -> str:
        """Say how long the search will take from now on."""
        if self._end is None or not math.isfinite(self._end):
            return "nothing known of the time left"
        return f"about {duration(max(0.0, self._end - time.monotonic()))} left"


def best_in_words(standing: Standing) -> str:
    """Say what the best score is."""
    is_there = math.isfinite(standing.best)
    return f"best score {standing.best:.4g}" if is_there else "no score yet"


def duration(seconds: float) -> str:
    """Say how long something takes, in the unit that fits."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def _number(n: float) -> str:
    return f"{n:.1f}".removesuffix(".0")
