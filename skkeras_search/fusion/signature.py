"""Describe models, so that models with equal descriptions can be trained by one program.

A model is read completely: its layers, and the objects with which it was compiled, each
with all its attributes, regardless of its config. Inputs of the program, and attributes of
Keras that do not affect the computation, are left out.
"""

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras.src.backend import config as keras_settings  # all settings of Keras
from keras.src.ops.node import Node
from keras.src.ops.symbolic_arguments import SymbolicArguments
from tensorflow.python.framework import config as tensorflow_settings

from skkeras_search.fusion.code import is_of_keras
from skkeras_search.fusion.constants import Constants, compiled_with, models_held
from skkeras_search.fusion.description import (
    EXACT,
    Description,
    UnreadableError,
    state_of,
)
from skkeras_search.fusion.optimizer import choices
from skkeras_search.fusion.step import NotFusibleError, output_names
from skkeras_search.fusion.widths import is_for_any_width, is_size

# Attributes in which Keras keeps names, and records of building, calling and saving. They
# do not affect the computation, unless a user's code reads them.
OF_KERAS_OBJECTS = {
    *("name", "_name", "_path", "_parent_path", "_tracker", "_tracked", "_lock"),
    *("_auto_config", "_inbound_nodes", "_outbound_nodes", "build", "quantize"),
    *("built", "_built", "_called", "_build_shapes_dict", "_build_input_shape"),
    *("_call_signature", "call_signature_parameters", "_saved_model_arg_spec"),
    *("_saved_model_inputs_spec", "_losses", "_loss_ids", "_losses_override", "_metrics"),
    *("_dropout_mask", "_recurrent_dropout_mask"),
}
OF_MODELS = {
    *("optimizer", "loss", "compiled", "_compile_config", "_compile_loss"),
    *("_compile_metrics", "_loss_tracker", "_compiled_trainable_state", "_nodes"),
    *("_operations_by_depth", "train_function", "test_function", "predict_function"),
    *("stop_training", "history", "_initial_epoch", "output_names", "input_names"),
}
OF_OPTIMIZERS = {
    *("_variables", "_trainable_variables", "_trainable_variables_indices"),
    *("_distribution_strategy", "_all_reduce_sum_gradients"),
    "_exclude_from_weight_decay_cache",
}
OF_VARIABLES = {"_name", "_path", "_value", "_shape", "_initializer"}
OF_ARGUMENTS = {"_flat_arguments", "keras_tensors", "_single_positional_tensor"}
LEFT_OUT: dict[type, set[str]] = {
    keras.Model: OF_KERAS_OBJECTS | OF_MODELS,
    keras.Operation: OF_KERAS_OBJECTS,
    keras.Loss: OF_KERAS_OBJECTS,
    # The names of metrics are kept, as they are keys of histories.
    keras.Metric: OF_KERAS_OBJECTS - {"name", "_name"} | {"init_shape"},
    keras.Optimizer: OF_KERAS_OBJECTS | OF_OPTIMIZERS,
    Node: set(),
    SymbolicArguments: OF_ARGUMENTS,
}


class Signature(NamedTuple):
    """The description of a model, which is equal for models of the same architecture.

    Attributes
    ----------
    tokens : tuple of hashable
        The description. It is equal for models that one program can train.
    is_foreign : bool
        Whether the model contains code that is not part of Keras.
    """

    tokens: tuple[Hashable, ...]
    is_foreign: bool


def signature(model: keras.Model) -> Signature:
    """Describe the architecture of a model.

    Weights, the learning rate and ``Constants`` are not part of the description, because
    they are inputs of the program. Names are not part of it either.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.

    Returns
    -------
    signature : Signature
        The description.

    Raises
    ------
    NotFusibleError
        If a part of the model cannot be read.
    """
    return _described(model, any_width=False)


def family(model: keras.Model) -> Signature | None:
    """Describe the architecture of a model without the widths of its layers.

    Parameters
    ----------
    model : keras.Model
        Built and compiled. ``signature`` must be able to describe it.

    Returns
    -------
    family : Signature or None
        The description. None if no program can train the model with any width.
    """
    if not is_for_any_width(model):
        return None
    described = _described(model, any_width=True)
    return None if described.is_foreign else described  # users' code may read sizes


def _described(model: keras.Model, any_width: bool) -> Signature:
    with models_held:
        constants = Constants(model)
        try:
            description = _Reading(model, constants, any_width).description()
        except Exception as error:  # also from a user's code that overrides attributes
            raise NotFusibleError(f"it cannot be compared with others: {error}") from error
    tokens = (*description.tokens, constants.pattern())
    return Signature(tokens, description.is_foreign)


