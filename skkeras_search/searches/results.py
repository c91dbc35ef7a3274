"""The candidates of a space in the format of scikit-optimize, also for its plots."""

import sys
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult
from scipy.stats import rankdata

from skkeras_search.samplers.gaussian_process import GaussianProcess
from skkeras_search.space import Space
from skkeras_search.space.dimensions import Dimension


class SearchResult(OptimizeResult):
    """The candidates of a space, with scores times -1, as scikit-optimize minimizes.

    ``skopt.plots`` requires a space of its own classes. If this module is imported,
    ``result.space`` is such a space, unless the space is conditional. ``result["space"]``
    is always the space that was searched. ``models[n]`` has learned from the first ``n``
    candidates, at least one.
    """

    def __getattr__(self, name: str) -> Any:
        if name == "models":
            if self["space"].is_conditional:
                raise AttributeError(_not_drawn(self["space"]))
            x_iters, values = self["x_iters"], self["func_vals"]
            return [
                Surrogate(self["space"], x_iters[: max(n, 1)], values[: max(n, 1)])
                for n in range(len(x_iters) + 1)
            ]
        found = super().__getattr__(name)
        if name == "space" and "skopt.plots" in sys.modules:
            conditional = found.is_conditional
            return _Undrawn(found) if conditional else _of_scikit_optimize(found)
        return found


class _Undrawn(Space):
    """A conditional space, which raises an error if the plots of scikit-optimize use it."""

    def __init__(self, space: Space):
        self.__dict__.update(vars(space))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(_not_drawn(self))

    def __getitem__(self, key: Any) -> Any:
        raise TypeError(_not_drawn(self))


def _not_drawn(space: Space) -> str:
    conditional = [name for name, d in space.dimensions.items() if d.when]
    return (
        f"scikit-optimize has no conditional spaces, and {conditional[0]!r} is "
        "conditional. Of its plots, only plot_convergence and plot_regret can show this "
        "search."
    )


def result_of(
    space: Space, candidates: list[dict[str, Any]], scores: list[float]
) -> SearchResult:
    """Make the result of a space.

    Parameters
    ----------
    space : Space
        The space.
    candidates : list of dict
        Hyperparameters of each candidate.
    scores : list of float
        Score of each candidate. NaN for candidates that failed.

    Returns
    -------
    SearchResult
    """
    x_iters = [[candidate.get(name) for name in space.names] for candidate in candidates]
    values = -np.array(scores)
    best: dict[str, Any] = {"x": None, "fun": np.inf}
    if np.isfinite(values).any():
        index = int(np.nanargmin(values))
        best = {"x": x_iters[index], "fun": float(values[index])}
    specs = {"args": {"acq_func": "EI"}}  # required by the plots
    return SearchResult(x_iters=x_iters, func_vals=values, space=space, specs=specs, **best)


class Surrogate:
    """What a Gaussian process has learned about a space without conditions.

    Parameters
    ----------
    space : Space
        The space.
    x_iters : list of list
        The values of each candidate.
    values : ndarray of shape (n_candidates,)
        Scores times -1.
    """

    def __init__(self, space: Space, x_iters: list[list[Any]], values: np.ndarray):
        self._space = space
        self._x_iters, self._values = x_iters, values

    def predict(self, X: np.ndarray, return_std: bool = False) -> Any:
        """Predict values at points that scikit-optimize has transformed.

        Parameters
        ----------
        X : ndarray of shape (n, n_transformed)
            The transformed points.
        return_std : bool, default=False
            Whether to return the standard deviation, too.

        Returns
        -------
        ndarray of shape (n,), or two of them
            The mean, and the standard deviation with ``return_std``.
        """
        mean, variance = self._process.predict(self._vectors(np.asarray(X)))
        mean = self._mean + self._scale * mean
        return (mean, self._scale * np.sqrt(variance)) if return_std else mean

    @cached_property
    def _process(self) -> GaussianProcess:
        is_finite = np.isfinite(self._values)
        names, x_iters = self._space.names, np.array(self._x_iters, dtype=object)
        vectors = [
            self._space.encode(dict(zip(names, x, strict=True))) for x in x_iters[is_finite]
        ]
        values = self._values[is_finite]
        self._mean, self._scale = values.mean(), values.std() or 1.0
        process = GaussianProcess(np.array([not d.is_ordered for d in self._space]))
        scaled = (values - self._mean) / self._scale
        return process.fit(np.array(vectors), scaled, np.zeros(len(values)))

    @cached_property
    def _columns(self) -> list["_Columns"]:
        foreign = _of_scikit_optimize(self._space).dimensions
        return [_Columns(*pair) for pair in zip(self._space, foreign, strict=True)]

    def _vectors(self, X: np.ndarray) -> np.ndarray:
        parts = np.cumsum([columns.width for columns in self._columns])
        blocks = np.split(X, parts[:-1], axis=1)
        pairs = zip(self._columns, blocks, strict=True)
        return np.column_stack([columns.coordinates(block) for columns, block in pairs])


