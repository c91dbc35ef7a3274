"""Arguments of ``Model.compile`` from the parameters of an estimator."""

import copy
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
from skkeras_search.estimators.serialization import copy_keras_object


def make_compile_arguments(params: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Make the arguments of ``Model.compile``.

    Parameters
    ----------
    params : dict
        Parameters of an estimator.
    names : set of str
        Which of them ``compile`` takes without a prefix.

    Returns
    -------
    dict
        Names are resolved, classes constructed with the parameters routed to them,
        and instances copied, so that each model has its own.

    Raises
    ------
    TypeError, ValueError
        If a name or a routed parameter is unknown.
    """
    arguments = route_params(params, destination="compile", pass_filter=names)

    def routed(destination: str) -> dict[str, Any]:
        return route_params(params, destination, pass_filter=set())

    optimizer = _resolved(arguments["optimizer"], get_optimizer_class, "optimizer")
    arguments["optimizer"] = own_copies(
        construct(optimizer, routed("optimizer"), "optimizer")
    )
    loss_params = routed("loss")
    loss = arguments["loss"]
    if loss_params:  # a function could not take them
        loss = _resolved(loss, _loss_class, "loss")
    arguments["loss"] = own_copies(
        construct(_resolved(loss, keras.losses.get, "loss"), loss_params, "loss")
    )
    metrics = _resolved(arguments["metrics"], get_metric_class, "metrics")
    metrics = own_copies(construct(metrics, routed("metrics"), "metrics"))
    if metrics is not None and not isinstance(metrics, (dict, list)):
        metrics = [metrics]
    arguments["metrics"] = metrics
    return arguments


def construct(items: Any, params: dict[str, Any], destination: str) -> Any:
    """Construct the classes among ``items`` with the parameters routed to them.

    Raises
    ------
    TypeError, ValueError
        As the constructor raised it, with the routed names.
    """
    try:
        return unflatten_params(items=items, params=params)
    except (TypeError, ValueError) as error:
        names = ", ".join(f"{destination}__{name}" for name in params) or destination
        raise type(error)(f"{names}: {error}") from error


def own_copies(items: Any) -> Any:
    """Copy the instances among ``items``: optimizers and metrics hold variables."""
    if isinstance(items, (keras.Optimizer, keras.Metric)):
        return copy_keras_object(items)
    if isinstance(items, keras.Loss):
        # Without variables, and often without a get_config.
        copied = object.__new__(type(items))
        copied.__dict__.update({n: copy.copy(v) for n, v in vars(items).items()})
        return copied
    if isinstance(items, (list, tuple)):
        return type(items)(own_copies(item) for item in items)
    if isinstance(items, dict):
        return {key: own_copies(item) for key, item in items.items()}
    return items


def _resolved(items: Any, resolve: Any, name: str) -> Any:
    try:
        return try_to_convert_strings_to_classes(items, resolve)
    except ValueError as error:
        raise ValueError(f"{name}={items!r} is not known to Keras: {error}") from error


def _loss_class(name: str) -> Any:
    """The class of a loss that is named as a function: "mse", "binary_crossentropy"."""
    wanted = loss_name(name).replace("_", "")
    for attribute in dir(keras.losses):
        found = getattr(keras.losses, attribute)
        if isinstance(found, type) and attribute.lower() == wanted:
            return found
    return keras.losses.get(name)
