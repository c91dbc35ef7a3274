"""Whole candidates in worker processes, the folds of each trained together."""

from concurrent.futures import Executor as Workers
from concurrent.futures import Future
from typing import Any, Self

import joblib
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin

from skkeras_search.searches.executors import Asynchronous
from skkeras_search.searches.interruption import interrupts_left_to_search
from skkeras_search.searches.jobs import Call, Result
from skkeras_search.searches.pool import Pool


class CandidateWorkers(Asynchronous):
    """Send the folds of a job to one of joblib's workers, not to several.

    There they are tasks of the joblib backend "fused". A job whose worker dies has all
    workers started anew, and is tried again.

    Parameters
    ----------
    n_jobs : int
    n_workers : int
        That these are.
    """

    uses_processes = True

    def __init__(self, n_jobs: int, n_workers: int):
        super().__init__()
        self._parallel = joblib.Parallel(n_jobs=n_jobs)
        self.n_slots = n_workers
        self.most_jobs = 2 * n_workers  # another one is there when one is done

    def __enter__(self) -> Self:
        self._parallel.__enter__()
        self._make_pool()
        return self

    def __exit__(self, *error: object) -> None:
        self._parallel.__exit__(*error)

    def submit(self, calls: list[Call]) -> Future[list[Result]]:
        """Send a job to a worker, as soon as one is free."""
        return self._pool.submit(calls)

    def abandon(self) -> None:
        """End all workers."""
        self._pool.forget()
        self._parallel._backend.abort_everything()
        self._make_pool()

    def withdraw(self) -> list[Future[list[Result]]]:
        """Give the futures of jobs that now will not begin."""
        return [candidate.outcome for candidate in self._pool.forget()]

    def _make_pool(self) -> None:
        self._pool = Pool(
            self._workers(), self.n_slots, self._start, _together, _died_twice
        )

    def _start(self) -> Workers:
        self._parallel._initialize_backend()
        return self._workers()

    def _workers(self) -> Workers:
        workers: Any = self._parallel._backend._workers
        # Where joblib leaves large arrays for all workers, until the search ends.
        workers._temp_folder_manager.set_current_context(self._parallel._id)
        return workers


def _together(calls: list[Call]) -> list[Result]:
    with interrupts_left_to_search(), joblib.parallel_config("fused"):
        outcomes: list[Result] = joblib.Parallel()(joblib.delayed(call)() for call in calls)
        return outcomes


class WorkerDied(CallbackSupportMixin, BaseEstimator):
    """Stands for an estimator whose fit has killed its worker.

    Parameters
    ----------
    error : Exception
        What is known of the death.
    message : str
    """

    def __init__(self, error: Any = None, message: str = ""):
        self.error, self.message = error, message

    def set_params(self, **params: Any) -> "WorkerDied":
        """Take no parameters."""
        return self

    def fit(self, X: Any, y: Any = None, **params: Any) -> None:
        """Fail."""
        raise RuntimeError(self.message) from self.error


def _died_twice(calls: list[Call], error: BaseException) -> list[Result]:
    message = (
        "The worker process of this candidate died twice, the second time with nothing "
        "else running. Maybe the candidate needs more memory than there is."
    )
    return failed(calls, error, message)


def failed(calls: list[Call], error: BaseException, message: str) -> list[Result]:
    """What scikit-learn makes of fits that fail, with all that it wants to know of them."""
    dead = WorkerDied(error, message)
    return [call._replace(args=(dead, *call.args[1:]))() for call in calls]
