"""Identify a fit by hashes that are the same in all processes."""

import warnings
from typing import Any

import joblib
import keras
import numpy as np

from skkeras_search.fusion.constants import compiled_with, models_held


def identity_of(model: keras.Model, data: Any, settings: Any) -> dict[str, str]:
    """Identify a fit, so that the state of a different fit can be recognized.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    data : nested structure of arrays
        Training and validation data.
    settings : object
        Everything else that affects the fit.

    Returns
    -------
    identity : dict of str to str
        Hashes of the "data", the "model" and the "settings". They are the same in all
        processes.
    """
    arrays = [np.ascontiguousarray(array) for array in keras.tree.flatten(data)]
    structure = repr(keras.tree.map_structure(lambda _: None, data))
    return {
        "data": joblib.hash((structure, arrays)),
        "model": architecture_of(model),
        "settings": joblib.hash(settings),
    }


def architecture_of(model: keras.Model) -> str:
    """A hash of the configs and of the shapes of the weights, without names and values."""
    with models_held, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*`lambda`.*")
        weights = (model.trainable_variables, model.non_trainable_variables)
        shapes = [[(tuple(v.shape), str(v.dtype)) for v in group] for group in weights]
        compiled = keras.tree.flatten(list(compiled_with(model).values()))
        parts = [*model._flatten_layers(), *compiled, model.optimizer]
        return str(joblib.hash((shapes, [_described(part) for part in parts])))


def _described(part: Any) -> Any:
    if part is None or isinstance(part, (str, int, float)):
        return part
    made_by = part if hasattr(part, "__qualname__") else type(part)
    name = f"{made_by.__module__}.{made_by.__qualname__}"
    try:
        # The config of a model repeats those of its layers, with their names.
        config = {} if isinstance(part, keras.Model) else as_written(part.get_config())
        if isinstance(part, keras.Optimizer) and not isinstance(
            config["learning_rate"], dict
        ):
            del config["learning_rate"]  # a variable, which callbacks may set
        return name, joblib.hash(config)
    except Exception:  # a user's class may raise any error
        return name


def as_written(config: Any) -> Any:
    """Return a config without the names and seeds that Keras generates."""
    if isinstance(config, dict):
        given = [key for key in config if key not in ("name", "seed")]
        return {key: as_written(config[key]) for key in given}
    if isinstance(config, (list, tuple)):
        return [as_written(value) for value in config]
    return config
