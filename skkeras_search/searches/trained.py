"""Candidates that are trained in steps, and their columns in ``cv_results_``."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np
from scipy.stats import rankdata

from skkeras_search.searches.jobs import Fit, Result
from skkeras_search.searches.learning_curves import Curve
from skkeras_search.searches.repeats import mean_of
from skkeras_search.searches.so_far import SoFar
from skkeras_search.statuses import FAILED, FINISHED, FROZEN


@dataclass(eq=False)
class Segments:
    """A fit of a candidate, in segments.

    Attributes
    ----------
    share : float
        Share of the epochs that is trained.
    segments : list of dict
        scikit-learn's results of each segment.
    so_far : SoFar
        How far the fit is trained.
    curve : Curve
        The learning curve of the fit.
    has_failed : bool
        Whether a segment raised an error or has no score.
    """

    share: float = 0.0
    segments: list[Result] = field(default_factory=list)
    so_far: SoFar = field(default_factory=SoFar)
    curve: Curve = field(default_factory=Curve)
    has_failed: bool = False

    def add(self, share: float, result: Result, score: float) -> None:
        """Add a segment that goes up to a share of the epochs."""
        stopped = replace(self.so_far, cost=0.0, is_finished=True)
        self.so_far = result.pop("so_far", stopped)  # a failed fit may not have it
        self.share = 1.0 if self.so_far.is_finished else share
        self.has_failed = result["fit_error"] is not None or not math.isfinite(score)
        self.segments.append(result)
        self.curve.add(self.so_far.history, self.so_far.n_epochs, score)

    @property
    def result(self) -> Result:
        """scikit-learn's results of the fit: the last scores, and the total times."""
        times = {
            name: sum(result[name] for result in self.segments)
            for name in ("fit_time", "score_time")
        }
        return {**self.segments[-1], **times}

    @property
    def n_epochs_to_train(self) -> int:
        """Number of epochs after which the fit is finished, as far as is known."""
        is_finished = self.share == 1.0
        return self.so_far.n_epochs if is_finished else self.so_far.n_max_epochs

    def let_go(self) -> None:
        """Release the state, so that the fit cannot be continued."""
        self.so_far = replace(self.so_far, state=None, preprocessing=[])


@dataclass(eq=False)
class Trained:
    """A candidate, as far as it is trained.

    Attributes
    ----------
    params : dict
        Hyperparameters of the candidate.
    n_splits : int
        Number of folds.
    n_repeats : int
        Number of fits to each fold.
    fits : dict of Fit to Segments
        The fits that have begun.
    """

    params: dict[str, Any]
    n_splits: int
    n_repeats: int
    fits: dict[Fit, Segments] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """State of the candidate: "finished", "frozen" or "failed"."""
        if any(fit.has_failed for fit in self.fits.values()):
            return FAILED
        n_finished = sum(fit.share == 1.0 for fit in self.fits.values())
        return FINISHED if n_finished == self.n_splits * self.n_repeats else FROZEN

    @property
    def progress(self) -> tuple[int, float]:
        """How far it is trained: the number of fits, and the sum of their shares."""
        return len(self.fits), sum(fit.share for fit in self.fits.values())

    def __str__(self) -> str:
        last = list(self.fits.values())[-1].so_far
        of = f"{len(self.fits) // self.n_repeats} of {self.n_splits} folds"
        if not last.n_max_epochs:
            return of
        return f"{last.n_epochs} of {last.n_max_epochs} epochs in {of}"

    @property
    def n_resources(self) -> int:
        """Sum over the fits of their epochs, counting at least 1 for each fit."""
        return sum(max(1, n_epochs) for n_epochs in self._n_epochs)

    @property
    def mean_n_epochs(self) -> float:
        """Mean number of epochs of the fits that have begun."""
        return float(np.mean(self._n_epochs))

    @property
    def n_epochs(self) -> int | None:
        """Number of epochs to train on all rows, None without epochs.

        All epochs, or the median over the fits if a callback has stopped some.
        """
        return round(median(fit.n_epochs_to_train for fit in self.fits.values())) or None

    def let_go(self) -> None:
        """Release the states, so that no fit can be continued."""
        for fit in self.fits.values():
            fit.let_go()

    @property
    def _n_epochs(self) -> list[int]:
        return [fit.so_far.n_epochs for fit in self.fits.values()]

    def of_fold(self, fold: int) -> Result | None:
        """Return scikit-learn's results of a fold, or None if it has not begun."""
        repeats = [fit.result for (k, _), fit in self.fits.items() if k == fold]
        return mean_of(repeats) if repeats else None


