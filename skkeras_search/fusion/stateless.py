"""Keras's stateless scope for values of unknown sizes."""

from collections.abc import Iterable
from typing import Any

import keras


def scope_with(
    values: Iterable[tuple[keras.Variable, Any]], collect_losses: bool = False
) -> keras.StatelessScope:
    """Return a scope in which variables have the given values.

    The constructor of ``keras.StatelessScope`` rejects tensors with unknown dimensions,
    although the scope does not need to know them.

    Parameters
    ----------
    values : iterable of (keras.Variable, tensor)
        Variables, and tensors with the same dtypes and ranks.
    collect_losses : bool
        Whether to collect the losses that layers add.

    Returns
    -------
    scope : keras.StatelessScope
    """
    scope = keras.StatelessScope(collect_losses=collect_losses)
    scope.state_mapping.update((id(variable), value) for variable, value in values)
    return scope
