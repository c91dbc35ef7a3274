"""A whole fit, with its learning curve."""

from typing import Any

from sklearn.model_selection._validation import _fit_and_score  # not public

from skkeras_search.searches.keras_step import fitted_keras_step
from skkeras_search.searches.so_far import SoFar


def fit_whole(estimator: Any, X: Any, y: Any, **kwargs: Any) -> dict[str, Any]:
    """Fit and score, and keep the history that Keras reports.

    Parameters
    ----------
    estimator : estimator
        The unfitted estimator.
    X, y : array-like
        Rows and targets.
    **kwargs
        Other arguments of scikit-learn's ``_fit_and_score``.

    Returns
    -------
    dict
        scikit-learn's results of a fit, and a ``SoFar`` as "so_far".
    """
    result = _fit_and_score(estimator, X, y, return_estimator=True, **kwargs)
    history = _history(result.pop("estimator"))
    n_epochs = len(history.get("loss", ()))
    return {**result, "so_far": SoFar(n_epochs, n_epochs, history=history)}


def _history(estimator: Any) -> dict[str, list[Any]]:
    step = fitted_keras_step(estimator)
    return dict(getattr(step, "history_", {}))  # missing if the fit failed
