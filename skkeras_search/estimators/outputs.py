"""The outputs of a model: their shapes, their losses, and the meaning of their values."""

from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

import keras
import numpy as np
from scipy.special import expit, softmax

from skkeras_search.estimators.inputs import dense, take_rows
from skkeras_search.estimators.scikeras_base import loss_name

# Activations whose values are probabilities.
PROBABILITIES = ("softmax", "sigmoid", "hard_sigmoid")
# Losses of scores: the sign of a score, or the greatest score, decides the class.
SCORE_LOSSES = ("hinge", "squared_hinge", "categorical_hinge")
# Losses for which the values estimate the target itself, 0 or 1.
ESTIMATE_LOSSES = (
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
)


class Scale(Enum):
    """The meaning of the values of an output, if the targets are classes."""

    PROBABILITIES = "probabilities"
    LOGITS = "logits"
    ESTIMATES = "estimates of 0 and 1"


@dataclass(frozen=True)
class Output:
    """One output of a model.

    Attributes
    ----------
    name : str
        Name of the output: the key of its loss in ``compile``.
    shape : tuple of int or None
        Shape without the batch dimension.
    activation : str or None
        Name of the last activation; "linear" for no activation, None if unknown.
    loss : str or None
        Name of the loss in snake case; None if the output has no loss.
    builtin_loss : bool
        Whether the loss is one of Keras's own.
    from_logits : bool
        The ``from_logits`` of the loss.
    probable : bool
        Whether the values predicted for some rows could be probabilities.
    """

    name: str
    shape: tuple[int | None, ...]
    activation: str | None
    loss: str | None
    builtin_loss: bool
    from_logits: bool
    probable: bool = False

    @property
    def width(self) -> int | None:
        """Number of values per sample; None for sequences and images."""
        return self.shape[0] if len(self.shape) == 1 else None

    @property
    def scale(self) -> Scale:
        """The scale of the values.

        It is inferred from the last activation and the loss, or from predicted values if
        these are not sufficient.
        """
        if self.activation in PROBABILITIES:
            return Scale.PROBABILITIES
        if self.from_logits or self.loss in SCORE_LOSSES:
            return Scale.LOGITS
        if self.loss in ESTIMATE_LOSSES:
            return Scale.ESTIMATES
        if self.activation is None and self.probable:
            return Scale.PROBABILITIES
        return Scale.LOGITS

    @property
    def sparse_loss(self) -> bool:
        """Whether the loss needs class indices."""
        loss = str(self.loss)
        return loss.startswith("sparse_") or loss == "categorical_generalized_cross_entropy"


def outputs_of(model: keras.Model, X: Any, loss: Any) -> list[Output]:
    """Describe the outputs of a model.

    Parameters
    ----------
    model : keras.Model
        The model. It is built if necessary.
    X : array, or dict or tuple of arrays
        Training data, as the inputs of the model.
    loss : str, callable or Loss, or list or dict of them, or None
        The loss, in any form that ``Model.compile`` accepts.

    Returns
    -------
    outputs : list of Output
        In the order of the outputs of the model.
    """
    build(model, X)
    tensors = getattr(model, "outputs", None)
    activations = [_activation(tensor) for tensor in tensors or ()]
    probable = [False] * len(activations)
    if not tensors or None in activations:  # predict some rows to find out
        some = dense(take_rows(X, slice(0, 64)))
        values = keras.tree.flatten(model(some, training=False))
        values = [keras.ops.convert_to_numpy(value) for value in values]
        probable = [_probable(value) for value in values]
    if tensors:
        layers = [tensor._keras_history[0].name for tensor in tensors]
        names = list(getattr(model, "output_names", ())) or layers
        shapes = [tuple(tensor.shape[1:]) for tensor in tensors]
    else:
        names = [f"output_{i}" for i in range(len(values))]
        shapes = [value.shape[1:] for value in values]
        activations = [None] * len(values)
    losses = _losses(loss, names)
    return [
        Output(name, shape, activation, *_describe_loss(loss), could_be)
        for name, shape, activation, loss, could_be in zip(
            names, shapes, activations, losses, probable, strict=True
        )
    ]


def build(model: keras.Model, X: Any) -> None:
    """Create the weights of a model that does not know the shape of its inputs yet."""
    if model.built:
        return
    if isinstance(model, keras.Sequential) and X.dtype != "string":
        model.build((None, *X.shape[1:]))
    else:
        model(dense(take_rows(X, slice(0, 1))), training=False)


def to_probabilities(values: np.ndarray, output: Output, exclusive: bool) -> np.ndarray:
    """Convert the values of an output to probabilities.

    Parameters
    ----------
    values : ndarray of shape (n_samples, width)
        Predicted values.
    output : Output
        The output that predicted them.
    exclusive : bool
        Whether a sample has exactly one of the classes, so that rows sum to one.

    Returns
    -------
    probabilities : ndarray of shape (n_samples, width)
    """
    among = exclusive and values.ndim > 1 and values.shape[-1] > 1
    if output.scale is Scale.LOGITS:
        return softmax(values, axis=-1) if among else expit(values)
    probabilities = np.clip(values, 0, 1)
    if among and output.activation != "softmax":
        total = probabilities.sum(axis=-1, keepdims=True)
        equal = np.full_like(probabilities, 1 / values.shape[-1])
        return np.divide(probabilities, total, out=equal, where=total > 0)
    return probabilities


def _probable(values: np.ndarray) -> bool:
    inside = bool(((values >= 0) & (values <= 1)).all())
    if inside and values.ndim > 1 and values.shape[-1] > 1:
        return np.allclose(values.sum(axis=-1), 1, atol=1e-3)
    return inside


def _activation(tensor: Any) -> str | None:
    """Name of the activation that made a tensor; layers that only reshape are skipped."""
    layer, node_index, tensor_index = tensor._keras_history
    if hasattr(layer, "outputs") and layer.outputs:  # a model inside the model
        return _activation(layer.outputs[tensor_index])
    if isinstance(layer, keras.layers.Wrapper):
        layer = layer.layer
    if isinstance(layer, (keras.layers.Reshape, keras.layers.Flatten)):
        return _activation(layer._inbound_nodes[node_index].input_tensors[0])
    if hasattr(layer, "activation") and not isinstance(layer, keras.layers.RNN):
        name = str(getattr(layer.activation, "__name__", None))
        # A user's function may have the name of one of Keras's.
        return name if layer.activation is getattr(keras.activations, name, None) else None
    if type(layer).__name__ in ("Softmax", "Sigmoid"):  # of a layer or an operation
        return type(layer).__name__.lower()
    return None


def _losses(loss: Any, names: list[str]) -> list[Any]:
    """The losses, in the order of the outputs."""
    if isinstance(loss, dict):
        return [loss.get(name) for name in names]
    if isinstance(loss, (list, tuple)):
        if len(loss) != len(names):
            raise ValueError(
                f"loss is a list of {len(loss)} losses, but the model has {len(names)} "
                "outputs."
            )
        return list(loss)
    return [loss] * len(names)


def _describe_loss(loss: Any) -> tuple[str | None, bool, bool]:
    """The name of a loss, whether it is Keras's own, and its ``from_logits``."""
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
