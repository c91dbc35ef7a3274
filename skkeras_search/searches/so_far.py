"""How far a fit is."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SoFar:
    """How far a fit is.

    Attributes
    ----------
    n_epochs, n_max_epochs : int
        That are trained, and that are to be; both 0 without epochs.
    cost : float
        Of the last segment, in whole fits.
    is_finished : bool
        Whether nothing is left to train.
    history : dict of str to list
        Of all epochs.
    reason : str or None
        Why the next segment cannot go on from here.
    state : object
        What it goes on from. None if it cannot.
    preprocessing : list of list
        The fitted steps of pipelines, as ``fitted_preprocessing`` gives them. Empty if
        they are to be fitted again.
    could_go_on : bool
        Whether there was a state when the segment ended. It may have been let go since.
        What is trained a second time then is no part of the cost, so that a search
        does not depend on how much is kept.
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
        """Memory that the state takes, with rows that are kept for it."""
        kept = [step for steps in self.preprocessing for step in steps]
        parts = (self.state, *kept)
        return sum(getattr(part, "n_bytes", 0) for part in parts)