class _Columns:
    """The columns of a dimension among the columns of transformed points.

    Parameters
    ----------
    dimension : Dimension
        The dimension.
    foreign : skopt.space.Dimension
        The same dimension, in scikit-optimize's class.
    """

    def __init__(self, dimension: Dimension, foreign: Any):
        self._dimension, self._foreign = dimension, foreign
        self.width = foreign.transformed_size
        self._known: dict[bytes, float] = {}  # the plots repeat a few values many times

    def coordinates(self, block: np.ndarray) -> np.ndarray:
        """Return coordinates in the unit interval, for each row."""
        rows, inverse = np.unique(block, axis=0, return_inverse=True)
        return np.array([self._coordinate(row) for row in rows])[inverse.ravel()]

    def _coordinate(self, row: np.ndarray) -> float:
        key = row.tobytes()
        if key not in self._known:
            (value,) = self._foreign.inverse_transform(
                row if self.width == 1 else row[None]
            )
            if not hasattr(self._foreign, "categories"):
                value = min(max(value, self._foreign.low), self._foreign.high)
            if numbers := getattr(self._dimension, "numbers", None):  # the grid of a range
                value = numbers[round((value - numbers.start) / numbers.step)]
            self._known[key] = self._dimension.encode(value)
        return self._known[key]


def _of_scikit_optimize(space: Space) -> Any:
    """Return the space in classes of scikit-optimize, with its names as an attribute."""
    from skopt.space import Space as ForeignSpace  # the caller has imported skopt

    foreign = ForeignSpace([_foreign(name, d) for name, d in space.dimensions.items()])
    foreign.names = space.names
    return foreign


def _foreign(name: str, dimension: Dimension) -> Any:
    from skopt.space import Categorical, Integer, Real

    categories: Sequence[Any] | None = getattr(dimension, "categories", None)
    if categories is not None:
        return Categorical(categories, name=name)
    low, high = getattr(dimension, "bounds", None) or (
        dimension.decode(0.0),
        dimension.decode(1.0),
    )
    if low == high:
        return Categorical([low], name=name)
    kind = Integer if isinstance(low, int) else Real
    is_log = getattr(dimension, "prior", "uniform") == "log-uniform"
    return kind(low, high, prior="log-uniform" if is_log else "uniform", name=name)


class TrainRanks:
    """A search that also ranks candidates by training scores, as scikit-optimize does."""

    def _format_results(self, *args: Any) -> dict[str, Any]:
        results: dict[str, Any] = super()._format_results(*args)  # type: ignore[misc]
        prefix = "mean_train_"
        for name in [name for name in results if name.startswith(prefix)]:
            scores = np.nan_to_num(results[name], nan=-np.inf)
            ranks = rankdata(-scores, method="min").astype(np.int32)
            results[f"rank_train_{name.removeprefix(prefix)}"] = ranks
        return results
