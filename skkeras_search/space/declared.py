"""The space that the build functions in an estimator declare."""

from copy import copy
from typing import Any

from skkeras_search.space.dimensions import Dimension
from skkeras_search.space.space import Space


def declared_in(estimator: Any) -> dict[str, Dimension]:
    """Give what an estimator and its parts declare.

    Parameters
    ----------
    estimator : estimator
        A Keras estimator, or a pipeline or another estimator with some in it.

    Returns
    -------
    dict of str to Dimension
        The names have the prefixes of the parts, as in ``"kerasclassifier__units"``.
    """
    dimensions: dict[str, Dimension] = {}
    for name, part in {"": estimator, **estimator.get_params()}.items():
        declared = getattr(part, "declared_space", None)
        if callable(declared) and not isinstance(part, type) and (space := declared()):
            dimensions |= _prefixed(space, f"{name}__" if name else "")
    return dimensions


def _prefixed(space: Space, prefix: str) -> dict[str, Dimension]:
    """The dimensions of a space, as those of a part of an estimator."""
    dimensions = {}
    for name, dimension in space.dimensions.items():
        renamed = dimensions[f"{prefix}{name}"] = copy(dimension)
        renamed.when = {f"{prefix}{parent}": v for parent, v in dimension.when.items()}
    return dimensions
