"""Initial design: the first points of a search."""

import numpy as np
from scipy.stats import qmc

from skkeras_search.space import Space

# Number of first points in an unconditional space, which is also the minimum in others.
N_INITIAL = 5
# Number of first points for each branch of a conditional space, and the limit for all.
N_INITIAL_OF_BRANCH = 3
MOST_INITIAL = 12
# The first points of a conditional space are chosen from at least this many.
N_DESIGN = 64


class InitialDesign:
    """Quasi-random points, followed by random points when these are used up.

    In a conditional space the points are shared evenly among the branches. A branch is a
    set of configurations with the same active hyperparameters.

    Parameters
    ----------
    space : Space
        Search space.
    n : int or None
        Number of points. None means 5; in a conditional space, 3 for each branch, but at
        least 5 and at most 12 in all.
    rng : Generator
        Source of random numbers.

    Attributes
    ----------
    n : int
        Number of points.
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
        """Return the next point of the unit cube, of shape (n_dimensions,)."""
        if self._points:
            return self._points.pop(0)
        return self._rng.uniform(size=self._n_dimensions)


def checked_n_initial(n_initial: int | None, least: int) -> int | None:
    """Check the number of first points, and return it.

    Raises
    ------
    ValueError
        If ``n_initial`` is neither None nor an integer of at least ``least``.
    """
    if n_initial is None or (
        isinstance(n_initial, (int, np.integer)) and n_initial >= least
    ):
        return n_initial
    raise ValueError(
        f"n_initial must be None or a whole number >= {least}, got {n_initial!r}."
    )


def _first_points(space: Space, n: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Return evenly spread points and the number of branches.

    The points of a conditional space alternate between its branches.
    """
    sobol = qmc.Sobol(len(space), seed=rng.integers(2**31))
    if not space.is_conditional:
        return sobol.random_base2(int(n).bit_length()), 1
    points = sobol.random_base2((max(N_DESIGN, int(n)) - 1).bit_length())
    is_set = space.active(space.from_uniform(points))
    branches, branch = np.unique(is_set, axis=0, return_inverse=True)
    before = np.tril(branch[:, None] == branch, -1).sum(axis=1)
    return points[np.argsort(before, kind="stable")], len(branches)
