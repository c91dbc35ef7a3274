"""Let tasks in threads take turns, and answer their requests in the meantime.

One task runs at a time. When a task makes a request, such as the training of a lane, the
next task has its turn, while other threads compute the answer. The Python code of the tasks
could not run in parallel anyway. As it runs in turns, it needs no locks, its order varies
little, and the cores are free for the answers. No task waits until a group of tasks is
complete, so a missing task cannot block the others.
"""

import threading
from collections import ChainMap, deque
from collections.abc import Callable, Hashable, Iterator, MutableMapping
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from typing import Any

from skkeras_search.fusion.cost import Answer, Cost, Ledger
from skkeras_search.fusion.time_limit import TimeLimit

# Memory of the open requests, in bytes, above which no other task begins.
MOST_BYTES = 2**29

# Number of objects that tasks share. The oldest one is dropped when there are more.
MOST_SHARED = 64


class Cancelled(BaseException):
    """Raised in a cancelled task.

    It derives from ``BaseException``, so that ``except Exception`` does not catch it.
    """


class Recent(dict[Any, Any]):
    """A dict of the last items: tasks that share an object follow one another."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > MOST_SHARED:
            del self[next(iter(self))]


class Batcher:
    """Let tasks take turns, and have their requests answered.

    Parameters
    ----------
    answer : callable
        Called with a request and with a function that returns whether the answer is still
        wanted. Returns a ``Future`` of an ``Answer``. A request may have an attribute
        ``memory``, a dict of the sizes of its objects in bytes. Objects with the same key
        are counted once.

    Attributes
    ----------
    shared : dict
        Objects that tasks share. Cleared when a new set of tasks begins.
    ledger : Ledger
        The preparations that the tasks have used.
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
        """Queue a new task.

        Returns
        -------
        wait : callable
            Waits for the turn of the task. To be called in its thread.
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
        """Give up the turn in a block that waits for other tasks."""
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
        """Make a request, give up the turn, and take it again with the answer."""
        answer = self._answer(content, wanted)
        if not self._has_turn():  # inside a ``left`` block
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
                return  # a task takes its turn when its request is answered
            self._taken = True
            turn.set()

    def _n_bytes(self) -> int:
        return sum(ChainMap(*self._held).values())


class Task:
    """A function that takes turns with others.

    Parameters
    ----------
    batcher : Batcher
        Gives the task its turns.
    parent : Task, optional
        The task that waits for the result of this one.

    Attributes
    ----------
    cost : Cost
        The time that the task has taken.
    limit : TimeLimit or None
        The time limit of the fit that the task runs, or is a part of.
    """

    def __init__(self, batcher: Batcher, parent: "Task | None" = None):
        self._batcher = batcher
        self._parent = parent
        self._cancelled = False
        self.cost = Cost()
        self.limit: TimeLimit | None = parent.limit if parent else None

    @property
    def is_cancelled(self) -> bool:
        """Whether the task, or the task that waits for it, is cancelled."""
        return self._cancelled or (self._parent is not None and self._parent.is_cancelled)

    def cancel(self) -> None:
        """Cancel the task. It ends when it makes its next request."""
        self._cancelled = True

    def settle(self, outcome: Any) -> None:
        """Add its time to the results of the fit, or to the costs of its parent."""
        is_fold = self.cost.settle(outcome, self._batcher.ledger)
        if self._parent is not None:
            self._parent.cost.others += self.cost.seconds
            if not is_fold:
                self._parent.cost.uses += self.cost.uses

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count only the work of others for this task in a block, not the waiting time."""
        limited = self.limit.waiting() if self.limit else nullcontext()
        with self.cost.waiting(), limited:
            yield

    @property
    def shared(self) -> dict[Any, Any]:
        """The objects that the tasks of the batcher share."""
        return self._batcher.shared

    def ask(self, content: Any) -> Any:
        """Make a request, and wait for the answer.

        Raises
        ------
        Cancelled
            If the task is cancelled before it has the answer.
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
