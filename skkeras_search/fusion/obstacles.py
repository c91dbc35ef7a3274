"""Find out why a fit cannot be fused, as far as this is possible without tracing."""

import random
import sys
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.utils.python_utils import is_default  # of a callback's method

from skkeras_search.fusion.optimizer import is_known

# Arguments of ``keras.Model.fit`` that lanes support.
KNOWN_ARGUMENTS = {
    "sample_weight",
    "class_weight",
    "epochs",
    "initial_epoch",
    "batch_size",
    "shuffle",
    "verbose",
    "callbacks",
    "validation_split",
    "validation_data",
    "validation_batch_size",
    "validation_freq",
}
OWN_STEPS = (
    "fit",
    "evaluate",
    "train_step",
    "test_step",
    "predict_step",
    "compute_loss",
    "compute_metrics",
    "make_train_function",
    "make_test_function",
    "make_predict_function",
    "predict_on_batch",
    "reset_metrics",
    "get_metrics_result",
    "metrics",
)
BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)


def obstacle(model: keras.Model, x: Any, y: Any, arguments: dict[str, Any]) -> str | None:
    """Return the reason why a fit cannot be fused.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    x, y : array, or dict, list or tuple of arrays
        Training data.
    arguments : dict
        Arguments of ``keras.Model.fit``.

    Returns
    -------
    reason : str or None
        The end of a sentence that begins with "because". None if no reason was found.
    """
    if keras.config.backend() != "tensorflow":
        return f"the Keras backend is {keras.config.backend()}, not tensorflow"
    return _of_model(model) or _of_data(x, y, arguments) or _of_arguments(arguments)


def _of_model(model: keras.Model) -> str | None:
    cls = type(model)
    for name in OWN_STEPS:
        inherited = cls is keras.Sequential or getattr(cls, name) is getattr(
            keras.Model, name
        )
        if name in vars(model) or not inherited:
            return f"{cls.__name__} overrides {name}"
    if model.run_eagerly:
        return "run_eagerly=True"
    if model.jit_compile and not model._resolve_auto_jit_compile():
        return "jit_compile=True"
    if tf.distribute.has_strategy() or model._distribute_strategy is not None:
        return "the model was built under a tf.distribute strategy"
    if keras.config.max_epochs() or keras.config.max_steps_per_epoch():
        return "max_epochs or max_steps_per_epoch is set in keras.config"
    if not model.trainable_variables:
        return "the model has no trainable weights"
    if not is_known(model.optimizer):
        return f"the optimizer {type(model.optimizer).__name__} cannot be fused"
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False) and isinstance(layer, keras.layers.RNN):
            return f"the layer {layer.name} is stateful"
        if _draws_in_python(type(layer)):
            return f"the layer {layer.name} uses Python's random module while it is traced"
    if any(getattr(v, "overwrite_with_gradient", False) for v in model.trainable_variables):
        return "a variable is overwritten with its gradient"
    return None


def _draws_in_python(cls: type) -> bool:
    """Whether the module of one of Keras's classes uses Python's ``random``."""
    names = {base.__module__ for base in cls.__mro__}
    return any(_uses_random(name) for name in names if name.startswith("keras."))


@lru_cache
def _uses_random(module: str) -> bool:
    return any(value is random for value in vars(sys.modules[module]).values())


def _of_data(x: Any, y: Any, arguments: dict[str, Any]) -> str | None:
    validation = arguments.get("validation_data") or ()
    for array in keras.tree.flatten((x, y, arguments.get("sample_weight"), validation)):
        if array is None:
            continue
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
            return "the data are not all dense arrays of numbers"
        if len(array) == 0:
            return "there are no rows"
    return None


def _of_arguments(arguments: dict[str, Any]) -> str | None:
    for name, value in arguments.items():
        if name not in KNOWN_ARGUMENTS and value is not None:
            return f"{name}={value!r} was passed"
    if arguments.get("shuffle", True) not in (True, False):
        return f"shuffle={arguments['shuffle']!r} was passed"
    for callback in arguments.get("callbacks") or ():
        if _watches_batches(callback):
            return f"the callback {type(callback).__name__} acts on single batches"
    return None


def _watches_batches(callback: Any) -> bool:
    if type(callback) is keras.callbacks.TerminateOnNaN:
        return False  # the program itself checks for NaN
    if type(callback) is keras.callbacks.ModelCheckpoint:
        return bool(callback.save_freq != "epoch")
    return not all(is_default(getattr(callback, hook)) for hook in BATCH_HOOKS)
