"""Give back what TensorFlow keeps of each model for the life of the process."""

from itertools import count
from typing import Any

import keras

# Models after which the cache is emptied: it grows to some ten megabytes.
MODELS_A_CACHE = 50
_n_models = count(1)


def keep_no_graphs(optimizer: keras.Optimizer) -> None:
    """Keep an optimizer from tying the graphs of a fit to the process.

    On TensorFlow, Keras sums gradients over replicas before each update. In a graph
    that registers a gradient function which is never given back, nor all that it
    refers to: four megabytes a fit of a small network. Without a distribution
    strategy there is one replica and nothing to sum.

    Parameters
    ----------
    optimizer : keras.Optimizer
        Of a compiled model.
    """
    if keras.config.backend() != "tensorflow":
        return
    import tensorflow as tf

    while optimizer is not None and not tf.distribute.has_strategy():
        optimizer._all_reduce_sum_gradients = _unchanged
        optimizer = getattr(optimizer, "inner_optimizer", None)  # of loss scaling


def forget_kernels() -> None:
    """Empty TensorFlow's cache of eager kernels, once for many models.

    It has an entry for each variable that ever was: a quarter of a megabyte a small
    model. What is still in use enters it again by itself, but a compiled program takes
    a tenth of a second to do so.
    """
    if next(_n_models) % MODELS_A_CACHE:
        return
    if keras.config.backend() == "tensorflow":
        from tensorflow.python.eager import context  # it has no public name

        context.context().clear_kernel_cache()


def _unchanged(grads_and_vars: Any) -> Any:
    return grads_and_vars
