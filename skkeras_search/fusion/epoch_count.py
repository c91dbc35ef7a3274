"""The current epoch of a fit, which other threads can read."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class EpochCount:
    """The current epoch of a fit.

    Attributes
    ----------
    epoch : int
        The epoch, counted from 1; 0 before the first epoch, and for a fit without epochs.
    n_epochs : int
        Number of epochs of the whole fit.
    """

    epoch: int = 0
    n_epochs: int = 0


current_count: ContextVar[EpochCount | None] = ContextVar("current_count", default=None)


@contextmanager
def counted() -> Iterator[EpochCount]:
    """Record the current epoch of the Keras fits in a block, in this thread.

    Yields
    ------
    count : EpochCount
        The epoch, which the fits update.
    """
    count = EpochCount()
    token = current_count.set(count)
    try:
        yield count
    finally:
        current_count.reset(token)
