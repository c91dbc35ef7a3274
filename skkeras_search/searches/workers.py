"""Whole candidates in worker processes, the folds of each trained together."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import joblib
from joblib._parallel_backends import FallbackToBackend  # how a backend refuses
from joblib.parallel import LokyBackend
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin

from skkeras_search.searches.pool import Pool

Results = dict[str, Any]


class Begun(Exception):  # noqa: N818  # nothing went wrong
    """The folds of a candidate are with a worker, and nobody waits for them."""


class Fold(NamedTuple):
    """The outcome of a fold, once the worker has that of its candidate.

    Attributes
    ----------
    of_candidate : Future
    number : int
    """

    of_candidate: Future[list[Any]]
    number: int


class CandidateBackend(LokyBackend):
    """Send the folds of a candidate to one of joblib's workers, not to several.

    There they are tasks of the joblib backend "fused". For the first ``Parallel`` of a
    search of scikit-learn, whose folds come candidate by candidate; others have the
    backend that they would have without.

    Parameters
    ----------
    search : estimator
    others : LokyBackend
        That of others.

    Attributes
    ----------
    search : estimator
    n_workers : int
    """

    def __init__(self, search: Any, others: LokyBackend):
        super().__init__(
            nesting_level=others.nesting_level,
            inner_max_num_threads=others.inner_max_num_threads,
            **others.backend_kwargs,
        )
        self.search = search
        self._others = others
        self._folds: list[tuple[Callable[[], Any], Callable[[Fold], None]]] = []
        self._only_begins = False
        self._last: Future[list[Any]]
        self._finished: Future[list[Any]] | None = None

    def begin(self, evaluate: Callable[[], Any]) -> Future[list[Any]]:
        """Send a candidate to a worker, and return at once.

        Parameters
        ----------
        evaluate : callable
            Would evaluate the candidate with ``joblib.Parallel``.

        Returns
        -------
        Future
            For ``finish``.
        """
        self._only_begins = True
        try:
            evaluate()
        except Begun:
            return self._last
        finally:
            self._only_begins = False
        raise RuntimeError("A candidate has no folds.")

    def finish(
        self, future: Future[list[Any]], evaluate: Callable[..., Results], *args: Any
    ) -> Results:
        """Evaluate a candidate, with the outcome that a worker has.

        Parameters
        ----------
        future : Future
            What ``begin`` returned.
        evaluate : callable
        *args
            Of ``evaluate``.
        """
        self._finished = future
        try:
            return evaluate(*args)
        finally:
            self._finished = None

    def configure(self, n_jobs: int = 1, parallel: Any = None, **kwargs: Any) -> int:
        """Prepare for a call of ``Parallel``."""
        if getattr(self, "parallel", parallel) is not parallel:
            raise FallbackToBackend(self._others)
        # A candidate begins with its last fold, which must not wait for the first.
        parallel.pre_dispatch = "all"
        self.n_workers: int = super().configure(n_jobs, parallel, **kwargs)

        def start() -> Executor:
            LokyBackend.configure(self, n_jobs, parallel, **kwargs)
            return self._workers

        self._pool = Pool(self._workers, self.n_workers, start, _together, _failed)
        return self.n_workers

    def compute_batch_size(self) -> int:
        """Give the number of folds that ``submit`` gets at once."""
        return 1

    def submit(self, func: Callable[[], Any], callback: Callable[[Fold], None]) -> None:
        """Send a fold to a worker, with the others of its candidate."""
        self._folds.append((func, callback))
        if len(self._folds) < self.search.n_splits_:
            return
        folds, self._folds = self._folds, []
        self._last = self._finished or self._pool.submit([func for func, _ in folds])
        if self._only_begins:
            return
        for number, (_, callback) in enumerate(folds):
            fold = Fold(self._last, number)
            self._last.add_done_callback(partial(_call_with, fold, callback))

    def retrieve_result_callback(self, fold: Fold) -> Any:
        """Return the outcome of a fold, or raise its exception."""
        return super().retrieve_result_callback(fold.of_candidate)[fold.number]

    @contextmanager
    def retrieval_context(self) -> Iterator[None]:
        """Wait for the outcomes, unless somebody else does."""
        if self._only_begins:
            raise Begun
        yield

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """End all workers, but those that somebody else waits for."""
        if not self._only_begins:
            self._folds = []
            self._pool.forget()
            super().abort_everything(ensure_ready)


def _call_with(fold: Fold, callback: Callable[[Fold], None], _: Any) -> None:
    callback(fold)


def _together(calls: list[Callable[[], Any]]) -> list[Any]:
    with joblib.parallel_config("fused"):
        outcomes: list[Any] = joblib.Parallel()(joblib.delayed(call)() for call in calls)
        return outcomes


class WorkerDied(CallbackSupportMixin, BaseEstimator):
    """Stands for an estimator whose fit has killed its worker.

    Parameters
    ----------
    error : Exception
        What is known of the death.
    """

    def __init__(self, error: Any = None):
        self.error = error

    def set_params(self, **params: Any) -> "WorkerDied":
        """Take no parameters."""
        return self

    def fit(self, X: Any, y: Any = None, **params: Any) -> None:
        """Fail."""
        raise RuntimeError(
            "The worker process of this candidate died twice, the second time with nothing "
            "else running. Maybe the candidate needs more memory than there is."
        ) from self.error


def _failed(calls: list[Any], error: BaseException) -> list[Any]:
    """What scikit-learn makes of fits that fail, with all that it wants to know of them."""
    return [
        [
            function(WorkerDied(error), *arguments[1:], **options)
            for function, arguments, options in call.items
        ]
        for call in calls
    ]
