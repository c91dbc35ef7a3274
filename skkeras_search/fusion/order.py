"""The order in which the epochs of a fit take the rows."""

from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context  # tf.random has nothing to read the seed


class Order:
    """Give the order of the next epoch at each call.

    Parameters
    ----------
    n_rows : int
    shuffle : bool
    seed : int or None
        None takes the seed that ``keras.utils.set_random_seed`` has set, if it was
        called. With a seed ``keras.Model.fit`` shuffles once, and takes the rows of
        every epoch in that order; so does this.
    state : int, dict or None, default=None
        ``state`` of an order to go on with, in place of ``seed``.
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
        """The rows of the next epoch, an array of shape (n_rows,)."""
        if self._rows is not None:
            return self._rows
        return self._generator.permutation(self._n_rows)

    @property
    def state(self) -> Any:
        """What orders to come depend on: the seed, or the state of a generator."""
        return self._seed if self._rows is not None else self._generator.bit_generator.state


@lru_cache(maxsize=32)
def _permutation(n_rows: int, seed: int) -> np.ndarray:
    # In a graph of its own, as in Keras: there an operation's numbers depend on the
    # seed of the graph alone, not on what the process has drawn before. The graph is
    # asked for, not left to a call, which TensorFlow would count among the retracings
    # of one function.
    @tf.function(autograph=False)
    def shuffled() -> tf.Tensor:
        tf.compat.v1.set_random_seed(seed)
        return tf.random.shuffle(tf.range(n_rows, dtype=tf.int64))

    permutation: np.ndarray = shuffled.get_concrete_function()().numpy()
    return permutation