def keep_within(n_bytes: int, candidates: Sequence[Trained]) -> None:
    """Release states, those of the least promising candidates first, to save memory.

    Parameters
    ----------
    n_bytes : int
        Maximum memory of all states.
    candidates : sequence of Trained
        Candidates from the least to the most promising. One whose state is released is
        trained from the start if it goes on.
    """
    sizes = [
        sum(fit.so_far.n_bytes for fit in candidate.fits.values())
        for candidate in candidates
    ]
    too_many = sum(sizes) - n_bytes
    for size, candidate in zip(sizes, candidates, strict=True):
        if too_many <= 0:
            return
        candidate.let_go()
        too_many -= size


def rows(candidates: Sequence[Trained]) -> list[Result]:
    """Return results of all folds of all candidates, including folds not trained."""
    results = [c.of_fold(k) for c in candidates for k in range(c.n_splits)]
    some = min(filter(None, results), key=lambda result: result["fit_error"] is not None)
    missing = mean_of([_without_scores(result) for result in some["repeats"]])
    return [result or missing for result in results]


def complete(results: dict[str, Any], candidates: Sequence[Trained]) -> None:
    """Add to ``cv_results_`` how far candidates are trained, and correct means and ranks.

    Means are NaN for frozen candidates, as they cannot be compared. Finished candidates
    rank first, then frozen ones, those trained furthest first, then failed ones.
    """
    status = np.array([candidate.status for candidate in candidates])
    results["status"] = status
    results["n_resources"] = np.array([c.n_resources for c in candidates])
    results["mean_n_epochs"] = np.array([c.mean_n_epochs for c in candidates])
    folds = range(candidates[0].n_splits)
    for name in ("fit_time", "score_time"):
        times = [[r[name] for k in folds if (r := c.of_fold(k))] for c in candidates]
        results[f"mean_{name}"] = np.array([np.mean(t) for t in times])
        results[f"std_{name}"] = np.array([np.std(t) for t in times])
    for name in [name for name in results if name.startswith("rank_test_")]:
        metric = name.removeprefix("rank_")
        splits = np.array([results[f"split{k}_{metric}"] for k in folds])
        results[name] = _ranks(splits, candidates)
    for name in results:
        if name.startswith(("mean_test_", "std_test_", "mean_train_", "std_train_")):
            results[name][status == FROZEN] = np.nan


def _ranks(splits: np.ndarray, candidates: Sequence[Trained]) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means of NaN only
        means = np.nan_to_num(np.nanmean(splits, axis=0), nan=-np.inf)
    order = {FINISHED: 0, FROZEN: 1, FAILED: 2}
    keys = []
    for mean, candidate in zip(means, candidates, strict=True):
        status = candidate.status
        n_fits, share = candidate.progress if status == FROZEN else (0, 0.0)
        keys.append((order[status], -n_fits, -share, 0.0 if status == FAILED else -mean))
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return rankdata([places[key] for key in keys], method="min").astype(np.int32)


def _without_scores(result: Result) -> Result:
    """Return scikit-learn's results of a fold that was not trained."""
    missing = {**result, "fit_time": 0.0, "score_time": 0.0, "fit_error": None}
    for name in {"test_scores", "train_scores"} & set(result):
        scores = result[name]
        several = isinstance(scores, Mapping)
        missing[name] = dict.fromkeys(scores, np.nan) if several else np.nan
    return missing
