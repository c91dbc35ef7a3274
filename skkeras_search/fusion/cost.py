"""The time that a task took, without that in which it waited for others.

What is prepared by one task and used by others, as a program is, is a cost of all of them.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary


class Use(NamedTuple):
    """The use of what has to be prepared.

    Attributes
    ----------
    thing : object
    begun, ended : float
        When it was prepared, or waited for.
    """

    thing: Any
    begun: float
    ended: float


class Answer(NamedTuple):
    """What a task has asked for.

    Attributes
    ----------
    value : object
    seconds : float
        That it took, without those in which it waited to be begun, and without uses.
    uses : iterable of Use
    """

    value: Any
    seconds: float
    uses: Iterable[Use] = ()


class Preparation:
    """The time to prepare a thing, shared by the fits that use it."""

    def __init__(self) -> None:
        self._seconds = self._until = 0.0
        self._users: list[tuple[dict[str, Any], float]] = []

    def add(self, use: Use, result: dict[str, Any]) -> None:
        """Count a fit that has used it, and the time if nobody else has."""
        self._seconds += max(0.0, use.ended - max(use.begun, self._until))
        self._until = max(self._until, use.ended)
        self._users.append((result, 0.0))

    def share(self) -> None:
        """Add to each fit its share, in the place of the share that it had."""
        share = self._seconds / len(self._users)
        for result, before in self._users:
            result["fit_time"] += share - before
        self._users = [(result, share) for result, _ in self._users]


class Ledger:
    """What the tasks of a backend have prepared."""

    def __init__(self) -> None:
        self._preparations: WeakKeyDictionary[Any, Preparation] = WeakKeyDictionary()

    def add(self, use: Use, result: dict[str, Any]) -> None:
        """Count a fit that has used something."""
        self._preparations.setdefault(use.thing, Preparation()).add(use, result)

    def share(self) -> None:
        """Add to each fit its share of what it has used."""
        for preparation in self._preparations.values():
            preparation.share()

    def clear(self) -> None:
        """Forget all."""
        self._preparations.clear()


class Cost:
    """Keep account of the time that a task takes.

    Attributes
    ----------
    others : float
        Seconds that were spent for the task elsewhere: in the background, by its own
        tasks.
    uses : list of Use
        The time of which is not in ``others``.
    """

    def __init__(self) -> None:
        self.others = 0.0
        self.uses: list[Use] = []
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

    def settle(self, results: Any, ledger: Ledger) -> bool:
        """Put costs in the place of times in what scikit-learn has of a fold.

        Parameters
        ----------
        results : object
            Of the task. Whatever is not of a fold is left as it is.
        ledger : Ledger
            Where to enter the uses.

        Returns
        -------
        bool
            Whether there is a fold.
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
