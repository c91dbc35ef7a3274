"""Limit linear algebra to one thread."""

from contextlib import AbstractContextManager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[None]:
    """Return a context in which linear algebra uses one thread.

    The matrices are small, and other processes may be training at the same time.
    """
    limit: AbstractContextManager[None] = _controller().limit(limits=1)
    return limit


@lru_cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
