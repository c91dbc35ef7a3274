"""Train a model by a fused program or by ``keras.Model.fit``."""

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
    """End the fit of a cancelled task.

    Parameters
    ----------
    task : Task
        The task that runs the fit.
    """

    def __init__(self, task: Task):
        super().__init__()
        self._task = task

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Check before each batch whether the task is cancelled."""
        if self._task.is_cancelled:
            raise Cancelled


class CountEpochs(keras.callbacks.Callback):
    """Record the current epoch of a fit.

    Parameters
    ----------
    count : EpochCount
        Where to record it.
    """

    def __init__(self, count: EpochCount):
        super().__init__()
        self._count = count

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Record the epoch."""
        self._count.epoch, self._count.n_epochs = epoch + 1, self.params["epochs"]


@dataclass(frozen=True)
class Fitted:
    """The result of training.

    Attributes
    ----------
    history : dict of str to list
        Values of the loss and the metrics after each epoch.
    engine : {"fused", "keras"}
        The engine that trained the model.
    reason : str or None
        Why ``keras.Model.fit`` trained the model; None for a fused fit.
    ending : Ending
        How the fit ended.
    """

    history: dict[str, list[Any]]
    engine: str
    reason: str | None
    ending: Ending


@dataclass(frozen=True)
class Fused(Fitted):
    """The result of training by a fused program.

    Attributes
    ----------
    metrics : LastMetrics
        The metrics at the end of the fit.
    predict : Predictor
        Predicts one batch without tracing the model again.
    """

    metrics: LastMetrics
    predict: Predictor


def why_keras(
    model: keras.Model, x: Any, y: Any, arguments: dict[str, Any], engine: str
) -> str | None:
    """Return why ``keras.Model.fit`` must train the model, as far as known in advance.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    x, y : array, or dict, list or tuple of arrays
        Training data.
    arguments : dict
        Arguments of ``keras.Model.fit``.
    engine : {"auto", "fused", "keras"}
        The engine that the user has chosen.

    Returns
    -------
    reason : str or None
        The end of a sentence that begins with "because". None if the model can probably
        be trained by a fused program.
    """
    if engine == "keras":
        return "engine='keras' was passed"
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
        Training data.
    arguments : dict
        Arguments of ``keras.Model.fit``.
    seed : int or None
        Seed of the order of the rows.
    keeps_model : bool
        Whether the model is shared with other fits and must not be changed.
    segment : Segment, optional
        The part of the epochs to train. None trains all epochs.

    Returns
    -------
    fitted : Fused
        The result.

    Raises
    ------
    NotFusibleError
        If the model cannot be trained by a fused program. Nothing was trained.
    CannotContinue
        If the segment continues a different fit. Nothing was trained.
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

    A segment is trained as a whole fit with as many epochs, which cannot be continued.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    x, y : array, or dict, list or tuple of arrays
        Training data.
    arguments : dict
        Arguments of ``keras.Model.fit``.
    seed : int or None
        Seed of the fit.
    reason : str
        Why the fit is not fused.
    engine : {"auto", "fused", "keras"}
        The engine that the user has chosen.
    segment : Segment, optional
        The part of the epochs to train. None trains all epochs.

    Returns
    -------
    fitted : Fitted
        The result.

    Raises
    ------
    ValueError
        If ``engine`` is "fused".
    CannotContinue
        If the segment continues an earlier one.
    """
    n_max_epochs = arguments["epochs"] - arguments["initial_epoch"]
    if segment is not None:
        if segment.state is not None:
            raise CannotContinue(
                f"keras.Model.fit must train this fit, because {reason}. It cannot "
                "continue a fit."
            )
        until = arguments["initial_epoch"] + segment.until
        arguments = {**arguments, "epochs": until}
    if engine == "fused":
        raise ValueError(
            f"engine='fused', but this fit cannot be fused, because {reason}. Use "
            "engine='auto' to train it by keras.Model.fit."
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
