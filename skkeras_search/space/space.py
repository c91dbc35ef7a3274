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

# Of a hyperparameter that is not set, in a vector.
INACTIVE = 0.5
# Products of values up to here are gone through to find the distinct configurations.
MOST_COMBINATIONS = 2**16


class Space:
    """The values that several hyperparameters may take together.

    A sampler works on vectors, which have a coordinate between zero and one for each
    dimension. A configuration is a dict of hyperparameters, as an estimator takes it.

    Parameters
    ----------
    dimensions : mapping of str to object, or sequence of Dimension
        What ``as_dimension`` takes, by the name of the hyperparameter; or dimensions that
        have names.

    Attributes
    ----------
    dimensions : dict of str to Dimension
    is_conditional : bool
        Whether a hyperparameter is not set in some configurations.

    Raises
    ------
    TypeError, ValueError
        If something is no dimension, a condition names what the space does not have, or
        a dimension has another name than its key.

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
            raise ValueError("The search space is empty; give it at least one dimension.")
        self.dimensions = {name: _named(name, given) for name, given in dimensions.items()}
        # Parents come before those that are conditional on them.
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
        """Whether a hyperparameter is not set in some configurations."""
        return bool(self._conditions)

    @property
    def n_configurations(self) -> float:
        """Number of configurations, infinite if there are real numbers among them.

        Of a conditional space with many, what it would be without conditions.
        """
        vectors = self.vectors()
        return self._n_combinations() if vectors is None else len(vectors)

    def sample(self, n: int = 1, random_state: Any = None) -> list[dict[str, Any]]:
        """Draw configurations.

        Parameters
        ----------
        n : int, default=1
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        list of dict
        """
        quantiles = check_random_state(random_state).uniform(size=(n, len(self)))
        return [self.decode(vector) for vector in self.from_uniform(quantiles)]

    def grid(self, n: int = 5) -> Iterator[dict[str, Any]]:
        """Go through all combinations of values that are spread evenly.

        Parameters
        ----------
        n : int, default=5
            Number of values of a dimension of numbers. Choices are all taken.

        Yields
        ------
        dict
        """
        return map(self.decode, self.combinations(n))

    def combinations(self, n: int) -> np.ndarray:
        """Give the vectors of the configurations of ``grid``, each once.

        Returns
        -------
        ndarray of shape (n_combinations, n_dimensions)
        """
        axes = [
            [dimension.encode(value) for value in dimension.grid(n)]
            for dimension in self.dimensions.values()
        ]
        vectors = self.snap(np.array(list(itertools.product(*axes))))
        _, first = np.unique(np.round(vectors, 10), axis=0, return_index=True)
        return vectors[np.sort(first)]

    def encode(self, configuration: Mapping[str, Any]) -> np.ndarray:
        """Give the vector of a configuration.

        Parameters
        ----------
        configuration : mapping of str to object

        Returns
        -------
        ndarray of shape (n_dimensions,)

        Raises
        ------
        ValueError
            If a hyperparameter is unknown or missing, or has a value that its dimension
            does not have.
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
        """Give the configuration of a vector."""
        active = self.active(np.asarray(vector)[None])[0]
        return {
            name: dimension.decode(coordinate)
            for (name, dimension), coordinate, is_active in zip(
                self.dimensions.items(), vector, active, strict=True
            )
            if is_active
        }

    def build(self, choose: Callable[[str, Dimension], Any]) -> dict[str, Any]:
        """Make a configuration value by value, each after those that it depends on.

        Parameters
        ----------
        choose : callable
            Gives a value for a name and its dimension. It is called only for
            hyperparameters that are set, given the values before.

        Returns
        -------
        dict

        Raises
        ------
        ValueError
            If a dimension does not have the value that was chosen for it.

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
        """Map points of the unit cube to vectors, as the dimensions' priors have it.

        Parameters
        ----------
        quantiles : ndarray of shape (n, n_dimensions)

        Returns
        -------
        ndarray of shape (n, n_dimensions)
        """
        columns = zip(self.dimensions.values(), quantiles.T, strict=True)
        return self.snap(np.column_stack([d.from_uniform(column) for d, column in columns]))

    def snap(self, vectors: np.ndarray) -> np.ndarray:
        """Give, for each vector, the one that stands for the same configuration.

        Parameters
        ----------
        vectors : ndarray of shape (n, n_dimensions)

        Returns
        -------
        ndarray of shape (n, n_dimensions)
        """
        columns = zip(self.dimensions.values(), vectors.T, strict=True)
        snapped = np.column_stack([d.snap(column) for d, column in columns])
        return np.where(self.active(snapped), snapped, INACTIVE)

    def active(self, vectors: np.ndarray) -> np.ndarray:
        """Say which hyperparameters are set.

        Parameters
        ----------
        vectors : ndarray of shape (n, n_dimensions)

        Returns
        -------
        ndarray of bool of shape (n, n_dimensions)
        """
        active = np.ones(vectors.shape, bool)
        for index, parents in self._conditions.items():
            for parent, coordinates in parents:
                near = np.abs(vectors[:, parent, None] - coordinates) < 1e-9
                active[:, index] &= active[:, parent] & near.any(axis=1)
        return active

    def vectors(self, most: int = MOST_COMBINATIONS) -> np.ndarray | None:
        """Give the vectors of all configurations, or None if there are more than ``most``.

        Returns
        -------
        ndarray of shape (n, n_dimensions) or None
        """
        # Conditions make fewer of them.
        if self._n_combinations() > (MOST_COMBINATIONS if self.is_conditional else most):
            return None
        vectors = self.combinations(MOST_COMBINATIONS)
        return vectors if len(vectors) <= most else None

    def distance(self, values: Sequence[Any], others: Sequence[Any]) -> float:
        """Say how far two lists of values are apart, in the order of the names.

        Parameters
        ----------
        values, others : sequence
            Values of all hyperparameters, None for those that are not set.

        Returns
        -------
        float
            Sum over the dimensions of how far they are apart in the unit interval.
            Categories without an order are at a distance of one.
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
        """Names, each after those that it is conditional on."""
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
        """For each parent of a dimension, its index and the coordinates that count."""
        parents = []
        for parent, wanted in self.dimensions[name].when.items():
            dimension = self.dimensions[parent]
            if not math.isfinite(dimension.n_values):
                raise ValueError(
                    f"{name!r} cannot be conditional on {parent!r}, which takes any real "
                    "number; only on choices and whole numbers."
                )
            values = wanted if isinstance(wanted, list) else [wanted]
            try:
                coordinates = [dimension.encode(value) for value in values]
            except (TypeError, ValueError) as error:
                hint = ""
                if isinstance(wanted, (tuple, set, frozenset)):
                    hint = (
                        " For any of several values give a list: "
                        f"when={{{parent!r}: {list(wanted)!r}}}."
                    )
                raise ValueError(
                    f"{name!r} is conditional on {parent}={wanted!r}: {error}{hint}"
                ) from error
            parents.append((self.names.index(parent), np.array(coordinates)))
        return parents


def _named(name: str, given: Any) -> Dimension:
    if not isinstance(name, str):
        raise TypeError(f"Hyperparameters have names that are str, got {name!r}.")
    try:
        dimension = as_dimension(given)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error
    if dimension.name not in (None, name):
        raise ValueError(
            f"The dimension of {name!r} has the name {dimension.name!r}; leave one out."
        )
    return dimension


def _by_name(dimensions: Sequence[Any]) -> dict[str, Any]:
    if isinstance(dimensions, str) or not isinstance(dimensions, Iterable):
        raise TypeError(
            "A space must be a dict of dimensions, as in {'units': (8, 64)}, or a list of "
            f"dimensions that have names, got {dimensions!r}."
        )
    named: dict[str, Any] = {}
    for dimension in dimensions:
        name = getattr(dimension, "name", None)
        if name is None:
            raise ValueError(f"{dimension!r} needs a name, or give the space as a dict.")
        if name in named:
            raise ValueError(f"Two dimensions have the name {name!r}.")
        named[name] = dimension
    return named
