"""A lane: one fit, trained epoch by epoch as ``keras.Model.fit`` does it."""

import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras.src.callbacks.callback_list import CallbackList  # not exported
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
from keras.src.trainers.data_adapters.array_slicing import train_validation_split
from keras.src.utils.python_utils import pythonify_logs

from skkeras_search.fusion.cache import program_of
from skkeras_search.fusion.order import rows_in_order
from skkeras_search.fusion.program import Program
from skkeras_search.fusion.step import Batch, State, read_state, write_state


class Trained(NamedTuple):
    """What a lane has become.

    Attributes
    ----------
    history : dict of str to list
        As ``keras.callbacks.History`` has it.
    state : State
    program : Program
        That trained it.
    """

    history: dict[str, list[Any]]
    state: State
    program: Program


class Predictor:
    """Predict one batch by the program that trained a model.

    Parameters
    ----------
    program : Program
    source : State or weakref of keras.Model
        Where the weights are.
    """

    def __init__(self, program: Program, source: State | weakref.ref[keras.Model]):
        self._program = program
        self._source = source

    def __call__(self, x: Any) -> Any:
        """Outputs of the model for the rows of ``x``, as arrays."""
        source = self._source
        state = source if isinstance(source, State) else read_state(source())
        x = keras.tree.map_structure(lambda a: tf.convert_to_tensor(_as_keras(a)), x)
        return self._program.predict(state._replace(optimizer=[]), x)

    def is_of(self, model: keras.Model | None) -> bool:
        """Whether the weights are those of ``model``."""
        return isinstance(self._source, weakref.ref) and self._source() is model


