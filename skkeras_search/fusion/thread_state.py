"""What Keras keeps for each thread, such as the dtype policy, handed to new ones."""

import sys
from collections.abc import Callable
from copy import copy
from typing import Any


def inherit() -> Callable[[], None]:
    """Read the state of this thread.

    Returns
    -------
    callable
        Puts the thread that calls it in that state.
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
    """A list, dict or set that no other thread changes."""
    return copy(value) if isinstance(value, (list, dict, set)) else value
