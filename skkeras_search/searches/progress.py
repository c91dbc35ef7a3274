"""A line about a search now and then."""

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
    2 of 2 candidates, best score 0.9667, about 0 s left
    """

    def __init__(self, every: float = 10.0, file: TextIO | None = None):
        if not every >= 0:
            raise ValueError(f"every must not be negative, got {every!r}.")
        self.every = every
        self.file = file

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Begin with a search."""
        self._begun = self._printed = time.monotonic()

    def on_fit_task_begin(self, estimator: Any, context: CallbackContext) -> None:
        """Do nothing."""

    def on_fit_task_end(self, estimator: Any, context: CallbackContext) -> None:
        """Print a line after some candidates, if it is time."""
        if context.task_name != "candidates":
            return
        now = time.monotonic()
        results = estimator.optimizer_results_
        n, total = sum(len(r.x_iters) for r in results), estimator.total_iterations
        if now - self._printed < self.every and n < total:
            return
        self._printed = now
        scores = [-result.fun for result in results if result.fun is not None]
        best = f"best score {max(scores):.4g}" if scores else "no score yet"
        left = _duration((now - self._begun) / n * (total - n))
        print(
            f"{n} of {total} candidates, {best}, about {left} left",
            file=self.file or sys.stderr,
            flush=True,
        )

    def teardown(self, estimator: Any, context: CallbackContext) -> None:
        """End with a search."""


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
