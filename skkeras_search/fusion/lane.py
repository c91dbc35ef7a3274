"""A lane: one fit that a fused program trains, epoch by epoch like ``keras.Model.fit``."""

import time
import weakref
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras.src.callbacks.callback_list import CallbackList  # not exported
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
from keras.src.trainers.data_adapters.array_slicing import train_validation_split
from keras.src.utils.python_utils import is_default, pythonify_logs

from skkeras_search.fusion.aligned import aligned_copy
from skkeras_search.fusion.cache import Place, place_of, program_at
from skkeras_search.fusion.epoch_count import current_count
from skkeras_search.fusion.identity import architecture_of, identity_of
from skkeras_search.fusion.order import Order
from skkeras_search.fusion.pause import Course, Ending, Pause
from skkeras_search.fusion.program import Program, Progress
from skkeras_search.fusion.proof import check_program
from skkeras_search.fusion.step import (
    Batch,
    Metrics,
    NotFusibleError,
    State,
    Variables,
    build_all,
    build_metrics,
    output_names,
)
from skkeras_search.fusion.tensors import tensor_of

# Approximate time of one call of a program, during which Ctrl-C has no effect.
SECONDS_A_CALL = 0.5
# Arguments of ``keras.Model.fit``, besides the data, that affect the result.
SETTINGS = (
    *("initial_epoch", "epochs", "shuffle", "batch_size"),
    *("validation_batch_size", "validation_freq"),
)


class LastMetrics(NamedTuple):
    """The metrics at the end of a fit.

    Attributes
    ----------
    batch : tuple
        One row of data, as an example of its form.
    values : list of tensor
        Values of the variables of the metrics.
    """

    batch: Batch
    values: Sequence[Any]

    def show(self, model: keras.Model) -> None:
        """Write them into a model, as ``keras.Model.fit`` does."""
        if not self.values:  # nothing was trained
            return
        build_metrics(model, self.batch, len(self.values))
        for variable, value in zip(model.metrics_variables, self.values, strict=True):
            variable.assign(value)


class Trained(NamedTuple):
    """The result of a lane.

    Attributes
    ----------
    history : dict of str to list
        The ``history`` of ``keras.callbacks.History``.
    state : State
        The state of the trained model.
    program : Program
        The program that trained the model.
    metrics : LastMetrics
        The metrics at the end of the fit.
    ending : Ending
        How the lane ended.
    """

    history: dict[str, list[Any]]
    state: State
    program: Program
    metrics: LastMetrics
    ending: Ending


class Predictor:
    """Predict one batch by the program that trained a model.

    Parameters
    ----------
    program : Program
        The program.
    source : State or weakref of keras.Model
        The trained state, or the model that has it.
    """

    def __init__(self, program: Program, source: State | weakref.ref[keras.Model]):
        self._program = program
        self._source = source
        self._variables: Variables | None = None

    def __call__(self, x: Any) -> Any:
        """Return the outputs of the model for the rows of ``x``, as arrays.

        Variables that layers update during prediction, such as counters and the states of
        random generators, are updated in the model, as in Keras.

        Raises
        ------
        NotFusibleError
            If the model was changed between the fit and the first prediction. Later
            changes have no effect, as for ``keras.Model.predict``.
        """
        x = keras.tree.map_structure(lambda a: tf.convert_to_tensor(_as_keras(a)), x)
        outputs, assigned = self._program.predict(self.state._replace(optimizer=[]), x)
        if assigned:
            self._assign(assigned)
        return outputs

    @property
    def state(self) -> State:
        """The current state of the model."""
        if isinstance(self._source, State):
            return self._source
        if self._variables is None:
            model = self._source()
            if model is None or not self._program.is_current(model):
                raise NotFusibleError("the model has changed since it was fitted")
            self._variables = Variables(model)
        return self._variables.read()

    def _assign(self, assigned: dict[int, Any]) -> None:
        if isinstance(self._source, State):
            kept = [assigned.get(i, v) for i, v in enumerate(self._source.non_trainable)]
            self._source = self._source._replace(non_trainable=kept)
        elif self._variables is not None:
            for index, value in assigned.items():
                self._variables.non_trainable[index].assign(value)

    def is_of(self, model: keras.Model | None) -> bool:
        """Whether the weights are those of ``model``."""
        return isinstance(self._source, weakref.ref) and self._source() is model


