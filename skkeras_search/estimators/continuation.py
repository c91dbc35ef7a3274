"""Pause a fit, and go on with one that was paused.

A state that is left is a ``Pause``: arrays, and the callbacks as bytes. Continuing a fit
writes both into a model and callbacks that were made as for a fit from the start.
"""

import io
import pickle
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import cloudpickle
import keras
import numpy as np

from skkeras_search.budgets.segment import CannotContinue, Segment
from skkeras_search.estimators.epoch_tasks import EpochTasks
from skkeras_search.estimators.serialization import Packed, is_keras_object
from skkeras_search.fusion.lane import Lane
from skkeras_search.fusion.pause import Course, Ending, Pause


def epochs_before(segment: Segment | None) -> int:
    """Epochs that were trained in earlier segments of a fit."""
    start = None if segment is None else start_of(segment)
    return start.n_epochs if start else 0


def start_of(segment: Segment) -> Pause | None:
    """What a segment goes on from.

    Raises
    ------
    CannotContinue
        If it is no state that a fit has left.
    """
    if segment.state is None or isinstance(segment.state, Pause):
        return segment.state
    raise CannotContinue(
        "state must be what an earlier segment of the fit has left, got an object of type "
        f"{type(segment.state).__name__}."
    )


def course_of(segment: Segment, model: keras.Model, callbacks: Sequence[Any]) -> Course:
    """Make a lane train a segment."""
    pack = partial(pack_callbacks, callbacks, model)
    return Course(segment.until, start_of(segment), pack)


def go_on(start: Pause, lane: Lane, model: keras.Model, callbacks: Sequence[Any]) -> None:
    """Put callbacks in the state in which a fit has paused.

    Raises
    ------
    CannotContinue
        If it was another fit. Then the callbacks are left as they are.
    """
    changed = [n for n, value in lane.identity.items() if value != start.identity[n]]
    if changed:
        raise CannotContinue(
            f"The state is of another fit: the {' and the '.join(changed)} differ."
        )
    if not model.optimizer.built and callbacks:
        model.optimizer.build(model.trainable_variables)  # callbacks may hold its variables
    restore_callbacks(start.callbacks, callbacks, model)


def pack_callbacks(callbacks: Sequence[Any], model: keras.Model) -> bytes:
    """Pickle the states of callbacks.

    References to the model, its layers, variables and optimizer, and to the callbacks
    themselves, are pickled as such.

    Parameters
    ----------
    callbacks : list of keras.callbacks.Callback
    model : keras.Model
        That they are used with.

    Returns
    -------
    bytes

    Raises
    ------
    Exception
        Whatever pickling raises.
    """
    travelling = _travelling(callbacks)
    file = io.BytesIO()
    pickler = _Pickler(file, _outside(travelling, model))
    pickler.dump([*map(_name, travelling)])
    pickler.dump([*map(_state_of, travelling)])
    return file.getvalue()


def restore_callbacks(packed: bytes, callbacks: Sequence[Any], model: keras.Model) -> None:
    """Put callbacks in the states that were packed.

    Raises
    ------
    CannotContinue
        If these are other callbacks, or a state cannot be read.
    """
    travelling = _travelling(callbacks)
    unpickler = _Unpickler(io.BytesIO(packed), _outside(travelling, model))
    before, now = unpickler.load(), [*map(_name, travelling)]
    if before != now:
        raise CannotContinue(f"The state is of a fit with callbacks {before}, not {now}.")
    try:
        states = unpickler.load()
    except Exception as error:  # of whatever the user's callbacks have in them
        raise CannotContinue(f"The callbacks cannot be read: {error}") from error
    for callback, state in zip(travelling, states, strict=True):
        if hasattr(callback, "__setstate__"):
            callback.__setstate__(state)
        else:
            vars(callback).clear()
            vars(callback).update(state)


def note(segment: Segment, ending: Ending, history: dict[str, list[Any]]) -> None:
    """Note in a segment what has become of the fit."""
    segment.n_trained = ending.n_epochs - epochs_before(segment)
    segment.n_epochs = ending.n_epochs
    segment.is_finished = ending.is_finished
    segment.history = {name: [*values] for name, values in history.items()}
    segment.reason = ending.reason
    segment.state = ending.pause


def _travelling(callbacks: Sequence[Any]) -> list[Any]:
    """Those that belong to a fit, and not to one call."""
    return [callback for callback in callbacks if not isinstance(callback, EpochTasks)]


def _state_of(callback: Any) -> Any:
    state = callback.__getstate__()
    if not isinstance(state, dict) and not hasattr(callback, "__setstate__"):
        raise TypeError(f"{_name(callback)} has __slots__ and no __setstate__ method")
    return state


def _name(callback: Any) -> str:
    return f"{type(callback).__module__}.{type(callback).__qualname__}"


def _outside(callbacks: Sequence[Any], model: keras.Model) -> list[Any]:
    """What the states of callbacks refer to, and what is there when they are restored."""
    variables = (*model.variables, *model.optimizer.variables)
    return [model, model.optimizer, *callbacks, *model._flatten_layers(), *variables]


def _with_values(
    make: Callable[..., Any], arguments: tuple[Any, ...], values: list[np.ndarray]
) -> Any:
    """Make a Keras object of a callback's, which is not a part of the model."""
    made = make(*arguments)
    for variable, value in zip(getattr(made, "variables", ()), values, strict=True):
        variable.assign(value)
    return made


class _Pickler(cloudpickle.CloudPickler):
    def __init__(self, file: io.BytesIO, outside: list[Any]):
        super().__init__(file)
        self._positions = {id(thing): i for i, thing in enumerate(outside)}

    def persistent_id(self, value: Any) -> int | None:
        return self._positions.get(id(value))

    def reducer_override(self, value: Any) -> Any:
        if not is_keras_object(value) or isinstance(value, keras.callbacks.Callback):
            return super().reducer_override(value)
        make, arguments = Packed(value).__reduce__()
        variables = getattr(value, "variables", ())
        values = [keras.ops.convert_to_numpy(variable) for variable in variables]
        return _with_values, (make, arguments, values)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, outside: list[Any]):
        super().__init__(file)
        self._outside = outside

    def persistent_load(self, position: Any) -> Any:
        return self._outside[position]
