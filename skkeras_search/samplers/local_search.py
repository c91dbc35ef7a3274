"""Maximize an acquisition function over a mixed space.

The function is evaluated at many points. From the best of these, two steps alternate: the
continuous coordinates follow the gradient, and the discrete values change one at a time.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from scipy.optimize import minimize
from scipy.stats import qmc

from skkeras_search.space import Space

N_QUASIRANDOM = 512
N_PERTURBED = 256
N_STARTS = 6
N_ROUNDS = 3
# Number of starting points that are kept after the first round.
N_FINALISTS = 2
# The search stops when a round raises the acquisition function by less than this. The
# function is the logarithm of the expected improvement.
ENOUGH = 0.01
# All values of an ordered discrete dimension are tried if there are at most this many.
MOST_VALUES = 12


class Acquisition(Protocol):
    """Function that is maximized."""

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return the values, of shape (m,), at points of shape (m, d)."""

    def with_gradient(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the values, of shape (m,), and the gradients, of shape (m, d)."""


class LocalSearch:
    """Maximizer of acquisition functions over a space.

    Parameters
    ----------
    space : Space
        Search space.
    """

    def __init__(self, space: Space):
        self._space = space
        self._dimensions = list(space)
        self._is_discrete = np.isfinite([d.n_values for d in self._dimensions])
        self._all = {
            j: np.array([dimension.encode(value) for value in dimension.grid(MOST_VALUES)])
            for j, dimension in enumerate(self._dimensions)
            if dimension.n_values <= MOST_VALUES or not dimension.is_ordered
        }

    def maximize(
        self,
        acquisition: Acquisition,
        good: np.ndarray,
        is_new: Callable[[np.ndarray], bool],
        rng: np.random.Generator,
    ) -> np.ndarray | None:
        """Find the best new point.

        Parameters
        ----------
        acquisition : Acquisition
            Function to maximize.
        good : ndarray of shape (m, d)
            Points whose surroundings are searched.
        is_new : callable
            Function of a point, which returns whether the point may be returned.
        rng : Generator
            Source of random numbers.

        Returns
        -------
        ndarray of shape (d,) or None
            None if no new point was found.
        """
        points = np.vstack([self._quasirandom(rng), self._perturbed(good, rng)])
        values = acquisition(points)
        starts = self._starts(values, rng)
        climbed, climbed_values = self._climb(acquisition, points[starts], values[starts])
        points = np.vstack([climbed, points])
        values = np.hstack([climbed_values, values])
        for index in np.argsort(-values):
            if is_new(points[index]):
                return points[index]
        return None

    def _quasirandom(self, rng: np.random.Generator) -> np.ndarray:
        sobol = qmc.Sobol(len(self._space), seed=rng)
        return self._space.from_uniform(sobol.random(N_QUASIRANDOM))

    def _perturbed(self, good: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        points = good[rng.integers(len(good), size=N_PERTURBED)].copy()
        m, d = points.shape
        ordered = np.array([dimension.is_ordered for dimension in self._dimensions])
        moves = rng.uniform(size=(m, d)) < np.where(
            ordered, max(0.3, 2 / d), max(0.15, 1 / d)
        )
        steps = rng.normal(size=(m, d)) * rng.choice([0.01, 0.05, 0.2], size=(m, 1))
        redrawn = self._space.from_uniform(rng.uniform(size=(m, d)))
        moved = np.where(ordered, np.clip(points + steps, 0, 1), redrawn)
        # An inactive hyperparameter may become active, so it gets a random value.
        unset = ~self._space.active(points)
        return self._space.snap(np.where(moves, moved, np.where(unset, redrawn, points)))

    def _starts(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the indices of the best points and of some drawn by their values."""
        best = np.argsort(-values)[: N_STARTS // 2]
        weights = np.exp(values - values.max())
        weights[best] = 0
        weights += 1e-300
        drawn = rng.choice(
            len(values), N_STARTS - len(best), replace=False, p=weights / weights.sum()
        )
        return np.hstack([best, drawn])

    def _climb(
        self, acquisition: Acquisition, points: np.ndarray, values: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        for _ in range(N_ROUNDS):
            before = values.copy()
            if not self._is_discrete.all():
                points, values = self._follow_gradient(acquisition, points, values)
            if self._is_discrete.any():
                points, values = self._change_values(acquisition, points, values)
            if not self._is_discrete.any() or (values < before + ENOUGH).all():
                break
            best = np.argsort(-values)[:N_FINALISTS]
            points, values = points[best], values[best]
        return points, values

    def _follow_gradient(
        self, acquisition: Acquisition, points: np.ndarray, values: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Climb from all points at once, by maximizing the sum of their values."""
        free = ~self._is_discrete & self._space.active(points)
        if not free.any():
            return points, values

        def descend(coordinates: np.ndarray) -> tuple[float, np.ndarray]:
            moved = points.copy()
            moved[free] = coordinates
            value, gradient = acquisition.with_gradient(moved)
            return -value.sum(), -gradient[free]

        found = minimize(
            descend,
            points[free],
            method="L-BFGS-B",
            jac=True,
            bounds=[(0, 1)] * int(free.sum()),
            options={"maxiter": 20, "ftol": 1e-4},
        )
        moved = points.copy()
        moved[free] = found.x
        return _better(points, values, moved, acquisition(moved))

    def _change_values(
        self, acquisition: Acquisition, points: np.ndarray, values: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Try other values in each discrete dimension, one dimension after the other."""
        m, d = points.shape
        for j in np.flatnonzero(self._is_discrete).tolist():
            tried = self._alternatives(j, points[:, j])
            changed = np.repeat(points, tried.shape[1], axis=0)
            changed[:, j] = tried.ravel()
            changed = self._space.snap(changed).reshape(m, -1, d)
            changed_values = acquisition(changed.reshape(-1, d)).reshape(m, -1)
            best = np.arange(m), changed_values.argmax(axis=1)
            points, values = _better(points, values, changed[best], changed_values[best])
        return points, values

    def _alternatives(self, j: int, coordinates: np.ndarray) -> np.ndarray:
        """Return alternatives to each coordinate: all values, or some near and far ones."""
        dimension = self._dimensions[j]
        if j in self._all:
            return np.tile(self._all[j], (len(coordinates), 1))
        steps = 0.5 ** np.arange(1, np.log2(dimension.n_values) + 3)
        near_and_far = coordinates[:, None] + np.hstack([-steps, steps])
        return dimension.snap(np.clip(near_and_far, 0, 1))


def _better(
    points: np.ndarray, values: np.ndarray, others: np.ndarray, other_values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Select, from each pair of points, the one with the greater value."""
    wins = other_values > values
    return np.where(wins[:, None], others, points), np.where(wins, other_values, values)
