"""The TensorFlow program that trains, evaluates and predicts lanes.

A lane is one fit: a state, and rows of data in an order. The program contains neither, so
any number of lanes with the same architecture can use it, also at the same time.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras.src.layers.preprocessing.image_preprocessing import (  # not exported
    base_image_preprocessing_layer,
)
from tensorflow.python.framework import op_def_registry, ops  # not public

from skkeras_search.fusion.constants import models_held
from skkeras_search.fusion.optimizer import resized_state
from skkeras_search.fusion.step import (
    Batch,
    Metrics,
    NotFlatError,
    NotFusibleError,
    State,
    Step,
    output_names,
    read_state,
)
from skkeras_search.fusion.time_limit import wait_for

# Operations that TensorFlow regards as stateful, but that have no state for lanes to share.
HARMLESS = ("Assert", "Print", "PrintV2", "CudnnRNN", "CudnnRNNV2", "CudnnRNNV3")
CALLS = ("While", "If", "Case", "StatefulPartitionedCall")
Executor = Callable[[], AbstractContextManager[None]]


class Progress(NamedTuple):
    """The progress of an epoch.

    Attributes
    ----------
    state : State
        The current state of the model.
    metrics : list of tensor
        Values of the variables of the metrics.
    n_batches : int
        Number of batches that were trained.
    results : list of scalar or ndarray
        Values of the metrics, in the order of the program's ``names``.
    """

    state: State
    metrics: Metrics
    n_batches: int = 0
    results: Sequence[Any] = ()


class Function(NamedTuple):
    """A function that a program compiles.

    Attributes
    ----------
    name : {"epoch", "evaluation", "prediction"}
        What the function does.
    n_rows : int or None
        Number of rows of each batch, if the function is compiled for this number only.
    stops : bool
        Whether it stops after a batch if the mean loss is not finite.
    """

    name: str
    n_rows: int | None = None
    stops: bool = False

    def fix_rows(self, batch: Batch) -> None:
        """Set the static number of rows of a batch while the function is traced."""
        if self.n_rows is not None:
            for tensor in keras.tree.flatten(batch):
                tensor.set_shape([self.n_rows, *tensor.shape[1:]])


class Program:
    """Train, evaluate and predict for one architecture, compiled once per form of the data.

    Parameters
    ----------
    model : keras.Model
        Built and compiled, as an example of the architecture.
    batch : tuple
        Some rows of data, as an example of their form.
    is_current : callable, optional
        Returns whether a model still has the architecture of the program.
    is_foreign : bool, default=False
        Whether the model contains code that is not part of Keras.
    any_width : bool, default=False
        Whether to train models with layers of other widths, too. They must belong to the
        family of ``model``, for which ``widths.is_for_any_width`` must be True.

    Attributes
    ----------
    names : list of str
        Names of the metrics, in the order of their values.
    output_names : list of str
        Names of the outputs.
    fresh_metrics : list of tensor
        Values of the variables of the metrics at the beginning of an epoch.
    batches_a_call : int
        Number of batches to train in one call. Lanes adjust it to the time of a batch.
    n_bytes : int
        Memory that the program keeps, in bytes.
    any_width : bool
        The parameter ``any_width``.
    """

    def __init__(
        self,
        model: keras.Model,
        batch: Batch,
        is_current: Callable[[keras.Model], bool] = lambda model: True,
        is_foreign: bool = False,
        any_width: bool = False,
    ):
        self.is_current = is_current
        self.is_foreign = is_foreign
        self.any_width = any_width
        layers = model._flatten_layers()
        self.asks_for_rows = is_foreign or any(map(_asks_for_rows, layers))
        is_new = not model.optimizer.built
        self.step = Step(model, batch, any_width)
        self.batches_a_call = 8
        self.fresh_metrics = self.step.fresh_metrics()
        self.names = self.step.names
        self.output_names = output_names(model)
        state = read_state(model)
        self._new_optimizer = state.optimizer if is_new else None
        values = keras.tree.flatten(tuple(state))
        self.n_bytes = sum(
            value.dtype.size * value.shape.num_elements() for value in values
        )
        self._compiled: dict[Any, Callable[..., Any]] = {}
        self._started: set[Callable[..., Any]] = set()
        self._lock = threading.Lock()

    def initial_state(self, model: keras.Model) -> State:
        """Return the state of a model, with the state of a new optimizer if necessary."""
        with models_held:  # the lane of another fold may be building its optimizer
            return self._initial_state(model)

    def _initial_state(self, model: keras.Model) -> State:
        state = read_state(model)
        if model.optimizer.built:
            return state
        if self._new_optimizer is None:
            model.optimizer.build(model.trainable_variables)
            return read_state(model)
        # An optimizer that is not built has some variables already: the step, the rate.
        own = state.optimizer
        new = self._new_optimizer
        if self.any_width:
            new = resized_state(self.step.model.optimizer, new, state.trainable)
        return state._replace(optimizer=own + new[len(own) :])

    def prepare(
        self,
        state: State,
        data: Batch,
        sizes: tuple[int, int],
        validation: Batch | None,
        stop_on_nan: bool,
    ) -> None:
        """Compile all functions for a fit, so that nothing is trained if this fails.

        Parameters
        ----------
        state : State
            A state of the model.
        data : tuple of tensors, or dicts or tuples of them
            Training data.
        sizes : tuple of int
            Number of rows of a batch in training and in validation.
        validation : tuple of tensors, or dicts or tuples of them, or None
            Validation data.
        stop_on_nan : bool
            Whether to stop after a batch if the mean loss is not finite.

        Raises
        ------
        NotFusibleError
            If a function cannot be compiled.
        """
        one = tf.constant(1)
        rows_of = (data, tf.constant([0]))
        wait_for(self._lock)
        with self._lock:
            epoch = Function("epoch", self._fixed(data, sizes[0]), stop_on_nan)
            self._compiled_for(epoch, rows_of, one, one, one, state, self.fresh_metrics)
            if validation:
                evaluation = Function("evaluation", self._fixed(validation, sizes[1]))
                self._compiled_for(evaluation, validation, one, state)

    def train(
        self,
        progress: Progress,
        data: Batch,
        order: Any,
        batch_size: int,
        until: int,
        stop_on_nan: bool,
    ) -> Progress:
        """Train some batches of an epoch.

        Parameters
        ----------
        progress : Progress
            The progress from which to continue.
        data : tuple of tensors, or dicts or tuples of them
            All rows of ``x``, ``y`` and, if there are any, the sample weights.
        order : ndarray of int of shape (n_rows,)
            The order of the rows.
        batch_size : int
            Number of rows per batch.
        until : int
            Number of batches of the epoch after which to stop.
        stop_on_nan : bool
            Whether to stop after a batch if the mean loss is not finite.

        Returns
        -------
        progress : Progress
            The new progress.
        """
        function = Function("epoch", self._fixed(data, batch_size), stop_on_nan)
        numbers = [tf.constant(n) for n in (batch_size, progress.n_batches, until)]
        rows_of = (data, tf.constant(order, tf.int32))
        state, metrics, i, results = self._run(
            function, rows_of, *numbers, progress.state, progress.metrics
        )
        return Progress(State(*state), metrics, int(i), _arrays(results))

    def evaluate(self, state: State, data: Batch, batch_size: int) -> Progress:
        """Compute the metrics for data, in batches and in the order of the rows."""
        function = Function("evaluation", self._fixed(data, batch_size))
        size = tf.constant(batch_size)
        state, metrics, i, results = self._run(function, data, size, state)
        return Progress(State(*state), metrics, int(i), _arrays(results))

    def predict(self, state: State, x: Any) -> tuple[Any, dict[int, Any]]:
        """Predict all rows of ``x`` in one batch.

        Returns
        -------
        outputs : ndarray, or list or dict of ndarray
            The outputs of the model.
        assigned : dict of int to tensor
            The elements of ``state.non_trainable`` that have changed, by position.
        """
        outputs, assigned = self._run(Function("prediction"), x, state)
        return keras.tree.map_structure(lambda tensor: tensor.numpy(), outputs), assigned

    def _fixed(self, data: Batch, batch_size: int) -> int | None:
        """The number of rows of a batch, if code may read it while it is traced.

        None if batches differ in the number of rows, as in Keras, or if no code reads it.
        """
        n_rows = keras.tree.flatten(data)[0].shape[0]
        return batch_size if self.asks_for_rows and n_rows % batch_size == 0 else None

    def _epoch(
        self,
        function: "Function",
        rows_of: tuple[Batch, Any],
        size: Any,
        begin: Any,
        until: Any,
        state: State,
        metrics: Metrics,
    ) -> Any:
        step = self.step.sized_like(state)
        data, order = rows_of

        def goes_on(i: Any, state: State, metrics: Metrics) -> Any:
            if function.stops:
                return (i < until) & ((i == 0) | tf.math.is_finite(step.loss(metrics)))
            return i < until

        def body(i: Any, state: State, metrics: Metrics) -> Any:
            rows = order[i * size : (i + 1) * size]
            batch = keras.tree.map_structure(lambda tensor: tf.gather(tensor, rows), data)
            function.fix_rows(batch)
            return i + 1, *step.train(state, metrics, batch)

        start = (begin, step.enter(state), metrics)
        i, state, metrics = tf.while_loop(goes_on, body, start, parallel_iterations=1)
        return step.leave(state), metrics, i, step.results(metrics)

    def _evaluation(
        self, function: "Function", data: Batch, size: Any, state: State
    ) -> Any:
        step = self.step
        n_rows = tf.shape(keras.tree.flatten(data)[0])[0]

        def goes_on(i: Any, assigned: Any, metrics: Metrics) -> Any:
            return i * size < n_rows

        def body(i: Any, assigned: Any, metrics: Metrics) -> Any:
            rows = slice(i * size, (i + 1) * size)
            batch = keras.tree.map_structure(lambda tensor: tensor[rows], data)
            function.fix_rows(batch)
            now = state._replace(non_trainable=assigned)
            now, metrics = step.forward(now, metrics, batch, training=False)
            return i + 1, now.non_trainable, metrics

        start = (0, state.non_trainable, step.fresh_metrics())
        i, assigned, metrics = tf.while_loop(goes_on, body, start, parallel_iterations=1)
        after = state._replace(non_trainable=assigned)
        return after, metrics, i, step.results(metrics)

    def _prediction(self, function: "Function", x: Any, state: State) -> Any:
        return self.step.predict(state, x)

    def _run(self, function: "Function", data: Any, *arguments: Any) -> Any:
        """Call a function, compiled for the form of ``data`` and any number of rows."""
        tensors = keras.tree.flatten((data, *arguments))
        wait_for(self._lock)
        with self._lock:
            compiled = self._compiled_for(function, data, *arguments)
            if compiled not in self._started:
                # TensorFlow prepares a function in its first call. If other threads call
                # it in the meantime, each of them would prepare it again.
                result = compiled(*tensors)
                self._started.add(compiled)
                return result
        return compiled(*tensors)

    def _compiled_for(self, function: "Function", data: Any, *arguments: Any) -> Any:
        structure = (data, *arguments)
        tensors = keras.tree.flatten(structure)
        n_data = len(keras.tree.flatten(data))
        form = tuple((t.dtype.name, tuple(t.shape[1:])) for t in tensors[:n_data])
        key = (function, repr(keras.tree.map_structure(type, data)), form)
        if key not in self._compiled:
            specs = [tf.TensorSpec([None, *shape], dtype) for dtype, shape in form]
            specs += keras.tree.flatten([self._specs(argument) for argument in arguments])
            call = partial(getattr(self, f"_{function.name}"), function)
            self._compiled[key] = self._compile(call, structure, specs)
        return self._compiled[key]

    def _specs(self, argument: Any) -> Any:
        if isinstance(argument, State):
            return self.step.specs(argument)
        return keras.tree.map_structure(
            lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), argument
        )

    def _compile(self, *arguments: Any) -> Any:
        if not self.is_current(self.step.model):
            raise NotFusibleError("the model from which its program was made has changed")
        try:
            return _compile(*arguments)
        except NotFlatError:
            self.step.unflatten()
            return _compile(*arguments)


def _asks_for_rows(layer: keras.Layer) -> bool:
    """Whether one of Keras's layers may compute with the number of rows of a batch."""
    return isinstance(layer, base_image_preprocessing_layer.BaseImagePreprocessingLayer)


