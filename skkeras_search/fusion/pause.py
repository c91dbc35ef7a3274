"""What is left of a lane that pauses between two epochs, for another to go on from."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Pause(NamedTuple):
    """Where a fit stands between two epochs.

    It is of no process, can be pickled, and shares nothing with the lane that left it.

    Attributes
    ----------
    identity : dict of str to str
        Of the fit, as ``identity_of`` gives it.
    n_epochs : int
        That are trained.
    history : dict of str to list
        Of these epochs, as ``keras.callbacks.History`` has it.
    trainable, non_trainable, optimizer : list of ndarray
        As in ``State``. Among the second are the states of the random generators.
    order : int, dict or None
        ``state`` of the order of the rows.
    callbacks : bytes
        As the course has packed them.
    """

    identity: dict[str, str]
    n_epochs: int
    history: dict[str, list[Any]]
    trainable: list[np.ndarray]
    non_trainable: list[np.ndarray]
    optimizer: list[np.ndarray]
    order: Any
    callbacks: bytes

    @property
    def n_bytes(self) -> int:
        """Memory that it takes."""
        arrays = (*self.trainable, *self.non_trainable, *self.optimizer)
        return sum(array.nbytes for array in arrays) + len(self.callbacks)


class Course(NamedTuple):
    """What part of its epochs a lane is to train.

    Attributes
    ----------
    until : int
        The epoch to pause before, counted from the beginning of the fit.
    start : Pause or None
        What to go on from.
    pack_callbacks : callable
        Without arguments, gives the callbacks as they are, as bytes. What it raises
        says why the lane cannot pause.
    """

    until: int
    start: Pause | None
    pack_callbacks: Callable[[], bytes]


class Ending(NamedTuple):
    """How a lane has ended.

    Attributes
    ----------
    n_epochs : int
        That are trained, also by lanes before it.
    is_finished : bool
        Whether none is left.
    pause : Pause or None
    reason : str or None
        Why there is no pause, although the lane is not finished.
    """

    n_epochs: int
    is_finished: bool
    pause: Pause | None = None
    reason: str | None = None
