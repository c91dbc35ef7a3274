"""What is left of a lane that pauses between two epochs, for another to go on from."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import joblib
import keras
import numpy as np
import tensorflow as tf

from skkeras_search.fusion.constants import compiled_with, models_held
from skkeras_search.fusion.step import State


class Pause(NamedTuple):
    """Where a fit stands between two epochs.

    It is of no process, can be pickled, and shares nothing with the lane that left it.

    Attributes
    ----------
    identity : dict of str to str
        Of the fit, as ``identity_of`` gives it.
    n_epochs : int
        That are trained.
    history : dict of str to list
        Of these epochs, as ``keras.callbacks.History`` has it.
    trainable, non_trainable, optimizer : list of ndarray
        As in ``State``. Among the second are the states of the random generators.
    order : int, dict or None
        ``state`` of the order of the rows.
    callbacks : bytes
        As the course has packed them.
    """

    identity: dict[str, str]
    n_epochs: int
    history: dict[str, list[Any]]
    trainable: list[np.ndarray]
    non_trainable: list[np.ndarray]
    optimizer: list[np.ndarray]
    order: Any
    callbacks: bytes

    def state_like(self, state: State) -> State:
        """The state in which the model was, with the constants of another state."""
        groups = (self.trainable, self.non_trainable, self.optimizer)
        trainable, non_trainable, optimizer = (
            [tf.convert_to_tensor(array) for array in group] for group in groups
        )
        return State(trainable, non_trainable, optimizer, state.constants)


class Course(NamedTuple):
    """What part of its epochs a lane is to train.

    Attributes
    ----------
    until : int
        The epoch to pause before, counted from the beginning of the fit.
    start : Pause or None
        What to go on from.
    pack_callbacks : callable
        Without arguments, gives the callbacks as they are, as bytes. What it raises
        says why the lane cannot pause.
    """

    until: int
    start: Pause | None
    pack_callbacks: Callable[[], bytes]


class Ending(NamedTuple):
    """How a lane has ended.

    Attributes
    ----------
    n_epochs : int
        That are trained, also by lanes before it.
    is_finished : bool
        Whether none is left.
    pause : Pause or None
    reason : str or None
        Why there is no pause, although the lane is not finished.
    """

    n_epochs: int
    is_finished: bool
    pause: Pause | None = None
    reason: str | None = None


def arrays_of(state: State) -> dict[str, list[np.ndarray]]:
    """The values of a state, in memory of their own."""
    return {
        name: [np.array(value) for value in getattr(state, name)]
        for name in ("trainable", "non_trainable", "optimizer")
    }


def identity_of(model: keras.Model, data: Any, settings: Any) -> dict[str, str]:
    """Describe a fit, for a state to be recognised that is not its own.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    data : nested structure of arrays
        For training and validation.
    settings : object
        What else the fit depends on.

    Returns
    -------
    dict of str to str
        A hash of the data, of the model and of the settings, the same in all processes.
    """
    arrays = [np.ascontiguousarray(array) for array in keras.tree.flatten(data)]
    structure = repr(keras.tree.map_structure(lambda _: None, data))
    return {
        "data": joblib.hash((structure, arrays)),
        "model": architecture_of(model),
        "settings": joblib.hash(settings),
    }


def architecture_of(model: keras.Model) -> str:
    """A hash of the configs and the weights' shapes, without names and weights."""
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
        config = {} if isinstance(part, keras.Model) else _as_written(part.get_config())
        if isinstance(part, keras.Optimizer) and not isinstance(
            config["learning_rate"], dict
        ):
            del config["learning_rate"]  # a variable, which callbacks set
        return name, joblib.hash(config)
    except Exception:  # whatever a class of the user's raises
        return name


def _as_written(config: Any) -> Any:
    """A config without the names and seeds that Keras makes up."""
    if isinstance(config, dict):
        given = config.keys() - {"name", "seed"}
        return {key: _as_written(config[key]) for key in given}
    if isinstance(config, (list, tuple)):
        return [_as_written(value) for value in config]
    return config
