"""Training, evaluation and prediction of one batch, as pure functions of a state."""

import copy
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from skkeras_search.fusion.constants import Constants, models_held
from skkeras_search.fusion.metric_names import metrics_named_anew
from skkeras_search.fusion.optimizer import FlatOptimizer, apply_gradients, is_elementwise
from skkeras_search.fusion.stateless import scope_with
from skkeras_search.fusion.widths import shapes_for_any_width, sizes_from_tensors

# Maximum number of weights for which all trainable variables are updated as one long
# variable. For more weights, concatenating takes longer than the saved operations.
MOST_FLAT = 2**20


# Rows of ``x``, ``y`` and, if there are any, the sample weights.
Batch = tuple[Any, ...]
# Values of a model's ``metrics_variables``.
Metrics = list[Any]


class State(NamedTuple):
    """The values of all variables of a model, as tensors.

    Attributes
    ----------
    trainable, non_trainable, optimizer : list of tensor
        Values in the order of the model's ``trainable_variables``,
        ``non_trainable_variables`` and ``optimizer.variables``.
    constants : list of tensor
        Values of its ``Constants``.
    """

    trainable: list[Any]
    non_trainable: list[Any]
    optimizer: list[Any]
    constants: list[Any]


class Variables:
    """The variables of a model, to read and write its state.

    The lists of trainable and other variables, and the constants, are those at the time of
    construction. A compiled step does not notice later changes of layers either.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    """

    def __init__(self, model: keras.Model):
        self.trainable = list(model.trainable_variables)
        self.non_trainable = list(model.non_trainable_variables)
        self._optimizer = model.optimizer
        self._constants = Constants(model).values()

    def read(self) -> State:
        """Return the current state of the model."""
        groups = (self.trainable, self.non_trainable, self._optimizer.variables)
        trainable, non_trainable, optimizer = (
            [tf.convert_to_tensor(variable) for variable in group] for group in groups
        )
        return State(trainable, non_trainable, optimizer, self._constants)

    def write(self, state: State) -> None:
        """Write a state into the model."""
        if not self._optimizer.built:
            self._optimizer.build(self.trainable)
        groups = (self.trainable, self.non_trainable, self._optimizer.variables)
        for variables, values in zip(groups, state[:3], strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)


def read_state(model: keras.Model) -> State:
    """Return the current state of a model."""
    return Variables(model).read()


def write_state(model: keras.Model, state: State) -> None:
    """Write a state into a model."""
    Variables(model).write(state)


def build_metrics(model: keras.Model, batch: Batch, n_variables: int) -> None:
    """Make the metrics of a compiled model, which Keras makes when a fit begins.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    batch : tuple
        Some rows of data, as an example of their form.
    n_variables : int
        Number of variables that the metrics have afterwards.
    """
    metrics = model._compile_metrics
    outputs = getattr(getattr(model, "_functional", model), "_outputs_struct", None)
    if metrics is not None and outputs is not None and not metrics.built:
        with models_held, metrics_named_anew():
            metrics.build(batch[1], outputs)
    if len(model.metrics_variables) != n_variables:
        # There are metrics of several losses, or metrics that are made on first use.
        if metrics is not None:
            metrics.built = False
        build_all(model, batch)  # takes ten times as long


def build_all(model: keras.Model, batch: Batch) -> None:
    """Make the metrics, the loss and the optimizer of a compiled model."""
    with models_held, metrics_named_anew():
        model._symbolic_build(data_batch=batch)


def output_names(model: keras.Model) -> list[str]:
    """Return the names of the outputs; an empty list if they are not known."""
    return list(getattr(model, "output_names", None) or ())


