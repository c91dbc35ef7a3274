"""Numbers of an architecture that are inputs of its program, not part of the program.

A search tries many dropout rates and regularization strengths. If they were part of the
program, each value would need another program.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any

import keras
import tensorflow as tf

from skkeras_search.fusion.code import is_of_keras

# The attributes that are such numbers, for exactly these classes and not for subclasses.
CONSTANTS = {
    keras.layers.Dropout: ("rate",),
    keras.layers.SpatialDropout1D: ("rate",),
    keras.layers.SpatialDropout2D: ("rate",),
    keras.layers.SpatialDropout3D: ("rate",),
    keras.regularizers.L1: ("l1",),
    keras.regularizers.L2: ("l2",),
    keras.regularizers.L1L2: ("l1", "l2"),
}
# Held by code that reads a whole model, or changes a model that other threads may read. The
# folds of a candidate share one model, which is traced and built in other threads.
models_held = threading.RLock()


class Constants:
    """The constants of a model: its dropout rates and regularization strengths.

    Parameters
    ----------
    model : keras.Model
        A built model.
    """

    def __init__(self, model: keras.Model):
        layers = model._flatten_layers()
        # A user's code could read a rate, and would find a tensor instead of a number.
        holders = _holders(model) if _is_of_keras(model, layers) else ()
        with models_held:
            self._places = [
                (holder, name)
                for holder in holders
                for name in CONSTANTS.get(type(holder), ())
                if _is_data(name, getattr(holder, name))
            ]

        self._names: dict[int, list[str]] = {}
        for holder, name in self._places:
            self._names.setdefault(id(holder), []).append(name)

    def values(self) -> list[Any]:
        """The values of the constants, as tensors."""
        with models_held:
            return [
                tf.constant(_numbers(name, float(getattr(holder, name))), tf.float32)
                for holder, name in self._places
            ]

    def pattern(self) -> tuple[int, ...]:
        """Which constants are the same attribute of the same object."""
        first: dict[tuple[int, str], int] = {}
        return tuple(first.setdefault((id(h), n), len(first)) for h, n in self._places)

    def has(self, holder: Any, name: str | None = None) -> bool:
        """Whether an attribute of an object, or any attribute, is a constant."""
        names = self._names.get(id(holder), ())
        return name in names if name else bool(names)

    @contextmanager
    def set_to(
        self, values: Sequence[Any], others: Sequence[tuple[Any, str, Any]] = ()
    ) -> Iterator[None]:
        """Replace the constants by tensors in a block, and other attributes by others."""
        constants = [
            (*place, _Constant(value))
            for place, value in zip(self._places, values, strict=True)
        ]
        with _replaced([*constants, *others]):
            yield


@contextmanager
def _replaced(attributes: Sequence[tuple[Any, str, Any]]) -> Iterator[None]:
    with models_held:
        before = [(holder, name, vars(holder)[name]) for holder, name, _ in attributes]
        try:
            for holder, name, value in attributes:
                vars(holder)[name] = value  # bypasses the attribute tracking of layers
            yield
        finally:
            for holder, name, value in before:
                vars(holder)[name] = value


class _Number:
    """A number that TensorFlow can convert to a tensor of any dtype."""

    def __init__(self, tensor: Any):
        self._tensor = tensor

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        return self._tensor if dtype is None else tf.cast(self._tensor, dtype)


class _Constant(_Number):
    """A tensor that behaves like a positive Python number; a rate is also less than 1.

    While Keras and TensorFlow build a graph, they check whether a constant is zero or a
    rate is valid. They compute ``1 / (1 - rate)`` in Python, with more digits than a
    tensor has, so this value is passed, too.

    Parameters
    ----------
    numbers : tensor of shape (2,)
        The values that ``_numbers`` returns.
    """

    def __init__(self, numbers: Any):
        super().__init__(numbers[0])
        self._scale = numbers[1]

    def __gt__(self, other: Any) -> bool:
        return bool(other == 0)

    def __lt__(self, other: Any) -> bool:
        return False

    def __ge__(self, other: Any) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return id(self)

    def __rsub__(self, one: float) -> "_Kept":
        return _Kept(self._scale)


class _Kept:
    """One minus a rate, for TensorFlow to divide by."""

    def __init__(self, scale: Any):
        self._scale = scale

    def __rtruediv__(self, one: float) -> _Number:
        return _Number(self._scale)


Real.register(_Constant)


def _numbers(name: str, value: float) -> tuple[float, float]:
    return value, 1 / (1 - value) if name == "rate" else 0.0


def _is_data(name: str, value: Any) -> bool:
    # For a strength of 0 or a rate of 0 or 1, Keras builds a different graph.
    return float(value) > 0 and not (name == "rate" and float(value) >= 1)


def compiled_with(model: keras.Model) -> dict[str, Any]:
    """The losses and metrics of a compiled model, as passed to ``compile``."""
    loss, metrics = model._compile_loss, model._compile_metrics
    return {
        "loss": getattr(loss, "_user_loss", None),
        "loss_weights": getattr(loss, "_user_loss_weights", None),
        "metrics": getattr(metrics, "_user_metrics", None),
        "weighted_metrics": getattr(metrics, "_user_weighted_metrics", None),
    }


def _is_of_keras(model: keras.Model, layers: Sequence[Any]) -> bool:
    """Whether a model consists of Keras's own code, as far as a quick check can tell."""
    compiled = compiled_with(model)
    del compiled["loss_weights"]
    parts = [*layers, *keras.tree.flatten(list(compiled.values()))]
    held = [v for part in parts for v in getattr(part, "__dict__", {}).values()]
    return all(is_of_keras(part) for part in (*parts, *filter(callable, held)))


def _holders(model: keras.Model) -> Iterator[Any]:
    for layer in model._flatten_layers():
        yield layer
        yield getattr(layer, "activity_regularizer", None)
    for variable in model.trainable_variables:
        yield variable.regularizer
