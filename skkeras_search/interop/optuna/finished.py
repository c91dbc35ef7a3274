"""A study of a search that is finished, for Optuna's plots and dashboard."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import optuna
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import TrialState, create_trial
from sklearn.exceptions import NotFittedError
from sklearn.model_selection._search import BaseSearchCV  # base of all its searches

from skkeras_search.interop.optuna.parameters import Parameter
from skkeras_search.nearest_name import did_you_mean
from skkeras_search.searches.base import metrics_of
from skkeras_search.searches.spaces import of_scikit_learn
from skkeras_search.space import Categorical, Dimension, Integer, Real, Space
from skkeras_search.space.dimensions import is_number
from skkeras_search.space.notations import is_dimension
from skkeras_search.statuses import FAILED, FROZEN

# Numbers whose greatest is so many times the least are shown on a logarithmic scale.
MANY_TIMES = 100


def to_study(
    search: Any,
    *,
    metric: str | Sequence[str] | None = None,
    curve: str | None = None,
    study_name: str | None = None,
    storage: str | BaseStorage | None = None,
) -> Study:
    """Make an Optuna study of a search that is finished.

    Each candidate becomes a trial, in the order of ``cv_results_``: complete with its mean
    score; pruned, if its training was not finished; or failed, if it has no score. All of
    ``optuna.visualization`` and the dashboard show such a study, and it can be optimised
    further.

    Parameters
    ----------
    search : estimator
        A fitted search of this package or of scikit-learn, or one that ``load_search``
        gave: anything with ``cv_results_``.
    metric : str or list of str, optional
        Name of the score to maximise, as in ``cv_results_`` after ``"mean_test_"``. Several
        make a study with several objectives, as for Pareto fronts. If not given, what
        ``refit`` names, or the first.
    curve : str, optional
        Column of ``learning_curves_`` whose means over the folds become the intermediate
        values, by epoch. If not given, "score", or none where ``metric`` is not what the
        search has maximised. With "score" there are few where candidates are scored only
        when they are trained; a choice of Keras's, as "val_accuracy", has all epochs.
    study_name : str, optional
        If not given, Optuna makes one.
    storage : str or optuna.storages.BaseStorage, optional
        Where the study is kept. If not given, in memory.

    Returns
    -------
    optuna.study.Study
        The value of a pruned trial is its last score, if ``metric`` is what the search has
        maximised; else there is none. Times are as they were if the search has a
        ``timeline_``, else as if all fits had been made one after the other until now.
        ``user_attrs`` have the scores of the folds, times, the status and the error.

    Raises
    ------
    NotFittedError
        If the search is not fitted.
    TypeError
        If ``search`` is no search.
    ValueError
        If it has no such metric or curve, or there is a study of this name.

    Examples
    --------
    >>> import optuna
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from skkeras_search.interop.optuna import to_study
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1.0, 10.0], "kernel": ["linear", "rbf"]})
    >>> study = to_study(search.fit(*load_iris(return_X_y=True)))
    >>> study.best_params == search.best_params_
    True
    """
    results = _results(search)
    metrics = _metrics(search, results, metric)
    parameters = _parameters(search, results["params"])
    is_of_search = metrics == _metrics(search, results, None)
    scores = _curves(search, "score") if is_of_search else {}
    curves = scores if curve is None or len(metrics) > 1 else _curves(search, curve)
    times = _times(search, results)
    study = _new_study(len(metrics), study_name, storage)
    for row, params in enumerate(results["params"]):
        outcome = _outcome(results, metrics, row, scores.get(row, {}))
        trial = create_trial(
            params={name: parameters[name].stored(params[name]) for name in params},
            distributions={name: parameters[name].distribution for name in params},
            user_attrs=_attributes(results, row),
            intermediate_values=curves.get(row, {}),
            state=outcome.state,
            values=outcome.values,
        )
        trial.datetime_start, trial.datetime_complete = map(
            datetime.fromtimestamp, times[row]
        )
        study.add_trial(trial)
    return study


@dataclass(frozen=True)
class Ending:
    """How a candidate has ended.

    Attributes
    ----------
    state : TrialState
    values : list of float or None
    """

    state: TrialState
    values: list[float] | None = None


def _results(search: Any) -> Mapping[str, Any]:
    results: Mapping[str, Any] | None = getattr(search, "cv_results_", None)
    if results is None:
        if not isinstance(search, BaseSearchCV):
            raise TypeError(
                f"search must be a fitted search, with cv_results_, got {search!r}."
            )
        raise NotFittedError(f"This {type(search).__name__} is not fitted; call fit first.")
    return results


def _metrics(search: Any, results: Mapping[str, Any], metric: Any) -> list[str]:
    known = metrics_of(results)
    if metric is None:
        refit = getattr(search, "refit", None)
        return [refit if refit in known else known[0]]
    metrics = [metric] if isinstance(metric, str) else list(metric)
    for name in metrics:
        if name not in known:
            raise ValueError(
                f"metric={name!r} is none of the search, which has {known}."
                f"{did_you_mean(str(name), known)}"
            )
    if not metrics:
        raise ValueError(f"metric is empty; give one or several of {known}.")
    return metrics


def _parameters(search: Any, candidates: Sequence[dict[str, Any]]) -> dict[str, Parameter]:
    """The hyperparameters, with the dimensions of the search where it has them."""
    searched = _dimensions(search)
    names = dict.fromkeys(name for params in candidates for name in params)
    parameters = {}
    for name in names:
        values = [params[name] for params in candidates if name in params]
        dimension = searched.get(name)
        if dimension is None or not all(value in dimension for value in values):
            dimension = _dimension_of(values)
        parameters[name] = Parameter(dimension)
    return parameters


def _dimensions(search: Any) -> dict[str, Dimension]:
    """The dimensions of a search, but for those that differ between its spaces."""
    found: dict[str, Dimension] = {}
    differ = set()
    for space in _spaces(search):
        for name, dimension in space.dimensions.items():
            if found.setdefault(name, dimension) != dimension:
                differ.add(name)
    return {name: dimension for name, dimension in found.items() if name not in differ}


def _spaces(search: Any) -> Iterable[Space]:
    for name in ("search_spaces", "param_grid", "param_distributions"):
        given = getattr(search, name, None)
        for space in given if isinstance(given, (list, tuple)) else [given]:
            if isinstance(space, tuple):  # with its number of candidates
                space = space[0]
            try:
                if isinstance(space, Space):
                    yield space
                elif isinstance(space, Mapping) and space:
                    is_ours = name == "search_spaces"
                    yield Space(space) if is_ours else of_scikit_learn(_scaled(space))
            except (TypeError, ValueError):  # of searches that take something else
                continue


def _scaled(grid: Mapping[str, Any]) -> dict[str, Any]:
    """A space of scikit-learn's, whose lists of numbers are points on a scale."""
    return {
        name: _dimension_of(list(given))
        if isinstance(given, (list, tuple, np.ndarray)) and not is_dimension(given)
        else given
        for name, given in grid.items()
    }


