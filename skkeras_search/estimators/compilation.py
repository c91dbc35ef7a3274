"""Make the arguments of ``Model.compile`` from the parameters of an estimator."""

from collections.abc import Mapping
from typing import Any

import keras

from skkeras_search.estimators.scikeras_base import (
    get_metric_class,
    get_optimizer_class,
    loss_name,
    route_params,
    try_to_convert_strings_to_classes,
    unflatten_params,
)
from skkeras_search.estimators.serialization import copy_compile_arguments
from skkeras_search.nearest_name import did_you_mean


def make_compile_arguments(params: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Make the arguments of ``Model.compile``.

    Parameters
    ----------
    params : dict
        Parameters of an estimator.
    names : set of str
        The parameters that are passed to ``compile`` without a prefix.

    Returns
    -------
    arguments : dict
        Keras objects: names are resolved, classes are constructed with the parameters
        routed to them, and instances are copied, so that each model has its own.

    Raises
    ------
    TypeError, ValueError
        If a name or a routed parameter is unknown.
    """
    arguments = route_params(params, destination="compile", pass_filter=names)

    def routed(destination: str) -> dict[str, Any]:
        return route_params(params, destination, pass_filter=set())

    optimizer = _resolved(arguments["optimizer"], get_optimizer_class, "optimizer")
    arguments["optimizer"] = copy_compile_arguments(
        construct(optimizer, routed("optimizer"), "optimizer")
    )
    loss_params = routed("loss")
    loss = arguments["loss"]
    if loss_params:  # a class is needed, as a function does not accept them
        loss = _resolved(loss, _loss_class, "loss")
    arguments["loss"] = copy_compile_arguments(
        construct(_resolved(loss, keras.losses.get, "loss"), loss_params, "loss")
    )
    metrics = _resolved(arguments["metrics"], get_metric_class, "metrics")
    metrics = copy_compile_arguments(construct(metrics, routed("metrics"), "metrics"))
    if metrics is not None and not isinstance(metrics, (dict, list)):
        metrics = [metrics]
    arguments["metrics"] = metrics
    return arguments


def construct(items: Any, params: dict[str, Any], destination: str) -> Any:
    """Construct the classes among ``items`` with the parameters routed to them.

    Parameters
    ----------
    items : object, or list or dict of them
        Classes and instances.
    params : dict
        Routed parameters, without the prefix.
    destination : str
        The prefix, such as "optimizer".

    Returns
    -------
    constructed : object, or list or dict of them
        Instances, in the structure of ``items``.

    Raises
    ------
    TypeError, ValueError
        If a constructor raises it. The message names the routed parameters.
    """
    _check_receivers(items, params, destination)
    try:
        return unflatten_params(items=items, params=params)
    except (TypeError, ValueError) as error:
        names = ", ".join(f"{destination}__{name}" for name in params) or destination
        raise type(error)(f"{names}: {error}") from error


def _check_receivers(items: Any, params: dict[str, Any], destination: str) -> None:
    """Check that each routed parameter has an object to which it is passed."""
    if isinstance(items, Mapping):
        keys = list(items)
    elif isinstance(items, (list, tuple)):
        keys = [str(position) for position in range(len(items))]
    elif items is None:
        keys = []
    else:
        return
    for name in params:
        key, routed, _ = name.partition("__")
        if (routed and key not in keys) or items is None:
            raise TypeError(
                f"'{destination}__{name}' has no object to be passed to: "
                f"{destination}={items!r}." + did_you_mean(key, keys)
            )


def _resolved(items: Any, resolve: Any, name: str) -> Any:
    for item in keras.tree.flatten(items):
        if item is not None and not (isinstance(item, str) or callable(item)):
            if not isinstance(item, (keras.Optimizer, keras.Loss, keras.Metric)):
                raise TypeError(
                    f"{name} must be a name, a class, a function or an instance of Keras, "
                    f"or a list or dict of them, got {item!r}."
                )
    try:
        return try_to_convert_strings_to_classes(items, resolve)
    except ValueError as error:
        raise ValueError(f"{name}={items!r} is not known to Keras: {error}") from error


def _loss_class(name: str) -> Any:
    """The class of a loss that has the name of a function, such as "mse"."""
    wanted = loss_name(name).replace("_", "")
    for attribute in dir(keras.losses):
        found = getattr(keras.losses, attribute)
        if isinstance(found, type) and attribute.lower() == wanted:
            return found
    return keras.losses.get(name)
