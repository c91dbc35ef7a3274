"""Report the epochs of a fit to scikit-learn's callbacks."""

from collections.abc import Callable
from typing import Any

import keras
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackContext


class EpochTasks(keras.callbacks.Callback):
    """Report each epoch as a task of scikit-learn's callback protocol.

    Training ends after an epoch for which a callback returns True.

    Parameters
    ----------
    context : CallbackContext
        Context of the whole fit.
    estimator : estimator
        The estimator that is being fitted.
    data : dict
        ``X``, ``y`` and ``metadata`` of the fit, as the user passed them.
    attributes : callable
        Returns the current fitted attributes.
    n_before : int
        Number of epochs that an earlier part of the fit has trained. They are counted but
        not reported.
    """

    def __init__(
        self,
        context: CallbackContext,
        estimator: BaseEstimator,
        data: dict[str, Any],
        attributes: Callable[[], dict[str, Any]],
        n_before: int = 0,
    ):
        super().__init__()
        self._context = context
        self._arguments = {**data, "estimator": estimator}
        self._attributes = attributes
        for _ in range(n_before):
            context.subcontext(task_name="epoch")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Report that the epoch begins."""
        self._epoch = self._context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._arguments)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Report that the epoch has ended; end training if a callback asks for it."""
        stop = self._epoch.call_on_fit_task_end(
            **self._arguments, reconstruction_attributes=self._attributes
        )
        if stop:
            self.model.stop_training = True
