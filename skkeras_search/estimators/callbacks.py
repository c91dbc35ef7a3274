"""Keras callbacks from the ``callbacks`` parameter of an estimator."""

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
        "callbacks", "fit__callbacks" or "predict__callbacks". Its value may be a
        callback, a class of callbacks, or a list or dict of them; classes are
        constructed with the parameters routed to them.

    Returns
    -------
    list of keras.callbacks.Callback
        Shallow copies: what a callback sets on itself in one fit is not there in the
        next, and what it was given to record into is the caller's own.

    Raises
    ------
    TypeError
        If something else than a callback is found.
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
    """Whether a callback does anything when the model predicts."""
    return any(
        getattr(type(callback), name) is not getattr(keras.callbacks.Callback, name)
        for name in dir(keras.callbacks.Callback)
        if name.startswith("on_predict_")
    )


def check_callbacks(callbacks: Any, name: str = "callbacks") -> list[Any]:
    """Flatten a list of callbacks.

    Raises
    ------
    TypeError
        If one of them is no callback.
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