class Step:
    """Train, evaluate and predict batches.

    Parameters
    ----------
    model : keras.Model
        Built and compiled. Only its architecture is used, and its weights never change.
    batch : tuple
        Some rows of data, as an example of their form.
    any_width : bool
        Whether states of models with other widths can be trained, too.
    """

    def __init__(self, model: keras.Model, batch: Batch, any_width: bool = False):
        build_all(model, batch)
        self.model = model
        self._trainable = list(model.trainable_variables)
        self._non_trainable = list(model.non_trainable_variables)
        self._constants = Constants(model)
        self._metrics = list(model.metrics_variables)
        self._flat: FlatOptimizer | None = None
        n_numbers = sum(v.value.shape.num_elements() for v in self._trainable)
        if n_numbers <= MOST_FLAT and is_elementwise(model.optimizer):
            self._flat = FlatOptimizer(model.optimizer)
        self.any_width = any_width
        self._shapes = shapes_for_any_width(model) if any_width else {}

    def specs(self, state: State) -> State:
        """Return the static shapes and dtypes of a state, for tracing."""
        if not self.any_width:
            return State(*([_spec(tensor) for tensor in group] for group in state))
        return State(
            trainable=self._open(self._trainable, state.trainable),
            non_trainable=self._open(self._non_trainable, state.non_trainable),
            optimizer=[
                tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype)
                for tensor in state.optimizer
            ],
            constants=[_spec(tensor) for tensor in state.constants],
        )

    def _open(self, variables: list[Any], tensors: list[Any]) -> list[Any]:
        # Variables that are not weights of a layer, such as seeds, have a fixed size.
        return [
            tf.TensorSpec(self._shapes.get(id(variable), tensor.shape), tensor.dtype)
            for variable, tensor in zip(variables, tensors, strict=True)
        ]

    def sized_like(self, state: State) -> "Step":
        """Return the same step for the widths of a state, which must not be entered."""
        sized = copy.copy(self)
        sized._flat = self._flat and self._flat.sized_like(state.trainable)
        return sized

    def enter(self, state: State) -> State:
        """Convert a state to the form that ``train`` uses."""
        if self._flat is None:
            return state
        return state._replace(
            trainable=[self._flat.flatten(state.trainable)],
            optimizer=self._flat.flatten_state(state.optimizer),
        )

    def leave(self, state: State) -> State:
        """Convert an entered state back."""
        if self._flat is None:
            return state
        return state._replace(
            trainable=self._flat.split(state.trainable[0]),
            optimizer=self._flat.split_state(state.optimizer),
        )

    def unflatten(self) -> None:
        """Let the optimizer update each variable separately from now on."""
        self._flat = None

    def train(self, state: State, metrics: Metrics, batch: Batch) -> tuple[State, Metrics]:
        """Train on one batch; return the new state, which is entered, and the metrics."""
        flat = self._flat
        weights = flat.split(state.trainable[0]) if flat else state.trainable
        with tf.GradientTape() as tape:
            tape.watch(weights)
            before = state._replace(trainable=weights)
            loss, after, metrics = self._forward(before, metrics, batch, training=True)
            loss = self.model.optimizer.scale_loss(loss)
        gradients = tape.gradient(loss, weights)
        if flat is None:
            weights, optimizer = apply_gradients(
                self.model.optimizer, gradients, weights, state.optimizer
            )
        else:
            if not all(isinstance(gradient, tf.Tensor) for gradient in gradients):
                raise NotFlatError
            long, optimizer = flat.apply(gradients, state.trainable[0], state.optimizer)
            weights = [long]
        return after._replace(trainable=weights, optimizer=optimizer), metrics

    def forward(
        self, state: State, metrics: Metrics, batch: Batch, training: bool
    ) -> tuple[State, Metrics]:
        """Compute metrics for one batch; return the state that layers update, and them."""
        return self._forward(state, metrics, batch, training)[1:]

    def predict(self, state: State, x: Any) -> tuple[Any, dict[int, Any]]:
        """Predict one batch.

        Returns
        -------
        outputs : tensor, or list or dict of tensors
            The outputs of the model.
        assigned : dict of int to tensor
            The elements of ``state.non_trainable`` that layers have changed, by position.
            Layers that draw random numbers change the states of their generators.
        """
        with self._scope(state, []) as scope, self._as_data(state):
            outputs = self._call(x, training=False)
        now = [scope.get_current_value(variable) for variable in self._non_trainable]
        before = enumerate(state.non_trainable)
        return outputs, {i: now[i] for i, value in before if now[i] is not value}

    def fresh_metrics(self) -> Metrics:
        """Return the values of the metrics at the beginning of an epoch."""
        with keras.StatelessScope() as scope:
            self.model.reset_metrics()
        metrics = [scope.get_current_value(variable) for variable in self._metrics]
        if any(value is None for value in metrics):
            raise NotFusibleError("a metric is not reset between epochs")
        return metrics

    def results(self, metrics: Metrics) -> list[Any]:
        """Return the results of the metrics, in the order of ``names``."""
        with self._metrics_scope(metrics):
            return list(self.model.get_metrics_result().values())

    @property
    def names(self) -> list[str]:
        """Names of the metrics."""
        return list(self.model.get_metrics_result())

    def loss(self, metrics: Metrics) -> Any:
        """Return the mean loss of the batches since the metrics were reset."""
        with self._metrics_scope(metrics):
            return self.model._loss_tracker.result()

    def _forward(
        self, state: State, metrics: Metrics, batch: Batch, training: bool
    ) -> tuple[Any, State, Metrics]:
        x, y, sample_weight = (*batch, None)[:3]
        model = self.model
        with self._scope(state, metrics) as scope, self._as_data(state):
            predicted = self._call(x, training=training)
            loss = model._compute_loss(
                x=x, y=y, y_pred=predicted, sample_weight=sample_weight, training=training
            )
            n_rows = tf.shape(keras.tree.flatten(x)[0])[0]
            model._loss_tracker.update_state(loss, sample_weight=n_rows)
            model.compute_metrics(x, y, predicted, sample_weight=sample_weight)
        now = scope.get_current_value
        if any(
            now(v) is not w for v, w in zip(self._trainable, state.trainable, strict=True)
        ):
            raise NotFusibleError("a layer assigns to a trainable variable")
        non_trainable = [
            _shaped(now(variable), value.shape)
            for variable, value in zip(
                self._non_trainable, state.non_trainable, strict=True
            )
        ]
        metrics = [now(variable) for variable in self._metrics]
        return loss, state._replace(non_trainable=non_trainable), metrics

    def _call(self, x: Any, training: bool) -> Any:
        arguments = {"training": training} if self.model._call_has_training_arg else {}
        outputs = self.model(x, **arguments)
        if self.any_width:  # losses and metrics read the widths of outputs
            pairs = zip(keras.tree.flatten(outputs), self.model.outputs, strict=True)
            for output, like in pairs:
                output.set_shape((None, *like.shape[1:]))
        return outputs

    def _as_data(self, state: State) -> AbstractContextManager[None]:
        """In a block, replace constants, and sizes of layers, by tensors of the state."""
        sizes = sizes_from_tensors(self.model) if self.any_width else ()
        return self._constants.set_to(state.constants, sizes)

    def _scope(self, state: State, metrics: Metrics) -> keras.StatelessScope:
        values = [
            *zip(self._trainable, state.trainable, strict=True),
            *zip(self._non_trainable, state.non_trainable, strict=True),
            *(zip(self._metrics, metrics, strict=True) if metrics else ()),
        ]
        return scope_with(values, collect_losses=True)

    def _metrics_scope(self, metrics: Metrics) -> keras.StatelessScope:
        return scope_with(zip(self._metrics, metrics, strict=True))


def _spec(tensor: Any) -> tf.TensorSpec:
    return tf.TensorSpec(tensor.shape, tensor.dtype)


def _shaped(tensor: Any, shape: Any) -> Any:
    """A tensor with the static shape of another one."""
    tensor.set_shape(shape)
    return tensor


class NotFlatError(Exception):
    """Raised if a gradient is missing or sparse; call ``unflatten`` and try again."""


class NotFusibleError(Exception):
    """Raised if a fused program cannot train a model; the message is the reason."""
