"""Worker processes for whole candidates, whose folds train together, or for single fits."""

import os
from abc import abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Executor as Workers
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp
from typing import Any, Self, cast

import joblib
from joblib.externals.loky.backend.utils import kill_process_tree
from joblib.externals.loky.process_executor import TerminatedWorkerError

from skkeras_search.searches.executors import Asynchronous
from skkeras_search.searches.faults import failed, took_too_long
from skkeras_search.searches.interruption import (
    interrupts_blocked,
    interrupts_left_to_search,
)
from skkeras_search.searches.jobs import Call, Result
from skkeras_search.searches.mapped_rows import MappedRows
from skkeras_search.searches.marks import TimeMark
from skkeras_search.searches.pool import Pool
from skkeras_search.searches.shared_rows import shared_rows

# Fits that take less than this number of seconds are sent together.
SHORT = 0.1


class LokyWorkers(Asynchronous):
    """Send jobs to joblib's workers.

    If a worker dies, all workers are started again, and its job is tried again.

    Parameters
    ----------
    n_jobs : int
        Argument of ``joblib.Parallel``.
    n_workers : int
        Number of workers that ``n_jobs`` stands for.
    n_retries : int, default=2
        Number of times that a job that kills its worker is tried again.
    fit_timeout : float, default=None
        Time limit of a fit in seconds. If the fit does not end then, its worker is killed.
    """

    uses_processes = True
    # Number of parts that are sent for each worker. With 2, the next part is ready when one
    # is done.
    sent_to_each = 1

    def __init__(
        self,
        n_jobs: int,
        n_workers: int,
        n_retries: int = 2,
        fit_timeout: float | None = None,
    ):
        super().__init__()
        self._parallel = joblib.Parallel(n_jobs=n_jobs)
        self._n_retries, self._fit_timeout = n_retries, fit_timeout
        self.n_slots = n_workers
        self.most_jobs = 2 * n_workers  # the next jobs are ready when one is done

    def __enter__(self) -> Self:
        with interrupts_blocked():  # this may start workers
            self._parallel.__enter__()
        self._folder = TemporaryDirectory(prefix="skkeras_search")
        self._make_pool()
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.close()
        self._parallel.__exit__(*error)
        self._folder.cleanup()

    def submit(self, calls: list[Call]) -> Future[list[Result]]:
        """Send a job to a worker, as soon as one is free."""
        return self._pool.submit(self._parts(calls))

    def look(self) -> None:
        """Kill a worker whose fits take too long and cannot be ended in another way."""
        self._pool.look()

    def abandon(self) -> None:
        """End all workers."""
        self._pool.close()
        self._parallel._backend.abort_everything()
        self._make_pool()

    def withdraw(self) -> list[Future[list[Result]]]:
        """Return the futures of jobs that will not begin any more."""
        return [candidate.outcome for candidate in self._pool.forget()]

    @abstractmethod
    def _parts(self, calls: list[Call]) -> list[list[Call]]:
        """Split the calls of a job into parts, each of which one worker runs."""

    @abstractmethod
    def _in_worker(self) -> Callable[[list[Call], Any], list[Result]]:
        """Return the function that runs the calls of a part in a worker."""

    def _make_pool(self) -> None:
        self._pool = Pool(
            self._workers(),
            self.n_slots * self.sent_to_each,
            self._start,
            self._in_worker(),
            self._give_up,
            self._n_retries,
            self._mark if self._fit_timeout is not None else None,
            _kill,
        )

    def _mark(self, calls: list[Call]) -> TimeMark:
        handle, path = mkstemp(dir=self._folder.name)
        os.close(handle)
        return TimeMark(Path(path), cast(float, self._fit_timeout), len(calls))

    def _give_up(self, calls: list[Call], error: BaseException | None) -> list[Result]:
        if error is None:
            error = took_too_long(cast(float, self._fit_timeout))
        elif isinstance(error, TerminatedWorkerError):
            error = worker_died(error)
        return [failed(call, error) for call in calls]

    def _start(self) -> Workers:
        with interrupts_blocked():  # this may start workers
            self._parallel._initialize_backend()
        return self._workers()

    def _workers(self) -> Workers:
        workers: Any = self._parallel._backend._workers
        # Let joblib keep its files with large arrays for all workers until the search ends.
        workers._temp_folder_manager.set_current_context(self._parallel._id)
        return workers


class CandidateWorkers(LokyWorkers):
    """Send all folds of a job to the same worker.

    There, the folds are tasks of the joblib backend "fused".
    """

    def _parts(self, calls: list[Call]) -> list[list[Call]]:
        return [calls]

    def _in_worker(self) -> Callable[[list[Call], Any], list[Result]]:
        return partial(_together, MappedRows(self._folder.name))


class FitWorkers(LokyWorkers):
    """Send each fit of a job to a worker, as scikit-learn's searches do.

    Short fits of the same job are sent together, as sending them costs more than running
    them.
    """

    sent_to_each = 2
    _are_short = False

    def submit(self, calls: list[Call]) -> Future[list[Result]]:
        """Send the fits of a job to workers as soon as some are free."""
        outcome = super().submit(calls)
        outcome.add_done_callback(self._measure)
        return outcome

    def _measure(self, outcome: Future[list[Result]]) -> None:
        if outcome.exception() is None:
            times = [fit["fit_time"] + fit["score_time"] for fit in outcome.result()]
            self._are_short = max(times, default=0.0) < SHORT

    def _parts(self, calls: list[Call]) -> list[list[Call]]:
        return [calls] if self._are_short else [[call] for call in calls]

    def _in_worker(self) -> Callable[[list[Call], Any], list[Result]]:
        nested, n_jobs = self._parallel._backend.get_nested_backend()
        return partial(_in_turn, nested, n_jobs)


def _together(take: MappedRows, calls: list[Call], mark: TimeMark | None) -> list[Result]:
    _, estimator, X = calls[0].args[:3]
    rows = shared_rows(X, estimator, take)
    calls = [call._replace(args=(*call.args[:2], rows, *call.args[3:])) for call in calls]
    with _marked(mark), joblib.parallel_config("fused"):
        outcomes: list[Result] = joblib.Parallel()(joblib.delayed(call)() for call in calls)
        return outcomes


def _in_turn(
    nested: Any, n_jobs: int | None, calls: list[Call], mark: TimeMark | None
) -> list[Result]:
    with _marked(mark), joblib.parallel_config(nested, n_jobs=n_jobs):
        return [call() for call in calls]


@contextmanager
def _marked(mark: TimeMark | None) -> Iterator[None]:
    with interrupts_left_to_search(), mark.running() if mark else nullcontext():
        yield


def _kill(workers: Any, process: int) -> None:
    """Kill a worker, and all processes that it has started."""
    if (found := workers._processes.get(process)) is not None:
        kill_process_tree(found)


def worker_died(error: BaseException) -> RuntimeError:
    """Make the error of a candidate that has killed its worker too often."""
    died = RuntimeError(
        "The worker process of this candidate died each time that the candidate was tried, "
        "the last time with nothing else running. The candidate may need more memory than "
        "there is."
    )
    died.__cause__ = error
    return died