class Lane:
    """One fit that a fused program trains.

    Parameters
    ----------
    model : keras.Model
        Built and compiled. Training begins with its state.
    x, y : array, or dict, list or tuple of arrays
        Training data.
    arguments : dict
        Arguments of ``keras.Model.fit``, for which ``obstacle`` has returned None.
    seed : int or None
        Seed of the order of the rows.
    keeps_model : bool
        Whether the model is shared with other lanes and must not be changed.
    course : Course, optional
        The part of the epochs to train. None trains all epochs.

    Raises
    ------
    NotFusibleError
        If a part of the model cannot be read.

    Attributes
    ----------
    preparations : list of (float, float)
        Start and end of each time in which the program was found or made, and compiled.
    identity : dict of str to str
        Identity of the fit, as ``identity_of`` returns it; empty without a course.
    """

    def __init__(
        self,
        model: keras.Model,
        x: Any,
        y: Any,
        arguments: dict[str, Any],
        seed: int | None = None,
        keeps_model: bool = False,
        course: Course | None = None,
    ):
        self._model = model
        self._arguments = arguments
        self._keeps_model = keeps_model
        self._course = course
        self._start = course.start if course else None
        self._n_epochs = self._start.n_epochs if self._start else 0
        data, self._validation = _split(x, y, arguments)
        self._data = _rows(data, arguments.get("class_weight"))
        self._n_rows = keras.tree.flatten(self._data)[0].shape[0]
        self._batch_size = arguments.get("batch_size") or 32
        shuffle = arguments.get("shuffle", True)
        order = self._start.order if self._start else None
        self._order = Order(self._n_rows, shuffle, seed, order)
        self._state: State
        self.preparations: list[tuple[float, float]] = []
        self._metrics: Metrics = []
        # Whether the model does not show the current state and metrics to callbacks yet.
        self._is_unseen = False
        self._callbacks = list(arguments.get("callbacks") or ())
        self._count = current_count.get()
        self._stops_on_nan = [
            c for c in self._callbacks if isinstance(c, keras.callbacks.TerminateOnNaN)
        ]
        # Found here, because lanes are made one after the other but trained in any order.
        self._place: Place | None = self._find_place()
        self.identity = self._identity(seed) if course else {}

    @property
    def memory(self) -> dict[int, int]:
        """Bytes of each array that the lane trains on, by the array's address."""
        arrays = keras.tree.flatten((self._data, self._validation))
        return dict(_memory(array) for array in arrays if isinstance(array, np.ndarray))

    def train(self, goes_on: Callable[[], bool] = lambda: True) -> Trained:
        """Train the lane.

        Parameters
        ----------
        goes_on : callable
            Called about twice a second. Training ends when it returns False.

        Returns
        -------
        trained : Trained
            The result. The trained state is also written into the model, unless
            ``keeps_model``.

        Raises
        ------
        NotFusibleError
            If the model cannot be trained by a fused program. Nothing was trained.
        """
        first = self._arguments.get("initial_epoch", 0)
        last = self._arguments.get("epochs", 1)
        until = first + self._course.until if self._course else last
        self._tensors = _tensors(self._data)
        self._validation_tensors = self._validation and _tensors(_rows(self._validation))
        try:
            self._prepare()
        except NotFusibleError:
            raise
        except Exception as error:  # Keras raises it again if the user's code is wrong
            raise NotFusibleError(f"its program cannot be prepared: {error}") from error
        if self._start:
            self._state = _state_at(self._start, self._state.constants)
        if self._watched:
            self._show_model()
        hooks = self._hooks(last)
        try:
            self._begin(hooks, first)
            epochs = range(first + self._n_epochs, until)
            logs = self._train_epochs(epochs, hooks, goes_on)
        finally:  # also if interrupted, the model has the state trained so far
            metrics = LastMetrics(self._first_row(), self._metrics)
            if not self._keeps_model:
                self._variables.write(self._state)
                metrics.show(self._model)
        ending = self._end(hooks, last - first)
        if not self._keeps_model:
            self._model.optimizer.finalize_variable_values(self._variables.trainable)
            self._state = self._variables.read()
        if ending.pause:
            hooks._on_end()
        else:
            self._call(hooks.on_train_end, logs)
        history = hooks._history.history
        return Trained(history, self._state, self._program, metrics, ending)

    def _identity(self, seed: int | None) -> dict[str, str]:
        rate = float(self._model.optimizer.learning_rate)  # before callbacks change it
        settings = [seed, rate, *(self._arguments.get(name) for name in SETTINGS)]
        return identity_of(self._model, (self._data, self._validation), settings)

    def _begin(self, hooks: CallbackList, first: int) -> None:
        """Tell callbacks that training begins, unless the fit is continued."""
        start = self._start
        if start is None:
            self._call(hooks.on_train_begin)
            return
        hooks._on_begin()
        hooks._history.epoch = list(range(first, first + start.n_epochs))
        hooks._history.history = {name: [*v] for name, v in start.history.items()}
        if hooks._progbar:
            hooks._progbar.on_train_begin()

    def _end(self, hooks: CallbackList, n_max_epochs: int) -> Ending:
        """Pause if there are epochs left, before the optimizer finalizes the weights."""
        n_epochs = self._n_epochs
        if n_epochs == n_max_epochs or (self._watched and self._model.stop_training):
            return Ending(n_epochs, is_finished=True)
        if self._course is None:  # the task was cancelled
            return Ending(n_epochs, is_finished=False)
        if self._watched and architecture_of(self._model) != self.identity["model"]:
            reason = "a callback has changed the model"
            return Ending(n_epochs, is_finished=False, reason=reason)
        try:
            callbacks = self._course.pack_callbacks()
        except Exception as error:  # the users' callbacks may raise any error
            reason = f"its callbacks cannot be pickled: {error}"
            return Ending(n_epochs, is_finished=False, reason=reason)
        history = {name: [*values] for name, values in hooks._history.history.items()}
        pause = Pause(
            self.identity,
            n_epochs,
            history,
            order=self._order.state,
            callbacks=callbacks,
            **_arrays(self._state),
        )
        return Ending(n_epochs, is_finished=False, pause=pause)

    def _find_place(self) -> Place:
        epochs = self._arguments.get("epochs", 1) - self._arguments.get("initial_epoch", 0)
        return place_of(self._model, self._first_batch(), epochs * self._n_batches)

    def _prepare(self) -> None:
        """Find or make the program for the model as it is now, and compile it."""
        begun = time.perf_counter()
        place, self._place = self._place or self._find_place(), None
        self._program = program_at(place, self._model, self._first_batch())
        self._names = _names(self._program, self._model)
        self._variables = Variables(self._model)
        self._state = self._program.initial_state(self._model)
        stops = bool(self._stops_on_nan)
        validation, size = self._validation_tensors, min(self._batch_size, self._n_rows)
        sizes = (size, self._validation_batch_size)
        self._program.prepare(self._state, self._tensors, sizes, validation, stops)
        check_program(self._program, self._model, self._state, self._tensors, size, stops)
        self.preparations.append((begun, time.perf_counter()))

    def _train_epochs(
        self, epochs: range, hooks: CallbackList, goes_on: Callable[[], bool]
    ) -> dict[str, Any]:
        logs: dict[str, Any] = {}
        frequency = self._arguments.get("validation_freq", 1)
        for epoch in epochs:
            if self._count:
                self._count.epoch, self._count.n_epochs = epoch + 1, hooks.params["epochs"]
            self._call(hooks.on_epoch_begin, epoch)
            if epoch == epochs[0] and self._watched and not self._start:
                self._prepare()  # Keras, too, traces the model after these callbacks
            logs = self._train_epoch(goes_on)
            if self._validation and self._model._should_eval(epoch, frequency):
                logs.update(self._validate(hooks))
            self._n_epochs += 1
            self._call(hooks.on_epoch_end, epoch, logs)
            if (self._watched and self._model.stop_training) or not goes_on():
                break
        return logs

    @property
    def _watched(self) -> bool:
        return bool(self._callbacks)

    def _show_model(self) -> None:
        """Write the state into the model, and make its metrics, for callbacks."""
        self._variables.write(self._state)
        own = ("keras.", "skkeras_search.")
        foreign = any(not type(c).__module__.startswith(own) for c in self._callbacks)
        # `EarlyStopping` reads from the metrics whether a metric is to be maximized.
        if foreign or self._model._compile_metrics or len(output_names(self._model)) > 1:
            build_all(self._model, self._first_batch())

    def _first_batch(self) -> Batch:
        return self._batch_of(self._batch_size)

    def _batch_of(self, n_rows: int) -> Batch:
        batch: Batch = keras.tree.map_structure(lambda a: a[:n_rows], self._data)
        return batch

    def _first_row(self) -> Batch:
        row: Batch = keras.tree.map_structure(_own, self._batch_of(1))
        return row

    def _hooks(self, epochs: int) -> CallbackList:
        verbose = self._arguments.get("verbose", "auto")
        # History and the progress bar write to the model, which other lanes may share.
        model = SimpleNamespace() if self._keeps_model else self._model
        model.stop_training = False
        return CallbackList(
            list(self._callbacks),
            add_history=True,
            add_progbar=verbose != 0,
            model=model,
            verbose=verbose,
            epochs=epochs,
            steps=self._n_batches,
        )

    @property
    def _n_batches(self) -> int:
        return -(-self._n_rows // self._batch_size)

    @property
    def _validation_batch_size(self) -> int:
        if not self._validation_tensors:
            return 0
        n_rows: int = keras.tree.flatten(self._validation_tensors)[0].shape[0]
        size = self._arguments.get("validation_batch_size") or self._batch_size
        return min(size, n_rows)

    def _train_epoch(self, goes_on: Callable[[], bool]) -> dict[str, Any]:
        progress = Progress(self._state, self._program.fresh_metrics)
        order, stops = self._order(), bool(self._stops_on_nan)
        size, last = min(self._batch_size, self._n_rows), self._n_batches
        if self._watched and self._model.stop_training:
            last = 1  # Keras checks this after each batch
        while progress.n_batches < last:
            begin, start = progress.n_batches, time.perf_counter()
            until = min(begin + self._program.batches_a_call, last)
            progress = self._program.train(
                progress, self._tensors, order, size, until, stops
            )
            self._state = progress.state
            rate = (progress.n_batches - begin) / (time.perf_counter() - start)
            self._program.batches_a_call = max(1, int(SECONDS_A_CALL * rate))
            if progress.n_batches < until or begin == until:
                break  # the loss is not finite
            if not goes_on():
                break
        logs = self._logs(progress)
        for callback in self._stops_on_nan:
            callback.on_batch_end(progress.n_batches - 1, logs)
        return logs

    def _validate(self, hooks: CallbackList) -> dict[str, Any]:
        self._call(hooks.on_test_begin)
        data, size = self._validation_tensors, self._validation_batch_size
        evaluated = self._program.evaluate(self._state, data, size)
        self._state = evaluated.state  # with the new states of random generators
        logs = self._logs(evaluated)
        self._call(hooks.on_test_end, logs)
        return {f"val_{name}": value for name, value in logs.items()}

    def _logs(self, progress: Progress) -> dict[str, Any]:
        self._metrics, self._is_unseen = progress.metrics, True
        logs = dict(zip(self._names, progress.results, strict=True))
        pythonic: dict[str, Any] = pythonify_logs(logs)
        return pythonic

    def _call(self, hook: Callable[..., None], *arguments: Any) -> None:
        """Call a method of the callbacks, which may read and write the model."""
        name = hook.__name__
        if all(is_default(getattr(callback, name)) for callback in self._callbacks):
            hook(*arguments)
            return
        if self._is_unseen:
            self._variables.write(self._state)
            LastMetrics(self._first_batch(), self._metrics).show(self._model)
            self._is_unseen = False
        try:
            hook(*arguments)
        finally:
            self._state = self._variables.read()


def _split(x: Any, y: Any, arguments: dict[str, Any]) -> tuple[tuple[Any, ...], Any]:
    """Split the data into training data and validation data."""
    data = (x, y, arguments.get("sample_weight"))
    validation = arguments.get("validation_data")
    if validation is None and arguments.get("validation_split"):
        data, validation = train_validation_split(data, arguments["validation_split"])
    return data, validation


def _rows(data: tuple[Any, ...], class_weight: Any = None) -> Batch:
    """The data as Keras passes them to a training step, with floats in its precision."""
    x, y, sample_weight = (*data, None)[:3]
    adapter = ArrayDataAdapter(x, y, sample_weight, class_weight=class_weight)
    return keras.tree.lists_to_tuples(keras.tree.map_structure(_as_keras, adapter._inputs))


def _as_keras(array: Any) -> Any:
    is_float = keras.backend.is_float_dtype(keras.backend.standardize_dtype(array.dtype))
    if not is_float or array.dtype == keras.config.floatx():
        return array
    return aligned_copy(array, keras.config.floatx())


def _tensors(rows: Batch) -> Batch:
    tensors: Batch = keras.tree.map_structure(tensor_of, rows)
    return tensors


def _own(rows: Any) -> Any:
    """A copy of the rows: a view would keep all other rows alive."""
    return rows.copy() if isinstance(rows, np.ndarray) else rows


def _memory(array: np.ndarray) -> tuple[int, int]:
    # TensorFlow has a copy of an array that may be changed.
    n_copies = 2 if array.flags.writeable else 1
    return array.__array_interface__["data"][0], n_copies * array.nbytes


def _arrays(state: State) -> dict[str, list[np.ndarray]]:
    """The values of a state for a pause, as copies."""
    return {
        name: [np.array(value) for value in getattr(state, name)]
        for name in ("trainable", "non_trainable", "optimizer")
    }


def _state_at(pause: Pause, constants: list[Any]) -> State:
    groups = (pause.trainable, pause.non_trainable, pause.optimizer)
    trainable, non_trainable, optimizer = (
        [tf.convert_to_tensor(array) for array in group] for group in groups
    )
    return State(trainable, non_trainable, optimizer, constants)


def _names(program: Program, model: keras.Model) -> list[str]:
    """The names of the metrics of ``model``.

    The program has the names of the model from which it was made. They can contain the
    names of outputs, which Keras numbers if it generates them.
    """
    outputs = dict(zip(program.output_names, output_names(model), strict=True))
    if len(outputs) < 2:  # names of metrics do not contain the name of a single output
        return program.names
    return [_renamed(name, outputs) for name in program.names]


def _renamed(name: str, outputs: dict[str, str]) -> str:
    for old, new in sorted(outputs.items(), key=lambda pair: -len(pair[0])):
        if name.startswith(f"{old}_"):
            return new + name.removeprefix(old)
    return name
