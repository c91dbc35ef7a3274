"""Several fits of one candidate to the same rows, with different random numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from skkeras_search.searches.jobs import Result

# Seeds of repeats are far apart, as a fit may use several consecutive seeds.
BETWEEN_SEEDS = 1_000_003


def seeds(estimator: Any, params: Mapping[str, Any], repeat: int) -> dict[str, Any]:
    """Return the parameters that seed one of several fits.

    Parameters
    ----------
    estimator : estimator
        The estimator that is searched.
    params : mapping
        Hyperparameters of the candidate.
    repeat : int
        Number of the fit. The first one, 0, keeps the given seeds.

    Returns
    -------
    dict
        Other seeds for all parameters whose names end in ``random_state``, except those
        that are None, which gives another seed in each fit anyway.
    """
    if repeat == 0:
        return {}
    candidate = clone(estimator).set_params(**clone(dict(params), safe=False))
    return {
        name: _other_seed(value, repeat)
        for name, value in candidate.get_params().items()
        if name.endswith("random_state") and value is not None
    }


def mean_of(repeats: Sequence[Result]) -> Result:
    """Combine the results of several fits into one.

    Returns
    -------
    dict
        Means of the scores, sums of the times, and the single results as "repeats".
    """
    failed = [result for result in repeats if result["fit_error"] is not None]
    mean = dict((failed or repeats)[0])
    for name in ("fit_time", "score_time"):
        mean[name] = sum(result[name] for result in repeats)
    for name in {"test_scores", "train_scores"} & set(mean):
        scores = [result[name] for result in repeats]
        if len({isinstance(score, Mapping) for score in scores}) == 1:
            mean[name] = _mean(scores)
    return {**mean, "repeats": list(repeats)}


def spread(out: Sequence[Result], n_splits: int) -> dict[str, np.ndarray]:
    """Return columns for ``cv_results_``: how much the seeds change the mean scores.

    Parameters
    ----------
    out : sequence of dict
        The results of ``mean_of`` for each fold of each candidate.
    n_splits : int
        Number of folds.

    Returns
    -------
    dict of str to ndarray of shape (n_candidates,)
        The standard deviation over repeats of the mean score over folds, for each metric.
    """
    some = next((r for r in out if r["fit_error"] is None), out[0])["test_scores"]
    names = list(some) if isinstance(some, Mapping) else ["score"]
    columns = {}
    for name in names:
        scores = [
            [_score(result["test_scores"], name) for result in mean["repeats"]]
            for mean in out
        ]
        of_candidates = np.array(scores, float).reshape(-1, n_splits, len(scores[0]))
        columns[f"std_repeats_test_{name}"] = of_candidates.mean(axis=1).std(axis=1)
    return columns


def _score(scores: Any, name: str) -> float:
    return scores[name] if isinstance(scores, Mapping) else scores


def _mean(scores: list[Any]) -> Any:
    if isinstance(scores[0], Mapping):
        names = scores[0]
        return {n: np.mean([score.get(n, np.nan) for score in scores]) for n in names}
    return np.mean(scores)


def _other_seed(value: Any, repeat: int) -> int:
    if isinstance(value, np.random.RandomState):
        drawn = clone(value, safe=False)  # does not advance the given generator
        return int(check_random_state(drawn).randint(2**31 - 1, size=repeat)[-1])
    return int((value + repeat * BETWEEN_SEEDS) % (2**32 - 1))
