"""Read the results of a search of this package or of scikit-learn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from skkeras_search.inspection.axis import Axis, axis_of
from skkeras_search.inspection.declared import dimension_of
from skkeras_search.nearest_name import did_you_mean
from skkeras_search.statuses import FAILED, FINISHED, FROZEN

PREFIX = "mean_test_"


@dataclass(frozen=True, eq=False)
class Results:
    """Results of a search.

    Attributes
    ----------
    search : object
        The search, or the results so far of a running search.
    name : str
        Class name of the search.
    metric : str
        Metric of the scores, or "score" if the search has a single unnamed metric.
    params : list of dict
        Hyperparameters of each candidate, in the order of ``cv_results_``.
    folds : ndarray of shape (n_candidates, n_folds)
        Scores in each fold, with NaN where a fold was not scored.
    scores : ndarray of shape (n_candidates,)
        Mean scores of the finished candidates, and NaN for the others.
    last_scores : ndarray of shape (n_candidates,)
        Mean scores of the finished candidates, means of the known scores of the frozen
        ones, and NaN for the failed ones.
    status : ndarray of str of shape (n_candidates,)
        "finished", "frozen" if training or resources were stopped early, or "failed" if
        there is no finite score.
    errors : list of str or None
        Error of each candidate, or None.
    best : int or None
        Row of the best candidate, or None if no candidate is finished.
    """

    search: Any
    name: str
    metric: str
    params: list[dict[str, Any]]
    folds: np.ndarray
    scores: np.ndarray
    last_scores: np.ndarray
    status: np.ndarray
    errors: list[str | None]
    best: int | None

    def __len__(self) -> int:
        return len(self.params)

    @property
    def names(self) -> list[str]:
        """Names of all hyperparameters, in the order of their first occurrence."""
        return list(dict.fromkeys(name for params in self.params for name in params))

    @property
    def varied(self) -> list[str]:
        """Names of the hyperparameters that differ between candidates."""
        return [name for name in self.names if self.axis(name).varies]

    def axis(self, name: str) -> Axis:
        """Return the axis of a hyperparameter.

        Raises
        ------
        ValueError
            If no candidate has the hyperparameter.
        """
        self.check_hyperparameter(name)
        values = [params[name] for params in self.params if name in params]
        is_conditional = len(values) < len(self.params)
        return axis_of(name, values, dimension_of(self.search, name), is_conditional)

    def check_hyperparameter(self, name: Any) -> None:
        """Raise an error if no candidate has a hyperparameter of this name."""
        if name not in self.names:
            raise ValueError(
                f"Hyperparameter {name!r} is not in the search space, which has "
                f"{self.names}." + did_you_mean(str(name), self.names)
            )

    def by_score(self) -> np.ndarray:
        """Return the rows of the finished candidates, the best first."""
        order = np.argsort(-self.scores, kind="stable")
        order = order[np.isfinite(self.scores[order])]
        if self.best is not None:  # a callable refit may choose by another rule
            order = np.r_[self.best, order[order != self.best]]
        return order.astype(int)


def read(search: Any, metric: str | None = None, finished: bool = True) -> Results:
    """Read the results of a search.

    Parameters
    ----------
    search : fitted search or LoadedSearch
        Search of this package or of scikit-learn. A search of this package may still be
        running.
    metric : str, default=None
        Metric to read, for a search with several metrics. None means the metric that
        ``refit`` names, or otherwise the first.
    finished : bool, default=True
        Whether to require at least one finished candidate.

    Returns
    -------
    Results

    Raises
    ------
    NotFittedError
        If no candidate was evaluated yet.
    TypeError
        If ``search`` is not a search.
    ValueError
        If the metric was not scored, or no candidate is finished although ``finished`` is
        True.
    """
    search = _as_fitted(search)
    table = search.cv_results_
    metric = _metric(search, table, metric)
    params = list(table["params"])
    folds = _fold_scores(table, metric, len(params))
    last = np.asarray(table[f"{PREFIX}{metric}"], float).copy()
    status = _status(table, last)
    frozen = (status == FROZEN) & ~np.isfinite(last)
    for row in np.flatnonzero(frozen & np.isfinite(folds).any(axis=1)):
        last[row] = np.nanmean(folds[row])
    last[~np.isfinite(last)] = np.nan
    scores = np.where(status == FINISHED, last, np.nan)
    name = getattr(search, "search_class", type(search).__name__)
    errors = list(table.get("error", [None] * len(params)))
    if finished and not np.isfinite(scores).any():
        first = next(filter(None, errors), "")
        raise ValueError(
            f"None of the {len(params)} candidates of the {name} is finished with a score "
            f"for {metric!r}, so there is nothing to show. {first}".rstrip()
        )
    best = _best(search, table, metric, scores)
    return Results(search, name, metric, params, folds, scores, last, status, errors, best)


def metrics(search: Any) -> list[str]:
    """Return the names of the metrics of a fitted search."""
    return _metrics(_as_fitted(search).cv_results_)


def frame_of(results: Results, attribute: str, what: str) -> Any:
    """Return a data frame that only searches of this package have.

    Raises
    ------
    ValueError
        If the search does not have the attribute.
    """
    if not hasattr(type(results.search), attribute):
        raise ValueError(
            f"{results.name} of {type(results.search).__module__.split('.')[0]} does not "
            f"record {what}. The searches of skkeras_search do."
        )
    return getattr(results.search, attribute)


def _as_fitted(search: Any) -> Any:
    if hasattr(search, "cv_results_"):
        return search
    if hasattr(search, "_so_far") and not isinstance(search, type):
        search = search._so_far()
    elif isinstance(search, type) or not hasattr(search, "get_params"):
        raise TypeError(
            "search must be a fitted search, such as a GridSearchCV, or a search returned "
            f"by load_search, got {search!r}."
        )
    if not hasattr(search, "cv_results_"):
        name = type(search).__name__
        if not hasattr(search, "estimator"):
            raise TypeError(f"search must be a search with cross-validation, got a {name}.")
        raise NotFittedError(
            f"This {name} has no evaluated candidate yet. Call fit before inspecting it."
        )
    return search


def _metrics(table: Mapping[str, Any]) -> list[str]:
    return [name.removeprefix(PREFIX) for name in table if name.startswith(PREFIX)]


def _metric(search: Any, table: Mapping[str, Any], metric: str | None) -> str:
    known = _metrics(table)
    if metric is None:
        refit = getattr(search, "refit", None)
        return refit if isinstance(refit, str) and refit in known else known[0]
    if metric not in known:
        raise ValueError(
            f"metric={metric!r} was not scored. The search has scores for {known}."
            + did_you_mean(str(metric), known)
        )
    return metric


def _fold_scores(table: Mapping[str, Any], metric: str, n: int) -> np.ndarray:
    columns: list[Any] = []
    while (name := f"split{len(columns)}_test_{metric}") in table:
        columns.append(np.asarray(table[name], float))
    return np.column_stack(columns) if columns else np.empty((n, 0))


def _status(table: Mapping[str, Any], scores: np.ndarray) -> np.ndarray:
    if "status" in table:
        status = np.array(table["status"], dtype=object)
        status[(status == FINISHED) & ~np.isfinite(scores)] = FAILED
        return status
    status = np.where(np.isfinite(scores), FINISHED, FAILED).astype(object)
    if "iter" in table:  # successive halving: fewer resources than the last iteration
        early = np.asarray(table["iter"]) < np.max(table["iter"])
        status[early & (status == FINISHED)] = FROZEN
    return status


def _best(
    search: Any, table: Mapping[str, Any], metric: str, scores: np.ndarray
) -> int | None:
    chosen = getattr(search, "best_index_", None)
    if chosen is not None and metric == _metric(search, table, None):
        return int(chosen) if np.isfinite(scores[chosen]) else _argmax(scores)
    return _argmax(scores)


def _argmax(scores: Sequence[float] | np.ndarray) -> int | None:
    return int(np.nanargmax(scores)) if np.isfinite(scores).any() else None


def check_number(name: str, value: Any, least: int = 1) -> None:
    """Raise an error if a parameter is not an integer of at least ``least``."""
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_whole or value < least:
        raise ValueError(f"{name} must be a whole number >= {least}, got {value!r}.")
