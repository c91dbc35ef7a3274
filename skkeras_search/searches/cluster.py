"""Whole candidates on the workers of a cluster: the common part of Dask and Ray."""

import io
import threading
import time
import warnings
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pickle import Unpickler
from typing import Any, Generic, Self, TypeVar
from uuid import uuid4

import cloudpickle
import joblib

from skkeras_search.searches.executors import Asynchronous, settle
from skkeras_search.searches.faults import failed
from skkeras_search.searches.jobs import Call, Result

# Seconds without any worker after which a warning is issued.
PATIENCE = 10.0
# Named arguments of scikit-learn's _fit_and_score that are the same in many jobs.
SHARED = ("fit_params", "score_params", "train", "test")

Reference = TypeVar("Reference")


class Sent(Generic[Reference]):
    """A job that was handed over to the cluster.

    Parameters
    ----------
    calls : list of Call
    message : bytes
        The pickled calls, with keys in place of shared objects.
    data : dict
        References to the shared objects, by key.

    Attributes
    ----------
    outcome : Future
        The results of the calls.
    n_deaths : int
        Number of workers that died while they ran the job.
    """

    def __init__(self, calls: list[Call], message: bytes, data: dict[str, Reference]):
        self.calls, self.message, self.data = calls, message, data
        self.outcome: Future[list[Result]] = Future()
        self.n_deaths = 0


class Cluster(Asynchronous, Generic[Reference]):
    """Send whole jobs to the workers of a cluster, and shared objects only once.

    ``X``, ``y``, the folds and the parameters of ``fit`` and of scorers are put into the
    cluster when the first job needs them. Messages refer to them. A job whose worker dies
    is sent again. A job that loses more than ``n_retries`` workers counts as failed.

    Parameters
    ----------
    n_jobs : int or None
        Maximum number of jobs that run at the same time. None or a negative number stands
        for as many as there is room for.
    n_retries : int, default=2
        Number of times that a job is sent again after its worker has died.
    """

    uses_processes = True

    def __init__(self, n_jobs: int | None, n_retries: int = 2):
        super().__init__()
        self._most_slots = n_jobs if n_jobs is not None and n_jobs > 0 else None
        self._n_retries = n_retries
        self._lock = threading.RLock()
        self._waiting: deque[Sent[Reference]] = deque()
        self._running: set[Sent[Reference]] = set()
        # Objects in the cluster by ``id``. Keeping them here prevents reuse of an ``id``.
        self._name = uuid4().hex
        self._put: dict[int, tuple[Any, str, Reference]] = {}
        self._alone_since: float | None = None
        self._may_warn = True
        self._count_slots()

    @abstractmethod
    def _n_places(self) -> int:
        """Return the number of jobs that all workers can run at the same time."""

    @abstractmethod
    def _share(self, thing: Any) -> Reference:
        """Put an object where all workers find it."""

    @abstractmethod
    def _start(self, sent: Sent[Reference]) -> None:
        """Send a job to a worker, and have ``_receive`` called when it is done."""

    @abstractmethod
    def _cancel(self, running: set[Sent[Reference]]) -> None:
        """Cancel jobs that workers have."""

    def __enter__(self) -> Self:
        # Dask and Ray call back in threads that must not block.
        self._thread = ThreadPoolExecutor(1, "cluster")
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown()
        self._put.clear()

    def submit(self, calls: list[Call]) -> Future[list[Result]]:
        """Send a job as soon as a worker is free."""
        sent: Sent[Reference] = Sent(calls, *self._packed(calls))
        self._waiting.append(sent)
        self._send()
        return sent.outcome

    def withdraw(self) -> list[Future[list[Result]]]:
        """Return the futures of jobs that will not begin any more."""
        with self._lock:
            withdrawn = [sent.outcome for sent in self._waiting]
            self._waiting.clear()
        return withdrawn

    def abandon(self) -> None:
        """Cancel all jobs."""
        self.withdraw()
        with self._lock:
            abandoned, self._running = self._running, set()
        self._cancel(abandoned)

    def waiting(self) -> AbstractContextManager[None]:
        """Count the workers before the search waits for jobs."""
        self._count_slots()
        self._send()
        return super().waiting()

    def _count_slots(self) -> None:
        n_places = self._n_places()
        if n_places:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = time.monotonic()
        elif self._may_warn and time.monotonic() - self._alone_since > PATIENCE:
            self._may_warn = False
            warnings.warn(
                f"The cluster has had no worker for {PATIENCE:.0f} seconds. The search "
                "continues when a worker joins. Start a worker, or press Ctrl-C twice to "
                "end the search with the results so far.",
                stacklevel=4,
            )
        # While there is no worker, a job waits in the cluster for one.
        self.n_slots = max(1, min(n_places, self._most_slots or n_places))
        self.most_jobs = 2 * self.n_slots  # the next jobs are ready when one is done

    def _packed(self, calls: list[Call]) -> tuple[bytes, dict[str, Reference]]:
        things = [
            thing
            for call in calls
            for thing in (*call.args[2:], *map(call.kwargs.get, SHARED))
            if thing is not None
        ]
        with self._lock:
            for thing in things:
                if id(thing) not in self._put:
                    key = f"{self._name}-{len(self._put)}"
                    self._put[id(thing)] = thing, key, self._checked_share(thing)
            shared = {id(thing): self._put[id(thing)][1:] for thing in things}
        keys = {identity: key for identity, (key, _) in shared.items()}
        return _packed(calls, keys), dict(shared.values())

    def _checked_share(self, thing: Any) -> Reference:
        try:
            return self._share(thing)
        except Exception as error:
            raise TypeError(
                f"An object of type {type(thing).__name__} in the data of the search "
                f"cannot be sent to the workers of the cluster: {error}"
            ) from error

    def _send(self) -> None:
        with self._lock:
            while self._waiting and len(self._running) < self.n_slots:
                sent = self._waiting.popleft()
                self._running.add(sent)
                self._start(sent)

    def _receive(
        self,
        sent: Sent[Reference],
        result: Callable[[], list[Result]],
        death: Exception | None,
    ) -> None:
        """Process the end of a job, in any thread."""
        self._thread.submit(self._settle, sent, result, death)

    def _settle(
        self,
        sent: Sent[Reference],
        result: Callable[[], list[Result]],
        death: Exception | None,
    ) -> None:
        with self._lock:
            if sent not in self._running:  # abandoned
                return
            self._running.remove(sent)
            if death is not None and sent.n_deaths <= self._n_retries:
                self._waiting.appendleft(sent)
                self._send()
                return
        if death is not None:
            result = partial(_results_of_deaths, sent, death)
        settle(sent.outcome, result)
        self._send()


