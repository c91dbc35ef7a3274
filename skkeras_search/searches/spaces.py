"""The spaces of a search, checked against the estimator before anything is trained."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from sklearn.base import BaseEstimator, clone

from skkeras_search.nearest_name import about_parameter, did_you_mean
from skkeras_search.space import Space
from skkeras_search.space.declared import declared_in
from skkeras_search.space.dimensions import is_estimator
from skkeras_search.space.notations import is_dimension


def given_or_declared(given: Any, estimator: Any, parameter: str) -> Any:
    """Give the spaces of a search, or where there are none what the estimator declares.

    Parameters
    ----------
    given : object
        The search's parameter, None if it was left out.
    estimator : estimator
        A Keras estimator, or a pipeline or another estimator with some in it, whose build
        functions declare hyperparameters.
    parameter : str
        Name of the search's parameter, for the message.

    Returns
    -------
    object
        What was given, or a ``Space`` whose names have the prefixes of the parts, as in
        ``"kerasclassifier__units"``.

    Raises
    ------
    ValueError
        If nothing is given, and nothing declared.
    """
    if given is not None:
        return given
    dimensions = declared_in(estimator)
    if not dimensions:
        raise ValueError(
            f"{parameter} is empty; give a dict of dimensions, as in "
            "{'learning_rate': (1e-4, 1e-1, 'log-uniform')}, or an estimator whose build "
            "function declares them, as in KerasClassifier(build_model) with "
            "build_model(hp)."
        )
    return Space(dimensions)


def as_spaces(search_spaces: Any, n_iter: int) -> list[tuple[Space, int]]:
    """Give each space with its number of candidates.

    Parameters
    ----------
    search_spaces : dict, Space, list of them, or list of (dict or Space, int)
        Names in a space are sorted.
    n_iter : int
        For a space that comes without a number.

    Returns
    -------
    list of (Space, int)

    Raises
    ------
    TypeError, ValueError
        If it is none of these.
    """
    if search_spaces is None or (
        isinstance(search_spaces, (Mapping, list, tuple)) and not search_spaces
    ):
        raise ValueError(
            "search_spaces is empty; give a dict of dimensions, as in "
            "{'learning_rate': (1e-4, 1e-1, 'log-uniform')}."
        )
    if isinstance(search_spaces, (Mapping, Space)):
        search_spaces = [search_spaces]
    if not isinstance(search_spaces, (list, tuple)):
        raise TypeError(
            f"search_spaces must be a dict or a list of them, got {search_spaces!r}."
        )
    return [_with_number(given, n_iter) for given in search_spaces]


def _with_number(given: Any, n_iter: int) -> tuple[Space, int]:
    n = n_iter
    if isinstance(given, tuple) and len(given) == 2:
        given, n = given
    if not isinstance(given, (Mapping, Space)):
        raise TypeError(
            "search_spaces must be a dict, a list of dicts or a list of (dict, n_iter); "
            f"got {given!r} in the list."
        )
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
        raise ValueError(
            "n_iter, the number of candidates of a space, must be a whole number >= 1, "
            f"got {n!r}."
        )
    if isinstance(given, Mapping):
        wrong = [name for name in given if not isinstance(name, str)]
        if wrong:
            raise TypeError(f"Names of parameters must be str, got {wrong[0]!r}.")
        given = Space({name: given[name] for name in sorted(given)})
    return given, int(n)


def as_list(spaces: Any) -> list[Mapping[str, Any]]:
    """Give the dicts of what is taken as one space or as several."""
    several = spaces if isinstance(spaces, list) else [spaces]
    for space in several:
        if not isinstance(space, (Mapping, Space)):
            raise TypeError(f"A space must be a dict, a Space or a list, got {space!r}.")
    return [space.dimensions if isinstance(space, Space) else space for space in several]


def choices_of(space: Mapping[str, Any]) -> list[Any]:
    """The elements of the lists in a space, and the categories of its dimensions."""
    lists = [getattr(given, "categories", given) for given in space.values()]
    return [choice for some in lists if isinstance(some, (list, tuple)) for choice in some]


def named_choices_of(space: Space) -> dict[str, list[Any]]:
    """Give the categories in a space by the names of their dimensions."""
    return {name: choices_of({name: given}) for name, given in space.dimensions.items()}


def of_scikit_learn(space: Mapping[str, Any]) -> Space:
    """Make a space of what scikit-learn's searches take, and of dimensions.

    A tuple has values, as a list has; it has bounds only where a prior follows them.
    """
    return Space(
        {
            name: list(given)
            if isinstance(given, tuple) and not is_dimension(given)
            else given
            for name, given in space.items()
        }
    )


def check_names(estimator: BaseEstimator, space: Space) -> None:
    """Check that an estimator has the parameters of a space.

    Raises
    ------
    ValueError
        If it does not have one, naming the nearest that it has.
    """
    known: set[str] = set(estimator.get_params())
    parts = {
        name: [category for category in dimension.categories if is_estimator(category)]
        for name, dimension in space.dimensions.items()
        if hasattr(dimension, "categories")
    }
    for name, estimators in parts.items():
        for part in estimators:
            known |= {f"{name}__{parameter}" for parameter in part.get_params()}
    for name, dimension in space.dimensions.items():
        if name not in known and not _can_set(estimator, parts, name, dimension):
            raise ValueError(
                f"{name!r} is no parameter of {type(estimator).__name__}."
                f"{did_you_mean(name, known)}{about_parameter(estimator, name)}"
            )


def _can_set(
    estimator: BaseEstimator, parts: Mapping[str, list[Any]], name: str, dimension: Any
) -> bool:
    """Whether a parameter that is not listed can be set, as those that Keras takes."""
    (value,) = dimension.rvs(random_state=0)
    for part, estimators in parts.items():
        if name.startswith(f"{part}__"):
            return any(_sets(e, name[len(part) + 2 :], value) for e in estimators)
    return _sets(estimator, name, value)


def _sets(estimator: BaseEstimator, name: str, value: Any) -> bool:
    try:
        clone(estimator).set_params(**{name: value})
    except (TypeError, ValueError, AttributeError):
        return False
    return True
