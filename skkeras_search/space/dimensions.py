"""Dimensions of a search space: the values that one hyperparameter may take.

A dimension maps its values to coordinates in the unit interval, on which samplers work. A
number is mapped to its position between the bounds. Categories divide the interval into
equal parts, and each category is mapped to the middle of its part. Many coordinates may
therefore decode to the same value; ``encode`` returns the representative one.
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

# An unbounded distribution is searched between the quantiles TAIL and 1 - TAIL.
TAIL = 1e-4
# Not every integer beyond this one is a floating-point number.
MOST = 2**53


class Dimension(ABC):
    """Base class of all dimensions.

    Parameters
    ----------
    name : str, default=None
        Name of the hyperparameter. Not needed if the space is a dict, whose keys are the
        names.
    when : mapping of str to object, default=None
        Condition, which maps names of other hyperparameters to values. This hyperparameter
        is active only in configurations in which each of the others has the given value,
        or one of the values if a list is given. None means always active.

    Raises
    ------
    TypeError
        If ``name`` is not a str, or ``when`` does not map names to values.
    ValueError
        If ``when`` contains an empty list, so that the condition can never hold.

    Attributes
    ----------
    n_values : int or float
        Number of values, infinite for real numbers.
    is_ordered : bool
        Whether values with similar coordinates are similar.
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
                    f"The keys of when must be str, got {parent!r} in {when!r}."
                )
            if isinstance(wanted, list) and not wanted:
                raise ValueError(
                    f"when={when!r} never holds, because the list for {parent!r} is empty. "
                    "Pass a value, or a list of at least one value."
                )
        self.name = name
        self.when = dict(when or {})

    @abstractmethod
    def encode(self, value: Any) -> float:
        """Return the coordinate of a value.

        Parameters
        ----------
        value : object
            A value of the dimension.

        Returns
        -------
        float
            Coordinate between 0 and 1.

        Raises
        ------
        TypeError, ValueError
            If the dimension does not contain the value.
        """

    @abstractmethod
    def decode(self, coordinate: float) -> Any:
        """Return the value at a coordinate.

        Parameters
        ----------
        coordinate : float
            Coordinate between 0 and 1.

        Returns
        -------
        object
            The value. Numbers are plain Python numbers, not NumPy scalars.
        """

    @abstractmethod
    def grid(self, n: int) -> list[Any]:
        """Return evenly spaced values.

        Parameters
        ----------
        n : int
            Number of values. If the dimension has fewer values, all of them are returned.

        Returns
        -------
        list
        """

    def from_uniform(self, quantiles: np.ndarray) -> np.ndarray:
        """Map uniform random numbers to coordinates that follow the prior.

        Parameters
        ----------
        quantiles : ndarray
            Numbers between 0 and 1.

        Returns
        -------
        ndarray
            Coordinates, of the same shape.
        """
        return quantiles

    def snap(self, coordinates: np.ndarray) -> np.ndarray:
        """Replace each coordinate by the one that ``encode`` returns for its value.

        Parameters
        ----------
        coordinates : ndarray
            Coordinates of any shape.

        Returns
        -------
        ndarray
            Coordinates, of the same shape.
        """
        return np.clip(coordinates, 0.0, 1.0)

    def rvs(self, n_samples: int = 1, random_state: Any = None) -> list[Any]:
        """Draw random values that follow the prior.

        Parameters
        ----------
        n_samples : int, default=1
            Number of values.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws. None means different values in each call.

        Returns
        -------
        list
            Values, of length ``n_samples``.
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

    The reverse logarithmic scale is the logarithmic scale mirrored: most of it is near the
    upper bound.
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
        _check_bounds(low, high)
        if prior != "uniform" and low <= 0:
            raise ValueError(
                f"low={low!r} must be greater than 0 with prior={prior!r}, because other "
                "numbers have no logarithm."
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
            raise TypeError(f"{value!r} is not a number, so it is not in {self!r}.")
        if not self.low <= value <= self.high:
            raise ValueError(f"{value!r} is not in {self!r}.")


class Real(_Numeric):
    """Real numbers from ``low`` to ``high``.

    Parameters
    ----------
    low, high : float
        Bounds, both inclusive.
    prior : {"uniform", "log-uniform", "reverse-log-uniform"}, default="uniform"
        Distribution of random draws, and the scale that samplers and grids use.
        "log-uniform" suits values whose order of magnitude matters, such as a learning
        rate. "reverse-log-uniform" mirrors it: ``low + high - x`` is log-uniform. It suits
        a momentum x between 0.01 and 0.99, where the magnitude of 1 - x matters.
    base : object, default=10
        No effect. Accepted for compatibility with scikit-optimize.
    transform : object, default=None
        No effect. Accepted for compatibility with scikit-optimize.
    name : str, default=None
        Name of the hyperparameter. Not needed if the space is a dict, whose keys are the
        names.
    dtype : object, default=float
        No effect. Accepted for compatibility with scikit-optimize.
    when : mapping of str to object, default=None
        Condition, which maps names of other hyperparameters to values. This hyperparameter
        is active only in configurations in which each of the others has the given value,
        or one of the values if a list is given. None means always active.

    Attributes
    ----------
    bounds : tuple of float
        ``low`` and ``high``.
    n_values : float
        Infinity.
    is_ordered : bool
        True.

    Raises
    ------
    TypeError
        If ``name`` is not a str, or ``when`` does not map names to values.
    ValueError
        If a bound is not a finite number, ``low`` is not less than ``high``, ``prior`` is
        unknown, or ``prior`` is logarithmic and ``low`` is not positive.

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
            raise ValueError(
                f"low={low!r} and high={high!r} are too close together, or too far apart, "
                "for floating-point numbers."
            )

    def encode(self, value: Any) -> float:
        """Return the coordinate of a number.

        Parameters
        ----------
        value : float
            A number between the bounds.

        Returns
        -------
        float
            Coordinate between 0 and 1.

        Raises
        ------
        TypeError
            If ``value`` is not a number.
        ValueError
            If ``value`` is not between the bounds.
        """
        self._check(value)
        first, last = self._ends
        return float((self._scaled(value) - first) / (last - first))

    def decode(self, coordinate: float) -> float:
        """Return the number at a coordinate.

        Parameters
        ----------
        coordinate : float
            Coordinate between 0 and 1.

        Returns
        -------
        float
            The number at this position on the scale of the prior.
        """
        first, last = self._ends
        value = float(self._unscaled(first + np.clip(coordinate, 0, 1) * (last - first)))
        return min(max(value, self.low), self.high)

    def grid(self, n: int) -> list[float]:
        """Return numbers that are evenly spaced on the scale of the prior.

        Parameters
        ----------
        n : int
            Number of numbers.

        Returns
        -------
        list of float
            Numbers in ascending order.
        """
        return [self.decode(c) for c in (np.linspace(0, 1, n) if n > 1 else [0.5])]


