"""How ``verbose`` displays a search: nothing, a line for each candidate, or a region."""

import multiprocessing
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from skkeras_search.searches.executors import Executor
from skkeras_search.searches.jobs import Call, Job
from skkeras_search.searches.progress import Pace, Standing, best_in_words
from skkeras_search.wording import params_in_words


class Display(AbstractContextManager["Display"]):
    """Display nothing. Used in a ``with`` block around the search."""

    def __exit__(self, *error: object) -> None:
        """End the display."""

    def watched(self, job: Job, calls: list[Call], executor: Executor) -> list[Call]:
        """Note that a job begins; return its calls, possibly wrapped."""
        return calls

    def arrived(self, job: Job) -> None:
        """Note that a job is done."""

    def candidate(
        self,
        params: Mapping[str, Any],
        score: float,
        standing: Standing,
        is_new: bool,
        after: str = "",
    ) -> None:
        """Display the score of a candidate.

        Parameters
        ----------
        params : mapping
            Hyperparameters of the candidate.
        score : float
            Score of the candidate.
        standing : Standing
            How far the search is, including the candidate.
        is_new : bool
            Whether the candidate was evaluated now. False if it was read from a storage.
        after : str, default=""
            How far the candidate is trained, in words.
        """

    def refit(self) -> AbstractContextManager[Any]:
        """Return a context manager for the refit of the best candidate."""
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
        """Print a line about the candidate."""
        self._pace.reach(standing, is_new)
        print(
            f"{standing}: {params_in_words(params)}; score {score:.4g}{after}, "
            f"{best_in_words(standing)}, {self._pace.left_in_words()}",
            flush=True,
        )


def display_of(search: Any) -> Display:
    """Choose how a search is displayed.

    It is displayed in a region, not in lines, if ``verbose`` is 1, rich is installed, and
    the output is a terminal or notebook in which no other region is shown.
    """
    if not search.verbose:
        return Display()
    if search.verbose == 1 and not _has_bars(search) and _is_main_process():
        try:
            from skkeras_search.searches.live import region
        except ImportError:  # rich is not installed
            return CandidateLines()
        if (found := region()) is not None:
            return found
    return CandidateLines()


def _has_bars(search: Any) -> bool:
    """Return whether scikit-learn's progress bars are shown."""
    callbacks = getattr(search, "_skl_callbacks", ())
    return any(type(callback).__name__ == "ProgressBar" for callback in callbacks)


def _is_main_process() -> bool:
    return multiprocessing.current_process().name == "MainProcess"
