"""Make the arguments of ``Model.compile`` from the parameters of an estimator."""

from collections.abc import Mapping
from typing import Any

import keras

from skkeras_search.estimators.routed import check_routed
from skkeras_search.estimators.scikeras_base import (
    get_metric_class,
    get_optimizer_class,
    loss_name,
    route_params,
    try_to_convert_strings_to_classes,
    unflatten_params,
)
from skkeras_search.estimators.serialization import copy_compile_arguments

# Arguments of ``compile`` whose objects are constructed with routed parameters.
RECEIVERS = ("optimizer", "loss", "metrics")


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
    for destination in RECEIVERS:
        routed = route_params(params, destination, pass_filter=set())
        items = receivers_of(arguments[destination], destination, routed)
        arguments[destination] = copy_compile_arguments(
            construct(items, routed, destination)
        )
    metrics = arguments["metrics"]
    if metrics is not None and not isinstance(metrics, (dict, list)):
        arguments["metrics"] = [metrics]
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
    check_routed(items, params, destination)
    try:
        return unflatten_params(items=items, params=params)
    except (TypeError, ValueError) as error:
        names = ", ".join(f"{destination}__{name}" for name in params) or destination
        raise type(error)(f"{names}: {error}") from error


def receivers_of(items: Any, destination: str, routed: Mapping[str, Any]) -> Any:
    """Replace the names of Keras by objects, or by classes that accept parameters.

    Parameters
    ----------
    items : object, or list or dict of them
        Value of the parameter ``destination``.
    destination : {"optimizer", "loss", "metrics"}
        Where the parameters are routed.
    routed : dict
        The parameters, without the prefix.

    Returns
    -------
    receivers : object, or list or dict of them

    Raises
    ------
    TypeError, ValueError
        If an item is unknown to Keras.
    """
    by_name, class_by_name = {
        "optimizer": (get_optimizer_class, get_optimizer_class),
        "loss": (keras.losses.get, _loss_class),
        "metrics": (get_metric_class, _metric_class),
    }[destination]
    return _resolved(items, class_by_name if routed else by_name, destination)


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


def _metric_class(name: str) -> Any:
    """The class of a metric; the name itself if Keras chooses the class by the loss."""
    found = get_metric_class(name)
    return type(found) if isinstance(found, keras.Metric) else found
