"""Pass Keras's thread-local state, such as the dtype policy, to new threads."""

import sys
from collections.abc import Callable
from copy import copy
from typing import Any


def inherit() -> Callable[[], None]:
    """Read the thread-local state of this thread.

    Returns
    -------
    take_over : callable
        Gives the thread that calls it the same state.
    """
    module = sys.modules.get("keras.src.backend.common.global_state")
    if module is None:  # Keras was not imported yet
        return lambda: None
    tracker = module.GLOBAL_STATE_TRACKER
    state = {name: _own(value) for name, value in vars(tracker).items()}

    def take_over() -> None:
        vars(tracker).clear()
        vars(tracker).update(state)

    return take_over


def _own(value: Any) -> Any:
    """A copy of a list, dict or set, so that threads do not share it."""
    return copy(value) if isinstance(value, (list, dict, set)) else value
