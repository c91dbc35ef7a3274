"""Whole candidates on the workers of a Ray cluster."""

import os
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayTaskError, WorkerCrashedError

from skkeras_search.searches.cluster import Cluster, Sent, run_job
from skkeras_search.searches.jobs import Result
from skkeras_search.thread_share import THREADS

# Shared objects of the last search that this worker has read.
_read: dict[str, Any] = {}


class RayWorkers(Cluster[ray.ObjectRef]):
    """Send jobs to the workers of a Ray cluster.

    A worker process of Ray runs one job at a time, on as many CPUs as the job requests. Ray
    keeps one copy of the shared objects on each node, and a worker keeps what it has read.

    Parameters
    ----------
    remote_args : mapping
        Resources that a job requests, such as ``num_cpus`` (1 by default) and ``num_gpus``.
    n_jobs : int or None
        Maximum number of jobs that run at the same time. None or a negative number stands
        for as many as there is room for.
    n_retries : int, default=2
        Number of times that a job is sent again after its worker has died.
    """

    def __init__(
        self, remote_args: Mapping[str, Any], n_jobs: int | None, n_retries: int = 2
    ):
        if not ray.is_initialized():
            ray.init()
        # Ray's own retries are endless if a worker runs out of memory.
        options = {"num_cpus": 1, **remote_args, "max_retries": 0}
        self._wanted = {
            "CPU": options["num_cpus"] or 0,
            "GPU": options.get("num_gpus") or 0,
        }
        self._run = ray.remote(_run).options(**options)
        self._references: dict[Sent[ray.ObjectRef], ray.ObjectRef] = {}
        super().__init__(n_jobs, n_retries)

    def _n_places(self) -> int:
        there = ray.cluster_resources()
        wanted = {name: n for name, n in self._wanted.items() if n} or {"CPU": 1}
        return int(min(there.get(name, 0) // n for name, n in wanted.items()))

    def _share(self, thing: Any) -> ray.ObjectRef:
        return ray.put(thing)

    def _start(self, sent: Sent[ray.ObjectRef]) -> None:
        reference = self._run.remote(sent.message, sent.data)
        self._references[sent] = reference
        reference.future().add_done_callback(partial(self._take, sent))

    def _take(self, sent: Sent[ray.ObjectRef], future: Future[list[Result]]) -> None:
        self._references.pop(sent, None)
        error = future.exception()
        death = error if isinstance(error, (WorkerCrashedError, OutOfMemoryError)) else None
        if death is not None:
            sent.n_deaths += 1
        self._receive(sent, partial(_result, future), death)

    def _cancel(self, running: set[Sent[ray.ObjectRef]]) -> None:
        for sent in running:
            if (reference := self._references.pop(sent, None)) is not None:
                ray.cancel(reference, force=True)


def _result(future: Future[list[Result]]) -> list[Result]:
    try:
        return future.result()
    except RayTaskError as error:
        raise error.cause from error


def _run(message: bytes, data: dict[str, ray.ObjectRef]) -> list[Result]:
    n_cpus = ray.get_runtime_context().get_assigned_resources().get("CPU", 1)
    os.environ[THREADS] = str(max(1, int(n_cpus)))
    if not data.keys() & _read.keys():  # the job is of another search
        _read.clear()
    unread = [key for key in data if key not in _read]
    _read.update(zip(unread, ray.get([data[key] for key in unread]), strict=True))
    return run_job(message, _read)
