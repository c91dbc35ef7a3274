"""The time that a task takes, without the time in which it waits for others.

The time to prepare an object that several tasks use, such as a program, is shared equally
among these tasks.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary


class Use(NamedTuple):
    """The use of an object that had to be prepared.

    Attributes
    ----------
    thing : object
        The object.
    begun, ended : float
        Start and end of the time in which the task prepared it or waited for it.
    """

    thing: Any
    begun: float
    ended: float


class Answer(NamedTuple):
    """The answer to a request of a task.

    Attributes
    ----------
    value : object
        The answer itself.
    seconds : float
        Time to compute the answer, without waiting for a free core and without ``uses``.
    uses : iterable of Use
        The prepared objects that were used.
    """

    value: Any
    seconds: float
    uses: Iterable[Use] = ()


class Preparation:
    """The time to prepare an object, which the fits that use it share."""

    def __init__(self) -> None:
        self._seconds = self._until = 0.0
        self._users: list[tuple[dict[str, Any], float]] = []

    def add(self, use: Use, result: dict[str, Any]) -> None:
        """Add a fit that has used the object, and time that is not counted yet."""
        self._seconds += max(0.0, use.ended - max(use.begun, self._until))
        self._until = max(self._until, use.ended)
        self._users.append((result, 0.0))

    def share(self) -> None:
        """Add to the time of each fit its share, which replaces its earlier share."""
        share = self._seconds / len(self._users)
        for result, before in self._users:
            result["fit_time"] += share - before
        self._users = [(result, share) for result, _ in self._users]


class Ledger:
    """The objects that the tasks of a backend have prepared."""

    def __init__(self) -> None:
        self._preparations: WeakKeyDictionary[Any, Preparation] = WeakKeyDictionary()

    def add(self, use: Use, result: dict[str, Any]) -> None:
        """Add a fit that has used a prepared object."""
        self._preparations.setdefault(use.thing, Preparation()).add(use, result)

    def share(self) -> None:
        """Add to the time of each fit its share of the preparations that it has used."""
        for preparation in self._preparations.values():
            preparation.share()

    def clear(self) -> None:
        """Forget all preparations."""
        self._preparations.clear()


class Cost:
    """Measure the time that a task takes.

    Attributes
    ----------
    others : float
        Seconds that background threads and nested tasks have worked for the task.
    uses : list of Use
        The prepared objects that were used. Their time is not part of ``others``.
    """

    def __init__(self) -> None:
        self.others = 0.0
        self.uses: list[Use] = []
        self._begun = time.time()
        self._waits: list[tuple[float, float]] = []
        self._is_waiting = False

    def begin(self) -> None:
        """Start to measure."""
        self._begun = time.time()

    @property
    def seconds(self) -> float:
        """Time since the start, without waiting times."""
        return time.time() - self._begun - sum(waited for _, waited in self._waits)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """In a block, count the work of others instead of the elapsed time."""
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

    def settle(self, results: Any, ledger: Ledger) -> bool:
        """Subtract waiting times from the times in scikit-learn's result of a fold.

        Parameters
        ----------
        results : object
            Result of the task. It is not changed if it is not the result of a fold.
        ledger : Ledger
            Receives the uses of prepared objects.

        Returns
        -------
        is_fold : bool
            Whether it is the result of a fold.
        """
        if not isinstance(results, list) or len(results) != 1:
            return False
        (result,) = results
        if not (isinstance(result, dict) and {"fit_time", "score_time"} <= result.keys()):
            return False
        fitted = self._begun + result["fit_time"]
        scored = fitted + result["score_time"]
        result["fit_time"] -= self._waited(self._begun, fitted)
        result["score_time"] -= self._waited(fitted, scored)
        for use in self.uses:
            ledger.add(use, result)
        return True

    def _waited(self, begin: float, end: float) -> float:
        return sum(waited for when, waited in self._waits if begin <= when < end)
