"""The order in which the epochs of a fit take the rows."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context  # tf.random has nothing to read the seed

Order = Callable[[], np.ndarray]


def rows_in_order(n_rows: int, shuffle: bool, seed: int | None) -> Order:
    """Give the order of the next epoch at each call.

    Parameters
    ----------
    n_rows : int
    shuffle : bool
    seed : int or None
        None takes the seed that ``keras.utils.set_random_seed`` has set, if it was
        called. With a seed ``keras.Model.fit`` shuffles once, and takes the rows of
        every epoch in that order; so does this.

    Returns
    -------
    callable
        Without arguments, returns an ndarray of shape (n_rows,).
    """
    if seed is None:
        seed = context.global_seed()
    if not shuffle:
        rows = np.arange(n_rows)
        return lambda: rows
    if seed is not None:
        permutation = _permutation(n_rows, seed)
        return lambda: permutation
    generator = np.random.default_rng()
    return lambda: generator.permutation(n_rows)


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
