"""Ctrl-C: once ends a search gently, twice at once."""

import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def first_interrupt(ends: Callable[[], None]) -> Iterator[None]:
    """Have the first Ctrl-C in a block call a function, and the second raise.

    Nothing changes where Ctrl-C means something else already, or in other threads than the
    main one, which hears of it.

    Parameters
    ----------
    ends : callable
        Has what runs in the block end soon.
    """
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or before is not signal.default_int_handler:
        yield
        return

    def end(*_: Any) -> None:
        signal.signal(signal.SIGINT, before)
        print(
            "Interrupted: the search ends when what is under way is finished. "
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
    """In a worker process, leave Ctrl-C, which all processes get, to that of the search."""
    in_worker = multiprocessing.current_process().name != "MainProcess"
    if not in_worker or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
