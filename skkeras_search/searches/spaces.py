"""The spaces of a search, checked against the estimator before anything is trained."""

import itertools
from collections.abc import Mapping
from numbers import Integral
from typing import Any

from sklearn.base import BaseEstimator, clone

from skkeras_search.nearest_name import about_parameter, did_you_mean
from skkeras_search.searches.routed_names import check_routed_names, some_value, values_of
from skkeras_search.space import Categorical, Space
from skkeras_search.space.declared import declared_in
from skkeras_search.space.dimensions import is_estimator
from skkeras_search.space.notations import are_choices

# Combinations of parts with which a parameter is tried before it counts as unknown.
MOST_COMBINATIONS = 1000


def given_or_declared(given: Any, estimator: Any, parameter: str) -> Any:
    """Return the spaces of a search, or if none are given the space that is declared.

    Parameters
    ----------
    given : object
        The search's parameter, None if it was left out.
    estimator : estimator
        A Keras estimator whose build function declares hyperparameters, or an estimator,
        such as a pipeline, with Keras estimators in it.
    parameter : str
        Name of the search's parameter, for the error message.

    Returns
    -------
    object
        The given value, or a ``Space`` whose names have the prefixes of the parts, as in
        ``"kerasclassifier__units"``.

    Raises
    ------
    ValueError
        If nothing is given and nothing is declared.
    """
    if given is not None:
        return given
    dimensions = declared_in(estimator)
    if not dimensions:
        raise ValueError(
            f"{parameter} is missing. Give a dict of dimensions, as in "
            "{'learning_rate': (1e-4, 1e-1, 'log-uniform')}, or an estimator whose build "
            "function declares its hyperparameters: KerasClassifier(build_model) with "
            "build_model(hp)."
        )
    return Space(dimensions)


def as_spaces(search_spaces: Any, n_iter: int) -> list[tuple[Space, int]]:
    """Return each space with its number of candidates.

    Parameters
    ----------
    search_spaces : dict, Space, list of them, or list of (dict or Space, int)
        The spaces. Names in a dict are sorted.
    n_iter : int
        Number of candidates of a space that is given without a number.

    Returns
    -------
    list of (Space, int)

    Raises
    ------
    TypeError, ValueError
        If ``search_spaces`` is not of this form.
    """
    if search_spaces is None or (
        isinstance(search_spaces, (Mapping, list, tuple)) and not search_spaces
    ):
        raise ValueError(
            "search_spaces is empty. Give a dict of dimensions, as in "
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
            "search_spaces must be a dict, a list of dicts or a list of (dict, n_iter), "
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
            raise TypeError(
                "The keys of search_spaces are names of parameters and must be str, got "
                f"{wrong[0]!r}."
            )
        given = Space({name: given[name] for name in sorted(given)})
    return given, int(n)


def as_list(spaces: Any) -> list[Mapping[str, Any]]:
    """Return the dicts of one space or of a list of spaces."""
    several = spaces if isinstance(spaces, list) else [spaces]
    for space in several:
        if not isinstance(space, (Mapping, Space)):
            raise TypeError(f"A space must be a dict, a Space or a list, got {space!r}.")
    return [space.dimensions if isinstance(space, Space) else space for space in several]


def choices_of(space: Mapping[str, Any]) -> list[Any]:
    """Return all elements of the lists in a space, and all categories of its dimensions."""
    lists = [getattr(given, "categories", given) for given in space.values()]
    return [choice for some in lists if isinstance(some, (list, tuple)) for choice in some]


def named_choices_of(space: Space) -> dict[str, list[Any]]:
    """Return the categories in a space by the names of their dimensions."""
    return {name: choices_of({name: given}) for name, given in space.dimensions.items()}


def of_scikit_learn(space: Mapping[str, Any]) -> Space:
    """Make a space from what scikit-learn's searches accept, and from dimensions.

    A list or tuple stands for choices, as in scikit-learn, unless it is a tuple of bounds
    with a prior.
    """
    return Space(
        {
            name: Categorical(given) if are_choices(given) and given else given
            for name, given in space.items()
        }
    )


def check_names(estimator: BaseEstimator, space: Mapping[str, Any] | Space) -> None:
    """Check that an estimator has all parameters of a space.

    Parameters
    ----------
    estimator : estimator
    space : Space, or dict of str to list, distribution or dimension

    Raises
    ------
    TypeError
        If a name is not a string.
    ValueError
        If a parameter is unknown. The message names the most similar parameter.

    Warns
    -----
    UserWarning
        If every candidate with one of the choices fails.
    """
    dimensions = space.dimensions if isinstance(space, Space) else space
    known: set[str] = set(estimator.get_params())
    # Choices that bring parameters of their own: estimators, build functions, models.
    parts = {
        name: [
            choice
            for choice in values_of(given)
            if is_estimator(choice) or callable(choice)
        ]
        for name, given in dimensions.items()
    }
    for name, choices in parts.items():
        for part in filter(is_estimator, choices):
            known |= {f"{name}__{parameter}" for parameter in part.get_params()}
    for name, given in dimensions.items():
        if not isinstance(name, str):
            raise TypeError(f"The names of parameters must be str, got {name!r}.")
        if name not in known and not _can_set(estimator, parts, name, given):
            raise ValueError(
                f"{name!r} is not a parameter of {type(estimator).__name__}."
                f"{did_you_mean(name, known)}{about_parameter(estimator, name)}"
            )
    check_routed_names(estimator, dimensions)


def _can_set(
    estimator: BaseEstimator, parts: Mapping[str, list[Any]], name: str, given: Any
) -> bool:
    """Return whether a parameter can be set although it is not listed.

    Keras estimators accept such parameters. Which ones may depend on the parts that a
    candidate has, such as its build function.
    """
    value = some_value(given)
    some = {part: choices for part, choices in parts.items() if choices and part != name}
    combinations = itertools.product(*([None, *choices] for choices in some.values()))
    for combination in itertools.islice(combinations, MOST_COMBINATIONS):
        chosen = {
            part: clone(choice) if is_estimator(choice) else choice
            for part, choice in zip(some, combination, strict=True)
            if choice is not None
        }
        if _sets(estimator, {**chosen, name: value}):
            return True
    return False


def _sets(estimator: BaseEstimator, params: Mapping[str, Any]) -> bool:
    try:
        clone(estimator).set_params(**params)
    except (TypeError, ValueError, AttributeError):
        return False
    return True
