"""A segment: a part of the training of one fit, after which the fit can be continued."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any


class CannotContinue(BaseException):
    """Raised if a state does not fit to a fit or cannot be continued.

    The fit then has to be trained from the start. The exception is raised before anything
    is trained. It is not an ``Exception``, so that scikit-learn does not count the fit as
    failed.
    """


@dataclass
class Segment:
    """A part of the training of one fit.

    After the last segment, the estimator is the same as after one uninterrupted ``fit``.
    After earlier segments, it is fitted with the current weights, and Keras callbacks have
    not received ``on_train_end``: ``EarlyStopping``, for example, has not restored weights
    yet.

    A fit that Keras itself trains, or whose callbacks cannot be pickled, ends for its
    callbacks at the last epoch of the segment. It has a ``reason`` instead of a state, and
    must be trained from the start to go further.

    Parameters
    ----------
    share : float, default=1.0
        Share of all epochs up to which the fit is trained, in (0, 1]. At least one epoch is
        trained.
    max_epochs : int, default=None
        Number of epochs of the whole fit, in place of the estimator's ``epochs``,
        ``fit__epochs`` and ``fit(..., epochs=...)``. None uses these.
    state : object, default=None
        The ``state`` of an earlier segment, to continue from. None begins the fit.
        Estimator, parameters and data must be the same. The state is not changed, so
        several fits can continue from it.

    Attributes
    ----------
    n_epochs : int
        Number of epochs trained so far, counted from the start of the first segment.
    n_max_epochs : int
        Number of epochs of the whole fit.
    n_trained : int
        Number of epochs trained in this segment. A fit that cannot be continued trains all
        its epochs again.
    is_finished : bool
        Whether all epochs are trained, or a callback has stopped the training.
    history : dict of str to list
        ``history_`` of the estimator, for all epochs so far.
    reason : str or None
        Why an unfinished fit cannot be continued.
    X : object
        The rows as the fit received them.
    state : object
        After the fit, the state that the next segment continues from. It can be pickled.
        None if the fit is finished or cannot be continued.

    Raises
    ------
    TypeError, ValueError
        If ``share`` or ``max_epochs`` has a wrong type or value.
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
        """The epoch to train to, known as soon as ``n_max_epochs`` is known."""
        return min(self.n_max_epochs, max(1, round(self.share * self.n_max_epochs)))


current_segment: ContextVar[Segment | None] = ContextVar("current_segment", default=None)


@contextmanager
def segment(
    share: float = 1.0, max_epochs: int | None = None, state: Any = None
) -> Iterator[Segment]:
    """Train a part of the one fit in a block.

    The block applies to this thread, but not to tasks of ``joblib.Parallel`` in it. A
    second Keras fit in the block raises ``RuntimeError``.

    Parameters
    ----------
    share : float, default=1.0
        Share of all epochs up to which the fit is trained, in (0, 1].
    max_epochs : int, default=None
        Number of epochs of the whole fit. None uses the estimator's.
    state : object, default=None
        The ``state`` of an earlier segment, to continue from. None begins the fit.

    Yields
    ------
    Segment
        Its attributes are set when ``fit`` has returned.

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
    """Return the segment of the current block to a fit that begins.

    Parameters
    ----------
    epochs : int
        Number of epochs of the fit, unless the segment has ``max_epochs``.

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
            "estimator is fitted in its block. Fit each estimator in its own block."
        )
    taken._is_taken = True
    taken.n_max_epochs = epochs if taken.max_epochs is None else int(taken.max_epochs)
    return taken