class Integer(_Numeric):
    """Integers from ``low`` to ``high``.

    Parameters
    ----------
    low, high : int
        Bounds, both inclusive.
    prior : {"uniform", "log-uniform", "reverse-log-uniform"}, default="uniform"
        Distribution of random draws, and the scale that samplers and grids use.
        "log-uniform" suits values whose order of magnitude matters, such as a number of
        units. "reverse-log-uniform" mirrors it: ``low + high - x`` is log-uniform.
    base : object, default=10
        No effect. Accepted for compatibility with scikit-optimize.
    transform : object, default=None
        No effect. Accepted for compatibility with scikit-optimize.
    name : str, default=None
        Name of the hyperparameter. Not needed if the space is a dict, whose keys are the
        names.
    dtype : object, default=int
        No effect. Accepted for compatibility with scikit-optimize.
    when : mapping of str to object, default=None
        Condition, which maps names of other hyperparameters to values. This hyperparameter
        is active only in configurations in which each of the others has the given value,
        or one of the values if a list is given. None means always active.

    Attributes
    ----------
    bounds : tuple of int
        ``low`` and ``high``.
    n_values : int
        ``high - low + 1``.
    is_ordered : bool
        True.

    Raises
    ------
    TypeError
        If a bound is not an integer, ``name`` is not a str, or ``when`` does not map names
        to values.
    ValueError
        If a bound is not a finite number, or not between -2**53 and 2**53, ``low`` is not
        less than ``high``, ``prior`` is unknown, or ``prior`` is logarithmic and ``low``
        is not positive.

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
                continue  # the base class raises an error for it
            if abs(value) > MOST:
                raise ValueError(f"{bound} must be between -2**53 and 2**53.")
            if value != int(value):
                raise TypeError(
                    f"{bound}={value!r} is not a whole number. Use Real for other numbers."
                )
        super().__init__(low, high, prior, base, transform, name, dtype, when)
        self.low, self.high = int(low), int(high)
        self.n_values = self.high - self.low + 1
        # The part of an integer contains all numbers that round to it.
        self._ends = self._scaled([self.low - 0.5, self.high + 0.5])

    def encode(self, value: Any) -> float:
        """Return the coordinate of an integer.

        Parameters
        ----------
        value : int
            An integer between the bounds.

        Returns
        -------
        float
            Coordinate between 0 and 1.

        Raises
        ------
        TypeError
            If ``value`` is not a number.
        ValueError
            If ``value`` is not an integer between the bounds.
        """
        self._check(value)
        if value != int(value):
            raise ValueError(f"{value!r} is not a whole number, so it is not in {self!r}.")
        return float(self._coordinate(int(value)))

    def decode(self, coordinate: float) -> int:
        """Return the integer at a coordinate.

        Parameters
        ----------
        coordinate : float
            Coordinate between 0 and 1.

        Returns
        -------
        int
            The integer at this position on the scale of the prior.
        """
        return int(self._number(coordinate))

    def snap(self, coordinates: np.ndarray) -> np.ndarray:
        """Replace each coordinate by the one that ``encode`` returns for its integer.

        Parameters
        ----------
        coordinates : ndarray
            Coordinates of any shape.

        Returns
        -------
        ndarray
            Coordinates, of the same shape.
        """
        return self._coordinate(self._number(coordinates))

    def grid(self, n: int) -> list[int]:
        """Return integers that are evenly spaced on the scale of the prior.

        Parameters
        ----------
        n : int
            Number of integers. There are fewer if the dimension has fewer integers, or
            if several numbers round to the same integer.

        Returns
        -------
        list of int
            Integers in ascending order.
        """
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
    """Numbers of a ``range``. A grid contains all of them.

    Parameters
    ----------
    numbers : range
        A range of at least two numbers. Its direction has no effect.
    name : str, default=None
        Name of the hyperparameter. Not needed if the space is a dict, whose keys are the
        names.
    when : mapping of str to object, default=None
        Condition, which maps names of other hyperparameters to values. This hyperparameter
        is active only in configurations in which each of the others has the given value,
        or one of the values if a list is given. None means always active.

    Raises
    ------
    TypeError
        If ``numbers`` is not a ``range``, ``name`` is not a str, or ``when`` does not map
        names to values.
    ValueError
        If ``numbers`` contains less than two numbers, or a number that is not between
        -2**53 and 2**53.

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
        if not isinstance(numbers, range):
            raise TypeError(f"numbers must be a range, got {numbers!r}.")
        if len(numbers[:2]) < 2:
            raise ValueError(
                f"numbers must contain at least two numbers, got {numbers!r}. For a single "
                "value, pass a list that contains it."
            )
        if max(abs(numbers[0]), abs(numbers[-1])) > MOST:
            raise ValueError(f"{numbers!r} must be between -2**53 and 2**53.")
        self.numbers = numbers if numbers.step > 0 else numbers[::-1]
        super().__init__(self.numbers[0], self.numbers[-1], name=name, when=when)
        self.n_values = len(self.numbers)
        half = self.numbers.step / 2
        self._ends = self._scaled([self.low - half, self.high + half])

    def encode(self, value: Any) -> float:
        """Return the coordinate of a number."""
        coordinate = super().encode(value)
        if int(value) not in self.numbers:
            raise ValueError(f"{value!r} is not in {self!r}.")
        return coordinate

    def grid(self, n: int) -> list[int]:
        """Return all numbers; ``n`` has no effect."""
        return list(self.numbers)

    def _number(self, coordinates: Any) -> Any:
        first, last = self._ends
        steps = (first + coordinates * (last - first) - self.low) / self.numbers.step
        return self.low + self.numbers.step * np.clip(np.rint(steps), 0, self.n_values - 1)

    def _arguments(self) -> str:
        return repr(self.numbers)


