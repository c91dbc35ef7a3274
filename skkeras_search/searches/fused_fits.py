"""Train the fits of a search together, unless the user has chosen another way."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import joblib
from joblib.parallel import LokyBackend, get_active_backend

from skkeras_search.fusion.backend import FusedBackend
from skkeras_search.searches.executors import Executor, Fused, Inline, Spread
from skkeras_search.searches.keras_step import has_keras
from skkeras_search.searches.workers import CandidateWorkers, FitWorkers


@contextmanager
def fused_by_default(search: Any, things: Iterable[Any]) -> Iterator[Executor]:
    """Choose where the jobs of a search run, and the joblib backend of a block.

    If one of ``things`` is or contains a Keras estimator and no joblib backend is chosen,
    all fits are trained together in this process. With several workers, the fits of a
    candidate are trained together in a worker.

    Parameters
    ----------
    search : estimator
        Has ``n_jobs``, ``pre_dispatch`` and ``is_asynchronous``. If the last is True,
        workers get whole jobs, whatever the estimator.
    things : iterable of object
        The estimator, and the choices that may replace a part of it.

    Yields
    ------
    Executor
    """
    backend, n_jobs = get_active_backend()
    n_jobs = n_jobs if search.n_jobs is None else search.n_jobs
    has_any_keras = any(map(has_keras, things))
    if (cluster := _cluster(backend, n_jobs, has_any_keras, search.n_retries)) is not None:
        yield cluster
        return
    if isinstance(backend, LokyBackend):
        if (n_workers := backend.effective_n_jobs(n_jobs)) > 1:
            whole = has_any_keras or search.is_asynchronous
            workers = CandidateWorkers if whole else FitWorkers
            yield workers(n_jobs, n_workers, search.n_retries, search.fit_timeout)
            return
        if search.n_jobs is None and has_any_keras:
            with joblib.parallel_config("fused"):
                backend, n_jobs = get_active_backend()
                yield Fused(backend, n_jobs)
            return
    if (n_workers := backend.effective_n_jobs(n_jobs)) == 1:
        yield Inline()
    elif isinstance(backend, FusedBackend):
        yield Fused(backend, n_jobs)
    else:
        yield Spread(search.n_jobs, n_workers, search.pre_dispatch)


def _cluster(
    backend: Any, n_jobs: int | None, has_any_keras: bool, n_retries: int
) -> Executor | None:
    """Return an executor for the cluster of a backend, without importing Dask or Ray."""
    match type(backend).__name__:
        case "DaskDistributedBackend":
            from skkeras_search.searches.dask import DaskWorkers

            backend.effective_n_jobs(n_jobs)  # joblib waits for workers here
            return DaskWorkers(
                backend.client, backend.submit_kwargs, has_any_keras, n_jobs, n_retries
            )
        case "RayBackend":
            from skkeras_search.searches.ray import RayWorkers

            return RayWorkers(backend.ray_remote_args or {}, n_jobs, n_retries)
    return None