def _dimension_of(values: Sequence[Any]) -> Dimension:
    """A dimension for values of which nothing else is known."""
    if all(is_number(value) and math.isfinite(value) for value in values):
        low, high = min(values), max(values)
        is_wide = low > 0 and high >= MANY_TIMES * low
        kind = Integer if all(value == int(value) for value in values) else Real
        if all(isinstance(value, float) for value in values):
            kind = Real
        if low < high:
            try:
                return kind(low, high, "log-uniform" if is_wide else "uniform")
            except (TypeError, ValueError):  # too large, or too near
                pass
    return Categorical(values)


def _curves(search: Any, curve: str) -> dict[int, dict[int, float]]:
    """For each candidate, by epoch, the mean of a curve over the folds."""
    if not hasattr(type(search), "learning_curves_"):
        return {}
    frame = search.learning_curves_
    if curve not in frame.columns:
        known = [name for name in frame.columns if name not in frame.columns[:4]]
        raise ValueError(
            f"curve={curve!r} is no column of learning_curves_, which has {known}."
            f"{did_you_mean(curve, known)}"
        )
    means = frame.dropna(subset=[curve]).groupby(["candidate", "epoch"])[curve].mean()
    curves: dict[int, dict[int, float]] = {}
    for (candidate, epoch), value in means.items():
        curves.setdefault(int(candidate), {})[int(epoch)] = float(value)
    return curves


def _times(search: Any, results: Mapping[str, Any]) -> dict[int, tuple[float, float]]:
    """For each candidate, when it began and ended, in seconds since the epoch."""
    times = _one_after_the_other(results)
    if hasattr(type(search), "timeline_"):
        known = search.timeline_.dropna(subset=["begun", "ended"]).groupby("candidate")
        ends = known.agg({"begun": "min", "ended": "max"})
        times |= {int(n): (row.begun, row.ended) for n, row in ends.iterrows()}
    return times


def _one_after_the_other(results: Mapping[str, Any]) -> dict[int, tuple[float, float]]:
    n_splits = sum(name.startswith("split") for name in results) // len(metrics_of(results))
    each = np.nan_to_num(results["mean_fit_time"]) + np.nan_to_num(
        results["mean_score_time"]
    )
    ends = np.cumsum(np.asarray(each, float) * max(1, n_splits))
    first = time.time() - float(ends[-1])
    return {
        row: (first + float(end - taken * max(1, n_splits)), first + float(end))
        for row, (end, taken) in enumerate(zip(ends, each, strict=True))
    }


def _new_study(n_objectives: int, study_name: str | None, storage: Any) -> Study:
    try:
        return optuna.create_study(
            study_name=study_name, storage=storage, directions=["maximize"] * n_objectives
        )
    except optuna.exceptions.DuplicatedStudyError as error:
        raise ValueError(
            f"storage={storage!r} has a study of the name {study_name!r} already. Give "
            "another study_name, or remove that study with optuna.delete_study."
        ) from error


def _outcome(
    results: Mapping[str, Any], metrics: list[str], row: int, scores: dict[int, float]
) -> Ending:
    status = results["status"][row] if "status" in results else None
    if status == FROZEN:
        last = [scores[max(scores)]] if scores else None
        return Ending(TrialState.PRUNED, last)
    values = [float(results[f"mean_test_{metric}"][row]) for metric in metrics]
    if status == FAILED or any(math.isnan(value) for value in values):
        return Ending(TrialState.FAIL)
    return Ending(TrialState.COMPLETE, values)


def _attributes(results: Mapping[str, Any], row: int) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "fold_scores" if metric == "score" else f"fold_scores of {metric}": {
            str(fold): score if math.isfinite(score) else None
            for fold, score in enumerate(_fold_scores(results, metric, row))
        }
        for metric in metrics_of(results)
    }
    for name in (
        "mean_fit_time",
        "mean_score_time",
        "mean_n_epochs",
        "iter",
        "n_resources",
    ):
        if name in results and math.isfinite(value := float(results[name][row])):
            attributes[name] = value
    for name in ("status", "error"):
        if name in results and results[name][row] is not None:
            attributes[name] = str(results[name][row])
    return attributes


def _fold_scores(results: Mapping[str, Any], metric: str, row: int) -> list[float]:
    scores, fold = [], 0
    while f"split{fold}_test_{metric}" in results:
        scores.append(float(results[f"split{fold}_test_{metric}"][row]))
        fold += 1
    return scores
