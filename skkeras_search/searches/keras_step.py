"""Find the Keras estimator in an estimator, and the preprocessing before it."""

import itertools
import sys
from collections.abc import Iterable
from typing import Any

import joblib
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skkeras_search.space.dimensions import is_estimator

# Steps of a pipeline that do nothing.
NOTHING = (None, "passthrough")
# Keras estimators of other packages, and the classes here that take their place.
COUNTERPARTS = {
    ("scikeras", "KerasClassifier"): "KerasClassifier",
    ("scikeras", "KerasRegressor"): "KerasRegressor",
    ("scikeras", "BaseWrapper"): "BaseWrapper",
    ("keras", "SKLearnClassifier"): "KerasClassifier",
    ("keras", "SKLearnRegressor"): "KerasRegressor",
}


def has_keras(thing: Any) -> bool:
    """Return whether an object is a Keras estimator or has one among its parameters."""
    parts = thing.get_params().values() if is_estimator(thing) else ()
    return any(map(_is_keras, (thing, *parts)))


def foreign_keras(thing: Any) -> tuple[str, str] | None:
    """Recognize a Keras estimator of another package, without importing the package.

    Returns
    -------
    (str, str) or None
        The estimator in words, such as "scikeras's KerasClassifier", and the name of the
        class of ``skkeras_search`` that takes its place. None for other objects.
    """
    if _is_keras(thing) or isinstance(thing, type):
        return None
    for kind in type(thing).__mro__:
        package = kind.__module__.partition(".")[0]
        if counterpart := COUNTERPARTS.get((package, kind.__name__)):
            return f"{package}'s {kind.__name__}", counterpart
    return None


def last_step(estimator: Any) -> Any:
    """Return the part of an estimator that is fitted to ``y``: a pipeline's last step."""
    steps = getattr(estimator, "steps", None)
    return steps[-1][1] if steps else estimator


def name_of_keras_step(estimator: Any) -> str | None:
    """Find the Keras estimator whose epochs are the epochs of the whole estimator.

    Returns
    -------
    str or None
        The prefix of its parameters, such as "mlp__"; empty if it is the estimator itself.
        None unless it is the last part that is fitted, and the only Keras estimator.
    """
    names, step = [], estimator
    while isinstance(step, (Pipeline, TransformedTargetRegressor)):
        name, step = _inner(step)
        names.append(f"{name}__")
    if not _is_keras(step):
        return None
    others = [part for part in estimator.get_params().values() if _is_keras(part)]
    is_only_one = all(part is step for part in others)
    return "".join(names) if is_only_one else None


def fitted_keras_step(estimator: Any) -> Any | None:
    """Return the Keras estimator that a fitted estimator predicts with, or None."""
    step = estimator
    while isinstance(step, (Pipeline, TransformedTargetRegressor)):
        is_pipeline = isinstance(step, Pipeline)
        step = step.steps[-1][1] if is_pipeline else getattr(step, "regressor_", None)
    return step if _is_keras(step) else None


def fitted_preprocessing(estimator: Any, X: Any, transformed: Any) -> list[list[Any]]:
    """Return the fitted steps of the pipelines in an estimator, without the last steps.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator.
    X : array-like
        The rows that it was fitted to.
    transformed : array-like
        These rows as the last step received them.

    Returns
    -------
    list of list
        The fitted steps of each pipeline, from the outermost inwards. The list is empty for
        a pipeline with a step that does more than transform features.
    """
    found, step = [], estimator
    while isinstance(step, (Pipeline, TransformedTargetRegressor)):
        if isinstance(step, Pipeline):
            steps = [part for _, part in step.steps[:-1]]
            found.append(steps if all(map(_only_transforms, steps)) else [])
            step = step.steps[-1][1]
        else:
            step = step.regressor_
    changing = [steps for steps in found if not all(map(_does_nothing, steps))]
    if changing and not _gives(found, X, transformed):
        last = changing[-1]
        n = max(n for n, part in enumerate(last) if not _does_nothing(part))
        last[n] = KeptRows(last[n], transformed)
    return found


class KeptRows(TransformerMixin, BaseEstimator):
    """A fitted step that transforms its training rows exactly as during ``fit``.

    Some steps transform their training rows differently from other rows, or round them
    differently.

    Parameters
    ----------
    step : transformer
        The fitted step.
    rows : array-like
        The transformed training rows.
    """

    def __init__(self, step: Any, rows: Any):
        self.step, self.rows = step, rows

    def __sklearn_clone__(self) -> "KeptRows":
        return self

    @property
    def n_bytes(self) -> int:
        """Memory of the rows in bytes."""
        return int(getattr(self.rows, "nbytes", 0))

    def fit(self, X: Any, y: Any = None, **params: Any) -> "KeptRows":
        """Do nothing, as the step is already fitted."""
        return self

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Return the rows that were kept."""
        return self.rows

    def transform(self, X: Any) -> Any:
        """Transform other rows."""
        return self.step.transform(X)


def with_preprocessing(estimator: Any, fitted: Iterable[list[Any]]) -> Any:
    """Replace steps of an unfitted estimator by fitted ones.

    Parameters
    ----------
    estimator : estimator
        The unfitted estimator, which is changed.
    fitted : list of list
        The result of ``fitted_preprocessing``.

    Returns
    -------
    estimator
    """
    left, step = iter(fitted), estimator
    while isinstance(step, (Pipeline, TransformedTargetRegressor)):
        if isinstance(step, Pipeline):
            for n, part in enumerate(next(left)):
                name, _ = step.steps[n]
                step.steps[n] = (name, part if _stays(part) else FrozenEstimator(part))
        _, step = _inner(step)
    return estimator


def _inner(outer: Pipeline | TransformedTargetRegressor) -> tuple[str, Any]:
    is_pipeline = isinstance(outer, Pipeline)
    return outer.steps[-1] if is_pipeline else ("regressor", outer.regressor)


def _is_keras(thing: Any) -> bool:
    # If there is a Keras estimator, its module is already imported.
    module = sys.modules.get("skkeras_search.estimators.base")
    return module is not None and isinstance(thing, module.BaseWrapper)


def _gives(fitted: list[list[Any]], X: Any, transformed: Any) -> bool:
    """Return whether fitted steps transform rows to exactly these rows."""
    for step in itertools.chain(*fitted):
        X = X if _does_nothing(step) else step.transform(X)
    return joblib.hash(X) == joblib.hash(transformed)


def _does_nothing(step: Any) -> bool:
    return isinstance(step, (str, type(None))) and step in NOTHING


def _stays(step: Any) -> bool:
    """Return whether fitting a step would change nothing."""
    return _does_nothing(step) or isinstance(step, (FrozenEstimator, KeptRows))


def _only_transforms(step: BaseEstimator | str | None) -> bool:
    return _does_nothing(step) or (
        hasattr(step, "transform") and not hasattr(step, "fit_resample")
    )
