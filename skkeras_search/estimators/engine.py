"""Train a model by the engine that can: a fused program, or Keras itself."""

import weakref
from dataclasses import dataclass
from typing import Any

import keras

from skkeras_search.budgets.segment import CannotContinue, Segment
from skkeras_search.estimators.continuation import course_of, go_on
from skkeras_search.estimators.retracing import retracing_expected
from skkeras_search.estimators.seeding import seeded
from skkeras_search.fusion.backend import current_task
from skkeras_search.fusion.batcher import Cancelled, Task
from skkeras_search.fusion.epoch_count import EpochCount, current_count
from skkeras_search.fusion.lane import Lane, LastMetrics, Predictor
from skkeras_search.fusion.metric_names import metrics_named_anew
from skkeras_search.fusion.obstacles import obstacle
from skkeras_search.fusion.pause import Ending
from skkeras_search.fusion.training import train

ENGINES = ("auto", "fused", "keras")


class EndWhenCancelled(keras.callbacks.Callback):
    """End the fit of a task whose result nobody wants any more.

    Parameters
    ----------
    task : Task
    """

    def __init__(self, task: Task):
        super().__init__()
        self._task = task

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Look before each batch."""
        if self._task.is_cancelled:
            raise Cancelled


class CountEpochs(keras.callbacks.Callback):
    """Note in which epoch a fit is.

    Parameters
    ----------
    count : EpochCount
    """

    def __init__(self, count: EpochCount):
        super().__init__()
        self._count = count

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note the epoch."""
        self._count.epoch, self._count.n_epochs = epoch + 1, self.params["epochs"]


@dataclass(frozen=True)
class Fitted:
    """What training gave.

    Attributes
    ----------
    history : dict of str to list
    engine : str
        "fused" or "keras".
    reason : str or None
        Why it is Keras.
    ending : Ending
    """

    history: dict[str, list[Any]]
    engine: str
    reason: str | None
    ending: Ending


@dataclass(frozen=True)
class Fused(Fitted):
    """What training by a program gave.

    Attributes
    ----------
    metrics : LastMetrics
    predict : Predictor
        Predicts one batch without tracing the model anew.
    """

    metrics: LastMetrics
    predict: Predictor


def why_keras(
    model: keras.Model, x: Any, y: Any, arguments: dict[str, Any], engine: str
) -> str | None:
    """Say why Keras itself is to train, as far as it is known before."""
    if engine == "keras":
        return "engine='keras' asks for it"
    return obstacle(model, x, y, arguments)


def fit_fused(
    model: keras.Model,
    x: Any,
    y: Any,
    arguments: dict[str, Any],
    seed: int | None,
    keeps_model: bool,
    segment: Segment | None = None,
) -> Fused:
    """Train by a fused program.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    x, y : array, or dict, list or tuple of arrays
    arguments : dict
        Of ``keras.Model.fit``.
    seed : int or None
        Of the order of the rows.
    keeps_model : bool
        Whether the model is shared, and must stay as it is.
    segment : Segment, optional
        What part of the epochs to train. None trains them all.

    Raises
    ------
    NotFusibleError
        Before anything was trained, if the model cannot be.
    CannotContinue
        Before anything was trained, if the segment goes on from another fit.
    """
    callbacks = arguments["callbacks"]
    course = None if segment is None else course_of(segment, model, callbacks)
    lane = Lane(model, x, y, arguments, seed, keeps_model, course)
    if course and course.start:
        go_on(course.start, lane, model, callbacks)
    history, state, program, metrics, ending = train(lane)
    predict = Predictor(program, state if keeps_model else weakref.ref(model))
    return Fused(history, "fused", None, ending, metrics, predict)


def fit_by_keras(
    model: keras.Model,
    x: Any,
    y: Any,
    arguments: dict[str, Any],
    seed: int | None,
    reason: str,
    engine: str,
    segment: Segment | None = None,
) -> Fitted:
    """Train by ``keras.Model.fit``.

    A segment is trained as a whole fit of as many epochs, which cannot be continued.

    Raises
    ------
    ValueError
        If ``engine`` is "fused".
    CannotContinue
        If the segment goes on from a state.
    """
    n_max_epochs = arguments["epochs"] - arguments["initial_epoch"]
    if segment is not None:
        if segment.state is not None:
            raise CannotContinue(f"Keras itself trains this fit, because {reason}.")
        until = arguments["initial_epoch"] + segment.until
        arguments = {**arguments, "epochs": until}
    if engine == "fused":
        raise ValueError(
            f"engine='fused', but this fit cannot be fused, because {reason}. With "
            "engine='auto' Keras itself trains what cannot be fused."
        )
    callbacks = list(arguments.get("callbacks") or ())
    if task := current_task.get():
        callbacks.append(EndWhenCancelled(task))
    if count := current_count.get():
        callbacks.append(CountEpochs(count))
    with seeded(seed), retracing_expected(), metrics_named_anew():
        history = model.fit(x=x, y=y, **{**arguments, "callbacks": callbacks}).history
    n_epochs = max(map(len, history.values()), default=0)
    if n_epochs == n_max_epochs or model.stop_training:
        ending = Ending(n_epochs, is_finished=True)
    else:
        ending = Ending(n_epochs, is_finished=False, reason=reason)
    return Fitted(history, "keras", reason, ending)
