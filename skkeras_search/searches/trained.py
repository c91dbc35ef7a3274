"""Candidates that are trained step by step, and what ``cv_results_`` says of them."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np
from scipy.stats import rankdata

from skkeras_search.searches.jobs import Result
from skkeras_search.searches.learning_curves import Curve
from skkeras_search.searches.segments import FoldSoFar

FINISHED, FROZEN, FAILED = "finished", "frozen", "failed"


@dataclass(eq=False)
class Fold:
    """A fold of a candidate.

    Attributes
    ----------
    share : float
        Of the epochs that is trained.
    segments : list of dict
        What scikit-learn has of each segment.
    so_far : FoldSoFar
    curve : Curve
    """

    share: float = 0.0
    segments: list[Result] = field(default_factory=list)
    so_far: FoldSoFar = field(default_factory=FoldSoFar)
    curve: Curve = field(default_factory=Curve)

    def add(self, share: float, result: Result, score: float) -> None:
        """Add a segment that goes up to a share of the epochs."""
        self.so_far = result.pop("so_far")
        self.share = 1.0 if self.so_far.is_finished else share
        self.segments.append(result)
        self.curve.add(self.so_far.history, self.so_far.n_epochs, score)

    @property
    def result(self) -> Result:
        """What scikit-learn has of the fold: the last scores, and the time of all."""
        times = {
            name: sum(result[name] for result in self.segments)
            for name in ("fit_time", "score_time")
        }
        return {**self.segments[-1], **times}

    def let_go(self) -> None:
        """Keep nothing to go on from."""
        self.so_far = replace(self.so_far, state=None, preprocessing=[])


@dataclass(eq=False)
class Trained:
    """A candidate, as far as it is trained.

    Attributes
    ----------
    params : dict
    n_splits : int
        Number of folds to train.
    folds : dict of int to Fold
        Those that are begun.
    """

    params: dict[str, Any]
    n_splits: int
    folds: dict[int, Fold] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """What has become of it."""
        results = [result for fold in self.folds.values() for result in fold.segments]
        if any(result["fit_error"] is not None for result in results):
            return FAILED
        n_finished = sum(fold.share == 1.0 for fold in self.folds.values())
        return FINISHED if n_finished == self.n_splits else FROZEN

    @property
    def progress(self) -> tuple[float, float]:
        """How far it is: the number of folds, and the share of their epochs."""
        shares = [fold.share for fold in self.folds.values()]
        return len(shares), sum(shares)

    def __str__(self) -> str:
        folds = [fold.so_far for fold in self.folds.values()]
        n, last = len(folds), folds[-1]
        of = f"{n} of {self.n_splits} folds"
        if not last.n_max_epochs:
            return of
        return f"{last.n_epochs} of {last.n_max_epochs} epochs in {of}"

    @property
    def n_resources(self) -> int:
        """Epochs that were trained in all folds; folds where there are no epochs."""
        return sum(max(1, fold.so_far.n_epochs) for fold in self.folds.values())

    @property
    def mean_n_epochs(self) -> float:
        """Epochs that were trained in each of the folds that were begun."""
        return float(np.mean([fold.so_far.n_epochs for fold in self.folds.values()]))

    @property
    def n_epochs(self) -> int | None:
        """The number of epochs to train on all rows, None without epochs.

        All of them, or the median of the folds where a callback has stopped some.
        """
        found = median(fold.so_far.n_epochs for fold in self.folds.values())
        return round(found) or None


def rows(candidates: Sequence[Trained]) -> list[Result]:
    """Give the results of all folds of all candidates, also of those not trained."""
    results = [fold.result for c in candidates for fold in c.folds.values()]
    some = min(results, key=lambda result: result["fit_error"] is not None)
    missing = _without_scores(some)
    return [
        candidate.folds[k].result if k in candidate.folds else missing
        for candidate in candidates
        for k in range(candidate.n_splits)
    ]


def complete(results: dict[str, Any], candidates: Sequence[Trained]) -> None:
    """Add to ``cv_results_`` how far candidates are, and compare only what can be compared.

    Means are of candidates that are finished. These rank first, then those that are
    frozen, the farthest first, then those that failed.
    """
    status = np.array([candidate.status for candidate in candidates])
    results["status"] = status
    results["n_resources"] = np.array([c.n_resources for c in candidates])
    results["mean_n_epochs"] = np.array([c.mean_n_epochs for c in candidates])
    for name in ("fit_time", "score_time"):
        times = [[fold.result[name] for fold in c.folds.values()] for c in candidates]
        results[f"mean_{name}"] = np.array([np.mean(t) for t in times])
        results[f"std_{name}"] = np.array([np.std(t) for t in times])
    n_splits = candidates[0].n_splits
    for name in [name for name in results if name.startswith("rank_test_")]:
        metric = name.removeprefix("rank_")
        splits = np.array([results[f"split{k}_{metric}"] for k in range(n_splits)])
        results[name] = _ranks(splits, candidates)
    for name in results:
        if name.startswith(("mean_test_", "std_test_", "mean_train_", "std_train_")):
            results[name][status == FROZEN] = np.nan


def _ranks(splits: np.ndarray, candidates: Sequence[Trained]) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of failures in all folds
        means = np.nan_to_num(np.nanmean(splits, axis=0), nan=-np.inf)
    order = {FINISHED: 0, FROZEN: 1, FAILED: 2}
    keys = []
    for mean, candidate in zip(means, candidates, strict=True):
        status = candidate.status
        n_folds, share = candidate.progress if status == FROZEN else (0, 0.0)
        keys.append((order[status], -n_folds, -share, 0.0 if status == FAILED else -mean))
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return rankdata([places[key] for key in keys], method="min").astype(np.int32)


def _without_scores(result: Result) -> Result:
    """What scikit-learn has of a fold, without what only a fit could give."""
    missing = {**result, "fit_time": 0.0, "score_time": 0.0, "fit_error": None}
    for name in {"test_scores", "train_scores"} & set(result):
        scores = result[name]
        several = isinstance(scores, Mapping)
        missing[name] = dict.fromkeys(scores, np.nan) if several else np.nan
    return missing
