"""Convert the hyperparameters of a search for the HParams dashboard of TensorBoard."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skkeras_search.searches.spaces import (
    as_list,
    as_spaces,
    given_or_declared,
    of_scikit_learn,
)
from skkeras_search.space.dimensions import Categorical, is_number
from skkeras_search.wording import in_words

NUMBER, TRUTH, TEXT = "number", "truth", "text"
Plain = float | bool | str


@dataclass(frozen=True)
class HParam:
    """A searched hyperparameter.

    Attributes
    ----------
    name : str
        Name of the parameter.
    kind : {"number", "truth", "text"}
        Type of the values.
    interval : (float, float) or None
        Bounds of a numeric parameter, or None if they are infinite or if the parameter is a
        choice.
    choices : dict of int to float, bool or str
        Displayed value of each choice, by the ``id`` of the choice. Two functions with the
        same name get different texts.
    """

    name: str
    kind: str
    interval: tuple[float, float] | None
    choices: Mapping[int, Plain]

    @property
    def domain(self) -> list[Plain]:
        """Displayed values of the choices, empty if the parameter is not a choice."""
        return list(dict.fromkeys(self.choices.values())) if not self.interval else []

    def plain(self, value: Any) -> Plain | None:
        """Return the displayed value of a value, or None if it is not a finite number."""
        if self.kind == TEXT:
            return self.choices.get(id(value), in_words(value))
        if self.kind == TRUTH:
            return bool(value)
        return number if math.isfinite(number := _as_float(value)) else None


def hparams_of(search: Any) -> list[HParam]:
    """Return the hyperparameters of a search of this package.

    Parameters
    ----------
    search : estimator
        Search with one or several spaces.

    Returns
    -------
    list of HParam
        Hyperparameters of all spaces. If the values of a parameter are unknown, its kind is
        "text".
    """
    found: dict[str, list[Any]] = {}
    for space in _spaces_of(search):
        for name, dimension in space.items():
            found.setdefault(name, []).append(dimension)
    return [_described(name, dimensions) for name, dimensions in found.items()]


def _spaces_of(search: Any) -> list[Mapping[str, Any]]:
    names = ("search_spaces", "param_grid", "param_distributions")
    (name,) = (name for name in names if hasattr(search, name))
    spaces = given_or_declared(getattr(search, name), search.estimator, name)
    if name == "search_spaces":
        return [space.dimensions for space, _ in as_spaces(spaces, 1)]
    return [_dimensions(space) for space in as_list(spaces)]


def _dimensions(space: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a space of scikit-learn to dimensions, where this is possible."""
    found: dict[str, Any] = {}
    for name, given in space.items():
        try:
            found[name] = of_scikit_learn({name: given}).dimensions[name]
        except ValueError:  # an object that has only rvs
            found[name] = given
    return found


def _described(name: str, dimensions: Iterable[Any]) -> HParam:
    choices: list[Any] = []
    intervals: list[tuple[float, float]] = []
    has_others = False
    for dimension in dimensions:
        if isinstance(dimension, Categorical):
            choices += dimension.categories
        elif (interval := _interval(dimension)) is not None:
            intervals.append(interval)
        else:
            has_others = True
    are_bool = bool(choices) and all(isinstance(c, (bool, np.bool_)) for c in choices)
    if are_bool and not intervals and not has_others:
        return HParam(name, TRUTH, None, {id(c): bool(c) for c in choices})
    if has_others or not all(is_number(c) and math.isfinite(_as_float(c)) for c in choices):
        return HParam(name, TEXT, None, _texts(choices))
    numbers = {id(choice): float(choice) for choice in choices}
    if not intervals:
        return HParam(name, NUMBER, None, numbers)
    ends = [*numbers.values(), *(end for interval in intervals for end in interval)]
    is_finite = all(map(math.isfinite, ends))
    return HParam(name, NUMBER, (min(ends), max(ends)) if is_finite else None, {})


def _interval(dimension: Any) -> tuple[float, float] | None:
    """Return the bounds of a numeric dimension, infinite if unknown, or else None."""
    if hasattr(dimension, "low"):
        return float(dimension.low), float(dimension.high)
    if (distribution := getattr(dimension, "distribution", None)) is not None:
        low, high = distribution.support()
        return float(low), float(high)
    draw: Callable[..., Any] | None = getattr(dimension, "rvs", None)
    is_numeric = draw is not None and is_number(draw(random_state=0))
    return (-math.inf, math.inf) if is_numeric else None


def _as_float(number: Any) -> float:
    """Convert a number to float, with infinity if the number is too large."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _texts(choices: Iterable[Any]) -> dict[int, Plain]:
    texts: dict[int, Plain] = {}
    taken: set[str] = set()
    for choice in choices:
        if id(choice) in texts:
            continue
        text, n = in_words(choice), 1
        while (numbered := text if n == 1 else f"{text} ({n})") in taken:
            n += 1
        taken.add(numbered)
        texts[id(choice)] = numbered
    return texts
