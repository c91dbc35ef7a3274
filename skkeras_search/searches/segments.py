"""A fit in segments, each of which continues from the end of the one before."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from sklearn.base import clone
from sklearn.model_selection._validation import _fit_and_score  # not public
from sklearn.utils.metaestimators import _safe_split

from skkeras_search.budgets.segment import CannotContinue, Segment, segment
from skkeras_search.searches.jobs import Result
from skkeras_search.searches.keras_step import (
    fitted_preprocessing,
    name_of_keras_step,
    with_preprocessing,
)
from skkeras_search.searches.so_far import SoFar


def fit_segment(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    parameters: dict[str, Any],
    share: float,
    max_epochs: int | None,
    before: SoFar | None,
    **kwargs: Any,
) -> Result:
    """Fit up to a share of the epochs, and score.

    Parameters
    ----------
    estimator : estimator
        The unfitted estimator.
    X, y : array-like
        Rows and targets.
    parameters : dict
        Hyperparameters of the candidate.
    share : float
        Share of all epochs to train to.
    max_epochs : int or None
        Number of all epochs, in place of the epochs of the estimator.
    before : SoFar or None
        The fit up to now, from which it continues.
    **kwargs
        Other arguments of scikit-learn's ``_fit_and_score``.

    Returns
    -------
    dict
        scikit-learn's results of a fit, and a ``SoFar`` as "so_far".
    """
    begun = clone(estimator).set_params(**clone(parameters, safe=False))
    if name_of_keras_step(begun) is None:
        result = _fit_and_score(estimator, X, y, parameters=parameters, **kwargs)
        return {**result, "so_far": SoFar()}
    reason = None
    if before is not None and before.state is not None:
        if before.preprocessing:
            with_preprocessing(begun, before.preprocessing)
        part = segment(share, max_epochs, before.state)
        try:
            return _fit(begun, X, y, part, before, parameters=None, **kwargs)
        except CannotContinue as error:
            reason = str(error)
    part = segment(share, max_epochs)
    result = _fit(estimator, X, y, part, before, parameters=parameters, **kwargs)
    so_far = result["so_far"]
    return {**result, "so_far": replace(so_far, reason=so_far.reason or reason)}


def _fit(
    estimator: Any,
    X: Any,
    y: Any,
    part: AbstractContextManager[Segment],
    before: SoFar | None,
    **kwargs: Any,
) -> Result:
    with part as trained:
        result = _fit_and_score(estimator, X, y, return_estimator=True, **kwargs)
    fitted = result.pop("estimator")
    if result["fit_error"] is not None:
        failed = replace(before or SoFar(), cost=0.0, is_finished=True)
        return {**result, "so_far": replace(failed, state=None, preprocessing=[])}
    n_before = before.n_epochs if before is not None and before.could_go_on else 0
    so_far = SoFar(
        trained.n_epochs,
        trained.n_max_epochs,
        (trained.n_epochs - n_before) / max(1, trained.n_max_epochs),
        trained.is_finished,
        trained.history,
        trained.reason,
        could_go_on=trained.state is not None,
    )
    if trained.state is not None:
        seen, _ = _safe_split(fitted, X, y, kwargs["train"])
        preprocessing = fitted_preprocessing(fitted, seen, trained.X)
        so_far = replace(so_far, state=trained.state, preprocessing=preprocessing)
    return {**result, "so_far": so_far}
