"""The state of a lane that pauses between two epochs, so that another can continue it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Pause(NamedTuple):
    """The state of a fit between two epochs.

    It can be pickled and used in another process, and shares no memory with its lane.

    Attributes
    ----------
    identity : dict of str to str
        Identity of the fit, as ``identity_of`` returns it.
    n_epochs : int
        Number of epochs that were trained.
    history : dict of str to list
        The ``history`` of ``keras.callbacks.History`` for these epochs.
    trainable, non_trainable, optimizer : list of ndarray
        Values of variables, as in ``State``. ``non_trainable`` includes the states of the
        random generators.
    order : int, dict or None
        The ``state`` of the order of the rows.
    callbacks : bytes
        The pickled states of the callbacks.
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
        """Size in memory, in bytes."""
        arrays = (*self.trainable, *self.non_trainable, *self.optimizer)
        return sum(array.nbytes for array in arrays) + len(self.callbacks)


class Course(NamedTuple):
    """The part of the epochs that a lane trains.

    Attributes
    ----------
    until : int
        Number of epochs after which to pause, counted from the beginning of the fit.
    start : Pause or None
        The state to continue from.
    pack_callbacks : callable
        Called without arguments, returns the pickled states of the callbacks. If it raises
        an error, the lane cannot pause.
    """

    until: int
    start: Pause | None
    pack_callbacks: Callable[[], bytes]


class Ending(NamedTuple):
    """How a lane has ended.

    Attributes
    ----------
    n_epochs : int
        Number of epochs that were trained, including those of earlier lanes.
    is_finished : bool
        Whether no epochs are left.
    pause : Pause or None
        The state to continue from.
    reason : str or None
        Why there is no pause although epochs are left.
    """

    n_epochs: int
    is_finished: bool
    pause: Pause | None = None
    reason: str | None = None
