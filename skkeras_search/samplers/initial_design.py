"""The first points of a search."""

import numpy as np
from scipy.stats import qmc

from skkeras_search.space import Space

# First points: without branches, of each branch, and of all branches together.
N_INITIAL = 5
N_INITIAL_OF_BRANCH = 3
MOST_INITIAL = 12
# Points of which those are chosen.
N_DESIGN = 64


class InitialDesign:
    """Quasi-random points, and random ones when they are used up.

    In a conditional space the points are shared out evenly among its branches, which
    differ in what is set.

    Parameters
    ----------
    space : Space
    n : int or None
        Number of points. If None, it is 5, or three for each branch of a conditional
        space, between 5 and 12 in all.
    rng : Generator

    Attributes
    ----------
    n : int
    """

    def __init__(self, space: Space, n: int | None, rng: np.random.Generator):
        self._rng = rng
        self._n_dimensions = len(space)
        points, n_branches = _first_points(space, N_INITIAL if n is None else n, rng)
        self._points = list(points)
        if n is None:
            n = max(N_INITIAL, min(N_INITIAL_OF_BRANCH * n_branches, MOST_INITIAL))
        self.n = int(n)

    def draw(self) -> np.ndarray:
        """Give the next point of the unit cube."""
        if self._points:
            return self._points.pop(0)
        return self._rng.uniform(size=self._n_dimensions)


def checked_n_initial(n_initial: int | None, least: int) -> int | None:
    """Refuse what is no number of first points.

    Raises
    ------
    ValueError
        If it is neither None nor a whole number of at least ``least``.
    """
    if n_initial is None or (
        isinstance(n_initial, (int, np.integer)) and n_initial >= least
    ):
        return n_initial
    raise ValueError(
        f"n_initial must be None or a whole number >= {least}, got {n_initial!r}."
    )


def _first_points(space: Space, n: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Points that fill the space evenly, one of each branch by turns, of which many."""
    sobol = qmc.Sobol(len(space), seed=rng.integers(2**31))
    if not space.is_conditional:
        return sobol.random_base2(int(n).bit_length()), 1
    points = sobol.random_base2((max(N_DESIGN, int(n)) - 1).bit_length())
    is_set = space.active(space.from_uniform(points))
    branches, branch = np.unique(is_set, axis=0, return_inverse=True)
    before = np.tril(branch[:, None] == branch, -1).sum(axis=1)
    return points[np.argsort(before, kind="stable")], len(branches)
