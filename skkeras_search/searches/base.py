"""What the three searches have in common."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection._validation import _insert_error_scores  # of its searches

from skkeras_search.searches.arrivals import Arrivals
from skkeras_search.searches.folds import (
    FoldsByClass,
    can_stratify,
    is_made_here,
    is_one_hot,
)
from skkeras_search.searches.fused_fits import fused_by_default, has_keras
from skkeras_search.searches.progress import SearchProgress, Standing

OF_ANOTHER_FIT = (
    "best_estimator_",
    "best_index_",
    "best_params_",
    "best_score_",
    "cv_results_",
    "optimizer_results_",
    "optimizers_",
    "refit_time_",
)
# Attributes that a search has only as long as it lasts.
WHILE_SEARCHING = (
    "_arrivals",
    "_best",
    "_callbacks",
    "_candidates",
    "_evaluated",
    "_failures",
    "_lines",
    "_spaces",
)


class Search:
    """A search of scikit-learn whose fits are trained together, and which can be stopped.

    For Keras classifiers, folds of one-hot rows are stratified by class.
    """

    estimator: Any
    cv: Any
    refit: Any
    error_score: Any
    verbose: int
    n_splits_: int
    _checked_cv_orig: Any
    _candidates: list[dict[str, Any]]
    _evaluated: tuple[list[dict[str, Any]], int, list[Any], Any]

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Search for the best candidate, and fit the estimator with it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
        **params
            Passed to the ``fit`` of the estimator, or routed as metadata.

        Returns
        -------
        self
        """
        for name in OF_ANOTHER_FIT:
            self.__dict__.pop(name, None)
        try:
            with fused_by_default(self, self._estimators()):
                super().fit(X, y, **params)  # type: ignore[misc]
            self._complete_results()
        except BaseException:
            self._keep_results()
            raise
        finally:
            for name in WHILE_SEARCHING:
                self.__dict__.pop(name, None)
        return self

    def _estimators(self) -> list[Any]:
        """The estimator, and what may stand in the place of a part of it."""
        return [self.estimator, *self._choices()]

    def _choices(self) -> Iterable[Any]:
        return ()

    def _check_input_parameters(self, X: Any, y: Any, split_params: Any) -> None:
        # scikit-learn calls it as soon as there is a splitter.
        super()._check_input_parameters(X, y, split_params)  # type: ignore[misc]
        fitted_to_y = [
            final for final in map(_final, self._estimators()) if has_keras(final)
        ]
        if fitted_to_y and is_classifier(self.estimator) and is_one_hot(y):
            cv = self.cv if is_made_here(self.cv) else self._checked_cv_orig
            losses = [getattr(final, "loss", None) for final in fitted_to_y]
            if all(can_stratify(cv, y, loss) for loss in losses):
                self._checked_cv_orig = FoldsByClass(cv, y)

    def _watched(self, evaluate_candidates: Callable[..., Any]) -> Callable[..., Any]:
        """Let an evaluation of all candidates be followed, and its results be kept."""

        def evaluate(candidates: Iterable[dict[str, Any]], **kwargs: Any) -> Any:
            self._candidates, self._best = list(candidates), -np.inf
            self._arrivals = Arrivals(evaluate_candidates, self._tell)
            return evaluate_candidates(self._candidates, **kwargs)

        return evaluate

    def _tell(self) -> None:
        """Tell how far the search is, when a candidate has all of its folds."""
        results, n_splits = self._arrivals.results, self.n_splits_
        n = len(results)
        if n % n_splits == 0:
            folds = [results[position] for position in range(n - n_splits, n)]
            self._best = np.fmax(self._best, np.mean([self._score(fold) for fold in folds]))
            self._advance(Standing(n // n_splits, len(self._candidates), self._best))

    def _score(self, result: Mapping[str, Any]) -> float:
        scores = result["test_scores"]
        if isinstance(scores, Mapping):
            scores = scores[self._metric(scores)]
        return float(scores)

    def _advance(self, standing: Standing) -> None:
        for callback in getattr(self, "_skl_callbacks", ()):
            if isinstance(callback, SearchProgress):
                callback.update(standing)

    def _metric(self, names: Iterable[str]) -> str:
        """The metric that chooses: what ``refit`` names, or the first."""
        names = list(names)
        return self.refit if self.refit in names else names[0]

    def _format_results(
        self,
        candidate_params: list[dict[str, Any]],
        n_splits: int,
        out: list[Any],
        more_results: Any = None,
    ) -> dict[str, Any]:
        self._evaluated = list(candidate_params), n_splits, list(out), more_results
        rows = self._rows(candidate_params, n_splits, out)
        results: dict[str, Any] = super()._format_results(*rows, more_results)  # type: ignore[misc]
        return results

    def _rows(
        self, candidates: list[dict[str, Any]], n_splits: int, out: list[Any]
    ) -> tuple[list[dict[str, Any]], int, list[Any]]:
        """What ``cv_results_`` is made of."""
        return candidates, n_splits, out

    def _complete_results(self) -> None:
        """Add what scikit-learn does not know."""

    def _keep_results(self) -> None:
        """Leave the results of the candidates that are finished."""
        self.__dict__.pop("best_estimator_", None)  # of a refit that was not finished
        if not hasattr(self, "_evaluated") and hasattr(self, "_arrivals"):
            self._take_arrivals()
        if not hasattr(self, "_evaluated"):
            return
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "One or more of the", UserWarning)
            results = self.cv_results_ = self._format_results(*self._evaluated)
        self.multimetric_ = "mean_test_score" not in results
        metric = self._metric_of(results)
        self.best_index_ = self._select_best_index(self.refit, metric, results)  # type: ignore[attr-defined]
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _take_arrivals(self) -> None:
        complete = self._arrivals.complete(self.n_splits_)
        out = [result for folds in complete.values() for result in folds]
        _insert_error_scores(out, self.error_score)
        if any(result["fit_error"] is None for result in out):
            candidates = [self._candidates[n] for n in complete]
            self._evaluated = candidates, self.n_splits_, out, None

    def _metric_of(self, results: Mapping[str, Any]) -> str:
        prefix = "mean_test_"
        return self._metric(
            name.removeprefix(prefix) for name in results if name.startswith(prefix)
        )

    def __getstate__(self) -> dict[str, Any]:
        # To workers, say: what is found so far changes meanwhile.
        state: Any = super().__getstate__()
        return {name: v for name, v in state.items() if name not in WHILE_SEARCHING}


def _final(estimator: Any) -> Any:
    """The part of an estimator that is fitted to ``y``: the last step of a pipeline."""
    steps = getattr(estimator, "steps", None)
    return steps[-1][1] if steps else estimator
