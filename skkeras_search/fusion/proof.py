"""Compare a program with a model that it was not made from, on some rows of data.

The descriptions of two models may be equal while code in them that is not of Keras does
something else: it may depend on what nobody can read. So one batch is computed in both
ways before anything is trained.
"""

import threading
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import keras
import numpy as np

from skkeras_search.fusion.program import Program, Progress
from skkeras_search.fusion.step import Batch, NotFusibleError, State, Step

# Eager operations sum in another order than compiled ones.
TOLERANCE = {"rtol": 1e-3, "atol": 1e-5}

_proven: WeakKeyDictionary[Program, WeakSet[keras.Model]] = WeakKeyDictionary()
_lock = threading.RLock()


def check_program(
    program: Program,
    model: keras.Model,
    state: State,
    data: Batch,
    batch_size: int,
    stop_on_nan: bool,
) -> None:
    """Make sure that a program computes what a model computes.

    Parameters
    ----------
    program : Program
    model : keras.Model
        Built and compiled. It is compared once, and not if the program is made from it. If
        all code is of Keras, the first model of another width stands for all.
    state : State
        Of the model.
    data : tuple of tensors, or dicts or tuples of them
    batch_size : int
    stop_on_nan : bool
        What it will be trained with.

    Raises
    ------
    NotFusibleError
        If it does not.
    """
    if program.step.model is model or not (program.is_foreign or program.any_width):
        return
    with _lock:
        proven = _proven.setdefault(program, WeakSet())
        if model not in proven and (program.is_foreign or not proven):
            _compare(program, model, state, data, batch_size, stop_on_nan)
            proven.add(model)


def _compare(
    program: Program,
    model: keras.Model,
    state: State,
    data: Batch,
    batch_size: int,
    stop_on_nan: bool,
) -> None:
    rows = keras.tree.map_structure(lambda tensor: tensor[:batch_size], data)
    step = Step(model, rows)
    now, metrics = step.forward(state, step.fresh_metrics(), rows, training=True)
    expected = {
        "its training loss and metrics": step.results(metrics),
        "what its layers keep": now.non_trainable,
        "its predictions": step.predict(state, rows[0])[0],
    }
    start = Progress(state, program.fresh_metrics)
    order = np.arange(batch_size)
    trained = program.train(start, data, order, batch_size, 1, stop_on_nan)
    found = {
        "its training loss and metrics": trained.results,
        "what its layers keep": trained.state.non_trainable,
        "its predictions": program.predict(state._replace(optimizer=[]), rows[0])[0],
    }
    for what, values in expected.items():
        if not _close(values, found[what]):
            raise NotFusibleError(
                f"its code is that of a model trained before, but {what} are not the same"
            )


def _close(ours: Any, theirs: Any) -> bool:
    pairs = zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True)
    return all(np.allclose(a, b, equal_nan=True, **TOLERANCE) for a, b in pairs)
