"""Tasks in threads that take turns, and what they ask for, answered meanwhile.

One task runs at a time. It runs until it asks for something; then the next one has its
turn, while other threads answer. So the Python of the tasks, which could not run at once
anyway, needs no locks and comes in few orders, and the cores are left to the answers.
Nobody waits for a group to be complete, so none can be waited for in vain.
"""

import threading
from collections import ChainMap, deque
from collections.abc import Callable, Hashable, Iterator, MutableMapping
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from typing import Any

from skkeras_search.fusion.cost import Answer, Cost, Ledger
from skkeras_search.fusion.time_limit import TimeLimit

# Bytes of what is asked and not answered, above which no other task begins.
MOST_BYTES = 2**29

# Things that tasks share, of which older ones are let go.
MOST_SHARED = 64


class Cancelled(BaseException):
    """Raised in a task whose result nobody wants any more.

    As with ``KeyboardInterrupt``, an ``except Exception`` must not keep it.
    """


class Recent(dict[Any, Any]):
    """What was entered last: tasks that share something come one after the other."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > MOST_SHARED:
            del self[next(iter(self))]


class Batcher:
    """Let tasks take turns, and have answered what they ask.

    Parameters
    ----------
    answer : callable
        Called with what was asked, and with a function that says whether the answer
        is still wanted, returns a ``Future`` of an ``Answer``. What is asked may have a
        dict ``memory`` of the bytes of all that it holds. What several hold by the same
        key is there once.

    Attributes
    ----------
    shared : dict
        For tasks to share what they make. Emptied when a new set of tasks begins.
    ledger : Ledger
    """

    def __init__(self, answer: Callable[[Any, Callable[[], bool]], Future[Answer]]):
        self._answer = answer
        self._lock = threading.Lock()
        self._thread = threading.local()
        self._taken = False
        self._answered: deque[threading.Event] = deque()
        self._new: deque[threading.Event] = deque()
        self._held: list[MutableMapping[Hashable, int]] = []
        self.shared: dict[Any, Any] = Recent()
        self.ledger = Ledger()

    def queue(self) -> Callable[[], None]:
        """Queue as a new task.

        Returns
        -------
        callable
            Waits for the turn, in the thread of the task.
        """
        turn = threading.Event()
        with self._lock:
            self._new.append(turn)
        self._give_turn()
        return lambda: self._take(turn)

    def leave(self) -> None:
        """Give up the turn."""
        self._thread.has_turn = False
        with self._lock:
            self._taken = False
        self._give_turn()

    @contextmanager
    def left(self) -> Iterator[None]:
        """Be without the turn for a block, to wait there for other tasks."""
        if not self._has_turn():
            yield
            return
        self.leave()
        try:
            yield
        finally:
            turn = threading.Event()
            self._go_on(turn)
            self._take(turn)

    def ask(self, content: Any, wanted: Callable[[], bool]) -> Answer:
        """Ask, in a task that has the turn, and has it again with the answer."""
        answer = self._answer(content, wanted)
        if not self._has_turn():  # in a block of ``left``
            return answer.result()
        turn, memory = threading.Event(), getattr(content, "memory", {})
        with self._lock:
            self._held.append(memory)
        answer.add_done_callback(lambda _: self._let_go(turn, memory))
        self.leave()
        self._take(turn)
        return answer.result()

    def _has_turn(self) -> bool:
        return getattr(self._thread, "has_turn", False)

    def _take(self, turn: threading.Event) -> None:
        turn.wait()
        self._thread.has_turn = True

    def _let_go(self, turn: threading.Event, memory: MutableMapping[Hashable, int]) -> None:
        with self._lock:
            self._held.remove(memory)
        self._go_on(turn)

    def _go_on(self, turn: threading.Event) -> None:
        with self._lock:
            self._answered.append(turn)
        self._give_turn()

    def _give_turn(self) -> None:
        with self._lock:
            if self._taken:
                return
            if self._answered:
                turn = self._answered.popleft()
            elif self._new and self._n_bytes() <= MOST_BYTES:
                turn = self._new.popleft()
            else:
                return  # whoever asked will go on
            self._taken = True
            turn.set()

    def _n_bytes(self) -> int:
        return sum(ChainMap(*self._held).values())


class Task:
    """A function that is run in turns with others.

    Parameters
    ----------
    batcher : Batcher
    parent : Task, optional
        The one that waits for its result.

    Attributes
    ----------
    cost : Cost
    limit : TimeLimit or None
        Of the fit that it does, or is a part of.
    """

    def __init__(self, batcher: Batcher, parent: "Task | None" = None):
        self._batcher = batcher
        self._parent = parent
        self._cancelled = False
        self.cost = Cost()
        self.limit: TimeLimit | None = parent.limit if parent else None

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody wants its result any more."""
        return self._cancelled or (self._parent is not None and self._parent.is_cancelled)

    def cancel(self) -> None:
        """Have it end, when it asks next."""
        self._cancelled = True

    def settle(self, outcome: Any) -> None:
        """Account for its time, when it has its outcome."""
        is_fold = self.cost.settle(outcome, self._batcher.ledger)
        if self._parent is not None:
            self._parent.cost.others += self.cost.seconds
            if not is_fold:
                self._parent.cost.uses += self.cost.uses

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait for others in a block, which costs nothing but their work for this task."""
        limited = self.limit.waiting() if self.limit else nullcontext()
        with self.cost.waiting(), limited:
            yield

    @property
    def shared(self) -> dict[Any, Any]:
        """What the tasks of the batcher share."""
        return self._batcher.shared

    def ask(self, content: Any) -> Any:
        """Ask, and wait for the answer.

        Raises
        ------
        Cancelled
            If the task is, now or meanwhile.
        """
        self._check()
        try:
            with self.waiting():
                answer = self._batcher.ask(content, lambda: not self.is_cancelled)
                self.cost.others += answer.seconds
            self.cost.uses += answer.uses
            return answer.value
        finally:
            self._check()

    def _check(self) -> None:
        if self.is_cancelled:
            raise Cancelled
