"""How far a search is: callbacks that are told, and lines that are printed."""

import math
import sys
import time
from typing import Any, NamedTuple, TextIO

from sklearn.callback import CallbackContext

from skkeras_search.searches.outcome import Outcome
from skkeras_search.space.dimensions import is_number


class Standing(NamedTuple):
    """How far a search is.

    Attributes
    ----------
    n : float
        Number of evaluated candidates. If candidates are trained in steps, the training so
        far in full evaluations.
    total : float
        The same number for the whole search.
    best : float
        Best score so far. Not finite if there is none.
    unit : str
        What is counted: "candidates" or "evaluations".
    """

    n: float
    total: float
    best: float
    unit: str = "candidates"

    def __str__(self) -> str:
        return f"{_number(self.n)} of {_number(self.total)}"


class SearchCallback:
    """Base class of callbacks that are told after each candidate how far a search is.

    They are set by ``set_callbacks``, like callbacks of scikit-learn. The searches of this
    package call their methods in the process of the search.
    """

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Begin with a search.

        Parameters
        ----------
        estimator : estimator
            The search.
        context : CallbackContext
            The context of scikit-learn's callbacks.

        Raises
        ------
        TypeError
            If the estimator is not a search of this package.
        """
        if not hasattr(estimator, "_advance"):
            kind = type(estimator)
            raise TypeError(
                f"{type(self).__name__} is a callback of the searches of skkeras_search, "
                f"and {kind.__module__}.{kind.__qualname__} is not one of them."
            )

    def on_fit_task_begin(self, estimator: Any, context: CallbackContext) -> None:
        """Do nothing: tasks may begin in workers, where this callback is only a copy."""

    def on_fit_task_end(self, estimator: Any, context: CallbackContext) -> None:
        """Do nothing: tasks may end in workers, where this callback is only a copy."""

    def teardown(self, estimator: Any, context: CallbackContext) -> None:
        """End with a search."""

    def on_outcome(self, outcome: Outcome) -> None:
        """Receive the outcome of a candidate.

        Searches call this method whenever a job has arrived: once for each candidate, and
        after each step of a candidate that is trained in steps.

        Parameters
        ----------
        outcome : Outcome
            The state of the candidate.
        """

    def update(self, standing: Standing) -> bool | None:
        """Receive how far the search is. Called after each candidate, batch or step.

        Parameters
        ----------
        standing : Standing
            How far the search is.

        Returns
        -------
        bool or None
            True stops the search.
        """


class SearchProgress(SearchCallback):
    """Print how far a search is, its best score so far, and the estimated time left.

    Set it by ``set_callbacks`` of a search of this package. It prints whole lines, so that
    log files and notebooks stay readable. It can be combined with
    ``sklearn.callback.ProgressBar``.

    Parameters
    ----------
    every : float, default=10
        Minimum number of seconds between two lines. The last line is always printed.
    file : file object, default=None
        Where to print. None prints to ``sys.stderr``.

    Raises
    ------
    TypeError
        If ``every`` is not a number, or ``file`` is not a file object.
    ValueError
        If ``every`` is less than 0, or NaN.

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
        if not checked_number("every", every) >= 0:
            raise ValueError(f"every must be at least 0, got {every!r}.")
        if file is not None and not hasattr(file, "write"):
            raise TypeError(
                f"file must be an open file, as open(..., 'a') returns, got {file!r}."
            )
        self.every = every
        self.file = file

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "file": None}  # an open file stays in its process

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Begin with a search."""
        self._pace, self._printed = Pace(), time.monotonic()
        self._unprinted: Standing | None = None  # `teardown` is called after errors, too
        self._is_new = True
        super().setup(estimator, context)

    def on_outcome(self, outcome: Outcome) -> None:
        """Note whether the search still reads outcomes from its storage."""
        self._is_new = outcome.is_new

    def update(self, standing: Standing) -> None:
        """Print a line, unless the last one was printed less than ``every`` seconds ago."""
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
    """The speed of a search. Candidates that are read from a storage do not count."""

    def __init__(self) -> None:
        self._begun = self._from = time.monotonic()
        self._n_before = 0.0
        self._end: float | None = None

    def reach(self, standing: Standing, is_new: bool) -> None:
        """Note how far the search is."""
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
        """Describe how long the search is expected to take from now on."""
        if self._end is None or not math.isfinite(self._end):
            return "unknown time left"
        return f"about {duration(max(0.0, self._end - time.monotonic()))} left"


def best_in_words(standing: Standing) -> str:
    """Describe the best score."""
    is_there = math.isfinite(standing.best)
    return f"best score {standing.best:.4g}" if is_there else "no score yet"


def duration(seconds: float) -> str:
    """Describe a duration, in a suitable unit."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def _number(n: float) -> str:
    return f"{n:.1f}".removesuffix(".0")


def checked_number(name: str, value: Any) -> float:
    """Return the value of a parameter that must be a number.

    Parameters
    ----------
    name : str
        Name of the parameter, for the error message.
    value : object
        The value.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If the value is not a number.
    """
    if not is_number(value):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    return float(value)
