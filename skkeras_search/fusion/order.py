"""The order of the rows in the epochs of a fit."""

from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context  # tf.random has no function to read the seed


class Order:
    """Return the order of the rows in the next epoch at each call.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    shuffle : bool
        Whether to shuffle the rows.
    seed : int or None
        Seed of the order. None uses the seed that ``keras.utils.set_random_seed`` has set,
        if any. With a seed, all epochs have the same order, as in ``keras.Model.fit``.
    state : int, dict or None, default=None
        The ``state`` of another order, to continue from. It replaces ``seed``.
    """

    def __init__(self, n_rows: int, shuffle: bool, seed: int | None, state: Any = None):
        self._n_rows = n_rows
        self._rows: np.ndarray | None = None
        if isinstance(state, int):
            seed = state
        elif seed is None and state is None:
            seed = context.global_seed()
        self._seed = seed
        if not shuffle:
            self._rows = np.arange(n_rows)
        elif seed is not None:
            self._rows = _permutation(n_rows, seed)
        else:
            self._generator = np.random.default_rng()
            if state is not None:
                self._generator.bit_generator.state = state

    def __call__(self) -> np.ndarray:
        """Return the rows of the next epoch, an array of int of shape (n_rows,)."""
        if self._rows is not None:
            return self._rows
        return self._generator.permutation(self._n_rows)

    @property
    def state(self) -> Any:
        """The seed, or the state of the generator, that decides all further orders."""
        return self._seed if self._rows is not None else self._generator.bit_generator.state


@lru_cache(maxsize=32)
def _permutation(n_rows: int, seed: int) -> np.ndarray:
    # In a separate graph, as in Keras: the random numbers then depend on the seed of the
    # graph only, and not on numbers that were drawn before. The graph is made explicitly,
    # because TensorFlow would count a call among the retracings of one function.
    @tf.function(autograph=False)
    def shuffled() -> tf.Tensor:
        tf.compat.v1.set_random_seed(seed)
        return tf.random.shuffle(tf.range(n_rows, dtype=tf.int64))

    permutation: np.ndarray = shuffled.get_concrete_function()().numpy()
    return permutation