class Lane:
    """One fit.

    Parameters
    ----------
    model : keras.Model
        Built and compiled. Its state is where training begins.
    x, y : array, or dict, list or tuple of arrays
    arguments : dict
        Those of ``keras.Model.fit``, of which ``obstacle`` found none in the way.
    seed : int or None
        Of the order of the rows.
    keeps_model : bool
        Whether the model must stay as it is, being that of other lanes, too.
    """

    def __init__(
        self,
        model: keras.Model,
        x: Any,
        y: Any,
        arguments: dict[str, Any],
        seed: int | None = None,
        keeps_model: bool = False,
    ):
        self._model = model
        self._arguments = arguments
        self._keeps_model = keeps_model
        data, self._validation = _split(x, y, arguments)
        self._data = _rows(data, arguments.get("class_weight"))
        self._n_rows = keras.tree.flatten(self._data)[0].shape[0]
        self._batch_size = arguments.get("batch_size") or 32
        self._order = rows_in_order(self._n_rows, arguments.get("shuffle", True), seed)
        self._callbacks = list(arguments.get("callbacks") or ())
        self._stops_on_nan = [
            c for c in self._callbacks if isinstance(c, keras.callbacks.TerminateOnNaN)
        ]

    @property
    def n_bytes(self) -> int:
        """Memory that the lane's data take."""
        arrays = keras.tree.flatten((self._data, self._validation))
        return sum(getattr(array, "nbytes", 0) for array in arrays)

    def train(self, goes_on: Callable[[], bool] = lambda: True) -> Trained:
        """Train.

        Parameters
        ----------
        goes_on : callable
            Asked before each epoch. Training ends when it says no.

        Returns
        -------
        Trained
            The model is left in its state, unless it is kept.

        Raises
        ------
        NotFusibleError
            Before anything was trained, if the model cannot be.
        """
        arguments = self._arguments
        first_rows = keras.tree.map_structure(lambda a: a[: self._batch_size], self._data)
        self._program = program_of(self._model, first_rows)
        self._names = _names(self._program, self._model)
        self._state = self._program.initial_state(self._model)
        data = _tensors(self._data)
        validation = self._validation and _tensors(_rows(self._validation))
        stops = bool(self._stops_on_nan)
        self._program.prepare(self._state, data, validation, stops)
        first, last = arguments.get("initial_epoch", 0), arguments.get("epochs", 1)
        if self._watched:
            write_state(self._model, self._state)
            if self._model._compile_metrics or len(_output_names(self._model)) > 1:
                # `EarlyStopping` looks there for whether more of a metric is better.
                self._model._symbolic_build(data_batch=first_rows)
        hooks = self._hooks(last)
        try:
            logs = self._train_epochs(range(first, last), data, validation, hooks, goes_on)
        finally:  # interrupted, the model has what was trained so far
            if not self._keeps_model:
                write_state(self._model, self._state)
        if not self._keeps_model:
            self._model.optimizer.finalize_variable_values(self._model.trainable_variables)
            self._state = read_state(self._model)
        self._call(hooks.on_train_end, logs)
        return Trained(hooks._history.history, self._state, self._program)

    def _train_epochs(
        self,
        epochs: range,
        data: Batch,
        validation: Batch | None,
        hooks: CallbackList,
        goes_on: Callable[[], bool],
    ) -> dict[str, Any]:
        logs: dict[str, Any] = {}
        self._call(hooks.on_train_begin)
        for epoch in epochs:
            if not goes_on():
                break
            self._call(hooks.on_epoch_begin, epoch)
            logs = self._train_epoch(data)
            if validation and self._model._should_eval(
                epoch, self._arguments.get("validation_freq", 1)
            ):
                logs.update(self._validate(validation, hooks))
            self._call(hooks.on_epoch_end, epoch, logs)
            if self._watched and self._model.stop_training:
                break
        return logs

    @property
    def _watched(self) -> bool:
        return bool(self._callbacks)

    def _hooks(self, epochs: int) -> CallbackList:
        verbose = self._arguments.get("verbose", "auto")
        # History and the progress bar write to the model, which others may have, too.
        model = SimpleNamespace() if self._keeps_model else self._model
        model.stop_training = False
        return CallbackList(
            list(self._callbacks),
            add_history=True,
            add_progbar=verbose != 0,
            model=model,
            verbose=verbose,
            epochs=epochs,
            steps=-(-self._n_rows // self._batch_size),
        )

    def _train_epoch(self, data: Batch) -> dict[str, Any]:
        self._state, results, n_batches = self._program.train_epoch(
            self._state,
            data,
            self._order(),
            min(self._batch_size, self._n_rows),
            bool(self._stops_on_nan),
        )
        logs = pythonify_logs(dict(zip(self._names, results, strict=True)))
        for callback in self._stops_on_nan:
            callback.on_batch_end(n_batches - 1, logs)
        if self._watched:
            write_state(self._model, self._state)
        return logs

    def _validate(self, data: Batch, hooks: CallbackList) -> dict[str, Any]:
        self._call(hooks.on_test_begin)
        size = self._arguments.get("validation_batch_size") or self._batch_size
        n_rows = keras.tree.flatten(data)[0].shape[0]
        results = self._program.evaluate(self._state, data, min(size, n_rows))
        logs = pythonify_logs(dict(zip(self._names, results, strict=True)))
        self._call(hooks.on_test_end, logs)
        return {f"val_{name}": value for name, value in logs.items()}

    def _call(self, hook: Callable[..., None], *arguments: Any) -> None:
        """Call callbacks, which may read and write the model."""
        hook(*arguments)
        if self._watched:
            self._state = read_state(self._model)


def _split(x: Any, y: Any, arguments: dict[str, Any]) -> tuple[tuple[Any, ...], Any]:
    """Training data and validation data."""
    data = (x, y, arguments.get("sample_weight"))
    validation = arguments.get("validation_data")
    if validation is None and arguments.get("validation_split"):
        data, validation = train_validation_split(data, arguments["validation_split"])
    return data, validation


def _rows(data: tuple[Any, ...], class_weight: Any = None) -> Batch:
    """Data as Keras hands them to a step, with floats in the precision it computes in."""
    x, y, sample_weight = (*data, None)[:3]
    adapter = ArrayDataAdapter(x, y, sample_weight, class_weight=class_weight)
    return keras.tree.lists_to_tuples(keras.tree.map_structure(_as_keras, adapter._inputs))


def _as_keras(array: np.ndarray) -> np.ndarray:
    is_float = keras.backend.is_float_dtype(keras.backend.standardize_dtype(array.dtype))
    return array.astype(keras.config.floatx(), copy=False) if is_float else array


def _tensors(rows: Batch) -> Batch:
    tensors: Batch = keras.tree.map_structure(tf.convert_to_tensor, rows)
    return tensors


def _names(program: Program, model: keras.Model) -> list[str]:
    """Names of the metrics of ``model``: the program has those of its example.

    Keras numbers the names it makes up, of layers and so of outputs, and of metrics.
    """
    example = program.step.model
    outputs = dict(zip(_output_names(example), _output_names(model), strict=True))
    metrics = dict(zip(_metric_names(example), _metric_names(model), strict=True))
    return [_renamed(name, outputs, metrics) for name in program.names]


def _renamed(name: str, outputs: dict[str, str], metrics: dict[str, str]) -> str:
    for old, new in outputs.items():
        if name.startswith(f"{old}_"):
            rest = name[len(old) + 1 :]
            return f"{new}_{metrics.get(rest, rest)}"
    return metrics.get(name, name)


def _output_names(model: keras.Model) -> list[str]:
    return list(getattr(model, "output_names", None) or ())


def _metric_names(model: keras.Model) -> list[str]:
    given = model._compile_metrics
    metrics = keras.tree.flatten(
        (
            getattr(given, "_user_metrics", None),
            getattr(given, "_user_weighted_metrics", None),
        )
    )
    return [metric.name for metric in metrics if isinstance(metric, keras.Metric)]
