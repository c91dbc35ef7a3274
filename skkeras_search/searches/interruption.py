"""Ctrl-C: the first one ends a search gently, the second one at once."""

import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any


@contextmanager
def first_interrupt(ends: Callable[[], None]) -> Iterator[None]:
    """In a block, let the first Ctrl-C call a function, and the second one raise.

    Nothing changes if the program handles Ctrl-C itself, or in other threads than the main
    thread, which receives the signal.

    Parameters
    ----------
    ends : callable
        Called at the first Ctrl-C. Makes the code in the block end soon.
    """
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or before is not signal.default_int_handler:
        yield
        return

    def end(*_: Any) -> None:
        signal.signal(signal.SIGINT, before)
        print(
            "Interrupted: the search ends when the fits under way are finished. "
            "Press Ctrl-C again to stop at once.",
            file=sys.stderr,
            flush=True,
        )
        ends()

    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def interrupts_left_to_search() -> Iterator[None]:
    """In a worker process, ignore Ctrl-C, which the process of the search handles."""
    in_worker = multiprocessing.current_process().name != "MainProcess"
    if not in_worker or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Block Ctrl-C in the processes that this thread starts.

    Ctrl-C then does not end a worker process while it imports modules or waits for a job,
    outside :func:`interrupts_left_to_search`. It stays blocked as long as the worker lives,
    also in programs that the worker starts. Windows has no such inheritance.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Starting the first worker also starts this process, which would unblock the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
