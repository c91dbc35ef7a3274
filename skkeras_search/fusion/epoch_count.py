"""How far a fit is, for whoever looks from another thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class EpochCount:
    """The epoch that a fit is in.

    Attributes
    ----------
    epoch : int
        From 1; 0 before the first, and for a fit that has no epochs.
    n_epochs : int
        Of the whole fit.
    """

    epoch: int = 0
    n_epochs: int = 0


current_count: ContextVar[EpochCount | None] = ContextVar("current_count", default=None)


@contextmanager
def counted() -> Iterator[EpochCount]:
    """Have the Keras fits of a block say in which epoch they are.

    The block holds for this thread.
    """
    count = EpochCount()
    token = current_count.set(count)
    try:
        yield count
    finally:
        current_count.reset(token)
