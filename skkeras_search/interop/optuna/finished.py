"""Convert a finished search to an Optuna study, for its plots and dashboard."""

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
from sklearn.model_selection._search import BaseSearchCV  # base class of its searches

from skkeras_search.interop.optuna.parameters import Parameter
from skkeras_search.nearest_name import did_you_mean
from skkeras_search.searches.metrics import metrics_of
from skkeras_search.searches.spaces import of_scikit_learn
from skkeras_search.space import Categorical, Dimension, Integer, Real, Space
from skkeras_search.space.dimensions import is_number
from skkeras_search.space.notations import is_dimension
from skkeras_search.statuses import FAILED, FROZEN

# Numbers get a logarithmic scale if the greatest is at least this multiple of the least.
MANY_TIMES = 100


def to_study(
    search: Any,
    *,
    metric: str | Sequence[str] | None = None,
    curve: str | None = None,
    study_name: str | None = None,
    storage: str | BaseStorage | None = None,
) -> Study:
    """Convert a finished search to an Optuna study.

    Each candidate becomes a trial, in the order of ``cv_results_``. A finished candidate is
    a complete trial with its mean score, a frozen candidate is a pruned trial, and a
    candidate without a score is a failed trial. ``optuna.visualization`` and the dashboard
    can show the study, and it can be optimized further.

    Requires ``pip install skkeras-search[optuna]``.

    Parameters
    ----------
    search : fitted search or LoadedSearch
        Search of this package or of scikit-learn, with ``cv_results_``.
    metric : str or list of str, default=None
        Metric to maximize: the part of a key of ``cv_results_`` after ``"mean_test_"``. A
        list of several metrics gives a study with several objectives, such as for Pareto
        fronts. None means the metric that ``refit`` names, or otherwise the first.
    curve : str, default=None
        Column of ``learning_curves_`` for the intermediate values of the trials: its means
        over the folds, by epoch. None means "score", or no intermediate values if
        ``metric`` is not the metric that the search maximized. "score" is known only for
        the epochs at which candidates were scored; metrics reported by Keras, such as
        "val_accuracy", are known for all epochs. No effect with several metrics.
    study_name : str, default=None
        Name of the study. None lets Optuna choose a name.
    storage : str or optuna.storages.BaseStorage, default=None
        URL or storage of the study, such as ``"sqlite:///study.db"``. None means in memory.

    Returns
    -------
    optuna.study.Study
        The study. The value of a pruned trial is its last score if ``metric`` is the metric
        that the search maximized, and missing otherwise. The times of the trials are those
        of ``timeline_``; if the search has none, the trials follow each other and end now.
        The ``user_attrs`` contain the scores of the folds, times in seconds, the status and
        the error.

    Raises
    ------
    NotFittedError
        If the search is not fitted.
    TypeError
        If ``search`` is not a search.
    ValueError
        If ``metric`` or ``curve`` is unknown, or ``storage`` has a study of this name
        already.

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
    """State and values of the trial of a candidate.

    Attributes
    ----------
    state : TrialState
        Final state.
    values : list of float or None
        Value of each objective.
    """

    state: TrialState
    values: list[float] | None = None


def _results(search: Any) -> Mapping[str, Any]:
    results: Mapping[str, Any] | None = getattr(search, "cv_results_", None)
    if results is None:
        if not isinstance(search, BaseSearchCV):
            raise TypeError(
                f"search must be a fitted search with cv_results_, got {search!r}."
            )
        raise NotFittedError(
            f"This {type(search).__name__} is not fitted. Call fit before to_study."
        )
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
                f"metric={name!r} is not a metric of the search, which has {known}."
                f"{did_you_mean(str(name), known)}"
            )
    if not metrics:
        raise ValueError(f"metric is empty. Pass one or several of {known}.")
    return metrics


def _parameters(search: Any, candidates: Sequence[dict[str, Any]]) -> dict[str, Parameter]:
    """Return the hyperparameters, with the dimensions of the search if they are known."""
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
    """Return the dimensions of a search that are the same in all of its spaces."""
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
            if isinstance(space, tuple):  # a space with its number of candidates
                space = space[0]
            try:
                if isinstance(space, Space):
                    yield space
                elif isinstance(space, Mapping) and space:
                    is_ours = name == "search_spaces"
                    yield Space(space) if is_ours else of_scikit_learn(_scaled(space))
            except (TypeError, ValueError):  # another kind of space
                continue


def _scaled(grid: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the lists of numbers in a space of scikit-learn to numeric dimensions."""
    return {
        name: _dimension_of(list(given))
        if isinstance(given, (list, tuple, np.ndarray)) and not is_dimension(given)
        else given
        for name, given in grid.items()
    }


def _dimension_of(values: Sequence[Any]) -> Dimension:
    """Return a dimension for values whose dimension is unknown."""
    if all(is_number(value) and math.isfinite(value) for value in values):
        low, high = min(values), max(values)
        is_wide = low > 0 and high >= MANY_TIMES * low
        kind = Integer if all(value == int(value) for value in values) else Real
        if all(isinstance(value, float) for value in values):
            kind = Real
        if low < high:
            try:
                return kind(low, high, "log-uniform" if is_wide else "uniform")
            except (TypeError, ValueError):  # too large, or too close together
                pass
    return Categorical(values)


def _curves(search: Any, curve: str) -> dict[int, dict[int, float]]:
    """Return the mean of a curve over the folds, by candidate and epoch."""
    if not hasattr(type(search), "learning_curves_"):
        return {}
    frame = search.learning_curves_
    if curve not in frame.columns:
        known = [name for name in frame.columns if name not in frame.columns[:4]]
        raise ValueError(
            f"curve={curve!r} is not a column of learning_curves_, which has {known}."
            f"{did_you_mean(curve, known)}"
        )
    means = frame.dropna(subset=[curve]).groupby(["candidate", "epoch"])[curve].mean()
    curves: dict[int, dict[int, float]] = {}
    for (candidate, epoch), value in means.items():
        curves.setdefault(int(candidate), {})[int(epoch)] = float(value)
    return curves


def _times(search: Any, results: Mapping[str, Any]) -> dict[int, tuple[float, float]]:
    """Return the start and end of each candidate, in seconds since the epoch."""
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
            f"storage={storage!r} has a study with the name {study_name!r} already. Use "
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
