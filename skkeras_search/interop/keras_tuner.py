"""Convert search spaces to ``HyperParameters`` of KerasTuner.

The other direction needs no conversion: the ``model`` of an estimator may be a
``build_model(hp)`` function or a ``HyperModel``.
"""

from collections.abc import Mapping
from typing import Any

from skkeras_search.space import Categorical, Dimension, Integer, Range, Real, Space
from skkeras_search.space.hyperparameters import SAMPLINGS

# The priors of this package, and KerasTuner's names of the scales.
SAMPLING_OF = {prior: sampling for sampling, prior in SAMPLINGS.items()}


def to_hyperparameters(space: Any, values: Mapping[str, Any] | None = None) -> Any:
    """Convert a search space to a ``keras_tuner.HyperParameters`` object.

    Requires ``pip install skkeras-search[keras-tuner]``.

    Parameters
    ----------
    space : Space, dict or estimator
        Search space: a ``Space``, a dict that can be converted to one, or an estimator
        whose build function declares a space.
    values : mapping of str to object, default=None
        Configuration that the result holds, such as ``best_params_``. None means the
        default of each hyperparameter in KerasTuner.

    Returns
    -------
    keras_tuner.HyperParameters
        The converted space. Pass it to a tuner as ``hyperparameters``, or to a build
        function as ``hp``.

    Raises
    ------
    ImportError
        If KerasTuner is not installed.
    TypeError
        If a dimension has no counterpart in KerasTuner. These are distributions of
        ``scipy.stats``, and choices that are not all str, all int, all float or all bool.
    ValueError
        If the space is invalid, the estimator declares no space, or ``values`` is not in
        the space.

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
            "to_hyperparameters requires KerasTuner, which is not installed. Install it "
            "with pip install skkeras-search[keras-tuner]."
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
        space.encode(values)  # raises an error if they are not in the space
    configs = [_config(space, name) for name in space.names]
    parameters = keras_tuner.HyperParameters.from_config({"space": configs, "values": {}})
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.merge(parameters)  # sets the defaults
    if values is not None:
        hyperparameters.values = dict(values)
    return hyperparameters


def _config(space: Space, name: str) -> dict[str, Any]:
    """Return the configuration of a dimension in the format of KerasTuner."""
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
    raise TypeError(f"{name!r}: KerasTuner has no counterpart of {dimension!r}.")


def _choice(name: str, dimension: Categorical) -> tuple[str, dict[str, Any]]:
    categories = list(dimension.categories)
    types = {type(category) for category in categories}
    if len(types) > 1 or not types <= {str, int, float, bool}:
        raise TypeError(
            f"{name!r}: the choices must be all str, all int, all float or all bool for "
            f"KerasTuner, got {dimension!r}."
        )
    if len(categories) == 1:
        return "Fixed", {"value": categories[0]}
    if categories == [False, True] and types == {bool}:
        return "Boolean", {}
    is_ordered = dimension.is_ordered and not types & {str, bool}
    return "Choice", {"values": categories, "ordered": is_ordered}


def _conditions(space: Space, name: str) -> list[dict[str, Any]]:
    """Return the conditions of a dimension and of its parents."""
    conditions = []
    for parent, wanted in space.dimensions[name].when.items():
        values = wanted if isinstance(wanted, list) else [wanted]
        own = {"class_name": "Parent", "config": {"name": parent, "values": values}}
        conditions += [*_conditions(space, parent), own]
    return conditions
