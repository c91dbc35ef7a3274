"""Errors for callbacks that are passed where they would have no effect."""

from collections.abc import Iterable, Mapping
from typing import Any

from sklearn.callback import FitCallback


def check_no_callbacks(params: Mapping[str, Any]) -> None:
    """Check that no argument of ``fit`` is a callback of a search.

    Parameters
    ----------
    params : mapping of str to object
        The arguments by their names.

    Raises
    ------
    TypeError
        If an argument, or an element of a list, is a callback. The message names
        ``set_callbacks``.
    """
    for name, value in params.items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if _is_of_search(one):
                kind = _name(one)
                raise TypeError(
                    f"fit got {kind} as {name!r}, but callbacks of a search are set before "
                    f"fit: search.set_callbacks({kind}(...)).fit(X, y)."
                )


def check_callbacks(callbacks: Iterable[Any]) -> None:
    """Check that all elements are callbacks of a search.

    Parameters
    ----------
    callbacks : iterable of object
        The arguments of ``set_callbacks``.

    Raises
    ------
    TypeError
        If one of them is not an instance of scikit-learn's kind of callbacks.
    """
    for one in callbacks:
        if not _is_of_search(one):
            raise TypeError(
                "set_callbacks needs callbacks of scikit-learn's kind, such as "
                f"TimeBudget(60), got {one!r}.{_hint(one)}"
            )


def is_of_keras(value: Any, name: str = "Callback") -> bool:
    """Return whether an object or class is a callback of Keras, without importing Keras.

    Parameters
    ----------
    value : object
        The object or class.
    name : str, default="Callback"
        Name of the class of Keras.

    Returns
    -------
    bool
    """
    kind = value if isinstance(value, type) else type(value)
    return any(
        base.__name__ == name and base.__module__.startswith("keras.")
        for base in kind.__mro__
    )


def _is_of_search(value: Any) -> bool:
    return isinstance(value, FitCallback) and not isinstance(value, type)


def _hint(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " Pass the callbacks one by one: set_callbacks(*callbacks)."
    if isinstance(value, FitCallback):
        return f" Pass an instance: {value.__name__}(...)."
    if is_of_keras(value):
        return (
            " Callbacks of Keras are a parameter of the Keras estimator: "
            f"KerasClassifier(..., callbacks=[{_name(value)}(...)])."
        )
    return ""


def _name(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else type(value).__name__
