"""A line about a search now and then."""

import math
import sys
import time
from typing import Any, TextIO

from sklearn.callback import CallbackContext


class SearchProgress:
    """Print how far a ``BayesSearchCV`` is, its best score so far, and the time left.

    A callback of scikit-learn, for ``set_callbacks``. It prints whole lines, so that log
    files and notebooks stay readable, beside or instead of the bars of
    ``sklearn.callback.ProgressBar``.

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
        self._begun = self._printed = time.monotonic()
        self._n_printed = 0

    def on_fit_task_begin(self, estimator: Any, context: CallbackContext) -> None:
        """Do nothing."""

    def on_fit_task_end(self, estimator: Any, context: CallbackContext) -> None:
        """Print a line after some candidates, if it is time."""
        is_time = time.monotonic() - self._printed >= self.every
        if is_time and context.task_name == "candidates":
            self._print(estimator)

    def teardown(self, estimator: Any, context: CallbackContext) -> None:
        """Print the last line of a search."""
        self._print(estimator, ended=True)

    def _print(self, search: Any, ended: bool = False) -> None:
        results = getattr(search, "optimizer_results_", ())  # no other search has any
        n = sum(len(result.x_iters) for result in results)
        if n == self._n_printed:
            return
        self._n_printed, self._printed = n, time.monotonic()
        total = search.total_iterations
        best = -min(result.fun for result in results)
        left = _duration((self._printed - self._begun) / n * (total - n))
        print(
            f"{n} of {total} candidates, "
            + (f"best score {best:.4g}, " if math.isfinite(best) else "no score yet, ")
            + (_duration(self._printed - self._begun) if ended else f"about {left} left"),
            file=self.file or sys.stderr,
            flush=True,
        )


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
