"""The update of a Keras optimizer as a pure function of its state."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from keras.src.backend.tensorflow.optimizer import TFOptimizer
from keras.src.optimizers.base_optimizer import BaseOptimizer

from skkeras_search.fusion.stateless import scope_with

# Optimizers that update each element of a variable independently of all others.
ELEMENTWISE = (
    keras.optimizers.SGD,
    keras.optimizers.RMSprop,
    keras.optimizers.Adam,
    keras.optimizers.AdamW,
    keras.optimizers.Nadam,
    keras.optimizers.Adamax,
    keras.optimizers.Adagrad,
    keras.optimizers.Adadelta,
    keras.optimizers.Ftrl,
    keras.optimizers.Lion,
)


def apply_gradients(
    optimizer: keras.Optimizer,
    gradients: Sequence[Any],
    weights: Sequence[Any],
    state: Sequence[Any],
) -> tuple[list[Any], list[Any]]:
    """Update weights as ``optimizer`` would, without changing it.

    Parameters
    ----------
    optimizer : keras.Optimizer
        A built optimizer.
    gradients : sequence of tensor, tf.IndexedSlices or None
        Gradients of the trainable variables.
    weights : sequence of tensor
        Values of the trainable variables, in the order of ``gradients``.
    state : sequence of tensor
        Values of ``optimizer.variables``.

    Returns
    -------
    weights, state : list of tensor
        The updated values.
    """
    pure = _pure(optimizer)
    variables = [*pure._trainable_variables, *pure.variables]
    with scope_with(zip(variables, [*weights, *state], strict=True)) as scope:
        BaseOptimizer.apply(pure, gradients)
    values = [scope.get_current_value(variable) for variable in variables]
    return values[: len(weights)], values[len(weights) :]


# Methods that this package replaces (``tensorflow_memory.py``).
OURS = {"_all_reduce_sum_gradients"}
# Optimizers whose updates need whole variables. Tests compare all these optimizers and
# those above with Keras.
OTHERS = (keras.optimizers.Lamb, keras.optimizers.Adafactor, keras.optimizers.Muon)


def is_known(optimizer: keras.Optimizer) -> bool:
    """Whether ``apply_gradients`` is known to compute the updates of the optimizer."""
    schedule = optimizer._learning_rate
    if getattr(optimizer, "_exclude_from_weight_decay", None):
        return False  # it refers to the variables of this model only
    own = vars(optimizer).items()
    if any(callable(v) and hasattr(type(optimizer), n) for n, v in own if n not in OURS):
        return False  # a method was replaced
    return type(optimizer) in (*ELEMENTWISE, *OTHERS) and (
        isinstance(schedule, keras.Variable)
        or type(schedule).__module__.startswith("keras.")
    )


def decays(optimizer: keras.Optimizer, variables: Sequence[Any]) -> list[bool]:
    """For each variable, whether weight decay applies to it."""
    return [bool(optimizer._use_weight_decay(variable)) for variable in variables]


def choices(optimizer: keras.Optimizer, variables: Sequence[Any]) -> list[Any]:
    """The choices that an optimizer makes per variable, for example by its name."""
    by_adam = getattr(optimizer, "_should_use_adamw", lambda variable: False)  # of Muon
    return [*decays(optimizer, variables), *map(by_adam, variables)]


def is_elementwise(optimizer: keras.Optimizer) -> bool:
    """Whether all trainable variables can be updated as one long variable."""
    variables = optimizer._trainable_variables
    return (
        type(optimizer) in ELEMENTWISE
        and optimizer.clipnorm is None
        and all(decays(optimizer, variables))
        and all(variable.constraint is None for variable in variables)
        and len({variable.dtype for variable in variables}) == 1
    )


def resized_state(
    optimizer: keras.Optimizer, state: Sequence[Any], weights: Sequence[Any]
) -> list[Any]:
    """Return the state of a new optimizer for weights of other sizes.

    Parameters
    ----------
    optimizer : keras.Optimizer
        A built optimizer.
    state : sequence of tensor
        The initial values of ``optimizer.variables``.
    weights : sequence of tensor
        Values of the trainable variables, with the new sizes.

    Returns
    -------
    resized : list of tensor
        The initial values for these weights.
    """
    index = {id(variable): i for i, variable in enumerate(optimizer.variables)}
    resized = list(state)
    for kind in _kinds(optimizer):
        for variable, weight in zip(kind, weights, strict=False):
            place = index[id(variable)]
            if state[place].shape.rank and state[place].shape != weight.shape:
                # All elements of a new variable are equal.
                resized[place] = tf.fill(weight.shape, tf.reshape(state[place], [-1])[0])
    return resized


class FlatOptimizer:
    """An elementwise optimizer of one long variable: all trainable variables, concatenated.

    A small model has few weights in many variables, and each operation takes longer than
    its arithmetic. One long variable needs a fraction of the operations.

    Parameters
    ----------
    optimizer : keras.Optimizer
        A built optimizer, for which ``is_elementwise`` is True.
    """

    def __init__(self, optimizer: keras.Optimizer):
        variables = optimizer._trainable_variables
        self._shapes: list[Any] = [tuple(v.shape) for v in variables]
        self._known: list[Any] = self._shapes
        self._sizes: list[Any] = [int(np.prod(shape)) for shape in self._shapes]
        dtype = variables[0].dtype
        flat = keras.Variable(np.zeros(sum(self._sizes)), dtype=dtype, trainable=True)
        self._optimizer = type(optimizer).from_config(optimizer.get_config())
        self._optimizer.build([flat])
        self._places = _places(self._optimizer, optimizer)
        self._is_long = [
            tuple(v.shape) == tuple(flat.shape) for v in self._optimizer.variables
        ]

    def sized_like(self, tensors: Sequence[Any]) -> "FlatOptimizer":
        """Return the same optimizer for the sizes of other values of the variables."""
        if all(tensor.shape.is_fully_defined() for tensor in tensors):
            return self
        sized = copy.copy(self)
        sized._known = [tensor.shape for tensor in tensors]
        sized._shapes = [tf.shape(tensor) for tensor in tensors]
        sized._sizes = [tf.size(tensor) for tensor in tensors]
        return sized

    def flatten(self, tensors: Sequence[Any]) -> Any:
        """Concatenate one tensor for each trainable variable."""
        return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)

    def split(self, flat: Any) -> list[Any]:
        """Split a long tensor into one tensor for each trainable variable."""
        parts = tf.split(flat, self._sizes, num=len(self._sizes))
        tensors = [tf.reshape(p, s) for p, s in zip(parts, self._shapes, strict=True)]
        for tensor, known in zip(tensors, self._known, strict=True):
            tensor.set_shape(known)
        return tensors

    def flatten_state(self, state: Sequence[Any]) -> list[Any]:
        """Concatenate the values of the optimizer's variables, kind by kind."""
        parts = [[state[index] for index in place] for place in self._places]
        return [
            self.flatten(part) if is_long else part[0]
            for part, is_long in zip(parts, self._is_long, strict=True)
        ]

    def split_state(self, flat_state: Sequence[Any]) -> list[Any]:
        """Split the result of ``flatten_state`` into the optimizer's variables."""
        state: dict[int, Any] = {}
        for flat, place, is_long in zip(
            flat_state, self._places, self._is_long, strict=True
        ):
            parts = self.split(flat) if is_long else [flat]
            state.update(zip(place, parts, strict=True))
        return [state[index] for index in range(len(state))]

    def apply(self, gradients: Sequence[Any], flat: Any, state: Any) -> tuple[Any, Any]:
        """Update the long variable and the flat state by dense gradients."""
        gradient = self.flatten(gradients)
        (flat,), state = apply_gradients(self._optimizer, [gradient], [flat], state)
        return flat, state


