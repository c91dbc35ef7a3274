"""What the outputs of a model mean: their shapes, losses and probabilities."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from scipy.special import expit, softmax

from skkeras_search.estimators.inputs import take_rows
from skkeras_search.estimators.scikeras_base import loss_name

# Activations whose values are probabilities.
PROBABILITIES = ("softmax", "sigmoid", "hard_sigmoid")
# Losses for which outputs are estimates of the target itself, 0 or 1, and not
# scores to be squashed. Matched by the loss's class and by its function.
REGRESSION_LOSSES = (
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
)


@dataclass(frozen=True)
class Output:
    """One output of a model.

    Attributes
    ----------
    name : str
        The layer it comes from, as its loss is named in ``compile``.
    shape : tuple of int or None
        Without the batch dimension.
    activation : str or None
        Name of the last activation, "linear" for none, None if it cannot be known.
    loss : str or None
        The loss in snake case, None if this output has no loss.
    builtin_loss : bool
        Whether it is one of Keras's own losses.
    from_logits : bool
        As the loss was told.
    """

    name: str
    shape: tuple[int | None, ...]
    activation: str | None
    loss: str | None
    builtin_loss: bool
    from_logits: bool

    @property
    def width(self) -> int | None:
        """Number of values a sample, None for sequences and images."""
        return self.shape[0] if len(self.shape) == 1 else None

    @property
    def link(self) -> Callable[[np.ndarray], np.ndarray]:
        """The function that makes probabilities of this output's values."""
        if self.activation in PROBABILITIES:
            return _identity
        if self.from_logits:
            return _from_logits
        if self.loss in REGRESSION_LOSSES and self.activation is not None:
            return _clipped
        return _identity if self.activation is None else _from_logits

    @property
    def sparse_loss(self) -> bool:
        """Whether the loss takes class indices."""
        return bool(self.loss) and str(self.loss).startswith("sparse_")


def outputs_of(model: keras.Model, X: Any) -> list[Output]:
    """Describe the outputs of a compiled model.

    Parameters
    ----------
    model : keras.Model
        It is built if it is not yet.
    X : array, or dict or tuple of arrays
        Training data, as the model takes it.
    """
    build(model, X)
    tensors = getattr(model, "outputs", None)
    if tensors:
        names = list(getattr(model, "output_names", ())) or [t.name for t in tensors]
        shapes = [tuple(tensor.shape[1:]) for tensor in tensors]
        activations = [_activation(tensor) for tensor in tensors]
    else:  # a subclassed model: only a call tells
        values = keras.tree.flatten(model(take_rows(X, slice(0, 1)), training=False))
        names = [f"output_{i}" for i in range(len(values))]
        shapes = [tuple(value.shape[1:]) for value in values]
        activations = [None] * len(values)
    losses = _losses(model, names)
    return [
        Output(name, shape, activation, *_describe_loss(loss))
        for name, shape, activation, loss in zip(
            names, shapes, activations, losses, strict=True
        )
    ]


def build(model: keras.Model, X: Any) -> None:
    """Create the weights of a model that waits to see its input."""
    if model.built:
        return
    if isinstance(model, keras.Sequential) and X.dtype != "string":
        model.build((None, *X.shape[1:]))
    else:
        rows = take_rows(X, slice(0, 1))
        model(rows.toarray() if hasattr(rows, "toarray") else rows, training=False)


def to_probabilities(values: np.ndarray, output: Output, exclusive: bool) -> np.ndarray:
    """Make probabilities of an output's values.

    Parameters
    ----------
    values : ndarray of shape (n_samples, width)
    output : Output
    exclusive : bool
        Whether a sample has exactly one of the classes, so that rows sum to one.
    """
    if output.link is _from_logits:
        several = exclusive and values.ndim > 1 and values.shape[-1] > 1
        return softmax(values, axis=-1) if several else expit(values)
    probabilities = output.link(values)
    if exclusive and values.ndim > 1 and values.shape[-1] > 1:
        if output.activation != "softmax" and output.activation is not None:
            total = probabilities.sum(axis=-1, keepdims=True)
            equal = np.full_like(probabilities, 1 / values.shape[-1])
            return np.divide(probabilities, total, out=equal, where=total > 0)
    return probabilities


def _identity(values: np.ndarray) -> np.ndarray:
    return values


def _clipped(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 1)


def _from_logits(values: np.ndarray) -> np.ndarray:
    return expit(values)


def _activation(tensor: Any) -> str | None:
    """Name of the activation that made a tensor, through what only reshapes it."""
    layer, node_index, tensor_index = tensor._keras_history
    if hasattr(layer, "outputs") and layer.outputs:  # a model inside the model
        return _activation(layer.outputs[tensor_index])
    if isinstance(layer, keras.layers.Wrapper):
        layer = layer.layer
    if isinstance(layer, (keras.layers.Reshape, keras.layers.Flatten)):
        return _activation(layer._inbound_nodes[node_index].input_tensors[0])
    if hasattr(layer, "activation"):
        return str(getattr(layer.activation, "__name__", None) or "unknown")
    if type(layer).__name__ in ("Softmax", "Sigmoid"):  # a layer or an operation
        return type(layer).__name__.lower()
    return None


def _losses(model: keras.Model, names: list[str]) -> list[Any]:
    """The loss of each output, in their order."""
    loss = model.loss
    if isinstance(loss, dict):
        return [loss.get(name) for name in names]
    if isinstance(loss, (list, tuple)):
        return [*loss, *[None] * (len(names) - len(loss))]
    return [loss] * len(names)


def _describe_loss(loss: Any) -> tuple[str | None, bool, bool]:
    """Name, whether it is Keras's own, and ``from_logits``."""
    if loss is None:
        return None, False, False
    if isinstance(loss, partial):
        name, builtin, from_logits = _describe_loss(loss.func)
        return name, builtin, bool(loss.keywords.get("from_logits", from_logits))
    if isinstance(loss, keras.Loss):
        own = next(c for c in type(loss).__mro__ if c.__module__.startswith("keras."))
        from_logits = bool(getattr(loss, "_fn_kwargs", {}).get("from_logits", False))
        inner = getattr(loss, "fn", None)
        if own.__name__ == "LossFunctionWrapper" and inner is not None:
            name, builtin, _ = _describe_loss(inner)
            return name, builtin, from_logits
        if own is keras.Loss:
            return loss_name(loss), False, from_logits
        return _snake(own), True, from_logits
    try:
        name = loss_name(loss)
    except (TypeError, ValueError):
        name = type(loss).__name__
    function = keras.losses.get(loss) if isinstance(loss, str) else loss
    builtin = getattr(function, "__module__", "").startswith("keras.")
    return name, builtin, False


def _snake(cls: type) -> str:
    function = getattr(cls(), "fn", None)
    return str(getattr(function, "__name__", cls.__name__))
