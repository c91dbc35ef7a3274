"""The space declared by the build functions of an estimator and its parts."""

from copy import copy
from typing import Any

from skkeras_search.space.dimensions import Dimension
from skkeras_search.space.space import Space


def declared_in(estimator: Any) -> dict[str, Dimension]:
    """Collect the dimensions that an estimator and its parts declare.

    Parameters
    ----------
    estimator : estimator
        A Keras estimator, or a meta-estimator that contains Keras estimators, such as a
        pipeline.

    Returns
    -------
    dict of str to Dimension
        Dimensions by parameter name. The name of a nested parameter has the prefix of its
        part, as in ``"kerasclassifier__units"``.
    """
    dimensions: dict[str, Dimension] = {}
    for name, part in {"": estimator, **estimator.get_params()}.items():
        declared = getattr(part, "declared_space", None)
        if callable(declared) and not isinstance(part, type) and (space := declared()):
            dimensions |= _prefixed(space, f"{name}__" if name else "")
    return dimensions


def _prefixed(space: Space, prefix: str) -> dict[str, Dimension]:
    """Return the dimensions of a space, with a prefix added to all names."""
    dimensions = {}
    for name, dimension in space.dimensions.items():
        renamed = dimensions[f"{prefix}{name}"] = copy(dimension)
        renamed.when = {f"{prefix}{parent}": v for parent, v in dimension.when.items()}
    return dimensions
