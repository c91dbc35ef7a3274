"""The folds of a search as they arrive, for whoever cannot wait for all of them."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from inspect import getclosurevars
from typing import Any

from joblib.parallel import TASK_DONE

Result = dict[str, Any]


class Arrivals:
    """Results of folds, by their position among all folds of the search.

    scikit-learn waits for a list of all results, in which none is left after Ctrl-C.

    Parameters
    ----------
    evaluate_candidates : callable
        As scikit-learn gives it to ``_run_search``.
    tell : callable
        Called after each result, in the order of the folds.

    Attributes
    ----------
    results : dict of int to dict
    """

    def __init__(self, evaluate_candidates: Callable[..., Any], tell: Callable[[], None]):
        self.results: dict[int, Result] = {}
        self._tell = tell
        self._parallel = getclosurevars(evaluate_candidates).nonlocals["parallel"]
        # All ways in which joblib makes its list.
        for name in ("_get_outputs", "_get_sequential_output"):
            outputs = getattr(self._parallel, name)
            setattr(self._parallel, name, self._watched(outputs))

    def complete(self, n_splits: int) -> dict[int, list[Result]]:
        """Give the results of each candidate that has all of its folds, by its number."""
        found = self.results
        candidates = sorted({position // n_splits for position in found})
        folds = {n: range(n * n_splits, (n + 1) * n_splits) for n in candidates}
        return {
            n: [found[position] for position in positions]
            for n, positions in folds.items()
            if all(position in found for position in positions)
        }

    def _watched(self, outputs: Callable[..., Generator[Any]]) -> Callable[..., Any]:
        def watched(*args: Any) -> Iterator[Any]:
            jobs = getattr(self._parallel, "_jobs", ())  # another deque when it ends
            try:
                with closing(outputs(*args)) as results:
                    yield next(results)  # None, when the tasks have begun
                    for result in results:
                        self.results[len(self.results)] = result
                        self._tell()
                        yield result
            except BaseException:
                self._take_those_behind(jobs)
                raise

        return watched

    def _take_those_behind(self, jobs: Any) -> None:
        """Take the results that wait for that of an earlier fold."""
        position = self._parallel.n_dispatched_tasks - sum(job.batch_size for job in jobs)
        for job in jobs:
            if job.status == TASK_DONE:
                self.results.update(enumerate(getattr(job, "_result", ()), position))
            position += job.batch_size
