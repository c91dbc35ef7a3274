"""One model for all fits of a search that begin from the same.

With an int ``random_state`` every fold of a candidate begins from the same weights, and
building a small model takes as long as training it. So the first fold's is the others',
too: none of them changes it, and each gets a model of its own when somebody looks at it.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

import joblib
import keras

from skkeras_search.fusion.lane import LastMetrics, Predictor
from skkeras_search.fusion.step import write_state

# Parameters that a model is trained with, not built with.
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
        A model of the same architecture, not to be changed.
    predict : Predictor
        Has the state.
    metrics : LastMetrics
    build : callable
        Builds such a model.
    """

    like: keras.Model
    predict: Predictor
    metrics: LastMetrics
    build: Callable[[], keras.Model]

    def make(self) -> keras.Model:
        """Build the model."""
        model = self.build()
        write_state(model, self.predict.state)
        self.metrics.show(model)
        return model


def builds(name: str) -> bool:
    """Whether a parameter of an estimator has to do with its model as it is built."""
    return name not in OF_TRAINING and not name.startswith(ROUTED_TO_TRAINING)


def key_of(params: Mapping[str, Any], meta: Mapping[str, Any]) -> Hashable:
    """Describe what a model is built from.

    Parameters
    ----------
    params : mapping
        Parameters of the estimator.
    meta : mapping
        What is known of the data, empty if the model does not depend on it.

    Returns
    -------
    hashable
        Equal for estimators that build the same model, while the objects among their
        parameters live.
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
    except Exception:  # whatever refuses to be pickled, which shares nothing then
        return object()
