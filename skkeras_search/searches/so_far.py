"""How far a fit is trained."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SoFar:
    """How far a fit is trained, and what it continues from.

    Attributes
    ----------
    n_epochs, n_max_epochs : int
        Number of epochs trained so far, and of all epochs. Both are 0 without epochs.
    cost : float
        Cost of the last segment, in whole fits.
    is_finished : bool
        Whether nothing is left to train.
    history : dict of str to list
        The history of all epochs so far.
    reason : str or None
        Why the next segment cannot continue from here.
    state : object
        The state that the next segment continues from. None if it cannot.
    preprocessing : list of list
        The fitted steps of pipelines, from ``fitted_preprocessing``. Empty if they have to
        be fitted again.
    could_go_on : bool
        Whether there was a state when the segment ended. It may have been released since.
        If so, training the same epochs again is not part of the cost, so that a search does
        not depend on how many states are kept.
    """

    n_epochs: int = 0
    n_max_epochs: int = 0
    cost: float = 1.0
    is_finished: bool = True
    history: dict[str, list[Any]] = field(default_factory=dict, repr=False)
    reason: str | None = None
    state: Any = field(default=None, repr=False)
    preprocessing: list[list[Any]] = field(default_factory=list, repr=False)
    could_go_on: bool = False

    @property
    def n_bytes(self) -> int:
        """Memory of the state in bytes, with the rows that are kept for it."""
        kept = [step for steps in self.preprocessing for step in steps]
        parts = (self.state, *kept)
        return sum(getattr(part, "n_bytes", 0) for part in parts)