class _Reading:
    """Describe the parts of one model."""

    def __init__(self, model: keras.Model, constants: Constants, any_width: bool):
        self._model = model
        self._constants = constants
        self._any_width = any_width
        own = (*model.trainable_variables, *model.non_trainable_variables)
        self._position = {id(variable): i for i, variable in enumerate(own)}
        self._of_metrics = {id(variable) for variable in _metrics_variables(model)}

    def description(self) -> Description:
        """Read the model again until its code uses no names that were not known before."""
        names: set[str] = set()
        while True:
            description = Description(self._read_special, names)
            self._read_model(description)
            if description.names == names:
                return description
            names = description.names

    def _read_model(self, description: Description) -> None:
        model, compiled = self._model, compiled_with(self._model)
        description.read(_settings())
        description.read_items([(type(model).__name__, model), *compiled.items()])
        registered = keras.saving.get_custom_objects()
        for thing in keras.tree.flatten(list(compiled.values())):
            if isinstance(thing, str):
                description.read(registered.get(thing))
            elif callable(thing):  # its name is a key of histories
                description.read(getattr(thing, "__name__", None))
        if any(isinstance(value, dict) for value in compiled.values()):
            description.read(output_names(model))
        if self._any_width:  # losses and metrics read the widths of outputs
            tensors = (*model.inputs, *model.outputs)
            description.read([tuple(tensor.shape) for tensor in tensors])
        variables = model.trainable_variables
        description.read_items([("optimizer", model.optimizer)])
        description.read(choices(model.optimizer, variables))

    def _read_special(self, description: Description, value: Any) -> bool:
        """Describe objects of Keras and TensorFlow; return whether it is one."""
        if isinstance(value, keras.Variable):
            self._read_variable(description, value)
        elif isinstance(value, keras.KerasTensor):
            description.add("symbol", value.dtype, value.sparse, value.ragged)
            description.read(self._seen_of(value.shape))
        elif isinstance(value, (tf.Variable, tf.DType)):
            description.read_itself(value)
        elif isinstance(value, tf.Tensor):
            _read_tensor(description, value)
        elif isinstance(value, keras.random.SeedGenerator) and is_of_keras(value):
            description.add("seed")
            description.read(value.state)
        elif isinstance(value, (list, tuple, dict, set)) and _is_wrapper(value):
            description.read(_unwrapped(value))
        else:
            left_out = _left_out(value)
            if left_out is None and not self._constants.has(value):
                return False
            self._read_object(description, value, left_out)
        return True

    def _read_variable(self, description: Description, variable: keras.Variable) -> None:
        position = self._position.get(id(variable))
        if position is None and id(variable) not in self._of_metrics:
            description.read_itself(variable)
            return
        description.add("variable", position)
        description.read(self._seen_of(variable.shape))
        self._read_object(description, variable, OF_VARIABLES)

    def _seen_of(self, shape: Any) -> Any:
        """The part of a shape that a program knows statically."""
        return len(shape) if self._any_width else tuple(shape)

    def _read_object(
        self, description: Description, value: Any, left_out: set[str] | None
    ) -> None:
        """Describe an object of one of Keras's classes, or of a subclass."""
        description.read(type(value))
        own = is_of_keras(type(value))
        items = []
        for name, part in state_of(value):
            if self._constants.has(value, name):
                continue
            if not description.asks_for(name):
                if name in (left_out or ()) or name.startswith("_self_"):
                    continue
                if isinstance(part, keras.initializers.Initializer):
                    continue  # the weights are already initialized
                if self._any_width and is_size(value, name) and not _is_symbolic(part):
                    continue
                if isinstance(value, keras.Optimizer) or (
                    own and isinstance(value, keras.Metric)
                ):
                    if _is_state(part):
                        continue
            items.append((name, part))
        description.read_items(items)


def _is_symbolic(part: Any) -> bool:
    return any(isinstance(item, keras.KerasTensor) for item in keras.tree.flatten(part))


def _left_out(value: Any) -> set[str] | None:
    for cls, names in LEFT_OUT.items():
        if isinstance(value, cls):
            return names
    return None


def _is_state(part: Any) -> bool:
    """Whether a part consists of variables, which Keras adds when it needs them."""
    if isinstance(part, (list, tuple)):
        return all(item is None or _is_state(item) for item in part)
    return isinstance(part, keras.Variable)


def _is_wrapper(value: Any) -> bool:
    return type(value).__module__.startswith(("keras.", "tensorflow."))


def _unwrapped(value: Any) -> Any:
    """The plain form of a list, dict or set that Keras or TensorFlow tracks."""
    kinds = (list, dict, set)
    return next((kind(value) for kind in kinds if isinstance(value, kind)), tuple(value))


def _read_tensor(description: Description, tensor: tf.Tensor) -> None:
    if not hasattr(tensor, "numpy") or tensor.dtype in (tf.resource, tf.variant):
        raise UnreadableError("is a symbolic tensor, or a tensor of a resource")
    description.add("tensor")
    description.read(tensor.numpy())


def _metrics_variables(model: keras.Model) -> Iterator[keras.Variable]:
    compiled = compiled_with(model)
    given = keras.tree.flatten([compiled["metrics"], compiled["weighted_metrics"]])
    for layer in model._flatten_layers():
        given += getattr(layer, "_metrics", ())
    for metric in given:
        if isinstance(metric, keras.Metric):
            yield from metric.variables


def _settings() -> list[Any]:
    """The global settings of Keras and TensorFlow."""
    kinds = (*EXACT, float)
    return [
        {name: v for name, v in vars(keras_settings).items() if type(v) in kinds},
        keras.config.dtype_policy().name,
        keras.config.is_flash_attention_enabled(),
        tensorflow_settings.is_op_determinism_enabled(),
    ]
