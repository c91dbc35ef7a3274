"""Check that routed parameters are accepted by the objects to which they are passed."""

import inspect
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

import keras

from skkeras_search.estimators.build_function import NAMED
from skkeras_search.estimators.serialization import is_keras_object
from skkeras_search.nearest_name import did_you_mean
from skkeras_search.wording import in_words

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
    _check(items, named, destination)


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


def _check(items: Any, params: Routed, name: str) -> None:
    """Check the parameters of ``items``, which are the value of ``name``."""
    if isinstance(items, (Mapping, list, tuple)):
        _check_keys(items, params, name)
    elif isinstance(items, type):
        _check_class(items, params)
    elif params:
        full_name, _ = next(iter(params.values()))
        if items is None:
            raise _nowhere(full_name, name, items)
        raise TypeError(
            f"'{full_name}' cannot be passed to {name}={_shown(items)}, which is not a "
            "class."
            + (f" Pass the class {type(items).__name__}." if is_keras_object(items) else "")
        )


def _check_keys(items: Any, params: Routed, name: str) -> None:
    """Check the parameters of a list or dict: those of one item, and those of all."""
    pairs = items.items() if isinstance(items, Mapping) else enumerate(items)
    members = {str(key): item for key, item in pairs}
    for routed_name, (full_name, _) in params.items():
        key, nested, _ = routed_name.partition("__")
        if nested and key not in members:
            raise _nowhere(full_name, name, items, did_you_mean(key, members))
    of_all = {n: given for n, given in params.items() if "__" not in n}
    for key, item in members.items():
        is_nested = isinstance(item, (Mapping, list, tuple))
        own = {**({} if is_nested else of_all), **_within(params, key)}
        _check(item, own, f"{name}[{key}]")


def _nowhere(full_name: str, name: str, items: Any, suggestion: str = "") -> TypeError:
    return TypeError(
        f"'{full_name}' has no object to be passed to: {name}={_shown(items)}.{suggestion}"
    )


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
        _check(value, _within(params, name), full_name)


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
        # Keras's optimizers pass other keywords to their bases, which refuse unknown ones
        # except "decay", a name of Keras 2 that Keras ignores with a warning.
        if not issubclass(cls, keras.Optimizer) or not base.__module__.startswith("keras."):
            return None
        names.add("decay")
    return frozenset(names)


def _shown(items: Any) -> str:
    return f"{type(items).__name__}(...)" if is_keras_object(items) else in_words(items)