class _Pure(type):
    """The class of an optimizer without its base class for ``tf.distribute``.

    That base class assigns to a ``tf.Variable``. The optimizers of other backends assign to
    Keras variables, whose values a stateless scope replaces.
    """

    def mro(cls) -> list[type]:
        return [base for base in super().mro() if base is not TFOptimizer]


class _Updates:
    """Methods of an optimizer that do not work in a stateless scope as they are."""

    # The gradient of an embedding has one row for each lookup. Keras computes with these
    # rows as they are, so the sums differ from those of a dense gradient.
    def assign(self, variable: keras.Variable, value: Any) -> None:
        if isinstance(value, tf.IndexedSlices):
            rows = value.indices[:, tf.newaxis]
            value = tf.tensor_scatter_nd_update(variable.value, rows, value.values)
        variable.assign(tf.cast(value, variable.dtype))

    def assign_add(self, variable: keras.Variable, value: Any) -> None:
        variable.assign(variable.value + tf.cast(_dense(value), variable.dtype))

    def assign_sub(self, variable: keras.Variable, value: Any) -> None:
        variable.assign(variable.value - tf.cast(_dense(value), variable.dtype))

    def _clip_by_norm(self: Any, values: Any, axes: Any = None) -> Any:
        return tf.clip_by_norm(values, self.clipnorm, axes)

    def _backend_apply_gradients(self: Any, grads: list[Any], variables: list[Any]) -> None:
        # Keras branches with `cond`, and a stateless scope loses the assignments in a
        # branch. Here, both branches are computed, and one result is selected.
        if steps := self.gradient_accumulation_steps:
            due = ops.equal((self._iterations + 1) % steps, 0)
            sums = [
                self._accumulated_gradients[self._get_variable_index(v)] for v in variables
            ]
            sums_now = [_dense(g) + total for g, total in zip(grads, sums, strict=True)]
            before = [(v, v.value) for v in (*variables, *self.variables)]
            self._clip_and_update([total / steps for total in sums_now], variables)
            for variable, value in before:
                variable.assign(ops.where(due, variable, value))
            for total, now in zip(sums, sums_now, strict=True):
                total.assign(ops.where(due, ops.zeros_like(now), now))
        else:
            self._clip_and_update(grads, variables)
        if self.use_ema:
            self._update_model_variables_moving_average(self._trainable_variables)
            if self.ema_overwrite_frequency:
                due = ops.equal((self.iterations + 1) % self.ema_overwrite_frequency, 0)
                averages = self._model_variables_moving_average
                for variable, mean in zip(self._trainable_variables, averages, strict=True):
                    variable.assign(ops.where(due, mean, variable))

    def _clip_and_update(self: Any, grads: list[Any], variables: list[Any]) -> None:
        grads = self._clip_gradients(grads)
        self._apply_weight_decay(variables)
        self._backend_update_step(grads, variables, self.learning_rate)


