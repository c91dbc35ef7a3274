"""Dimensions of a search space: the values that one hyperparameter may take.

A dimension maps its values to the unit interval, on which a sampler works: a number to
its place between the bounds, a category to the middle of its share of it. So several
coordinates may stand for one value; its own is the one that ``encode`` gives.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from numbers import Real as RealNumber
from typing import Any, Literal

import numpy as np
from sklearn.utils import check_random_state

Prior = Literal["uniform", "log-uniform", "reverse-log-uniform"]
PRIORS = ("uniform", "log-uniform", "reverse-log-uniform")

# A distribution without bounds is searched between these of its quantiles.
TAIL = 1e-4
# Greater whole numbers are not all floating-point numbers.
MOST = 2**53


class Dimension(ABC):
    """What all dimensions have in common.

    Parameters
    ----------
    name : str, optional
        Of the hyperparameter. A space that is given as a dict knows it by the key.
    when : mapping of str to object, optional
        Makes the dimension conditional: the hyperparameter is set only in candidates
        that have, for each name, that value, or one of those if it is a list.

    Raises
    ------
    TypeError, ValueError
        If ``name`` is no str, or ``when`` does not map names to values or can never hold.

    Attributes
    ----------
    n_values : int or float
        Number of values, infinite for real numbers.
    is_ordered : bool
        Whether values of near coordinates are alike.
    """

    n_values: float = math.inf
    is_ordered = True

    def __init__(self, name: str | None = None, when: Mapping[str, Any] | None = None):
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a str, got {name!r}.")
        if when is not None and not isinstance(when, Mapping):
            raise TypeError(
                f"when must map names to values, as in {{'kernel': 'rbf'}}, got {when!r}."
            )
        for parent, wanted in (when or {}).items():
            if not isinstance(parent, str):
                raise TypeError(
                    f"when must map names that are str, got {parent!r} in {when!r}."
                )
            if isinstance(wanted, list) and not wanted:
                raise ValueError(
                    f"when={when!r} never holds, as the list for {parent!r} is empty; "
                    "give a value, or a list with at least one."
                )
        self.name = name
        self.when = dict(when or {})

    @abstractmethod
    def encode(self, value: Any) -> float:
        """Give the coordinate of a value.

        Raises
        ------
        ValueError
            If the dimension does not have the value.
        """

    @abstractmethod
    def decode(self, coordinate: float) -> Any:
        """Give the value at a coordinate, as a plain Python object."""

    @abstractmethod
    def grid(self, n: int) -> list[Any]:
        """Give ``n`` values that are spread evenly, or all if there are fewer."""

    def from_uniform(self, quantiles: np.ndarray) -> np.ndarray:
        """Map numbers from the unit interval to coordinates, as the prior has it."""
        return quantiles

    def snap(self, coordinates: np.ndarray) -> np.ndarray:
        """Give, for each coordinate, the own one of its value."""
        return np.clip(coordinates, 0.0, 1.0)

    def rvs(self, n_samples: int = 1, random_state: Any = None) -> list[Any]:
        """Draw values.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        list
        """
        quantiles = check_random_state(random_state).uniform(size=n_samples)
        return [self.decode(c) for c in self.from_uniform(quantiles)]

    def __contains__(self, value: Any) -> bool:
        try:
            self.encode(value)
        except (TypeError, ValueError):
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Dimension)
            and type(self) is type(other)
            and _public(self) == _public(other)
        )

    __hash__ = None  # type: ignore[assignment]  # categories may be unhashable

    def __repr__(self) -> str:
        condition = f", when={self.when}" if self.when else ""
        return f"{type(self).__name__}({self._arguments()}{condition})"

    @abstractmethod
    def _arguments(self) -> str: ...


class _Numeric(Dimension):
    """Numbers between two bounds, on a linear or a logarithmic scale.

    The reverse logarithmic scale is the logarithmic one seen from the other end: most of
    it is near the upper bound.
    """

    low: Any
    high: Any

    def __init__(
        self,
        low: Any,
        high: Any,
        prior: str,
        base: Any,
        transform: Any,
        name: str | None,
        dtype: Any,
        when: Mapping[str, Any] | None,
    ):
        super().__init__(name, when)
        if prior not in PRIORS:
            raise ValueError(f"prior must be one of {PRIORS}, got {prior!r}.")
        for bound, value in (("low", low), ("high", high)):
            if not is_number(value):
                raise ValueError(f"{bound}={value!r} is not a finite number.")
            if _is_huge(value):
                raise ValueError(f"{bound} must be between -1.8e308 and 1.8e308.")
            if not math.isfinite(value):
                raise ValueError(f"{bound}={value!r} is not a finite number.")
        if not low < high:
            raise ValueError(
                f"low={low!r} must be less than high={high!r}. For a single value use "
                f"[{low!r}]."
            )
        if prior != "uniform" and low <= 0:
            raise ValueError(
                f"low={low!r} must be greater than 0 with prior={prior!r}, as there "
                "is no logarithm of it."
            )
        self.low, self.high, self.prior = low, high, prior
        self.base, self.transform, self.dtype = base, transform, dtype

    @property
    def bounds(self) -> tuple[Any, Any]:
        """The least and the greatest value."""
        return self.low, self.high

    def _arguments(self) -> str:
        prior = "" if self.prior == "uniform" else f", {self.prior!r}"
        return f"{self.low!r}, {self.high!r}{prior}"

    def _scaled(self, values: Any) -> Any:
        values = np.asarray(values, float)
        if self.prior == "log-uniform":
            return np.log(values)
        if self.prior == "reverse-log-uniform":
            return -np.log(self.low + self.high - values)
        return values

    def _unscaled(self, values: Any) -> Any:
        if self.prior == "log-uniform":
            return np.exp(values)
        if self.prior == "reverse-log-uniform":
            return self.low + self.high - np.exp(-values)
        return values

    def _check(self, value: Any) -> None:
        if not is_number(value):
            raise TypeError(f"{value!r} is not a number, as {self!r} has.")
        if not self.low <= value <= self.high:
            raise ValueError(f"{value!r} is not in {self!r}.")


class Real(_Numeric):
    """Real numbers from ``low`` to ``high``.

    Parameters
    ----------
    low, high : float
        Bounds, both included.
    prior : {"uniform", "log-uniform", "reverse-log-uniform"}, default="uniform"
        "log-uniform" for what matters by its magnitude, as learning rates do.
        "reverse-log-uniform" for what matters by its distance from the upper bound, as
        momentum does.
    base, transform, dtype
        Taken for scripts for scikit-optimize. They have no effect.
    name, when
        As in ``Dimension``.

    Raises
    ------
    ValueError
        If a bound is not finite, ``low`` is not less than ``high``, or ``low`` is not
        positive where ``prior`` is "log-uniform".

    Examples
    --------
    >>> from skkeras_search import Real
    >>> learning_rate = Real(1e-5, 1e-1, prior="log-uniform")
    >>> learning_rate
    Real(1e-05, 0.1, 'log-uniform')
    >>> round(learning_rate.encode(1e-3), 6)
    0.5
    >>> 0.2 in learning_rate
    False
    """

    def __init__(
        self,
        low: float,
        high: float,
        prior: Prior = "uniform",
        base: Any = 10,
        transform: Any = None,
        name: str | None = None,
        dtype: Any = float,
        when: Mapping[str, Any] | None = None,
    ):
        super().__init__(low, high, prior, base, transform, name, dtype, when)
        self.low, self.high = float(low), float(high)
        self._ends = self._scaled([self.low, self.high])
        first, last = map(float, self._ends)
        if not 0 < last - first < math.inf:
            raise ValueError(f"low={low!r} and high={high!r} are too near or too far.")

    def encode(self, value: Any) -> float:
        """Give the coordinate of a number."""
        self._check(value)
        first, last = self._ends
        return float((self._scaled(value) - first) / (last - first))

    def decode(self, coordinate: float) -> float:
        """Give the number at a coordinate."""
        first, last = self._ends
        value = float(self._unscaled(first + np.clip(coordinate, 0, 1) * (last - first)))
        return min(max(value, self.low), self.high)

    def grid(self, n: int) -> list[float]:
        """Give ``n`` numbers that are spread evenly on the scale of the prior."""
        return [self.decode(c) for c in (np.linspace(0, 1, n) if n > 1 else [0.5])]


class Integer(_Numeric):
    """Whole numbers from ``low`` to ``high``.

    Parameters
    ----------
    low, high : int
        Bounds, both included.
    prior : {"uniform", "log-uniform", "reverse-log-uniform"}, default="uniform"
        As in ``Real``.
    base, transform, dtype
        Taken for scripts for scikit-optimize. They have no effect.
    name, when
        As in ``Dimension``.

    Raises
    ------
    TypeError
        If a bound is not a whole number.
    ValueError
        As for ``Real``.

    Examples
    --------
    >>> from skkeras_search import Integer
    >>> Integer(1, 4).grid(10)
    [1, 2, 3, 4]
    >>> Integer(16, 256, prior="log-uniform").grid(5)
    [16, 32, 64, 128, 256]
    """

    def __init__(
        self,
        low: int,
        high: int,
        prior: Prior = "uniform",
        base: Any = 10,
        transform: Any = None,
        name: str | None = None,
        dtype: Any = int,
        when: Mapping[str, Any] | None = None,
    ):
        for bound, value in (("low", low), ("high", high)):
            if not is_number(value) or value != value or value in (math.inf, -math.inf):
                continue  # refused below
            if abs(value) > MOST:
                raise ValueError(f"{bound} must be between -2**53 and 2**53.")
            if value != int(value):
                raise TypeError(
                    f"{bound}={value!r} is not a whole number; use Real for others."
                )
        super().__init__(low, high, prior, base, transform, name, dtype, when)
        self.low, self.high = int(low), int(high)
        self.n_values = self.high - self.low + 1
        # Each number has the numbers that round to it.
        self._ends = self._scaled([self.low - 0.5, self.high + 0.5])

    def encode(self, value: Any) -> float:
        """Give the coordinate of a whole number."""
        self._check(value)
        if value != int(value):
            raise ValueError(f"{value!r} is not a whole number, as {self!r} has.")
        return float(self._coordinate(int(value)))

    def decode(self, coordinate: float) -> int:
        """Give the whole number at a coordinate."""
        return int(self._number(coordinate))

    def snap(self, coordinates: np.ndarray) -> np.ndarray:
        """Give, for each coordinate, that of its whole number."""
        return self._coordinate(self._number(coordinates))

    def grid(self, n: int) -> list[int]:
        """Give ``n`` numbers that are spread evenly on the scale of the prior."""
        if n >= self.n_values:
            return list(range(self.low, self.high + 1))
        ends = self._scaled([self.low, self.high])
        scaled = np.linspace(ends[0], ends[1], n) if n > 1 else [ends.mean()]
        return sorted({int(np.rint(self._unscaled(value))) for value in scaled})

    def _coordinate(self, number: Any) -> Any:
        first, last = self._ends
        return (self._scaled(number) - first) / (last - first)

    def _number(self, coordinates: Any) -> Any:
        first, last = self._ends
        values = self._unscaled(first + coordinates * (last - first))
        return np.clip(np.rint(values), self.low, self.high)


class Range(Integer):
    """The numbers of a ``range``, all of which a grid takes.

    Parameters
    ----------
    numbers : range
        With at least two numbers. Their order has no effect.
    name, when
        As in ``Dimension``.

    Examples
    --------
    >>> from skkeras_search.space import Range
    >>> Range(range(0, 100, 25)).grid(2)
    [0, 25, 50, 75]
    """

    def __init__(
        self,
        numbers: range,
        name: str | None = None,
        when: Mapping[str, Any] | None = None,
    ):
        if max(abs(numbers[0]), abs(numbers[-1])) > MOST:
            raise ValueError(f"{numbers!r} must be between -2**53 and 2**53.")
        self.numbers = numbers if numbers.step > 0 else numbers[::-1]
        super().__init__(self.numbers[0], self.numbers[-1], name=name, when=when)
        self.n_values = len(self.numbers)
        half = self.numbers.step / 2
        self._ends = self._scaled([self.low - half, self.high + half])

    def encode(self, value: Any) -> float:
        """Give the coordinate of a number."""
        coordinate = super().encode(value)
        if int(value) not in self.numbers:
            raise ValueError(f"{value!r} is not in {self!r}.")
        return coordinate

    def grid(self, n: int) -> list[int]:
        """Give all numbers, as a list of them would."""
        return list(self.numbers)

    def _number(self, coordinates: Any) -> Any:
        first, last = self._ends
        steps = (first + coordinates * (last - first) - self.low) / self.numbers.step
        return self.low + self.numbers.step * np.clip(np.rint(steps), 0, self.n_values - 1)

    def _arguments(self) -> str:
        return repr(self.numbers)


class Categorical(Dimension):
    """One of a list of objects.

    Parameters
    ----------
    categories : sequence
        Any objects: strings, tuples, functions, estimators.
    prior : sequence of float, optional
        Probability of each in random draws. Equal ones if not given.
    transform
        Taken for scripts for scikit-optimize. It has no effect.
    name, when
        As in ``Dimension``.
    ordered : bool, optional
        Whether neighbours are alike. If not given, they are where the categories are
        three or more numbers that rise or fall, as in ``[16, 32, 64]``.

    Raises
    ------
    ValueError
        If there are no categories, or ``prior`` has not one probability for each.

    Examples
    --------
    >>> from skkeras_search import Categorical
    >>> hidden = Categorical([(32,), (64, 32)])
    >>> hidden.decode(hidden.encode((64, 32)))
    (64, 32)
    """

    def __init__(
        self,
        categories: Sequence[Any],
        prior: Sequence[float] | None = None,
        transform: Any = None,
        name: str | None = None,
        when: Mapping[str, Any] | None = None,
        ordered: bool | None = None,
    ):
        super().__init__(name, when)
        if isinstance(categories, (str, Mapping)) or not hasattr(categories, "__iter__"):
            raise TypeError(f"categories must be a list of them, got {categories!r}.")
        given = [_plain(category) for category in categories]
        if not given:
            raise ValueError("categories is empty; give at least one.")
        # Those that are given twice are as likely as both.
        same = _distinct(given)
        self.categories = tuple(given[i] for i, first in same.items() if i == first)
        self.n_values = len(self.categories)
        self._positions = _positions(self.categories)
        self.prior, self.transform, self.ordered = prior, transform, ordered
        self.is_ordered = _are_ordered(self.categories) if ordered is None else ordered
        weights = np.ones(len(given)) if prior is None else _as_numbers(prior)
        if weights.shape != (len(given),) or not (weights >= 0).all() or weights.sum() == 0:
            raise ValueError(
                f"prior must have a probability for each of the {len(given)} "
                f"categories, got {prior!r}."
            )
        firsts = np.array(list(same.values()))
        weights = np.bincount(firsts, weights)[np.unique(firsts)]
        self._cumulated = np.cumsum(weights) / weights.sum()

    @property
    def bounds(self) -> tuple[Any, ...]:
        """The categories."""
        return self.categories

    def encode(self, value: Any) -> float:
        """Give the coordinate of a category."""
        return (self._position(value) + 0.5) / self.n_values

    def decode(self, coordinate: float) -> Any:
        """Give the category at a coordinate."""
        return self.categories[int(self._index(coordinate))]

    def from_uniform(self, quantiles: np.ndarray) -> np.ndarray:
        """Map numbers from the unit interval to coordinates, as the prior has it."""
        indices = np.searchsorted(self._cumulated, quantiles, side="right")
        return (np.minimum(indices, self.n_values - 1) + 0.5) / self.n_values

    def snap(self, coordinates: np.ndarray) -> np.ndarray:
        """Give, for each coordinate, that of its category."""
        return (self._index(coordinates) + 0.5) / self.n_values

    def grid(self, n: int) -> list[Any]:
        """Give all categories, which may have no order to leave some out by."""
        return list(self.categories)

    def _position(self, value: Any) -> int:
        try:
            return self._positions[type(_plain(value)), _plain(value)]
        except (KeyError, TypeError):  # not there, or it cannot be hashed
            pass
        for same in (_is_same, _is_equal):
            for index, category in enumerate(self.categories):
                if same(category, value):
                    return index
        raise ValueError(f"{value!r} is not in {self!r}.")

    def _index(self, coordinates: Any) -> Any:
        return np.clip(np.floor(coordinates * self.n_values), 0, self.n_values - 1)

    def _arguments(self) -> str:
        prior = "" if self.prior is None else f", prior={list(self.prior)}"
        return f"{list(self.categories)}{prior}"


class Steps(Categorical):
    """Real numbers with a step between each and the next, all of which a grid takes.

    Parameters
    ----------
    low, high : float
        Bounds. ``high`` is among the numbers if steps from ``low`` lead to it.
    step : float
        Greater than 0.
    name, when
        As in ``Dimension``.

    Examples
    --------
    >>> from skkeras_search.space import Steps
    >>> Steps(0.0, 1.0, 0.25).categories
    (0.0, 0.25, 0.5, 0.75, 1.0)
    """

    def __init__(
        self,
        low: float,
        high: float,
        step: float,
        name: str | None = None,
        when: Mapping[str, Any] | None = None,
    ):
        last = int((high - low) / step + 1e-9)
        numbers = [min(low + n * step, high) for n in range(last + 1)]
        super().__init__(numbers, name=name, when=when, ordered=True)
        self.low, self.high, self.step = low, high, step

    def _arguments(self) -> str:
        return f"{self.low!r}, {self.high!r}, {self.step!r}"


class Distribution(Dimension):
    """What a distribution of ``scipy.stats`` draws, searched through its quantiles.

    Parameters
    ----------
    distribution : frozen distribution of scipy.stats
        Continuous or discrete. Where it has no bounds, and always if it is discrete, its
        first and last ten-thousandth are left out.
    name, when
        As in ``Dimension``.

    Raises
    ------
    ValueError
        If the parameters of the distribution are missing, or are such that it has no
        values.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> from skkeras_search.space import Distribution
    >>> Distribution(norm(loc=3)).decode(0.5)
    3.0
    """

    def __init__(
        self,
        distribution: Any,
        name: str | None = None,
        when: Mapping[str, Any] | None = None,
    ):
        super().__init__(name, when)
        check_distribution(distribution)
        self.distribution = distribution
        kinds = {cls.__name__ for cls in type(distribution).__mro__}
        kind = getattr(distribution, "dist", distribution)
        self._discrete = hasattr(kind, "_pmf") or "DiscreteDistribution" in kinds
        first, last = (float(end) for end in distribution.support())
        self._quantiles = (
            0.0 if math.isfinite(first) and not self._discrete else TAIL,
            1.0 if math.isfinite(last) and not self._discrete else 1 - TAIL,
        )
        self._values = tuple(float(self._inverse(q)) for q in self._quantiles)
        if self._discrete:
            self.n_values = int(self._values[1] - self._values[0]) + 1

    def encode(self, value: Any) -> float:
        """Give the quantile of a value."""
        first, last = self._values if self._discrete else self.distribution.support()
        is_whole = not self._discrete or value == int(value)
        if not (first <= value <= last and is_whole):
            raise ValueError(f"{value!r} is not in {self!r}.")
        return float(self._quantile(float(value)))

    def decode(self, coordinate: float) -> Any:
        """Give the value of a quantile."""
        value = float(self._value(coordinate))
        return int(value) if self._discrete else value

    def snap(self, coordinates: np.ndarray) -> np.ndarray:
        """Give, for each coordinate, that of its value."""
        if not self._discrete:
            return self._within(coordinates)
        return self._quantile(self._value(coordinates))

    def grid(self, n: int) -> list[Any]:
        """Give the values of ``n`` quantiles that are spread evenly."""
        if n >= self.n_values:
            return list(range(int(self._values[0]), int(self._values[1]) + 1))
        values = [self.decode(q) for q in (np.arange(n) + 0.5) / n]
        return list(dict.fromkeys(values))

    def _value(self, quantiles: Any) -> Any:
        first, last = self._values
        return np.clip(self._inverse(self._within(quantiles)), first, last)

    def _within(self, quantiles: Any) -> Any:
        low, high = self._quantiles
        return np.clip(quantiles, low, high)

    def _inverse(self, quantiles: Any) -> Any:
        return _inverse_of(self.distribution)(quantiles)

    def _quantile(self, values: Any) -> Any:
        cdf = self.distribution.cdf
        quantiles = (cdf(values) + cdf(values - 1)) / 2 if self._discrete else cdf(values)
        return self._within(quantiles)

    def _arguments(self) -> str:
        return _written(self.distribution)


# What the parameters of the distributions that are used most must be.
DOMAINS = {
    "uniform": "uniform(loc, scale) has numbers from loc to loc + scale, and scale must be "
    "greater than 0",
    "loguniform": "loguniform(a, b) needs 0 < a < b",
    "reciprocal": "reciprocal(a, b) needs 0 < a < b",
    "randint": "randint(low, high) needs low < high, and leaves high out",
    "norm": "norm(loc, scale) needs a scale greater than 0",
}


def check_distribution(distribution: Any) -> None:
    """Check that a distribution of ``scipy.stats`` has values.

    Raises
    ------
    ValueError
        If its parameters are missing, are arrays, or are out of their domain.
    """
    kind = getattr(getattr(distribution, "dist", distribution), "name", "")
    try:
        with np.errstate(all="ignore"):
            values = np.asarray(_inverse_of(distribution)([0.25, 0.5, 0.75]), float)
            ends = np.asarray(distribution.support(), float)
    except TypeError as error:
        raise ValueError(
            f"{kind} has no parameters; call it with them, as in norm(loc=0, scale=1)."
        ) from error
    except ValueError:  # of arrays that do not go together
        values = ends = np.empty(0)
    if values.shape != (3,) or ends.shape != (2,):
        raise ValueError(f"{_written(distribution)} must have one number per parameter.")
    if not np.isfinite(values).all() or np.isnan(ends).any():
        domain = DOMAINS.get(kind, "its parameters are out of their domain")
        raise ValueError(f"{_written(distribution)} has no values: {domain}.")


def _inverse_of(distribution: Any) -> Any:
    return getattr(distribution, "ppf", None) or distribution.icdf


def _written(distribution: Any) -> str:
    """A distribution as the call that made it."""
    kind = getattr(distribution, "dist", None)
    if kind is None:
        return repr(distribution)
    given = [repr(argument) for argument in distribution.args]
    given += [f"{name}={value!r}" for name, value in distribution.kwds.items()]
    return f"{kind.name}({', '.join(given)})"


def _public(dimension: Dimension) -> dict[str, Any]:
    return {n: v for n, v in vars(dimension).items() if not n.startswith("_")}


def _plain(value: Any) -> Any:
    """A numpy scalar as the Python object that it stands for."""
    return value.item() if isinstance(value, (np.number, np.bool_, np.str_)) else value


def _is_same(category: Any, value: Any) -> bool:
    # True is not 1, although it equals it.
    return category is value or (
        type(category) is type(_plain(value)) and _is_equal(category, value)
    )


def _is_equal(category: Any, value: Any) -> bool:
    if is_estimator(category):
        # A search that is cloned has clones of the estimators in its spaces.
        return type(category) is type(value) and _are_equal(
            category.get_params(deep=False), value.get_params(deep=False)
        )
    try:
        return bool(category == value or (category != category and value != value))
    except (TypeError, ValueError):  # of arrays, for which there is no one answer
        return bool(np.array_equal(category, value))


def _are_equal(params: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    return params.keys() == others.keys() and all(
        _is_equal(value, others[name]) for name, value in params.items()
    )


def _distinct(categories: Sequence[Any]) -> dict[int, int]:
    """For each category, the index of the first that is the same."""
    try:
        first: dict[Any, int] = {}
        keys = [(type(c), c) for c in categories]
        return {i: first.setdefault(key, i) for i, key in enumerate(keys)}
    except TypeError:  # one cannot be hashed
        return {
            i: next(j for j in range(i + 1) if _is_same(categories[j], category))
            for i, category in enumerate(categories)
        }


def _positions(categories: Sequence[Any]) -> dict[Any, int]:
    """Where the categories are that can be hashed."""
    positions = {}
    for index, category in enumerate(categories):
        with suppress(TypeError):
            positions[type(category), category] = index
    return positions


def _as_numbers(values: Any) -> np.ndarray:
    """Values as an array, which is empty if they are no numbers."""
    try:
        return np.array(values, float)
    except (TypeError, ValueError):
        return np.empty(0)


def _are_ordered(categories: Sequence[Any]) -> bool:
    if len(categories) < 3 or not all(is_number(category) for category in categories):
        return False
    pairs = list(pairwise(categories))
    return all(a < b for a, b in pairs) or all(a > b for a, b in pairs)


def is_estimator(value: Any) -> bool:
    """Whether a value is an estimator, and not the class of one."""
    return hasattr(value, "get_params") and not isinstance(value, type)


def is_number(value: Any) -> bool:
    """Whether a value is a real number, and not a truth value."""
    return isinstance(value, RealNumber) and not isinstance(value, (bool, np.bool_))


def _is_huge(value: Any) -> bool:
    """Whether a number is too large for a floating-point one."""
    try:
        float(value)
    except OverflowError:
        return True
    return False
