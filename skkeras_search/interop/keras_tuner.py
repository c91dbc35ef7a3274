"""Search spaces as KerasTuner's ``HyperParameters``.

The way in needs no function: an estimator takes a ``build_model(hp)`` or a ``HyperModel``
as its ``model``.
"""

from collections.abc import Mapping
from typing import Any

from skkeras_search.space import Categorical, Dimension, Integer, Range, Real, Space
from skkeras_search.space.hyperparameters import SAMPLINGS

# Our words for scales, with KerasTuner's.
SAMPLING_OF = {prior: sampling for sampling, prior in SAMPLINGS.items()}


def to_hyperparameters(space: Any, values: Mapping[str, Any] | None = None) -> Any:
    """Make a ``keras_tuner.HyperParameters`` of a search space.

    Parameters
    ----------
    space : Space, dict or estimator
        A space, what stands for one, or an estimator whose build function declares one.
    values : mapping of str to object, optional
        A configuration, such as ``best_params_``. By default, the first value of each.

    Returns
    -------
    keras_tuner.HyperParameters
        A tuner takes it as ``hyperparameters=``, a build function as ``hp``.

    Raises
    ------
    ImportError
        Without KerasTuner.
    TypeError
        If a dimension has no counterpart: a distribution of ``scipy.stats``, or choices
        that are not all str, all int, all float or all bool.
    ValueError
        If the estimator declares nothing, or ``values`` are not in the space.

    Examples
    --------
    >>> from skkeras_search import Real
    >>> from skkeras_search.interop.keras_tuner import to_hyperparameters
    >>> space = {"units": (8, 64), "rate": Real(1e-4, 1e-1, "log-uniform")}
    >>> hp = to_hyperparameters(space, {"units": 16, "rate": 0.01})
    >>> hp.get("units"), [parameter.name for parameter in hp.space]
    (16, ['units', 'rate'])
    """
    try:
        import keras_tuner
    except ImportError as error:
        raise ImportError(
            "KerasTuner is not installed: pip install skkeras-search[keras-tuner]"
        ) from error
    if hasattr(space, "declared_space"):
        declared = space.declared_space()
        if declared is None:
            raise ValueError(
                f"{type(space).__name__} has no build function that declares a space."
            )
        space = declared
    space = space if isinstance(space, Space) else Space(space)
    if values is not None:
        space.encode(values)  # which says what is wrong with them
    configs = [_config(space, name) for name in space.names]
    parameters = keras_tuner.HyperParameters.from_config({"space": configs, "values": {}})
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.merge(parameters)  # which gives them their defaults
    if values is not None:
        hyperparameters.values = dict(values)
    return hyperparameters


def _config(space: Space, name: str) -> dict[str, Any]:
    """A dimension as KerasTuner writes it."""
    kind, config = _kind(name, space.dimensions[name])
    common = {"name": name, "conditions": _conditions(space, name)}
    return {"class_name": kind, "config": {**common, **config}}


def _kind(name: str, dimension: Dimension) -> tuple[str, dict[str, Any]]:
    if isinstance(dimension, Range):
        numbers = dimension.numbers
        bounds = {"min_value": numbers[0], "max_value": numbers[-1]}
        return "Int", {**bounds, "step": numbers.step}
    if isinstance(dimension, (Integer, Real)):
        low, high = dimension.bounds
        sampling = SAMPLING_OF[dimension.prior]
        kind = "Int" if isinstance(dimension, Integer) else "Float"
        return kind, {"min_value": low, "max_value": high, "sampling": sampling}
    if isinstance(dimension, Categorical):
        return _choice(name, dimension)
    raise TypeError(f"{name!r}: KerasTuner has nothing like {dimension!r}.")


def _choice(name: str, dimension: Categorical) -> tuple[str, dict[str, Any]]:
    categories = list(dimension.categories)
    types = {type(category) for category in categories}
    if len(types) > 1 or not types <= {str, int, float, bool}:
        raise TypeError(
            f"{name!r}: the choices of KerasTuner are all str, all int, all float or all "
            f"bool, not as in {dimension!r}."
        )
    if len(categories) == 1:
        return "Fixed", {"value": categories[0]}
    if categories == [False, True] and types == {bool}:
        return "Boolean", {}
    is_ordered = dimension.is_ordered and not types & {str, bool}
    return "Choice", {"values": categories, "ordered": is_ordered}


def _conditions(space: Space, name: str) -> list[dict[str, Any]]:
    """Conditions of a dimension and of those that it is conditional on."""
    conditions = []
    for parent, wanted in space.dimensions[name].when.items():
        values = wanted if isinstance(wanted, list) else [wanted]
        own = {"class_name": "Parent", "config": {"name": parent, "values": values}}
        conditions += [*_conditions(space, parent), own]
    return conditions
