"""Read the space of a search, before or after the search is fitted."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from skkeras_search.space import Categorical, Space
from skkeras_search.space.declared import declared_in
from skkeras_search.space.dimensions import Dimension
from skkeras_search.space.notations import are_choices, as_dimension

# Parameters that hold spaces. A tuple of two numbers stands for bounds in the first, and
# for choices in the others.
OF_SPACES = ("search_spaces", "param_grid", "param_distributions")


def spaces_of(search: Any) -> list[dict[str, Any]]:
    """Return the spaces of a search.

    Parameters
    ----------
    search : object
        A search or a loaded search.

    Returns
    -------
    list of dict of str to object
        For each space, the dimensions by the names of the hyperparameters. An object that
        cannot be converted to a dimension is returned unchanged. If the user gave no space,
        the result is the space that the estimator declares. Empty if there is none, as for
        a loaded search.
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
    """Return the dimension of a hyperparameter, or None if there is not exactly one."""
    found = [space[name] for space in spaces_of(search) if name in space]
    return found[0] if len(found) == 1 and isinstance(found[0], Dimension) else None


def _as_dimensions(space: Any, attribute: str) -> dict[str, Any]:
    if isinstance(space, Space):
        return dict(space.dimensions)
    if not isinstance(space, Mapping):
        return {}
    return {name: _as_dimension(given, attribute) for name, given in space.items()}


def _as_dimension(given: Any, attribute: str) -> Any:
    with suppress(TypeError, ValueError):  # e.g. an object that has only rvs
        if attribute != "search_spaces" and are_choices(given):
            return Categorical(given)
        return as_dimension(given)
    return given
