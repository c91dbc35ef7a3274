"""Seed every generator a Keras fit draws from, and leave no trace of it."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state  # no public way to restore its seed
from sklearn.utils import check_random_state

MAX_SEED = np.iinfo(np.int32).max
_one_at_a_time = threading.RLock()
KERAS_STATE = ("global_random_seed", "global_seed_generator")


def draw_seed(random_state: int | np.random.RandomState | None) -> int | None:
    """Turn ``random_state`` into the seed of one fit.

    Parameters
    ----------
    random_state : int, RandomState or None
        A ``RandomState`` is read, not advanced: the same instance gives the same
        seed at every fit, and the caller's generator is left as it was.

    Returns
    -------
    int or None
        None if the fit is not seeded.
    """
    if random_state is None or isinstance(random_state, (int, np.integer)):
        check_random_state(random_state)  # refuses what numpy cannot seed with
        return None if random_state is None else int(random_state)
    given = check_random_state(random_state)
    copied = np.random.RandomState()
    copied.set_state(given.get_state())
    return int(copied.randint(MAX_SEED))


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Seed Python, numpy, Keras and TensorFlow for a block, then put all back.

    TensorFlow's op determinism stays as the user left it: on CPU a seeded fit is
    bitwise reproducible without it, and while it is on, every unseeded fit in the
    process raises. Threads take turns, as they share the generators.

    Parameters
    ----------
    seed : int or None
        None changes nothing.
    """
    if seed is None:
        yield
        return
    with _one_at_a_time:
        yield from _seeded(seed)


def _seeded(seed: int) -> Iterator[None]:
    keras_state = {key: global_state.get_global_attribute(key) for key in KERAS_STATE}
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002
    tensorflow_state = _tensorflow_state()
    try:
        keras.utils.set_random_seed(seed)
        yield
    finally:
        for key, value in keras_state.items():
            global_state.set_global_attribute(key, value)
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        _restore_tensorflow(tensorflow_state)


def _tensorflow_context() -> Any:
    # tf.random.set_seed has no counterpart that reads; the eager context holds both
    # the global seed and the generator that numbers the ops created under it.
    try:
        from tensorflow.python.eager import context
    except ImportError:  # another Keras backend, without TensorFlow
        return None
    return context.context()


def _tensorflow_state() -> tuple[Any, Any] | None:
    context = _tensorflow_context()
    return None if context is None else (context._seed, getattr(context, "_rng", None))


def _restore_tensorflow(state: tuple[Any, Any] | None) -> None:
    if state is not None:
        context = _tensorflow_context()
        context._seed, context._rng = state