def _results_of_deaths(sent: Sent[Any], death: Exception) -> list[Result]:
    died = RuntimeError(
        f"{sent.n_deaths} worker processes of the cluster died while they trained this "
        "candidate. It may need more memory than a worker has."
    )
    died.__cause__ = death
    return [failed(call, died) for call in sent.calls]


def run_job(message: bytes, data: Mapping[str, Any]) -> list[Result]:
    """Run the calls of a job in a worker, as tasks of the joblib backend "fused".

    Parameters
    ----------
    message : bytes
        The pickled calls.
    data : mapping
        The shared objects, by key.

    Returns
    -------
    list of dict
        The results of the calls.
    """
    calls: list[Call] = _Reader(message, data).load()
    with joblib.parallel_config("fused"):
        outcomes: list[Result] = joblib.Parallel()(joblib.delayed(call)() for call in calls)
        return outcomes


class _Writer(cloudpickle.Pickler):
    """Pickle keys in place of shared objects."""

    def __init__(self, file: io.BytesIO, keys: Mapping[int, str]):
        super().__init__(file)
        self._keys = keys

    def persistent_id(self, thing: Any) -> str | None:
        return self._keys.get(id(thing))


class _Reader(Unpickler):
    """Unpickle shared objects by their keys."""

    def __init__(self, message: bytes, data: Mapping[str, Any]):
        super().__init__(io.BytesIO(message))
        self._data = data

    def persistent_load(self, key: str) -> Any:
        return self._data[key]


def _packed(calls: list[Call], keys: Mapping[int, str]) -> bytes:
    try:
        return _dumped(calls, keys)
    except Exception as error:
        what = next(
            (name for name, thing in _parts(calls[0]) if not _can_be_packed(thing, keys)),
            "job",
        )
        raise TypeError(
            f"The {what} of a candidate cannot be sent to the workers of the cluster: "
            f"{error}"
        ) from error


def _parts(call: Call) -> list[tuple[str, Any]]:
    return [("estimator", call.args[1]), *call.kwargs.items()]


def _can_be_packed(thing: Any, keys: Mapping[int, str]) -> bool:
    try:
        _dumped(thing, keys)
    except Exception:
        return False
    return True


def _dumped(thing: Any, keys: Mapping[int, str]) -> bytes:
    file = io.BytesIO()
    _Writer(file, keys).dump(thing)
    return file.getvalue()
