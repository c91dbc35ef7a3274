"""Candidates that failed in all folds, as rows of ``cv_results_``."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sklearn.exceptions import FitFailedWarning


class Failed(NamedTuple):
    """Candidates of a batch in which no fit succeeded.

    Attributes
    ----------
    position : int
        Number of candidates before them.
    candidates : list of dict
    """

    position: int
    candidates: list[dict[str, Any]]


class Failures:
    """Let a search go on after a batch of candidates that all failed.

    scikit-learn raises an error then, as it evaluates all candidates in one batch and no
    result is left. A search that proposes a few at a time has others.

    Parameters
    ----------
    error_score : float or "raise"
        Of the search.

    Attributes
    ----------
    came_last : bool
        Whether the last batch failed.
    last_error : ValueError
        Of the last batch that failed.
    """

    def __init__(self, error_score: Any):
        self._error_score = error_score
        self._failed: list[Failed] = []
        self.came_last = False
        self.last_error = ValueError("No candidates were evaluated.")

    def tolerated(
        self,
        evaluate: Callable[..., dict[str, Any]],
        candidates: list[dict[str, Any]],
        n_before: int,
    ) -> dict[str, Any] | None:
        """Evaluate candidates.

        Returns
        -------
        dict or None
            The results so far, None if no fit of this batch succeeded.
        """
        try:
            results = evaluate(candidates)
        except ValueError as error:
            all_failed = str(error).lstrip().startswith("All the ")
            if self._error_score == "raise" or not all_failed:
                raise
            self.last_error = error
            self._failed.append(Failed(n_before, candidates))
            self.came_last = True
            warnings.warn(str(error), FitFailedWarning, stacklevel=2)
            return None
        self.came_last = False
        return results

    def inserted(
        self, candidates: list[dict[str, Any]], n_splits: int, out: list[Mapping[str, Any]]
    ) -> tuple[list[dict[str, Any]], list[Mapping[str, Any]]]:
        """Put those that failed between the others, in the order of their evaluation.

        Parameters
        ----------
        candidates : list of dict
            Those that have results.
        n_splits : int
        out : list of dict
            What scikit-learn has of each fold of them.
        """
        candidates, out = list(candidates), list(out)
        for position, failed in self._failed:
            candidates[position:position] = failed
            rows = [self._without_scores(out[0])] * (len(failed) * n_splits)
            out[position * n_splits : position * n_splits] = rows
        return candidates, out

    def _without_scores(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """What scikit-learn has of a fold, without what only a fit could give."""
        failed = {**result, "fit_time": 0.0, "score_time": 0.0}
        for name in {"test_scores", "train_scores"} & set(result):
            scores = result[name]
            is_several = isinstance(scores, Mapping)
            failed[name] = (
                dict.fromkeys(scores, self._error_score)
                if is_several
                else self._error_score
            )
        return failed
