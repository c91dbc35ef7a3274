"""Where jobs run: in this process, or on the workers of joblib's active backend.

An executor requests jobs as long as there is room for them, and yields their outcomes as
they arrive. It knows nothing about the search.
"""

import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sized
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

import joblib
from joblib.parallel import TASK_DONE, get_active_backend

from skkeras_search.fusion.backend import FusedBackend
from skkeras_search.searches.faults import ran_out_of_memory
from skkeras_search.searches.interruption import interrupts_left_to_search
from skkeras_search.searches.jobs import Call, Job, Result

Propose = Callable[[], Job | None]
Outcomes = Generator[tuple[Job, list[Result]]]


class Executor(AbstractContextManager["Executor"], ABC):
    """Run the jobs of a search. Used in a ``with`` block.

    Attributes
    ----------
    n_slots : int
        Number of jobs that can be trained at the same time.
    uses_processes : bool
        Whether jobs are sent to other processes.
    unread : list of (Job, list of dict)
        Outcomes that had arrived but were not yielded when the jobs were abandoned.
    ends : bool
        If set to True, at any time, no other job begins.
    """

    n_slots = 1
    uses_processes = False

    def __init__(self) -> None:
        self.unread: list[tuple[Job, list[Result]]] = []
        self.ends = False

    @abstractmethod
    def run(self, propose: Propose, calls: Callable[[Job], list[Call]]) -> Outcomes:
        """Run jobs until no more are proposed and all are done.

        If the generator is closed, the jobs under way are abandoned.

        Parameters
        ----------
        propose : callable
            Returns the next job, or None if there is none now. After None, it is called
            again when the next outcome has arrived.
        calls : callable
            Returns the calls that make up a job, one for each fit.

        Yields
        ------
        (Job, list of dict)
            A job and the results of its calls, in the order of arrival.

        Raises
        ------
        BaseException
            Any exception that a call raises.
        """


class Inline(Executor):
    """Run one call after the other, in this thread."""

    def run(self, propose: Propose, calls: Callable[[Job], list[Call]]) -> Outcomes:
        """Run jobs."""
        while not self.ends and (job := propose()) is not None:
            yield job, [call() for call in calls(job)]

    def __exit__(self, *error: object) -> None:
        """Nothing has to be closed."""


class Asynchronous(Executor):
    """Keep several jobs under way, and begin another one when one is done."""

    # Maximum number of jobs that are proposed and not done.
    most_jobs = 1

    @abstractmethod
    def submit(self, calls: list[Call]) -> Future[list[Result]]:
        """Begin a job as soon as there is room."""

    @abstractmethod
    def abandon(self) -> None:
        """Stop all jobs, and ignore their outcomes."""

    def withdraw(self) -> list[Future[list[Result]]]:
        """Return the futures of submitted jobs that will not begin any more."""
        return []

    def look(self) -> None:
        """Check the jobs that are under way. Called about once a second."""

    def waiting(self) -> AbstractContextManager[None]:
        """Return a context manager in which the search waits for jobs."""
        return nullcontext()

    def run(self, propose: Propose, calls: Callable[[Job], list[Call]]) -> Outcomes:
        """Run jobs. A job that runs out of memory beside others is tried again alone."""
        running: dict[Future[list[Result]], Job] = {}
        beside: set[Job] = set()  # jobs that ran beside others
        again: list[Job] = []  # jobs to try again; the first of them may be under way
        try:
            while True:
                if again and not running and not self.ends:
                    running[self.submit(calls(again[0]))] = again[0]
                while not again and self._has_room(running):
                    if (job := propose()) is None:
                        break
                    running[self.submit(calls(job))] = job
                if len(running) > 1:
                    beside.update(running.values())
                if self.ends:
                    for future in self.withdraw():
                        del running[future]
                if not running:
                    return
                with self.waiting():
                    wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                self.look()
                for future in [future for future in running if future.done()]:
                    outcome, job = future.result(), running.pop(future)
                    if job in again:
                        again.remove(job)
                    elif job in beside and ran_out_of_memory(outcome):
                        again.append(job)
                        continue
                    beside.discard(job)
                    yield job, outcome
        finally:
            self.unread += _succeeded(running)
            if running:
                self.abandon()

    def _has_room(self, running: Sized) -> bool:
        return not self.ends and len(running) < self.most_jobs


