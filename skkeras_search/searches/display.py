"""What ``verbose`` shows of a search: nothing, a line for each candidate, or a region."""

import multiprocessing
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from skkeras_search.searches.executors import Executor
from skkeras_search.searches.jobs import Call, Job
from skkeras_search.searches.progress import Pace, Standing, best_in_words
from skkeras_search.wording import params_in_words


class Display(AbstractContextManager["Display"]):
    """Show nothing. Used in a ``with`` block that lasts as long as the search."""

    def __exit__(self, *error: object) -> None:
        """End."""

    def watched(self, job: Job, calls: list[Call], executor: Executor) -> list[Call]:
        """Learn that a job begins; give its calls, maybe with something around them."""
        return calls

    def arrived(self, job: Job) -> None:
        """Learn that a job is done."""

    def candidate(
        self,
        params: Mapping[str, Any],
        score: float,
        standing: Standing,
        is_new: bool,
        after: str = "",
    ) -> None:
        """Learn the score of a candidate.

        Parameters
        ----------
        params : mapping
        score : float
        standing : Standing
            With the candidate.
        is_new : bool
            Whether it was evaluated now. Else it is read from a storage.
        after : str, default=""
            How far the candidate is trained.
        """

    def refit(self) -> AbstractContextManager[Any]:
        """Be in a block in which the best candidate is fitted to all rows."""
        return self


class CandidateLines(Display):
    """Print a line for each candidate."""

    def __init__(self) -> None:
        self._pace = Pace()

    def candidate(
        self,
        params: Mapping[str, Any],
        score: float,
        standing: Standing,
        is_new: bool,
        after: str = "",
    ) -> None:
        """Print the line of a candidate."""
        self._pace.reach(standing, is_new)
        print(
            f"{standing}: {params_in_words(params)}; score {score:.4g}{after}, "
            f"{best_in_words(standing)}, {self._pace.left_in_words()}",
            flush=True,
        )


def display_of(search: Any) -> Display:
    """Choose how a search is shown.

    A region takes the place of lines if ``verbose`` is 1 in a terminal or a notebook,
    where nothing else has one, and rich is installed.
    """
    if not search.verbose:
        return Display()
    if search.verbose == 1 and not _has_bars(search) and _is_main_process():
        try:
            from skkeras_search.searches.live import region
        except ImportError:  # no rich
            return CandidateLines()
        if (found := region()) is not None:
            return found
    return CandidateLines()


def _has_bars(search: Any) -> bool:
    """Whether scikit-learn's progress bars are there."""
    callbacks = getattr(search, "_skl_callbacks", ())
    return any(type(callback).__name__ == "ProgressBar" for callback in callbacks)


def _is_main_process() -> bool:
    return multiprocessing.current_process().name == "MainProcess"
