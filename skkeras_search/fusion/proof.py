"""Compare a program with a model from which it was not made, on some rows of data.

Two models with equal descriptions may still compute different results if they contain
users' code, because the code may depend on something that cannot be read. Therefore one
batch is computed by the program and by the model before anything is trained.
"""

import threading
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import keras
import numpy as np

from skkeras_search.fusion.program import Program, Progress
from skkeras_search.fusion.step import Batch, NotFusibleError, State, Step

# Eager operations and compiled ones add numbers in different orders.
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
    """Check that a program computes the same results as a model.

    Parameters
    ----------
    program : Program
        The program.
    model : keras.Model
        Built and compiled. Each model is compared once, except the model from which the
        program was made. If all code is Keras's own, only the first model of another width
        is compared.
    state : State
        The state of the model.
    data : tuple of tensors, or dicts or tuples of them
        Training data.
    batch_size : int
        Number of rows per batch in training.
    stop_on_nan : bool
        Whether training stops if the mean loss is not finite.

    Raises
    ------
    NotFusibleError
        If the results differ.
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
        "its non-trainable variables": now.non_trainable,
        "its predictions": step.predict(state, rows[0])[0],
    }
    start = Progress(state, program.fresh_metrics)
    order = np.arange(batch_size)
    trained = program.train(start, data, order, batch_size, 1, stop_on_nan)
    found = {
        "its training loss and metrics": trained.results,
        "its non-trainable variables": trained.state.non_trainable,
        "its predictions": program.predict(state._replace(optimizer=[]), rows[0])[0],
    }
    for what, values in expected.items():
        if not _close(values, found[what]):
            raise NotFusibleError(
                f"its code equals that of a model trained before, but {what} are not the "
                "same"
            )


def _close(ours: Any, theirs: Any) -> bool:
    pairs = zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True)
    return all(np.allclose(a, b, equal_nan=True, **TOLERANCE) for a, b in pairs)
