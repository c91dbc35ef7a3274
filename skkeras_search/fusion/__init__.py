"""Train fits of the same architecture by one compiled program.

Importing this package registers the joblib backend "fused". It does not import TensorFlow.
"""

import functools
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from joblib import register_parallel_backend

from skkeras_search.fusion.backend import FusedBackend
from skkeras_search.fusion.batcher import Batcher
from skkeras_search.fusion.thread_state import inherit


def _make_batcher() -> Batcher:
    @functools.cache
    def lanes() -> Any:
        from skkeras_search.fusion.training import Lanes

        return Lanes()

    def begin(lane: Any, wanted: Callable[[], bool]) -> Future[Any]:
        future: Future[Any] = lanes().begin(lane, wanted)
        return future

    return Batcher(begin)


def _make_backend(**kwargs: Any) -> FusedBackend:
    return FusedBackend(_make_batcher, inherit, **kwargs)


register_parallel_backend("fused", _make_backend)
