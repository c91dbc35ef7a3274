"""Check the routed names in a space, such as "optimizer__momentum", before any fit.

What is checked is what the fits certainly refuse: the estimator is one of this package, or
a step of a pipeline, and its build function has no meaning of its own for the names.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from skkeras_search.space.notations import is_dimension
from skkeras_search.wording import in_words

DESTINATIONS = ("optimizer", "loss", "metrics", "callbacks")


def check_routed_names(estimator: BaseEstimator, dimensions: Mapping[str, Any]) -> None:
    """Check the names that are routed to objects of Keras estimators.

    Parameters
    ----------
    estimator : estimator
    dimensions : dict of str to list, distribution or dimension

    Raises
    ------
    ValueError
        If no candidate can use a name.

    Warns
    -----
    UserWarning
        If every candidate with one of the choices fails.
    """
    for prefix, part in _keras_estimators(estimator):
        is_replaced = any(prefix.startswith(f"{name}__") for name in dimensions)
        if is_replaced or {f"{prefix}model", f"{prefix}build_fn"} & dimensions.keys():
            continue
        function = part._build_function()
        own = function.arguments if function else ()
        names = [
            name.removeprefix(prefix)
            for name in dimensions
            if name.startswith(prefix) and name.removeprefix(prefix) not in own
        ]
        try:
            part._check_arguments_of_model(_within("model", names), f"{prefix}model")
            part._check_arguments_of_scorer(_within("score", names), f"{prefix}score")
        except TypeError as error:
            raise ValueError(str(error)) from None
        for receiver in DESTINATIONS:
            if f"compile__{receiver}" not in names and part._passes_to(receiver):
                _check_receiver(part, receiver, prefix, dimensions, names)


def _keras_estimators(estimator: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The Keras estimators that are fitted as they are, with the prefix of their names."""
    if type(estimator) is Pipeline:
        for name, step in estimator.steps:
            yield from _keras_estimators(step, f"{prefix}{name}__")
    elif hasattr(estimator, "_passes_to") and type(estimator).__module__.startswith(
        "skkeras_search."
    ):
        yield prefix, estimator


def _check_receiver(
    part: Any, receiver: str, prefix: str, dimensions: Mapping[str, Any], names: list[str]
) -> None:
    full_name = f"{prefix}{receiver}"
    routed = {n: dimensions[f"{full_name}__{n}"] for n in _within(receiver, names)}
    # Whether a class that is searched accepts a name depends on the candidate.
    routed = {n: v for n, v in routed.items() if _base(n) not in routed}
    given = dimensions.get(full_name)
    choices = [part._param(receiver)] if given is None else values_of(given)
    # None switches the parameters off, unless it is a default.
    is_none_right = given is not None or receiver in part._given
    fixed = {
        name: value
        for name, value in part._routed_to(receiver).items()
        if name not in routed and _base(name) not in routed
    }

    def error_of(choice: Any, params: Mapping[str, Any]) -> str | None:
        if choice is None and is_none_right:
            return None
        try:
            part._check_receiver(receiver, choice, params, full_name)
        except (TypeError, ValueError) as error:
            return str(error)
        return None

    for name, values in routed.items():
        params = {n: v for n, v in fixed.items() if n == _base(name)}
        params[name] = some_value(values)
        _check_any([error_of(choice, params) for choice in choices])
    if given is not None:
        always = {
            name: some_value(values)
            for name, values in routed.items()
            if not getattr(values, "when", None)
        }
        errors = [error_of(choice, fixed | always) for choice in choices]
        right = [c for c, error in zip(choices, errors, strict=True) if error is None]
        for choice, error in zip(choices, errors, strict=True):
            if error is not None:
                _warn(full_name, choice, error, right, error_of(choice, {}) is None)


def _check_any(errors: list[str | None]) -> None:
    """Check that one of the choices has no error. There are none of a distribution."""
    found = [error for error in errors if error is not None]
    if found and len(found) == len(errors):
        raise ValueError(min(found, key=lambda error: "Did you mean" not in error))


def _warn(name: str, choice: Any, error: str, right: list[Any], by_params: bool) -> None:
    if by_params and right:
        value = repr(right[0]) if isinstance(right[0], str) else in_words(right[0])
        error += (
            " If only some choices accept the parameter, make it conditional: "
            f"when={{{name!r}: {value}}}."
        )
    warnings.warn(
        f"Every candidate with {name}={in_words(choice)} fails, unless its build function "
        f"compiles the model: {error}",
        stacklevel=2,
    )


def _base(name: str) -> str:
    return name.rpartition("__")[0]


def _within(first: str, names: Iterable[str]) -> list[str]:
    start = f"{first}__"
    return [name.removeprefix(start) for name in names if name.startswith(start)]


def values_of(given: Any) -> list[Any]:
    """Return the choices of a list, an array or a dimension; none of a distribution."""
    values = getattr(given, "categories", given)
    return list(values) if isinstance(values, Iterable) else []


def some_value(given: Any) -> Any:
    """Return one of the values that a parameter may have."""
    if hasattr(given, "rvs"):
        value = given.rvs(random_state=np.random.RandomState(0))
        return value[0] if is_dimension(given) else value
    return next(iter(given), None)
