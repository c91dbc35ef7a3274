"""Candidates on worker processes, some of which may kill theirs.

When a worker dies, loky gives up all workers and all that they were doing. The candidates
that were running are suspects then: new workers get them one at a time, before the others.
A candidate whose worker dies while nothing else runs has killed it.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any

from joblib.externals.loky.process_executor import TerminatedWorkerError

from skkeras_search.searches.executors import settle
from skkeras_search.searches.jobs import Call


class Candidate:
    """The fits of a candidate.

    Parameters
    ----------
    calls : list of callable
        One for each fold.

    Attributes
    ----------
    outcome : Future
        Of a list with the outcome of each fold.
    is_suspect : bool
        Whether a worker has died while it was running.
    """

    def __init__(self, calls: list[Call]):
        self.calls = calls
        self.outcome: Future[list[Any]] = Future()
        self.is_suspect = False


class Pool:
    """Run candidates on workers, and start new workers when one has died.

    Parameters
    ----------
    workers : Executor
    n_workers : int
    start : callable
        Gives new workers.
    run : callable
        Runs the calls of a candidate, in a worker.
    give_up : callable
        Takes the calls of a candidate that has killed its worker, and the error, in
        this process, and returns the outcomes or raises an exception.
    """

    def __init__(
        self,
        workers: Executor,
        n_workers: int,
        start: Callable[[], Executor],
        run: Callable[[list[Call]], list[Any]],
        give_up: Callable[[list[Call], BaseException], list[Any]],
    ):
        # None while new ones are started.
        self._workers: Executor | None = workers
        self._error: Exception | None = None  # of starting them
        self._n_workers, self._start = n_workers, start
        self._run, self._give_up = run, give_up
        self._lock = threading.RLock()
        self._waiting: deque[Candidate] = deque()
        self._suspects: deque[Candidate] = deque()
        self._running: set[Candidate] = set()

    def submit(self, calls: list[Call]) -> Future[list[Any]]:
        """Have a candidate run as soon as a worker is free."""
        candidate = Candidate(calls)
        self._waiting.append(candidate)
        self._send()
        return candidate.outcome

    def forget(self) -> list[Candidate]:
        """Begin no other candidate; give those that have not begun."""
        with self._lock:
            forgotten = [*self._suspects, *self._waiting]
            self._suspects.clear()
            self._waiting.clear()
        return forgotten

    def _send(self) -> None:
        if (error := self._error) is not None:  # there are no workers to wait for
            for forgotten in self.forget():
                forgotten.outcome.set_exception(error)
        with self._lock:
            while (workers := self._workers) is not None and (candidate := self._next()):
                try:
                    future = workers.submit(self._run, candidate.calls)
                except TerminatedWorkerError:  # nobody has heard of it yet
                    queue = self._suspects if candidate.is_suspect else self._waiting
                    queue.appendleft(candidate)
                    self._restart(workers)
                    return
                self._running.add(candidate)
                future.add_done_callback(partial(self._receive, candidate, workers))

    def _next(self) -> Candidate | None:
        if self._suspects:
            return None if self._running else self._suspects.popleft()
        alone = any(candidate.is_suspect for candidate in self._running)
        if alone or not self._waiting or len(self._running) == self._n_workers:
            return None
        return self._waiting.popleft()

    def _receive(
        self, candidate: Candidate, workers: Executor, future: Future[list[Any]]
    ) -> None:
        error = future.exception()
        has_died = isinstance(error, TerminatedWorkerError)
        is_guilty = has_died and candidate.is_suspect
        with self._lock:
            self._running.remove(candidate)
            if has_died:
                self._restart(workers)
            if has_died and not is_guilty:
                candidate.is_suspect = True
                self._suspects.append(candidate)
        # Without the lock: whoever waits for the outcome may submit the next.
        if is_guilty and error is not None:
            settle(candidate.outcome, partial(self._give_up, candidate.calls, error))
        elif not has_died:
            settle(candidate.outcome, future.result)
        self._send()

    def _restart(self, dead: Executor) -> None:
        """Start new workers, in a thread: that of the old ones has to end before."""
        if self._workers is dead:  # or there are others since
            self._workers = None
            threading.Thread(target=self._start_again, name="new workers").start()

    def _start_again(self) -> None:
        try:
            self._workers = self._start()
        except Exception as error:
            self._error = error
        self._send()
