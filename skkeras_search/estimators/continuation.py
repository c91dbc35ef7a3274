"""Pause a fit, and continue a paused fit.

The state of a paused fit is a ``Pause``: arrays, and the pickled states of the callbacks.
To continue, the model and the callbacks are made as for a new fit, and the state is written
into them.
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
    """Number of epochs that earlier segments of the fit have trained."""
    start = None if segment is None else start_of(segment)
    return start.n_epochs if start else 0


def start_of(segment: Segment) -> Pause | None:
    """The state from which a segment continues; None for the first segment.

    Raises
    ------
    CannotContinue
        If it is not the state of a paused fit.
    """
    if segment.state is None or isinstance(segment.state, Pause):
        return segment.state
    raise CannotContinue(
        "state must be the state of an earlier segment of the fit, got an object of type "
        f"{type(segment.state).__name__}."
    )


def course_of(segment: Segment, model: keras.Model, callbacks: Sequence[Any]) -> Course:
    """The course by which a lane trains a segment."""
    pack = partial(pack_callbacks, callbacks, model)
    return Course(segment.until, start_of(segment), pack)


def go_on(start: Pause, lane: Lane, model: keras.Model, callbacks: Sequence[Any]) -> None:
    """Restore the state that the callbacks had when a fit was paused.

    Raises
    ------
    CannotContinue
        If the state belongs to a different fit. The callbacks are not changed then.
    """
    changed = [n for n, value in lane.identity.items() if value != start.identity[n]]
    if changed:
        raise CannotContinue(
            f"The state belongs to a different fit: the {' and the '.join(changed)} differ."
        )
    if not model.optimizer.built and callbacks:
        # The callbacks may refer to the variables of the optimizer.
        model.optimizer.build(model.trainable_variables)
    restore_callbacks(start.callbacks, callbacks, model)


def pack_callbacks(callbacks: Sequence[Any], model: keras.Model) -> bytes:
    """Pickle the states of callbacks.

    The model, its layers, variables and optimizer, and the callbacks themselves are not
    pickled, but only references to them.

    Parameters
    ----------
    callbacks : list of keras.callbacks.Callback
        The callbacks of a fit.
    model : keras.Model
        The model with which they are used.

    Returns
    -------
    packed : bytes
        The pickled states.

    Raises
    ------
    Exception
        Any error that pickling raises.
    """
    travelling = _travelling(callbacks)
    file = io.BytesIO()
    pickler = _Pickler(file, _outside(travelling, model))
    pickler.dump([*map(_name, travelling)])
    pickler.dump([*map(_state_of, travelling)])
    return file.getvalue()


def restore_callbacks(packed: bytes, callbacks: Sequence[Any], model: keras.Model) -> None:
    """Restore the states of callbacks that ``pack_callbacks`` pickled.

    Parameters
    ----------
    packed : bytes
        The pickled states.
    callbacks : list of keras.callbacks.Callback
        The callbacks of the fit that continues.
    model : keras.Model
        The model with which they are used.

    Raises
    ------
    CannotContinue
        If the callbacks are of other classes, or a state cannot be unpickled.
    """
    travelling = _travelling(callbacks)
    unpickler = _Unpickler(io.BytesIO(packed), _outside(travelling, model))
    before, now = unpickler.load(), [*map(_name, travelling)]
    if before != now:
        raise CannotContinue(
            f"The state belongs to a fit with callbacks {before}, but this fit has {now}."
        )
    try:
        states = unpickler.load()
    except Exception as error:  # the users' callbacks may raise any error
        raise CannotContinue(f"The callbacks cannot be unpickled: {error}") from error
    for callback, state in zip(travelling, states, strict=True):
        if hasattr(callback, "__setstate__"):
            callback.__setstate__(state)
        else:
            vars(callback).clear()
            vars(callback).update(state)


def note(segment: Segment, ending: Ending, history: dict[str, list[Any]]) -> None:
    """Record in a segment how the fit ended."""
    segment.n_trained = ending.n_epochs - epochs_before(segment)
    segment.n_epochs = ending.n_epochs
    segment.is_finished = ending.is_finished
    segment.history = {name: [*values] for name, values in history.items()}
    segment.reason = ending.reason
    segment.state = ending.pause


def _travelling(callbacks: Sequence[Any]) -> list[Any]:
    """The callbacks that belong to the whole fit, and not to one call of ``fit``."""
    return [callback for callback in callbacks if not isinstance(callback, EpochTasks)]


def _state_of(callback: Any) -> Any:
    state = callback.__getstate__()
    if not isinstance(state, dict) and not hasattr(callback, "__setstate__"):
        raise TypeError(f"{_name(callback)} has __slots__ and no __setstate__ method")
    return state


def _name(callback: Any) -> str:
    return f"{type(callback).__module__}.{type(callback).__qualname__}"


def _outside(callbacks: Sequence[Any], model: keras.Model) -> list[Any]:
    """The objects that are pickled as references, because the continued fit has them."""
    variables = (*model.variables, *model.optimizer.variables)
    return [model, model.optimizer, *callbacks, *model._flatten_layers(), *variables]


def _with_values(
    make: Callable[..., Any], arguments: tuple[Any, ...], values: list[np.ndarray]
) -> Any:
    """Make a Keras object that belongs to a callback and not to the model."""
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
