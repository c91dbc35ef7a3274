"""The time that a fit may take, without that in which it waits for others.

A fit works in one thread after the other: the one that builds its model, that which trains
its lane. When its time is over, an exception is raised in the thread that works for it.
Python raises it before the thread's next instruction, so not in a call of C code that does
not return. Such a fit hangs, which whoever runs it may want to know.
"""

import ctypes
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

# Between two attempts to end a fit: code may swallow the exception.
SECONDS_TO_END = 1.0
# Time that a fit has to end, before it is said to hang.
GRACE = 5.0
# Without an effect where nobody handles it.
WAKES = getattr(signal, "SIGURG", None)

_here = threading.local()  # the limit that this thread works for


class OutOfTime(BaseException):
    """Raised in a fit whose time is over.

    As with ``KeyboardInterrupt``, an ``except Exception`` must not keep it.
    """


class TimeLimit:
    """The time of a fit.

    Parameters
    ----------
    seconds : float
    hangs : callable, optional
        Called once, in another thread, if the fit does not end when its time is over.
    """

    def __init__(self, seconds: float, hangs: Callable[[], None] | None = None):
        self.seconds = seconds
        self._hangs = hangs
        self._lock = threading.Lock()
        self._used = 0.0
        self._since: dict[int, float] = {}  # the threads that work for the fit
        self._over_since: float | None = None
        self._told = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the fit has taken longer than it may."""
        return self._left(time.monotonic()) < 0

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count a block, in which this thread works for the fit.

        Raises
        ------
        OutOfTime
            As soon as the time is over.
        """
        before = getattr(_here, "limit", None)
        with _woken():
            self._begin()
            _here.limit = self
            try:
                yield
            finally:
                _here.limit = before
                self._end()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Leave out a block in ``working``, in which this thread waits for others."""
        if threading.get_ident() not in self._since:  # it waits already
            yield
            return
        self._end()
        try:
            yield
        finally:
            self._begin()

    def close(self) -> None:
        """Let no exception be raised any more."""
        _watch.discard(self)
        for thread in list(self._since):
            self._forget(thread)

    def look(self, now: float) -> float:
        """End the fit if its time is over; give the seconds until the next look."""
        with self._lock:
            if (left := self._left(now)) >= 0:
                return left
            self._over_since = self._over_since or now
            if now - self._told >= SECONDS_TO_END:
                self._told = now
                for thread in self._since:
                    _raise_in(thread, OutOfTime)
        if self._hangs and self._since and now - self._over_since > GRACE:
            hangs, self._hangs = self._hangs, None
            hangs()
        return SECONDS_TO_END

    def _left(self, now: float) -> float:
        working = sum(now - since for since in list(self._since.values()))
        return self.seconds - self._used - working

    def _begin(self) -> None:
        if self.is_over:
            raise OutOfTime
        # First: an exception that is raised in this thread could keep the watch's lock.
        _watch.add(self)
        with self._lock:
            self._since[threading.get_ident()] = time.monotonic()

    def _end(self) -> None:
        thread, late = threading.get_ident(), None
        while thread in self._since:
            try:
                self._forget(thread)
            except OutOfTime as error:  # raised just now
                late = error
        if late is not None:
            raise late

    def _forget(self, thread: int) -> None:
        with self._lock:
            if (since := self._since.pop(thread, None)) is not None:
                self._used += time.monotonic() - since
                _raise_in(thread, None)  # what is not raised yet


def limited(function: Callable[[], Any], limit: TimeLimit | None) -> Callable[[], Any]:
    """Make a function work for the fit of a limit, in whatever thread it is called."""

    def call() -> Any:
        with limit.working() if limit else nullcontext():
            return function()

    return call


def wait_for(lock: Any) -> None:
    """Wait until a lock is free, in none of the time of the fit that this thread does."""
    if (limit := getattr(_here, "limit", None)) is not None:
        with limit.waiting(), lock:
            pass


class _Watch:
    """A thread that looks at all limits of this process."""

    def __init__(self) -> None:
        self._limits: set[TimeLimit] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, limit: TimeLimit) -> None:
        with self._changed:
            if limit in self._limits:
                return
            self._limits.add(limit)
            if self._thread is None or not self._thread.is_alive():  # as after a fork
                self._thread = threading.Thread(
                    target=self._run, name="time limits", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def discard(self, limit: TimeLimit) -> None:
        with self._changed:
            self._limits.discard(limit)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._limits:
                    self._thread = None
                    return
                limits = list(self._limits)
            now = time.monotonic()
            wait = min([limit.look(now) for limit in limits])
            with self._changed:
                self._changed.wait(min(max(wait, 0.01), SECONDS_TO_END))


_watch = _Watch()


def _raise_in(thread: int, exception: type[BaseException] | None) -> None:
    """Have an exception raised in a thread, or one not raised that is still to be."""
    raised = ctypes.py_object(exception) if exception else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)
    if exception and WAKES and thread == threading.main_thread().ident:
        signal.pthread_kill(thread, WAKES)  # from its sleep


@contextmanager
def _woken() -> Iterator[None]:
    """In the main thread, let a signal end what waits in the system, as a sleep does."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or WAKES is None or signal.getsignal(WAKES) is not signal.SIG_DFL:
        yield
        return
    signal.signal(WAKES, _do_nothing)
    try:
        yield
    finally:
        signal.signal(WAKES, signal.SIG_DFL)


def _do_nothing(*_: object) -> None:
    """Python looks for exceptions to raise before it calls this."""
