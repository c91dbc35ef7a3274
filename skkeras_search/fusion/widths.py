"""Find the models that one program can train for any width of their layers.

In such a program, TensorFlow knows the ranks of the weights, but not their sizes. The
program is traced from one model, whose own sizes must not become part of the program.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf
from keras.src.activations import ALL_OBJECTS as ACTIVATIONS  # not exported
from keras.src.models.functional import Functional  # not exported

from skkeras_search.fusion.optimizer import ELEMENTWISE

layers = keras.layers

# The attributes that are sizes, for layers whose `call` reads all sizes from its tensors.
# They apply to exactly these classes, not to subclasses.
SIZES: dict[type, tuple[str, ...]] = {
    keras.Sequential: (),
    Functional: ("_inputs", "_inputs_struct", "_outputs", "_outputs_struct"),
    layers.InputLayer: ("_batch_shape", "_input_tensor"),
    layers.Dense: ("units",),
    layers.EinsumDense: ("partial_output_shape",),
    layers.Embedding: ("output_dim",),
    layers.Conv1D: ("filters",),
    layers.Conv2D: ("filters",),
    layers.MaxPooling1D: (),
    layers.AveragePooling1D: (),
    layers.MaxPooling2D: (),
    layers.AveragePooling2D: (),
    layers.GlobalAveragePooling2D: (),
    layers.GlobalMaxPooling2D: (),
    layers.SimpleRNN: ("state_size",),
    layers.SimpleRNNCell: ("units", "state_size", "output_size"),
    layers.GRU: ("state_size",),
    layers.GRUCell: ("units", "state_size", "output_size"),
    layers.LSTM: ("state_size",),
    layers.LSTMCell: ("units", "state_size", "output_size"),
    layers.Bidirectional: (),
    layers.BatchNormalization: (),
    layers.LayerNormalization: (),
    layers.UnitNormalization: (),
    layers.RMSNormalization: (),
    layers.Dropout: (),
    layers.SpatialDropout1D: (),
    layers.GaussianNoise: (),
    layers.GaussianDropout: (),
    layers.AlphaDropout: (),
    layers.ActivityRegularization: (),
    layers.Activation: (),
    layers.ReLU: (),
    layers.LeakyReLU: (),
    layers.ELU: (),
    layers.PReLU: (),
    layers.Softmax: (),
    layers.Flatten: (),
    layers.GlobalAveragePooling1D: (),
    layers.GlobalMaxPooling1D: (),
    layers.Concatenate: (),
    layers.Add: (),
    layers.Subtract: (),
    layers.Multiply: (),
    layers.Average: (),
    layers.Maximum: (),
    layers.Minimum: (),
    layers.Identity: (),
}
# Attributes of any layer that Keras derives from sizes.
DERIVED = ("_input_spec", "_build_shapes_dict", "_inbound_nodes", "_outbound_nodes")


def _is_plain_convolution(layer: Any) -> bool:
    return bool(layer.groups == 1 and layer.data_format == "channels_last")


# Conditions under which a layer of these classes reads all sizes from its tensors.
CONDITIONS: dict[type, Callable[[Any], bool]] = {
    layers.BatchNormalization: lambda layer: (
        layer.axis == -1 and not layer.renorm and not layer.synchronized
    ),
    layers.Conv1D: _is_plain_convolution,
    layers.Conv2D: _is_plain_convolution,
    layers.GRUCell: lambda layer: layer.implementation == 2 and layer.reset_after,
    layers.LSTMCell: lambda layer: layer.implementation == 2,
    layers.EinsumDense: lambda layer: len(layer.kernel.shape) == 2,
    layers.LayerNormalization: lambda layer: (
        list(layer.axis) == [-1] and not layer.rms_scaling
    ),
    layers.RMSNormalization: lambda layer: layer.axis in (-1, [-1]),
}
# The number of leading dimensions of a variable that do not depend on a width and that the
# `call` of the layer needs to know.
KNOWN_SIZES = {
    (layers.Conv1D, "kernel"): 1,
    (layers.Conv2D, "kernel"): 2,
    (layers.GRUCell, "bias"): 1,
}
REGULARIZERS = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
HELD = ("activation", "recurrent_activation")
GATES = (keras.activations.glu,)  # halves a width, which must be known


def is_size(holder: Any, name: str) -> bool:
    """Whether an attribute of a layer is a size, or is derived from sizes.

    Parameters
    ----------
    holder : object
        An object, which need not be a layer.
    name : str
        Name of the attribute.

    Returns
    -------
    bool
        False if the object is not a layer that supports any width.
    """
    return type(holder) in SIZES and name in (*SIZES[type(holder)], *DERIVED)


def is_for_any_width(model: keras.Model) -> bool:
    """Whether one program can train a model and all models that differ only in widths.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.

    Returns
    -------
    bool
    """
    optimizer = model.optimizer
    return (
        type(optimizer) in ELEMENTWISE
        and all(_takes_any_width(layer) for layer in _operations(model))
        and all(
            variable.constraint is None
            and (variable.regularizer is None or type(variable.regularizer) in REGULARIZERS)
            for variable in model.weights
        )
    )


def slowdown(model: keras.Model) -> float:
    """Approximate relative slowdown of a batch in a program for any width."""
    # TensorFlow cannot distinguish vectors of unknown size from vectors to be broadcast.
    normalized = any(
        type(layer) is layers.BatchNormalization for layer in model._flatten_layers()
    )
    return 0.3 if normalized else 0.15


def shapes_for_any_width(model: keras.Model) -> dict[int, tuple[int | None, ...]]:
    """Return the shapes of a model's variables, with None for sizes that depend on widths.

    Parameters
    ----------
    model : keras.Model
        A built model.

    Returns
    -------
    shapes : dict of int to tuple
        The shapes, by the ``id`` of the variable.
    """
    shapes: dict[int, tuple[int | None, ...]] = {}
    for layer in model._flatten_layers():
        for variable in layer._trainable_variables + layer._non_trainable_variables:
            n_known = KNOWN_SIZES.get((type(layer), variable.name), 0)
            known = tuple(variable.shape)[:n_known]
            shapes[id(variable)] = (*known, *[None] * (len(variable.shape) - n_known))
    return shapes


def sizes_from_tensors(model: keras.Model) -> list[tuple[Any, str, Any]]:
    """Return attribute values that keep the sizes of layers out of a graph.

    Parameters
    ----------
    model : keras.Model
        A model whose variables are in a scope that replaces their values by tensors.

    Returns
    -------
    replaced : list of tuple
        Layers, attribute names, and the values for the time in which the graph is built.
    """
    return [
        (layer, name, value)
        for layer in model._flatten_layers()
        if type(layer) in REPLACED
        for name, value in REPLACED[type(layer)](layer).items()
    ]


def _of_layer_normalization(layer: Any) -> dict[str, Any]:
    # Keras would reshape by the size of the axis. It does not do this if the axis is given
    # by a positive number and is the last one.
    return {"axis": [len(layer._build_shapes_dict["input_shape"]) - 1]}


def _of_convolution(layer: Any) -> dict[str, Any]:
    # Keras compares the channels of the inputs with those of the kernel. A tensor, unlike
    # the variable, does not reveal its size.
    return {"filters": -1, "_kernel": tf.convert_to_tensor(layer._kernel)}


def _of_recurrent_cell(cell: Any) -> dict[str, Any]:
    units = tf.shape(cell.recurrent_kernel)[0]
    is_list = isinstance(cell.state_size, (list, tuple))
    return {"units": units, "state_size": [units] * 2 if is_list else units}


# The attribute values for the time in which a graph is built, by class.
REPLACED: dict[type, Callable[[Any], dict[str, Any]]] = {
    layers.LayerNormalization: _of_layer_normalization,
    layers.Conv1D: _of_convolution,
    layers.Conv2D: _of_convolution,
    layers.SimpleRNNCell: _of_recurrent_cell,
    layers.GRUCell: _of_recurrent_cell,
    layers.LSTMCell: _of_recurrent_cell,
}


def _operations(model: keras.Model) -> Iterator[Any]:
    """The layers of a model, and the other operations of its graph."""
    for layer in model._flatten_layers():
        yield layer
        yield from getattr(layer, "operations", ())


def _takes_any_width(layer: Any) -> bool:
    cls = type(layer)
    activations = (getattr(layer, name, None) for name in HELD)
    penalty = getattr(layer, "activity_regularizer", None)
    return (
        cls in SIZES
        and layer.compute_dtype == layer.variable_dtype
        and (cls not in CONDITIONS or CONDITIONS[cls](layer))
        and all(activation is None or _is_known(activation) for activation in activations)
        and (penalty is None or type(penalty) in REGULARIZERS)
        and getattr(layer, "quantization_mode", None) is None
        and not getattr(layer, "lora_enabled", False)
    )


def _is_known(activation: Any) -> bool:
    if isinstance(activation, keras.Layer):
        return _takes_any_width(activation)
    return activation not in GATES and any(activation is known for known in ACTIVATIONS)
