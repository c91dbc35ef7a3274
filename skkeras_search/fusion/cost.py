"""The time that a task took, without that in which it waited for others."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What a task has asked for.

    Attributes
    ----------
    value : object
    seconds : float
        That it took, without those in which it waited to be begun.
    """

    value: Any
    seconds: float


class Cost:
    """Keep account of the time that a task takes.

    Attributes
    ----------
    others : float
        Seconds that were spent for the task elsewhere: in the background, by its own
        tasks.
    """

    def __init__(self) -> None:
        self.others = 0.0
        self._begun = time.time()
        self._waits: list[tuple[float, float]] = []
        self._is_waiting = False

    def begin(self) -> None:
        """Count from now on."""
        self._begun = time.time()

    @property
    def seconds(self) -> float:
        """Time from the beginning until now, without what was waited."""
        return time.time() - self._begun - sum(waited for _, waited in self._waits)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the work of others in a block, not the time that passes."""
        if self._is_waiting:
            yield
            return
        self._is_waiting = True
        begun, others = time.time(), self.others
        try:
            yield
        finally:
            waited = time.time() - begun - (self.others - others)
            self._waits.append((begun, waited))
            self._is_waiting = False

    def settle(self, results: Any) -> None:
        """Put costs in the place of times in what scikit-learn has of a fold.

        Parameters
        ----------
        results : object
            Of the task. Whatever is not of a fold is left as it is.
        """
        for result in results if isinstance(results, list) else ():
            if isinstance(result, dict) and {"fit_time", "score_time"} <= result.keys():
                fitted = self._begun + result["fit_time"]
                scored = fitted + result["score_time"]
                result["fit_time"] -= self._waited(self._begun, fitted)
                result["score_time"] -= self._waited(fitted, scored)

    def _waited(self, begin: float, end: float) -> float:
        return sum(waited for when, waited in self._waits if begin <= when < end)