class Fused(Asynchronous):
    """Train the folds of all jobs together, with the joblib backend "fused".

    Parameters
    ----------
    backend : FusedBackend
        The joblib backend.
    n_jobs : int or None
        Maximum number of folds that are begun and not finished.
    """

    def __init__(self, backend: FusedBackend, n_jobs: int | None):
        super().__init__()
        self._backend = backend
        n_begun = backend.configure(n_jobs)
        self.n_slots = min(joblib.cpu_count(), n_begun)
        # While some train, the models of others are built.
        self.most_jobs = min(self.n_slots + 2, n_begun)

    def __enter__(self) -> Self:
        self._backend.start_call()
        return self

    def __exit__(self, *error: object) -> None:
        self._backend.stop_call()
        self._backend.terminate()

    def submit(self, calls: list[Call]) -> Future[list[Result]]:
        """Begin a job as soon as there is room."""
        return _gathered([self._submit(call) for call in calls])

    def abandon(self) -> None:
        """Abort all folds."""
        self._backend.abort_everything()

    def waiting(self) -> AbstractContextManager[None]:
        """Let other tasks run meanwhile."""
        return self._backend.retrieval_context()

    def _submit(self, call: Call) -> Future[Result]:
        result: Future[Result] = Future()
        nested, n_jobs = self._backend.get_nested_backend()

        def evaluate() -> list[Result]:
            with joblib.parallel_config(nested, n_jobs=n_jobs):
                return [call()]

        def arrive(outcome: Any) -> None:
            settle(result, lambda: self._backend.retrieve_result_callback(outcome)[0])

        self._backend.submit(evaluate, arrive)
        return result


class Spread(Executor):
    """Distribute folds over the workers of a joblib backend, as scikit-learn's searches do.

    Parameters
    ----------
    n_jobs : int or None
        Argument of ``joblib.Parallel``.
    n_workers : int
        Number of workers that ``n_jobs`` stands for.
    pre_dispatch : int, str or None
        Argument of ``joblib.Parallel``.
    """

    uses_processes = True

    def __init__(self, n_jobs: int | None, n_workers: int, pre_dispatch: Any):
        super().__init__()
        self.n_slots = n_workers
        backend, _ = get_active_backend()
        can_yield = getattr(backend, "supports_return_generator", False)
        self._parallel = joblib.Parallel(
            n_jobs=n_jobs,
            pre_dispatch=pre_dispatch,
            return_as="generator_unordered" if can_yield else "list",
        )

    def __enter__(self) -> Self:
        self._parallel.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._parallel.__exit__(*error)

    def run(self, propose: Propose, calls: Callable[[Job], list[Call]]) -> Outcomes:
        """Run jobs."""
        while not self.ends and (jobs := list(iter(propose, None))):
            arrived = _Arrived(jobs)
            outcomes = self._parallel(self._numbered(jobs, calls))
            unread = getattr(self._parallel, "_jobs", ())  # joblib replaces it at the end
            try:
                for outcome in outcomes:
                    yield from arrived.add(*outcome)
            except BaseException:
                if self._parallel.return_generator:
                    _close(outcomes)
                for task in unread:
                    for outcome in _results(task):
                        self.unread += arrived.add(*outcome)
                raise

    def _numbered(
        self, jobs: list[Job], calls: Callable[[Job], list[Call]]
    ) -> Iterator[tuple["_Numbered", tuple[Any, ...], dict[str, Any]]]:
        # Arguments are passed separately: backends search them for large arrays that many
        # calls share.
        for number, job in enumerate(jobs):
            if self.ends:
                return
            for fold, (function, args, kwargs) in enumerate(calls(job)):
                yield _Numbered(function, number, fold), args, kwargs


class _Arrived:
    """Results of jobs whose folds have not all arrived yet."""

    def __init__(self, jobs: list[Job]):
        self._jobs = jobs
        self._folds: dict[int, dict[int, Result]] = {n: {} for n in range(len(jobs))}

    def add(self, number: int, fold: int, result: Result) -> Outcomes:
        """Add the result of a fold; yield its job if all folds have arrived."""
        job, folds = self._jobs[number], self._folds[number]
        folds[fold] = result
        if len(folds) == len(job.tasks):
            yield job, [folds[fold] for fold in sorted(folds)]


def _results(task: Any) -> list[Any]:
    """Return the unread results of a joblib task, if it is done."""
    return getattr(task, "_result", []) if task.status == TASK_DONE else []


def _close(outcomes: Any) -> None:
    """Stop the tasks of joblib, without its warning about unread results."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*successfully executed", UserWarning)
        outcomes.close()


class _Numbered:
    """A function whose results carry the numbers of their job and fold."""

    def __init__(self, function: Callable[..., Any], number: int, fold: int):
        self._function = function
        self._number, self._fold = number, fold

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[int, int, Any]:
        with interrupts_left_to_search():
            return self._number, self._fold, self._function(*args, **kwargs)


def _gathered(folds: list[Future[Result]]) -> Future[list[Result]]:
    """Combine the futures of all folds into one, which fails with the first that fails."""
    gathered: Future[list[Result]] = Future()
    lock = threading.Lock()

    def look(fold: Future[Result]) -> None:
        with lock:
            if gathered.done():
                return
            if (error := fold.exception()) is not None:
                gathered.set_exception(error)
            elif all(fold.done() for fold in folds):
                gathered.set_result([fold.result() for fold in folds])

    for fold in folds:
        fold.add_done_callback(look)
    return gathered


def settle(future: Future[Any], result: Callable[[], Any]) -> None:
    """Set a future to what a function returns or raises."""
    try:
        value = result()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(value)


def _succeeded(
    running: dict[Future[list[Result]], Job],
) -> list[tuple[Job, list[Result]]]:
    return [
        (job, future.result())
        for future, job in running.items()
        if future.done() and future.exception() is None
    ]
