"""Train the fits of a search together, where nobody asked for something else."""

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import joblib
from joblib.parallel import LokyBackend, get_active_backend


def fused_by_default(
    n_jobs: int | None, things: Iterable[Any]
) -> AbstractContextManager[Any]:
    """Choose the joblib backend "fused" for a block.

    Where fits would run one after the other in this process, and one of ``things`` is a
    Keras estimator or has one among its parameters.

    Parameters
    ----------
    n_jobs : int or None
        Of the search.
    things : iterable of object
    """
    backend, active_n_jobs = get_active_backend()
    nothing_asked = n_jobs is None and active_n_jobs in (None, 1)
    if nothing_asked and isinstance(backend, LokyBackend) and any(map(_has_keras, things)):
        return joblib.parallel_config("fused")
    return nullcontext()


def _has_keras(thing: Any) -> bool:
    # Whoever made a Keras estimator has imported its module.
    module = sys.modules.get("skkeras_search.estimators.base")
    if module is None:
        return False
    has_parts = hasattr(thing, "get_params") and not isinstance(thing, type)
    parts = thing.get_params().values() if has_parts else ()
    return any(isinstance(part, module.BaseWrapper) for part in (thing, *parts))
