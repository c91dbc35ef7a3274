"""Keras's stateless scope, for values whose sizes may not be known yet."""

from collections.abc import Iterable
from typing import Any

import keras


def scope_with(
    values: Iterable[tuple[keras.Variable, Any]], collect_losses: bool = False
) -> keras.StatelessScope:
    """Give a scope in which variables have the values given.

    The constructor of the scope refuses a tensor with a dimension that is not known,
    though nothing in the scope needs to know it.

    Parameters
    ----------
    values : iterable of (keras.Variable, tensor)
        Tensors of the dtypes and ranks of their variables.
    collect_losses : bool
        Whether to collect the losses that layers add.

    Returns
    -------
    keras.StatelessScope
    """
    scope = keras.StatelessScope(collect_losses=collect_losses)
    scope.state_mapping.update((id(variable), value) for variable, value in values)
    return scope
