"""Share one model among the fits of a search that begin with equal models.

With an int ``random_state``, every fold of a candidate begins with the same weights, and
building a small model takes as long as training it. The folds therefore share the model of
the first fold. No fold changes it, and each fold builds a model of its own only when
``model_`` is read.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

import joblib
import keras

from skkeras_search.fusion.lane import LastMetrics, Predictor
from skkeras_search.fusion.step import write_state

# Parameters that affect the training of a model, but not how it is built.
OF_TRAINING = {
    "batch_size",
    "callbacks",
    "class_weight",
    "engine",
    "epochs",
    "random_state",
    "shuffle",
    "validation_batch_size",
    "validation_split",
    "verbose",
    "warm_start",
}
ROUTED_TO_TRAINING = ("callbacks__", "fit__", "predict__")


class TrainedState(NamedTuple):
    """A trained model that is not built yet.

    Attributes
    ----------
    like : keras.Model
        A model of the same architecture, which must not be changed.
    predict : Predictor
        Predicts with the trained state, and contains it.
    metrics : LastMetrics
        The metrics at the end of the fit.
    build : callable
        Builds a model of this architecture.
    """

    like: keras.Model
    predict: Predictor
    metrics: LastMetrics
    build: Callable[[], keras.Model]

    def make(self) -> keras.Model:
        """Build the model and give it the trained state."""
        model = self.build()
        write_state(model, self.predict.state)
        self.metrics.show(model)
        return model


def builds(name: str) -> bool:
    """Whether a parameter of an estimator affects how its model is built."""
    return name not in OF_TRAINING and not name.startswith(ROUTED_TO_TRAINING)


def key_of(params: Mapping[str, Any], meta: Mapping[str, Any]) -> Hashable:
    """Make a key for all that a model is built from.

    Parameters
    ----------
    params : mapping
        Parameters of the estimator.
    meta : mapping
        What ``fit`` has learned about the data; empty if the model does not depend on it.

    Returns
    -------
    key : hashable
        Equal for estimators that build the same model. The key contains ids, so the
        objects among the parameters must be kept alive with it.
    """
    return _frozen(dict(params)), _hash(meta)


def _frozen(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        return tuple((name, _frozen(item)) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return type(value), tuple(_frozen(item) for item in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return type(value), value
    return id(value)


def _hash(meta: Mapping[str, Any]) -> Hashable:
    try:
        return joblib.hash(dict(meta))
    except Exception:  # something cannot be pickled: the model is not shared
        return object()