class Categorical(Dimension):
    """Choices from a list of objects.

    Parameters
    ----------
    categories : sequence
        The choices: objects of any kind, such as str, tuples, functions or estimators.
        Repeated categories are merged, and their probabilities are added.
    prior : sequence of float of length n_categories, default=None
        Probabilities of the categories in random draws, up to a common factor. None means
        equal probabilities.
    transform : object, default=None
        No effect. Accepted for compatibility with scikit-optimize.
    name : str, default=None
        Name of the hyperparameter. Not needed if the space is a dict, whose keys are the
        names.
    when : mapping of str to object, default=None
        Condition, which maps names of other hyperparameters to values. This hyperparameter
        is active only in configurations in which each of the others has the given value,
        or one of the values if a list is given. None means always active.
    ordered : bool, default=None
        Whether neighboring categories are similar, which samplers make use of. None means
        True for three or more numbers in ascending or descending order, as in
        ``[16, 32, 64]``, and False otherwise.

    Attributes
    ----------
    categories : tuple
        The distinct categories. NumPy scalars are replaced by plain Python objects.
    n_values : int
        Number of distinct categories.
    is_ordered : bool
        Whether neighboring categories are treated as similar.

    Raises
    ------
    TypeError
        If ``categories`` is not a sequence, ``name`` is not a str, or ``when`` does not map
        names to values.
    ValueError
        If ``categories`` is empty, or ``prior`` does not contain one non-negative number
        for each category.

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
            raise TypeError(f"categories must be a list, got {categories!r}.")
        given = [plain(category) for category in categories]
        if not given:
            raise ValueError("categories is empty. Pass at least one category.")
        # The probability of a repeated category is the sum of its probabilities.
        same = _distinct(given)
        self.categories = tuple(given[i] for i, first in same.items() if i == first)
        self.n_values = len(self.categories)
        self._positions = _positions(self.categories)
        self.prior, self.transform, self.ordered = prior, transform, ordered
        self.is_ordered = _are_ordered(self.categories) if ordered is None else ordered
        weights = np.ones(len(given)) if prior is None else _as_numbers(prior)
        if weights.shape != (len(given),) or not (weights >= 0).all() or weights.sum() == 0:
            raise ValueError(
                f"prior must contain a probability for each of the {len(given)} "
                f"categories, not all of them 0, got {prior!r}."
            )
        firsts = np.array(list(same.values()))
        weights = np.bincount(firsts, weights)[np.unique(firsts)]
        self._cumulated = np.cumsum(weights) / weights.sum()

    @property
    def bounds(self) -> tuple[Any, ...]:
        """The categories."""
        return self.categories

    def encode(self, value: Any) -> float:
        """Return the coordinate of a category.

        Parameters
        ----------
        value : object
            One of the categories.

        Returns
        -------
        float
            Coordinate between 0 and 1.

        Raises
        ------
        ValueError
            If ``value`` is not one of the categories.
        """
        return (self._position(value) + 0.5) / self.n_values

    def decode(self, coordinate: float) -> Any:
        """Return the category at a coordinate.

        Parameters
        ----------
        coordinate : float
            Coordinate between 0 and 1.

        Returns
        -------
        object
            The category whose part of the unit interval contains the coordinate.
        """
        return self.categories[int(self._index(coordinate))]

    def from_uniform(self, quantiles: np.ndarray) -> np.ndarray:
        """Map uniform random numbers to coordinates that follow the prior.

        Parameters
        ----------
        quantiles : ndarray
            Numbers between 0 and 1.

        Returns
        -------
        ndarray
            Coordinates, of the same shape.
        """
        indices = np.searchsorted(self._cumulated, quantiles, side="right")
        return (np.minimum(indices, self.n_values - 1) + 0.5) / self.n_values

    def snap(self, coordinates: np.ndarray) -> np.ndarray:
        """Replace each coordinate by the one that ``encode`` returns for its category.

        Parameters
        ----------
        coordinates : ndarray
            Coordinates of any shape.

        Returns
        -------
        ndarray
            Coordinates, of the same shape.
        """
        return (self._index(coordinates) + 0.5) / self.n_values

    def grid(self, n: int) -> list[Any]:
        """Return all categories.

        Parameters
        ----------
        n : int
            No effect, because categories may have no order.

        Returns
        -------
        list
            The categories.
        """
        return list(self.categories)

    def _position(self, value: Any) -> int:
        try:
            return self._positions[type(plain(value)), plain(value)]
        except (KeyError, TypeError):  # unknown or unhashable
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
    """Evenly spaced real numbers. A grid contains all of them.

    Parameters
    ----------
    low, high : float
        Bounds. ``low`` is inclusive; ``high`` is one of the numbers only if it is a whole
        number of steps away from ``low``.
    step : float
        Difference between successive numbers, greater than 0.
    name : str, default=None
        Name of the hyperparameter. Not needed if the space is a dict, whose keys are the
        names.
    when : mapping of str to object, default=None
        Condition, which maps names of other hyperparameters to values. This hyperparameter
        is active only in configurations in which each of the others has the given value,
        or one of the values if a list is given. None means always active.

    Attributes
    ----------
    categories : tuple of float
        The numbers, in ascending order.

    Raises
    ------
    TypeError
        If ``name`` is not a str, or ``when`` does not map names to values.
    ValueError
        If a bound or ``step`` is not a finite number, ``low`` is not less than ``high``, or
        ``step`` is not greater than 0.

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
        _check_bounds(low, high)
        check_finite("step", step)
        if not step > 0:
            raise ValueError(f"step={step!r} must be greater than 0.")
        last = int((high - low) / step + 1e-9)
        numbers = [min(low + n * step, high) for n in range(last + 1)]
        super().__init__(numbers, name=name, when=when, ordered=True)
        self.low, self.high, self.step = low, high, step

    def _arguments(self) -> str:
        return f"{self.low!r}, {self.high!r}, {self.step!r}"


