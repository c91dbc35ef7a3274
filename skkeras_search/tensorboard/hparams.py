"""The parameters of a search as TensorBoard's HParams dashboard wants them."""

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
    """A parameter that is searched.

    Attributes
    ----------
    name : str
    kind : {"number", "truth", "text"}
    interval : (float, float) or None
        Where its numbers are, if they are no choices and the ends are finite.
    choices : dict of int to float, bool or str
        What stands for each choice, by ``id`` of the choice: two functions of one name
        have two texts.
    """

    name: str
    kind: str
    interval: tuple[float, float] | None
    choices: Mapping[int, Plain]

    @property
    def domain(self) -> list[Plain]:
        """What stands for the choices; empty where there is an interval, or neither."""
        return list(dict.fromkeys(self.choices.values())) if not self.interval else []

    def plain(self, value: Any) -> Plain | None:
        """Give what stands for a value; None for a number that is not finite."""
        if self.kind == TEXT:
            return self.choices.get(id(value), in_words(value))
        if self.kind == TRUTH:
            return bool(value)
        return number if math.isfinite(number := _as_float(value)) else None


def hparams_of(search: Any) -> list[HParam]:
    """Describe the parameters that a search of this package searches.

    Parameters
    ----------
    search : estimator
        Its spaces need not be the same.

    Returns
    -------
    list of HParam
        A parameter of which nothing is known but its name is a text.
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
    """Give dimensions, or what scikit-learn takes and is none."""
    found: dict[str, Any] = {}
    for name, given in space.items():
        try:
            found[name] = of_scikit_learn({name: given}).dimensions[name]
        except ValueError:  # it has ``rvs`` only
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
    """The ends of a dimension of numbers, infinite where they are not known."""
    if hasattr(dimension, "low"):
        return float(dimension.low), float(dimension.high)
    if (distribution := getattr(dimension, "distribution", None)) is not None:
        low, high = distribution.support()
        return float(low), float(high)
    draw: Callable[..., Any] | None = getattr(dimension, "rvs", None)
    is_numeric = draw is not None and is_number(draw(random_state=0))
    return (-math.inf, math.inf) if is_numeric else None


def _as_float(number: Any) -> float:
    """Give a number as TensorBoard has it, infinite if it is too large."""
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
