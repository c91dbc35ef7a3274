"""Whole candidates on the workers of a Dask cluster."""

import os
import threading
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any, Self
from uuid import uuid4

import cloudpickle
from distributed import Client, get_worker
from distributed import Future as DaskFuture
from distributed.scheduler import KilledWorker

from skkeras_search.searches.cluster import Cluster, Sent, run_job
from skkeras_search.searches.jobs import Result
from skkeras_search.thread_share import THREADS

# Keras jobs in the same worker process take turns.
_turn = threading.Lock()


class DaskWorkers(Cluster[DaskFuture]):
    """Send jobs to the workers of a Dask cluster.

    Shared objects are results of Dask tasks, so that the scheduler can have them made again
    when all workers that held them are lost. If a worker dies, Dask itself sends its jobs
    to other workers, ``distributed.scheduler.allowed-failures`` times. But Dask counts all
    jobs that the worker had, even those that had not begun. So workers report which jobs
    they begin.

    Parameters
    ----------
    client : distributed.Client
        Client of the cluster.
    submit_kwargs : mapping
        Arguments of ``Client.submit``, as given to ``joblib.parallel_config("dask", ...)``.
    takes_turns : bool
        Whether a worker process runs one job at a time, however many threads it has. True
        for Keras, whose fits use all threads of their worker.
    n_jobs : int or None
        Maximum number of jobs that run at the same time. None or a negative number stands
        for as many as there is room for.
    n_retries : int, default=2
        Number of times that a job is sent again after its worker has died.
    """

    def __init__(
        self,
        client: Client,
        submit_kwargs: Mapping[str, Any],
        takes_turns: bool,
        n_jobs: int | None,
        n_retries: int = 2,
    ):
        self._client, self._submit_kwargs = client, dict(submit_kwargs)
        self._takes_turns = takes_turns
        self._topic = f"skkeras-search-{uuid4().hex}"
        self._futures: dict[Sent[DaskFuture], DaskFuture] = {}
        self._n_begun: dict[str, int] = {}
        super().__init__(n_jobs, n_retries)

    def __enter__(self) -> Self:
        self._client.subscribe_topic(self._topic, self._note)
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        self._client.unsubscribe_topic(self._topic)
        super().__exit__(*error)

    def _n_places(self) -> int:
        n_threads = self._client.nthreads().values()
        return len(n_threads) if self._takes_turns else sum(n_threads)

    def _share(self, thing: Any) -> DaskFuture:
        key = f"data-{uuid4().hex}"
        return self._submitted(cloudpickle.loads, cloudpickle.dumps(thing), key=key)

    def _start(self, sent: Sent[DaskFuture]) -> None:
        key = f"candidate-{uuid4().hex}"
        future = self._submitted(
            _run,
            sent.message,
            sent.data,
            self._takes_turns,
            self._topic,
            key,
            **self._submit_kwargs,
            key=key,
            pure=False,
        )
        self._futures[sent] = future
        future.add_done_callback(partial(self._take, sent))

    def _submitted(self, *args: Any, **kwargs: Any) -> DaskFuture:
        with warnings.catch_warnings():
            # Data and states are large, but they are sent only once.
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            return self._client.submit(*args, **kwargs)

    def _take(self, sent: Sent[DaskFuture], future: DaskFuture) -> None:
        error = future.exception() if future.status == "error" else None
        death = error if isinstance(error, KilledWorker) else None
        if death is not None:
            # Count at least one death: a worker may die before it reports that it begins.
            sent.n_deaths += max(1, self._n_begun.pop(future.key, 0))
        self._receive(sent, partial(self._result, sent), death)

    def _result(self, sent: Sent[DaskFuture]) -> list[Result]:
        return self._futures.pop(sent).result()

    def _cancel(self, running: set[Sent[DaskFuture]]) -> None:
        futures = [self._futures.pop(sent) for sent in running if sent in self._futures]
        self._client.cancel(futures, force=True)

    def _note(self, event: Any) -> None:
        _, key = event
        self._n_begun[key] = self._n_begun.get(key, 0) + 1


def _run(
    message: bytes, data: dict[str, Any], takes_turns: bool, topic: str, key: str
) -> list[Result]:
    worker = get_worker()
    with _turn if takes_turns else nullcontext():
        worker.log_event(topic, key)
        if takes_turns:
            os.environ[THREADS] = str(worker.state.nthreads)
        return run_job(message, data)
