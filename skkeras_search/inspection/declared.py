"""The space of a search as it was given, before or after the search is fitted."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from skkeras_search.space import Space
from skkeras_search.space.declared import declared_in
from skkeras_search.space.dimensions import Dimension
from skkeras_search.space.notations import as_dimension, is_dimension

# A tuple is one of bounds in the first, of values in the others.
OF_SPACES = ("search_spaces", "param_grid", "param_distributions")


def spaces_of(search: Any) -> list[dict[str, Any]]:
    """Give the spaces of a search: for each, what was given for each hyperparameter.

    Parameters
    ----------
    search : object

    Returns
    -------
    list of dict of str to object
        Dimensions, or what no dimension can be made of. Empty if the search has no space,
        as one that is loaded. Without a space, a search has what its estimator declares.
    """
    for attribute in OF_SPACES:
        given = getattr(search, attribute, None)
        if given is not None:
            several = given if isinstance(given, (list, tuple)) else [given]
            several = [one[0] if isinstance(one, tuple) else one for one in several]
            return [_as_dimensions(one, attribute) for one in several]
    has_none = any(hasattr(search, attribute) for attribute in OF_SPACES)
    declared = declared_in(search.estimator) if has_none else {}
    return [dict(declared)] if declared else []


def dimension_of(search: Any, name: str) -> Dimension | None:
    """Give the dimension of a hyperparameter, None if there is not just one."""
    found = [space[name] for space in spaces_of(search) if name in space]
    return found[0] if len(found) == 1 and isinstance(found[0], Dimension) else None


def _as_dimensions(space: Any, attribute: str) -> dict[str, Any]:
    if isinstance(space, Space):
        return dict(space.dimensions)
    if not isinstance(space, Mapping):
        return {}
    return {name: _as_dimension(given, attribute) for name, given in space.items()}


def _as_dimension(given: Any, attribute: str) -> Any:
    is_values = attribute != "search_spaces" and isinstance(given, tuple)
    with suppress(TypeError, ValueError):  # such as an object that can only draw values
        return as_dimension(list(given) if is_values and not is_dimension(given) else given)
    return given