def _dense(gradient: Any) -> Any:
    return tf.convert_to_tensor(gradient)


def _pure(optimizer: keras.Optimizer) -> Any:
    """The same optimizer with the same variables, in the form of other backends."""
    cls: Any = _Pure(f"Pure{type(optimizer).__name__}", (_Updates, type(optimizer)), {})
    pure: Any = object.__new__(cls)
    pure.__dict__.update(vars(optimizer))
    indices = {id(v): i for i, v in enumerate(optimizer._trainable_variables)}
    pure.__dict__["_trainable_variables_indices"] = indices
    return pure


def _places(flat: keras.Optimizer, optimizer: keras.Optimizer) -> list[list[int]]:
    """For each variable of ``flat``, the positions of the variables that it replaces."""
    index = {id(variable): i for i, variable in enumerate(optimizer.variables)}
    places = {
        id(of_flat[0]): [index[id(variable)] for variable in of_many]
        for of_flat, of_many in zip(_kinds(flat), _kinds(optimizer), strict=True)
    }
    return [places[id(variable)] for variable in flat.variables]


def _kinds(optimizer: keras.Optimizer) -> Iterator[list[Any]]:
    """The variables of an optimizer, grouped by the attribute that contains them."""
    own = {id(variable) for variable in optimizer.variables}
    for name, value in sorted(vars(optimizer).items()):
        if name in ("_variables", "_trainable_variables"):
            continue
        held = list(value) if isinstance(value, (list, tuple)) else [value]
        if held and all(id(variable) in own for variable in held):
            yield held