class Distribution(Dimension):
    """Values of a distribution of ``scipy.stats``, with their quantiles as coordinates.

    Parameters
    ----------
    distribution : frozen distribution of scipy.stats
        Continuous or discrete. At an infinite end, and at both ends of a discrete
        distribution, values beyond the quantile 0.0001 or 0.9999 are left out.
    name : str, default=None
        Name of the hyperparameter. Not needed if the space is a dict, whose keys are the
        names.
    when : mapping of str to object, default=None
        Condition, which maps names of other hyperparameters to values. This hyperparameter
        is active only in configurations in which each of the others has the given value,
        or one of the values if a list is given. None means always active.

    Attributes
    ----------
    n_values : int or float
        Number of values, infinite if the distribution is continuous.

    Raises
    ------
    TypeError
        If ``distribution`` is not a distribution, ``name`` is not a str, or ``when`` does
        not map names to values.
    ValueError
        If the distribution has no parameters, or its parameters are invalid.

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
        """Return the quantile of a value."""
        first, last = self._values if self._discrete else self.distribution.support()
        is_whole = not self._discrete or value == int(value)
        if not (first <= value <= last and is_whole):
            raise ValueError(f"{value!r} is not in {self!r}.")
        return float(self._quantile(float(value)))

    def decode(self, coordinate: float) -> Any:
        """Return the value at a quantile."""
        value = float(self._value(coordinate))
        return int(value) if self._discrete else value

    def snap(self, coordinates: np.ndarray) -> np.ndarray:
        """Replace each coordinate by the representative one of its value."""
        if not self._discrete:
            return self._within(coordinates)
        return self._quantile(self._value(coordinates))

    def grid(self, n: int) -> list[Any]:
        """Return the values of ``n`` evenly spaced quantiles, without duplicates."""
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


# Requirements on the parameters of the most common distributions, for error messages.
DOMAINS = {
    "uniform": "uniform(loc, scale) covers the numbers from loc to loc + scale, and scale "
    "must be greater than 0",
    "loguniform": "loguniform(a, b) requires 0 < a < b",
    "reciprocal": "reciprocal(a, b) requires 0 < a < b",
    "randint": "randint(low, high) requires low < high, and high is exclusive",
    "norm": "norm(loc, scale) requires a scale greater than 0",
}


def is_distribution(given: Any) -> bool:
    """Return whether an object is a frozen distribution of ``scipy.stats``."""
    inverse = getattr(given, "ppf", None) or getattr(given, "icdf", None)
    return callable(inverse) and hasattr(given, "cdf") and hasattr(given, "support")


def check_distribution(distribution: Any) -> None:
    """Check that an object is a distribution of ``scipy.stats`` with valid parameters.

    Raises
    ------
    TypeError
        If the object is not a distribution.
    ValueError
        If the parameters are missing, are arrays, or are outside their domain.
    """
    if not is_distribution(distribution):
        raise TypeError(
            "distribution must be a distribution of scipy.stats, such as "
            f"norm(loc=0, scale=1), got {distribution!r}."
        )
    kind = getattr(getattr(distribution, "dist", distribution), "name", "")
    try:
        with np.errstate(all="ignore"):
            values = np.asarray(_inverse_of(distribution)([0.25, 0.5, 0.75]), float)
            ends = np.asarray(distribution.support(), float)
    except TypeError as error:
        raise ValueError(
            f"{kind} has no parameters. Call it with parameters, as in "
            "norm(loc=0, scale=1)."
        ) from error
    except ValueError:  # the parameters are arrays of incompatible shapes
        values = ends = np.empty(0)
    if values.shape != (3,) or ends.shape != (2,):
        raise ValueError(
            f"The parameters of {_written(distribution)} must be numbers, not arrays."
        )
    if not np.isfinite(values).all() or np.isnan(ends).any():
        domain = DOMAINS.get(kind, "its parameters are outside their domain")
        raise ValueError(f"{_written(distribution)} has no values: {domain}.")


def _inverse_of(distribution: Any) -> Any:
    return getattr(distribution, "ppf", None) or distribution.icdf


def _written(distribution: Any) -> str:
    """Return the source code of the call that created a distribution."""
    kind = getattr(distribution, "dist", None)
    if kind is None:
        return repr(distribution)
    given = [repr(argument) for argument in distribution.args]
    given += [f"{name}={value!r}" for name, value in distribution.kwds.items()]
    return f"{kind.name}({', '.join(given)})"


def _public(dimension: Dimension) -> dict[str, Any]:
    return {n: v for n, v in vars(dimension).items() if not n.startswith("_")}


def plain(value: Any) -> Any:
    """Convert a NumPy scalar to a plain Python object; return other values unchanged."""
    return value.item() if isinstance(value, (np.number, np.bool_, np.str_)) else value


def _is_same(category: Any, value: Any) -> bool:
    # True and 1 are different categories, although they are equal.
    return category is value or (
        type(category) is type(plain(value)) and _is_equal(category, value)
    )


def _is_equal(category: Any, value: Any) -> bool:
    if is_estimator(category):
        # Cloning a search also clones the estimators in its spaces.
        return type(category) is type(value) and _are_equal(
            category.get_params(deep=False), value.get_params(deep=False)
        )
    try:
        return bool(category == value or (category != category and value != value))
    except (TypeError, ValueError):  # comparing arrays gives no single truth value
        return bool(np.array_equal(category, value))


def _are_equal(params: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    return params.keys() == others.keys() and all(
        _is_equal(value, others[name]) for name, value in params.items()
    )


def _distinct(categories: Sequence[Any]) -> dict[int, int]:
    """Map the index of each category to the index of its first occurrence."""
    try:
        first: dict[Any, int] = {}
        keys = [(type(c), c) for c in categories]
        return {i: first.setdefault(key, i) for i, key in enumerate(keys)}
    except TypeError:  # a category is unhashable
        return {
            i: next(j for j in range(i + 1) if _is_same(categories[j], category))
            for i, category in enumerate(categories)
        }


def _positions(categories: Sequence[Any]) -> dict[Any, int]:
    """Map the hashable categories to their indices."""
    positions = {}
    for index, category in enumerate(categories):
        with suppress(TypeError):
            positions[type(category), category] = index
    return positions


def _as_numbers(values: Any) -> np.ndarray:
    """Convert values to an array, which is empty if they are not numbers."""
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
    """Return whether a value is an estimator instance, not an estimator class."""
    return hasattr(value, "get_params") and not isinstance(value, type)


def is_number(value: Any) -> bool:
    """Return whether a value is a real number, and not a bool."""
    return isinstance(value, RealNumber) and not isinstance(value, (bool, np.bool_))


def check_finite(name: str, value: Any) -> None:
    """Check that a value is a number that a float can hold.

    Parameters
    ----------
    name : str
        Name of the parameter, for the error message.
    value : object
        The value.

    Raises
    ------
    ValueError
        If the value is not a finite number, or too large for a float.
    """
    try:
        is_finite = is_number(value) and math.isfinite(value)
    except OverflowError as error:
        raise ValueError(f"{name} must be between -1.8e308 and 1.8e308.") from error
    if not is_finite:
        raise ValueError(f"{name}={value!r} is not a finite number.")


def _check_bounds(low: Any, high: Any) -> None:
    check_finite("low", low)
    check_finite("high", high)
    if not low < high:
        raise ValueError(
            f"low={low!r} must be less than high={high!r}. For a single value, use "
            f"[{low!r}]."
        )
