"""Check that routed parameters are accepted by the objects to which they are passed."""

import inspect
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

import keras

from skkeras_search.estimators.serialization import is_keras_object
from skkeras_search.nearest_name import did_you_mean

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

# The value of a parameter, and its full name, by the name within its object.
Routed = Mapping[str, tuple[str, Any]]


def check_routed(items: Any, params: Mapping[str, Any], destination: str) -> None:
    """Check routed parameters before the objects are constructed.

    Parameters
    ----------
    items : object, or list or dict of them
        Classes and instances.
    params : dict
        Routed parameters, without the prefix.
    destination : str
        The prefix, such as "optimizer".

    Raises
    ------
    TypeError
        If a parameter has no object to be passed to, or its object does not accept it.
    """
    named = {name: (f"{destination}__{name}", value) for name, value in params.items()}
    _check(items, named, f"{destination}={_shown(items)}")


def check_keywords(
    function: Callable[..., Any], names: Collection[str], prefix: str, description: str
) -> None:
    """Check that a function accepts the arguments that are routed to it.

    Parameters
    ----------
    function : callable
    names : collection of str
        Names of the arguments, without the prefix.
    prefix : str
        The prefix, such as "fit".
    description : str
        The function in the error message.

    Raises
    ------
    TypeError
        If the function does not accept one of the arguments.
    """
    if not names:
        return
    parameters = inspect.signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for name in names:
        if name not in parameters:
            raise TypeError(
                f"'{prefix}__{name}': {description} got an unexpected keyword argument "
                f"{name!r}." + did_you_mean(name, parameters)
            )


def _check(items: Any, params: Routed, receiver: str) -> None:
    if isinstance(items, (Mapping, list, tuple)):
        _check_keys(items, params, receiver)
    elif isinstance(items, type):
        _check_class(items, params)
    elif params:
        name, _ = next(iter(params.values()))
        if items is None:
            raise TypeError(f"'{name}' has no object to be passed to: {receiver}.")
        instead = (
            f" Pass the class {type(items).__name__}." if is_keras_object(items) else ""
        )
        raise TypeError(
            f"'{name}' cannot be passed to {receiver}, which is not a class.{instead}"
        )


def _check_keys(items: Any, params: Routed, receiver: str) -> None:
    """Check the parameters of a list or dict: those of one item, and those of all."""
    pairs = items.items() if isinstance(items, Mapping) else enumerate(items)
    members = {str(key): item for key, item in pairs}
    for name, (full_name, _) in params.items():
        key, nested, _ = name.partition("__")
        if nested and key not in members:
            raise TypeError(
                f"'{full_name}' has no object to be passed to: {receiver}."
                + did_you_mean(key, members)
            )
    of_all = {name: given for name, given in params.items() if "__" not in name}
    for key, item in members.items():
        _check(item, {**of_all, **_within(params, key)}, receiver)


def _check_class(cls: type, params: Routed) -> None:
    accepted = accepted_arguments(cls)
    for name, (full_name, value) in params.items():
        first, nested, _ = name.partition("__")
        if nested and first not in params:
            raise TypeError(
                f"'{full_name}' has no object to be passed to: "
                f"{full_name.removesuffix(name)}{first} is not set."
            )
        if first.isdigit() or nested:
            continue
        if accepted is not None and name not in accepted:
            raise TypeError(
                f"'{full_name}': {cls.__name__} has no argument {name!r}."
                + did_you_mean(name, sorted(accepted))
            )
        _check(value, _within(params, name), f"{full_name}={_shown(value)}")


def _within(params: Routed, key: str) -> Routed:
    """The parameters that are passed to one item."""
    start = f"{key}__"
    return {n.removeprefix(start): v for n, v in params.items() if n.startswith(start)}


@lru_cache
def accepted_arguments(cls: type) -> frozenset[str] | None:
    """Return the names of the arguments that a class can be constructed with.

    Parameters
    ----------
    cls : type

    Returns
    -------
    names : frozenset of str or None
        None if they are not known, because the class accepts any keyword.
    """
    names: set[str] = set()
    for base in cls.__mro__:
        try:
            parameters = inspect.signature(base).parameters.values()
        except ValueError:  # written in C
            return None
        names |= {p.name for p in parameters if p.kind in NAMED}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
        # Keras's optimizers pass other keywords to their bases, which refuse unknown ones.
        if not issubclass(cls, keras.Optimizer) or not base.__module__.startswith("keras."):
            return None
    return frozenset(names)


def _shown(items: Any) -> str:
    if isinstance(items, type):
        return items.__name__
    return f"{type(items).__name__}(...)" if is_keras_object(items) else repr(items)
