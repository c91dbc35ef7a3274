"""Limit the time of a fit, without the time in which it waits for others.

A fit may work in several threads, one after the other: one builds the model, another one
trains the lane. When its time is over, an exception is raised in the thread that works for
it. Python raises the exception before the next instruction of the thread, so it cannot
interrupt C code that does not return. Such a fit hangs, and its caller is told.
"""

import ctypes
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

# Time between two attempts to end a fit, whose code may catch the exception.
SECONDS_TO_END = 1.0
# Time that a fit has to end, before it counts as hanging.
GRACE = 5.0
# A signal that has no effect without a handler.
WAKES = getattr(signal, "SIGURG", None)

_here = threading.local()  # the limit that this thread works for


class OutOfTime(BaseException):
    """Raised in a fit whose time is over.

    It derives from ``BaseException``, so that ``except Exception`` does not catch it.
    """


class TimeLimit:
    """The time limit of a fit.

    Parameters
    ----------
    seconds : float
        Time that the fit may take, in seconds.
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
        """Count the time of a block in which this thread works for the fit.

        Raises
        ------
        OutOfTime
            When the time is over.
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
        """Do not count a block inside ``working`` in which this thread waits for others."""
        if threading.get_ident() not in self._since:  # it is waiting already
            yield
            return
        self._end()
        try:
            yield
        finally:
            self._begin()

    def close(self) -> None:
        """Stop watching: no exception is raised from now on."""
        _watch.discard(self)
        for thread in list(self._since):
            self._forget(thread)

    def look(self, now: float) -> float:
        """End the fit if its time is over; return the seconds until the next check."""
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
        # First of all: an exception raised in this thread could leave the lock taken.
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
                _raise_in(thread, None)  # withdraws an exception that is not raised yet


def limited(function: Callable[[], Any], limit: TimeLimit | None) -> Callable[[], Any]:
    """Count the time of a function for a limit, in any thread that calls it."""

    def call() -> Any:
        with limit.working() if limit else nullcontext():
            return function()

    return call


def wait_for(lock: Any) -> None:
    """Wait until a lock is free, without counting the time for the fit of this thread."""
    if (limit := getattr(_here, "limit", None)) is not None:
        with limit.waiting(), lock:
            pass


class _Watch:
    """A thread that watches all time limits of this process."""

    def __init__(self) -> None:
        self._limits: set[TimeLimit] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, limit: TimeLimit) -> None:
        with self._changed:
            if limit in self._limits:
                return
            self._limits.add(limit)
            if self._thread is None or not self._thread.is_alive():  # e.g. after a fork
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
    """Raise an exception in a thread; None withdraws one that is not raised yet."""
    raised = ctypes.py_object(exception) if exception else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)
    if exception and WAKES and thread == threading.main_thread().ident:
        signal.pthread_kill(thread, WAKES)  # interrupts a sleep


@contextmanager
def _woken() -> Iterator[None]:
    """In the main thread, let a signal interrupt system calls that wait, such as sleep."""
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
    """Handle the signal; Python raises pending exceptions before it calls the handler."""