def _arrays(tensors: list[Any]) -> list[Any]:
    return [tensor.numpy() for tensor in tensors]


def _compile(
    function: Callable[..., Any], structure: Any, specs: list[tf.TensorSpec]
) -> Callable[..., Any]:
    def flat(*tensors: Any) -> Any:
        return function(*keras.tree.pack_sequence_as(structure, tensors))

    executor: Executor = _one_thread
    compiled, nodes = _trace(flat, specs, executor)
    if any(map(_needs_threads, nodes)):
        executor = nullcontext
        compiled, nodes = _trace(flat, specs, executor)
    for operation in {node.op for node in nodes}:
        if operation not in (*HARMLESS, *CALLS) and _is_stateful(operation):
            raise NotFusibleError(f"its operation {operation} is stateful")

    def run(*tensors: Any) -> Any:
        with executor():
            return compiled(*tensors)

    return run


def _trace(
    function: Callable[..., Any], specs: list[tf.TensorSpec], executor: Executor
) -> tuple[Any, list[Any]]:
    """Trace a function that an executor will run; return its operations, too."""
    try:
        with executor():
            traced = tf.function(function, autograph=False).get_concrete_function(*specs)
    except (NotFlatError, NotFusibleError):
        raise
    except Exception as error:  # if the user's code is wrong, Keras raises it again
        raise NotFusibleError(f"its program cannot be traced: {error}") from error
    nodes = list(_nodes(traced.graph.as_graph_def()))
    _forget_gradients(nodes)
    return traced, nodes


