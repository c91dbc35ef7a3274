"""One thread of linear algebra."""

from contextlib import AbstractContextManager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[None]:
    """Keep linear algebra to one thread, while its result is waited for.

    Its matrices are small, and a process beside this one is training.
    """
    limit: AbstractContextManager[None] = _controller().limit(limits=1)
    return limit


@lru_cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
