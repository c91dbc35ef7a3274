"""Give back what TensorFlow keeps of each model for the life of the process."""

from typing import Any

import keras


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
    """Empty TensorFlow's cache of eager kernels.

    It has an entry for each variable that ever was: a quarter of a megabyte a small
    model. What is still in use enters it again by itself.
    """
    if keras.config.backend() == "tensorflow":
        from tensorflow.python.eager import context  # it has no public name

        context.context().clear_kernel_cache()


def _unchanged(grads_and_vars: Any) -> Any:
    return grads_and_vars
