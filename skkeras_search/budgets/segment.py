"""A part of the training of one fit, after which the fit can be continued."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any


class CannotContinue(BaseException):
    """A state does not belong to a fit, or cannot be continued; train from the start.

    It is raised before anything is trained. It is no ``Exception``, so that
    scikit-learn does not count the fit as one that failed.
    """


@dataclass
class Segment:
    """A part of the training of one fit.

    After the last segment the estimator is what one uninterrupted ``fit`` makes. Before,
    it is fitted with the weights of that moment, and Keras callbacks are not told
    ``on_train_end``: ``EarlyStopping`` restores no weights yet.

    A fit that Keras itself trains, or whose callbacks cannot be pickled, ends for its
    callbacks at the epoch that the segment trains to. It leaves no state and a
    ``reason``, and has to be trained from the start to go further.

    Parameters
    ----------
    share : float, default=1.0
        Share of all epochs of the fit, up to which the fit is trained, in (0, 1]. At
        least one epoch is trained.
    max_epochs : int, default=None
        Number of epochs of the whole fit, in place of the estimator's ``epochs``. Also
        takes the place of ``fit__epochs`` and of ``fit(..., epochs=...)``.
    state : object, default=None
        ``state`` of an earlier segment, to go on from. None begins the fit. The fit
        must be the same but for ``share``: estimator, parameters and data. A fit does
        not change the state, so several can go on from it.

    Attributes
    ----------
    n_epochs : int
        Epochs that the fit has reached, counted from the start of its first segment.
    n_max_epochs : int
        Epochs of the whole fit.
    n_trained : int
        Epochs that were trained in this segment. A fit that cannot be continued trains
        all its epochs again.
    is_finished : bool
        Whether all epochs are trained, or a callback has stopped the training.
    history : dict of str to list
        As ``history_`` of the estimator, of all epochs so far.
    reason : str or None
        Why the fit cannot be continued, although it is not finished.
    X : object
        The rows as the fit has got them.
    state : object
        After the fit, what the next segment goes on from; it can be pickled. None if
        the fit is finished or cannot be continued.

    Raises
    ------
    TypeError, ValueError
        If ``share`` or ``max_epochs`` is not as described.
    """

    share: float = 1.0
    max_epochs: int | None = None
    state: Any = field(default=None, repr=False)
    n_epochs: int = field(default=0, init=False)
    n_max_epochs: int = field(default=0, init=False)
    n_trained: int = field(default=0, init=False)
    is_finished: bool = field(default=False, init=False)
    history: dict[str, list[Any]] = field(default_factory=dict, init=False, repr=False)
    reason: str | None = field(default=None, init=False)
    X: Any = field(default=None, init=False, repr=False)
    _is_taken: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.share, Real) or isinstance(self.share, bool):
            raise TypeError(f"share must be a number in (0, 1], got {self.share!r}.")
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be in (0, 1], got {self.share!r}.")
        if self.max_epochs is None:
            return
        if not isinstance(self.max_epochs, Integral) or isinstance(self.max_epochs, bool):
            raise TypeError(
                f"max_epochs must be an integer of at least 1 or None, got "
                f"{self.max_epochs!r}."
            )
        if self.max_epochs < 1:
            raise ValueError(f"max_epochs must be at least 1, got {self.max_epochs!r}.")

    @property
    def until(self) -> int:
        """The epoch to train to, known as soon as ``n_max_epochs`` is."""
        return min(self.n_max_epochs, max(1, round(self.share * self.n_max_epochs)))


current_segment: ContextVar[Segment | None] = ContextVar("current_segment", default=None)


@contextmanager
def segment(
    share: float = 1.0, max_epochs: int | None = None, state: Any = None
) -> Iterator[Segment]:
    """Train a part of the one fit in a block.

    The block holds for this thread, not for tasks of ``joblib.Parallel`` in it. A second
    Keras fit in the block raises ``RuntimeError``.

    Parameters
    ----------
    share, max_epochs, state
        As of :class:`Segment`.

    Yields
    ------
    Segment
        What has become of the fit, once ``fit`` has returned.

    Examples
    --------
    >>> with segment(share=1 / 3) as first:  # doctest: +SKIP
    ...     estimator.fit(X, y)
    >>> with segment(state=first.state) as rest:  # doctest: +SKIP
    ...     estimator.fit(X, y)
    """
    made = Segment(share, max_epochs, state)
    token = current_segment.set(made)
    try:
        yield made
    finally:
        current_segment.reset(token)


def take_segment(epochs: int) -> Segment | None:
    """Give the segment of the current block to a fit that begins.

    Parameters
    ----------
    epochs : int
        Of the fit, unless the segment says otherwise.

    Returns
    -------
    Segment or None
        None outside of a block: the whole fit is to be trained.

    Raises
    ------
    RuntimeError
        If another fit has taken the segment.
    """
    taken = current_segment.get()
    if taken is None:
        return None
    if taken._is_taken:
        raise RuntimeError(
            "A segment is a part of the training of one fit, but a second Keras "
            "estimator is fitted in its block. Fit each in a block of its own."
        )
    taken._is_taken = True
    taken.n_max_epochs = epochs if taken.max_epochs is None else int(taken.max_epochs)
    return taken
