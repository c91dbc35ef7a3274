"""Many fits trained as one program.

Importing this registers the joblib backend "fused", and imports no TensorFlow.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from joblib import register_parallel_backend

from skkeras_search.fusion.backend import FusedBackend
from skkeras_search.fusion.batcher import Batcher
from skkeras_search.fusion.thread_state import inherit


def _begin(lane: Any, wanted: Callable[[], bool]) -> Future[Any]:
    from skkeras_search.fusion.training import begin

    return begin(lane, wanted)


def _make_backend(**kwargs: Any) -> FusedBackend:
    return FusedBackend(lambda: Batcher(_begin), inherit, **kwargs)


register_parallel_backend("fused", _make_backend)
