"""Release memory that TensorFlow would keep for each model until the process ends."""

from itertools import count
from typing import Any

import keras

# Number of models after which the cache is cleared. It grows to some 10 MB by then.
MODELS_A_CACHE = 50
_n_models = count(1)


def keep_no_graphs(optimizer: keras.Optimizer) -> None:
    """Prevent an optimizer from keeping the graphs of a fit in memory.

    With TensorFlow, Keras sums gradients over replicas before each update. In a graph,
    this registers a gradient function, which is never released, together with all that it
    refers to: 4 MB per fit of a small network. Without a distribution strategy, there is
    only one replica, so there is nothing to sum.

    Parameters
    ----------
    optimizer : keras.Optimizer
        The optimizer of a compiled model. It is changed in place.
    """
    if keras.config.backend() != "tensorflow":
        return
    import tensorflow as tf

    while optimizer is not None and not tf.distribute.has_strategy():
        optimizer._all_reduce_sum_gradients = _unchanged
        optimizer = getattr(optimizer, "inner_optimizer", None)  # of a LossScaleOptimizer


def forget_kernels() -> None:
    """Clear TensorFlow's cache of eager kernels, once for every ``MODELS_A_CACHE`` models.

    The cache has an entry for each variable that was ever made: 0.25 MB per small model.
    Entries that are still in use are made again automatically, which takes 0.1 s for a
    compiled program.
    """
    if next(_n_models) % MODELS_A_CACHE:
        return
    if keras.config.backend() == "tensorflow":
        from tensorflow.python.eager import context  # not public

        context.context().clear_kernel_cache()


def _unchanged(grads_and_vars: Any) -> Any:
    return grads_and_vars
