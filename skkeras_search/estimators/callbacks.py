"""Make Keras callbacks from the ``callbacks`` parameter of an estimator."""

import copy
from collections.abc import Mapping
from typing import Any

import keras

from skkeras_search.estimators.compilation import construct
from skkeras_search.estimators.scikeras_base import route_params


def make_callbacks(params: dict[str, Any], destination: str) -> list[Any]:
    """Make the callbacks of one call.

    Parameters
    ----------
    params : dict
        Parameters of the estimator.
    destination : str
        "callbacks", "fit__callbacks" or "predict__callbacks": the name of the parameter
        with the callbacks. Its value may be a callback, a class of callbacks, or a list
        or dict of them. Classes are constructed with the parameters routed to them.

    Returns
    -------
    callbacks : list of keras.callbacks.Callback
        Shallow copies. Attributes that a callback sets in one fit are not present in the
        next fit, but an object into which it records is shared with the user.

    Raises
    ------
    TypeError
        If an item is not a callback.
    """
    given = params.get(destination)
    routed = route_params(params, destination=destination, pass_filter=set())
    if given is None and not routed:
        return []
    made = construct(given, routed, destination)
    if isinstance(made, Mapping):
        made = list(made.values())
    elif not isinstance(made, (list, tuple)):
        made = [made]
    return [copy.copy(callback) for callback in check_callbacks(made, destination)]


def watches_prediction(callback: Any) -> bool:
    """Whether a callback overrides a method that is called during prediction."""
    return any(
        getattr(type(callback), name) is not getattr(keras.callbacks.Callback, name)
        for name in dir(keras.callbacks.Callback)
        if name.startswith("on_predict_")
    )


def check_callbacks(callbacks: Any, name: str = "callbacks") -> list[Any]:
    """Flatten a list of callbacks.

    Parameters
    ----------
    callbacks : Callback, or nested list of them
        Callbacks.
    name : str, default="callbacks"
        Name of the parameter, for the error message.

    Returns
    -------
    flat : list of keras.callbacks.Callback

    Raises
    ------
    TypeError
        If an item is not a callback.
    """
    flat: list[Any] = []
    for item in callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]:
        if isinstance(item, (list, tuple)):
            flat += check_callbacks(item, name)
        elif isinstance(item, keras.callbacks.Callback):
            flat.append(item)
        else:
            raise TypeError(
                f"{name} must be keras.callbacks.Callback instances or classes, or a "
                f"list or dict of them, got {item!r} of type {type(item).__name__}."
            )
    return flat