def _one_thread() -> AbstractContextManager[None]:
    """Start operations in one thread in a block; each operation can use all cores.

    Moving small operations between threads takes as long as the operations themselves. A
    program must also be traced in such a block, so that its loops can run in this way.
    """
    if tf.config.list_logical_devices("GPU"):
        return nullcontext()  # on a GPU, operations would wait for one another
    executor: AbstractContextManager[None]
    executor = tf.experimental.function_executor_type("SINGLE_THREADED_EXECUTOR")
    return executor


def _needs_threads(node: Any) -> bool:
    """Whether an operation belongs to a loop or branch that one thread cannot run.

    Such operations were traced elsewhere: a ``tf.function`` in a layer, for example, was
    traced when the layer was built.
    """
    attribute = "_lower_using_switch_merge"
    lowered = attribute in node.attr and node.attr[attribute].b
    return lowered or node.op in ("Switch", "Merge", "Enter", "Exit", "NextIteration")


def _nodes(graph: Any) -> Iterator[Any]:
    """The operations of a graph and of the functions that it calls."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _forget_gradients(nodes: list[Any]) -> None:
    """Remove gradient functions that were registered while a graph was traced.

    They are no longer needed, and would keep the graph in memory until the process ends.
    """
    for node in nodes:
        if "_gradient_op_type" in node.attr:
            name = node.attr["_gradient_op_type"].s.decode()
            ops.gradient_registry._registry.pop(name, None)


def _is_stateful(operation: str) -> bool:
    definition = op_def_registry.get(operation)  # None for a function of this graph
    return definition is not None and definition.is_stateful
