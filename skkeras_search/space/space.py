"""A search space: the dimensions of several hyperparameters."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skkeras_search.nearest_name import did_you_mean
from skkeras_search.space.dimensions import Dimension
from skkeras_search.space.notations import as_dimension

# Coordinate of an inactive hyperparameter in a vector.
INACTIVE = 0.5
# All combinations of values are enumerated, to find the distinct configurations, if there
# are at most this many.
MOST_COMBINATIONS = 2**16


class Space:
    """Search space: the values that several hyperparameters may take.

    A configuration is a dict that maps names of hyperparameters to values, as
    ``set_params`` of an estimator accepts it. A vector is the numeric form of a
    configuration, on which samplers work: it has one coordinate between 0 and 1 for each
    dimension.

    Parameters
    ----------
    dimensions : mapping of str to object, or sequence of Dimension
        Mapping of the names of the hyperparameters to dimensions, or a list of dimensions
        that have names. In a mapping, a short notation may replace a dimension: a
        ``(low, high)`` or ``(low, high, prior)`` tuple, a list of choices, a ``range``, a
        frozen distribution of ``scipy.stats``, a dimension of scikit-optimize or a
        distribution of Optuna.

    Attributes
    ----------
    dimensions : dict of str to Dimension
        Dimensions by the names of the hyperparameters.
    names : list of str
        Names of the hyperparameters, in the order of the coordinates.
    is_conditional : bool
        Whether some hyperparameters are inactive in some configurations.
    n_configurations : int or float
        Number of distinct configurations, infinite if a dimension is continuous.

    Raises
    ------
    TypeError
        If ``dimensions`` is neither a mapping nor a sequence, or a name is not a str.
    ValueError
        If the space is empty, a dimension is invalid, a condition refers to an unknown
        hyperparameter or to an impossible value, or the name of a dimension differs from
        its key.

    Examples
    --------
    >>> from skkeras_search import Real, Space
    >>> space = Space(
    ...     {
    ...         "units": (8, 64),
    ...         "optimizer": ["adam", "sgd"],
    ...         "momentum": Real(0, 0.99, when={"optimizer": "sgd"}),
    ...     }
    ... )
    >>> space
    Space(
        units: Integer(8, 64)
        optimizer: Categorical(['adam', 'sgd'])
        momentum: Real(0.0, 0.99, when={'optimizer': 'sgd'})
    )
    >>> space.sample(1, random_state=3)
    [{'units': 39, 'optimizer': 'sgd', 'momentum': 0.287...}]
    """

    def __init__(self, dimensions: Mapping[str, Any] | Sequence[Dimension]):
        if not isinstance(dimensions, Mapping):
            dimensions = _by_name(dimensions)
        if not dimensions:
            raise ValueError("The search space is empty. Pass at least one dimension.")
        self.dimensions = {name: _named(name, given) for name, given in dimensions.items()}
        # Parents come before the dimensions that are conditional on them.
        self._order = [self.names.index(name) for name in self._in_order()]
        self._conditions = {
            index: self._condition(self.names[index])
            for index in self._order
            if self.dimensions[self.names[index]].when
        }

    @property
    def names(self) -> list[str]:
        """Names of the hyperparameters, in the order of the coordinates."""
        return list(self.dimensions)

    @property
    def is_conditional(self) -> bool:
        """Whether some hyperparameters are inactive in some configurations."""
        return bool(self._conditions)

    @property
    def n_configurations(self) -> float:
        """Number of distinct configurations, infinite if a dimension is continuous.

        For a large conditional space the conditions are ignored, so the number is an upper
        bound.
        """
        vectors = self.vectors()
        return self._n_combinations() if vectors is None else len(vectors)

    def sample(self, n: int = 1, random_state: Any = None) -> list[dict[str, Any]]:
        """Draw random configurations that follow the priors.

        Parameters
        ----------
        n : int, default=1
            Number of configurations. They may repeat.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws. None means different configurations in each call.

        Returns
        -------
        list of dict
            Configurations, of length ``n``.
        """
        quantiles = check_random_state(random_state).uniform(size=(n, len(self)))
        return [self.decode(vector) for vector in self.from_uniform(quantiles)]

    def grid(self, n: int = 5) -> Iterator[dict[str, Any]]:
        """Iterate over all combinations of evenly spaced values.

        Parameters
        ----------
        n : int, default=5
            Number of values for each numeric dimension. All choices of a categorical
            dimension and all numbers of a ``range`` are used.

        Returns
        -------
        iterator of dict
            Distinct configurations.
        """
        return map(self.decode, self.combinations(n))

    def combinations(self, n: int) -> np.ndarray:
        """Return the vectors of the configurations of ``grid``.

        Parameters
        ----------
        n : int
            Number of values for each numeric dimension.

        Returns
        -------
        ndarray of shape (n_combinations, n_dimensions)
            Distinct vectors.
        """
        axes = [
            [dimension.encode(value) for value in dimension.grid(n)]
            for dimension in self.dimensions.values()
        ]
        vectors = self.snap(np.array(list(itertools.product(*axes))))
        _, first = np.unique(np.round(vectors, 10), axis=0, return_index=True)
        return vectors[np.sort(first)]

    def encode(self, configuration: Mapping[str, Any]) -> np.ndarray:
        """Return the vector of a configuration.

        Parameters
        ----------
        configuration : mapping of str to object
            Values of the hyperparameters, by name. Inactive hyperparameters may be missing.

        Returns
        -------
        ndarray of shape (n_dimensions,)
            Coordinates between 0 and 1; 0.5 for an inactive hyperparameter.

        Raises
        ------
        TypeError
            If ``configuration`` is not a mapping.
        ValueError
            If a hyperparameter is unknown or missing, or its value is not in its dimension.
        """
        if not isinstance(configuration, Mapping):
            raise TypeError(
                "A configuration must be a dict of hyperparameters, as in "
                f"{self.sample(random_state=0)[0]!r}, got {configuration!r}."
            )
        for name in configuration:
            if name not in self.dimensions:
                raise ValueError(
                    f"{name!r} is not in the search space." + did_you_mean(name, self.names)
                )
        vector = np.full(len(self), INACTIVE)
        for index, (name, dimension) in enumerate(self.dimensions.items()):
            if name in configuration:
                try:
                    vector[index] = dimension.encode(configuration[name])
                except (TypeError, ValueError) as error:
                    raise ValueError(f"{name}: {error}") from error
        active = self.active(vector[None])[0]
        for index in self._order:
            if active[index] and self.names[index] not in configuration:
                raise ValueError(
                    f"{self.names[index]!r} is missing in {dict(configuration)!r}."
                )
        return np.where(active, vector, INACTIVE)

    def decode(self, vector: np.ndarray) -> dict[str, Any]:
        """Return the configuration of a vector.

        Parameters
        ----------
        vector : ndarray of shape (n_dimensions,)
            Coordinates between 0 and 1.

        Returns
        -------
        dict
            Values of the active hyperparameters, by name.
        """
        active = self.active(np.asarray(vector)[None])[0]
        return {
            name: dimension.decode(coordinate)
            for (name, dimension), coordinate, is_active in zip(
                self.dimensions.items(), vector, active, strict=True
            )
            if is_active
        }

    def build(self, choose: Callable[[str, Dimension], Any]) -> dict[str, Any]:
        """Build a configuration value by value, parents first.

        Parameters
        ----------
        choose : callable
            Function of the name and the dimension of a hyperparameter, which returns a
            value. It is called only for hyperparameters that are active given the values
            chosen before.

        Returns
        -------
        dict
            Values of the active hyperparameters, by name.

        Raises
        ------
        ValueError
            If a chosen value is not in its dimension.

        Examples
        --------
        >>> from skkeras_search import Real, Space
        >>> gamma = Real(0, 1, when={"kernel": "rbf"})
        >>> space = Space({"gamma": gamma, "kernel": ["rbf", "linear"]})
        >>> space.build(lambda name, dimension: dimension.grid(1)[0])
        {'gamma': 0.5, 'kernel': 'rbf'}
        """
        vector, chosen = np.full(len(self), INACTIVE), {}
        for index in self._order:
            if self.active(vector[None])[0, index]:
                name = self.names[index]
                chosen[name] = choose(name, self.dimensions[name])
                vector[index] = self.dimensions[name].encode(chosen[name])
        return {name: chosen[name] for name in self.names if name in chosen}

    def from_uniform(self, quantiles: np.ndarray) -> np.ndarray:
        """Map points of the unit cube to vectors that follow the priors.

        Parameters
        ----------
        quantiles : ndarray of shape (n, n_dimensions)
            Numbers between 0 and 1.

        Returns
        -------
        ndarray of shape (n, n_dimensions)
            Vectors of configurations.
        """
        columns = zip(self.dimensions.values(), quantiles.T, strict=True)
        return self.snap(np.column_stack([d.from_uniform(column) for d, column in columns]))

    def snap(self, vectors: np.ndarray) -> np.ndarray:
        """Replace each vector by the one that ``encode`` returns for its configuration.

        Parameters
        ----------
        vectors : ndarray of shape (n, n_dimensions)
            Points of the unit cube.

        Returns
        -------
        ndarray of shape (n, n_dimensions)
            Vectors. Equal configurations have equal vectors.
        """
        columns = zip(self.dimensions.values(), vectors.T, strict=True)
        snapped = np.column_stack([d.snap(column) for d, column in columns])
        return np.where(self.active(snapped), snapped, INACTIVE)

    def active(self, vectors: np.ndarray) -> np.ndarray:
        """Return which hyperparameters are active.

        Parameters
        ----------
        vectors : ndarray of shape (n, n_dimensions)
            Vectors of configurations.

        Returns
        -------
        ndarray of bool of shape (n, n_dimensions)
            Whether the condition of each hyperparameter holds.
        """
        active = np.ones(vectors.shape, bool)
        for index, parents in self._conditions.items():
            for parent, coordinates in parents:
                near = np.abs(vectors[:, parent, None] - coordinates) < 1e-9
                active[:, index] &= active[:, parent] & near.any(axis=1)
        return active

    def vectors(self, most: int = MOST_COMBINATIONS) -> np.ndarray | None:
        """Return the vectors of all configurations, unless there are too many.

        Parameters
        ----------
        most : int, default=65536
            Largest number of configurations to enumerate.

        Returns
        -------
        ndarray of shape (n_configurations, n_dimensions) or None
            None if there are more than ``most`` configurations, or if a conditional space
            has more than 65536 combinations of values.
        """
        # A conditional space has fewer configurations than combinations of values.
        if self._n_combinations() > (MOST_COMBINATIONS if self.is_conditional else most):
            return None
        vectors = self.combinations(MOST_COMBINATIONS)
        return vectors if len(vectors) <= most else None

    def distance(self, values: Sequence[Any], others: Sequence[Any]) -> float:
        """Return the distance between two configurations.

        Parameters
        ----------
        values, others : sequence of length n_dimensions
            Values of the hyperparameters in the order of ``names``, with None for inactive
            ones.

        Returns
        -------
        float
            Sum, over the dimensions, of the absolute differences of the coordinates.
            Different categories of an unordered dimension differ by 1, and so do an active
            and an inactive hyperparameter.
        """
        total = 0.0
        for dimension, a, b in zip(self, values, others, strict=True):
            if a is None or b is None:
                total += a is not b
                continue
            apart = abs(dimension.encode(a) - dimension.encode(b))
            total += apart if dimension.is_ordered else float(apart > 0)
        return total

    def __len__(self) -> int:
        return len(self.dimensions)

    def __iter__(self) -> Iterator[Dimension]:
        return iter(self.dimensions.values())

    def __contains__(self, configuration: Any) -> bool:
        try:
            self.encode(configuration)
        except (TypeError, ValueError):
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self.dimensions == other.dimensions

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        lines = [f"    {name}: {d!r}\n" for name, d in self.dimensions.items()]
        return f"Space(\n{''.join(lines)})"

    def _n_combinations(self) -> float:
        numbers = [dimension.n_values for dimension in self.dimensions.values()]
        return math.inf if math.inf in numbers else math.prod(numbers)

    def _in_order(self) -> list[str]:
        """Return the names, parents before the names that are conditional on them."""
        ordered: list[str] = []

        def add(name: str, children: tuple[str, ...] = ()) -> None:
            if name in children:
                raise ValueError(f"{name!r} is conditional on itself: {children}.")
            for parent in self.dimensions[name].when:
                if parent not in self.dimensions:
                    raise ValueError(
                        f"{name!r} is conditional on {parent!r}, which is not in the "
                        "search space." + did_you_mean(parent, self.names)
                    )
                add(parent, (*children, name))
            if name not in ordered:
                ordered.append(name)

        for name in self.dimensions:
            add(name)
        return ordered

    def _condition(self, name: str) -> list[tuple[int, np.ndarray]]:
        """Return, for each parent of a dimension, its index and the allowed coordinates."""
        parents = []
        for parent, wanted in self.dimensions[name].when.items():
            dimension = self.dimensions[parent]
            if not math.isfinite(dimension.n_values):
                raise ValueError(
                    f"{name!r} cannot be conditional on {parent!r}, whose values are real "
                    "numbers. A parent must be a choice or a whole number."
                )
            values = wanted if isinstance(wanted, list) else [wanted]
            try:
                coordinates = [dimension.encode(value) for value in values]
            except (TypeError, ValueError) as error:
                hint = ""
                if isinstance(wanted, (tuple, set, frozenset)):
                    hint = (
                        " For any of several values, pass a list: "
                        f"when={{{parent!r}: {list(wanted)!r}}}."
                    )
                raise ValueError(
                    f"{name!r} is conditional on {parent}={wanted!r}: {error}{hint}"
                ) from error
            parents.append((self.names.index(parent), np.array(coordinates)))
        return parents


def _named(name: str, given: Any) -> Dimension:
    if not isinstance(name, str):
        raise TypeError(f"The name of a hyperparameter must be a str, got {name!r}.")
    try:
        dimension = as_dimension(given)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error
    if dimension.name not in (None, name):
        raise ValueError(
            f"The dimension under the key {name!r} has the name {dimension.name!r}. Use "
            "the same name, or leave out name=."
        )
    return dimension


def _by_name(dimensions: Sequence[Any]) -> dict[str, Any]:
    if isinstance(dimensions, str) or not isinstance(dimensions, Iterable):
        raise TypeError(
            "A space must be a dict of dimensions, as in {'units': (8, 64)}, or a list of "
            f"dimensions with names, got {dimensions!r}."
        )
    named: dict[str, Any] = {}
    for dimension in dimensions:
        name = getattr(dimension, "name", None)
        if name is None:
            raise ValueError(
                f"{dimension!r} has no name. Set name=, or pass the space as a dict."
            )
        if name in named:
            raise ValueError(f"Two dimensions have the name {name!r}.")
        named[name] = dimension
    return named
