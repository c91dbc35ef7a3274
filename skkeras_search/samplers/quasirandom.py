"""Sampler for configurations that fill a space evenly."""

from typing import Any

import numpy as np
from scipy.stats import qmc

from skkeras_search.samplers.sampler import Sampler, draw_new


class QMCSampler(Sampler):
    """Sampler for the points of a scrambled Sobol sequence.

    For any number of points, a Sobol sequence fills the space more evenly than random
    points do. This also holds for the projections of the points to a few of the dimensions.

    Parameters
    ----------
    space : Space or mapping of str to object
        Search space. A mapping is converted to a ``Space``: its values are dimensions or
        their short notations, such as a ``(low, high)`` tuple or a list of choices.
    random_state : int, RandomState instance or None, default=None
        Seed of the scrambling. Samplers with the same seed propose the same
        configurations. None means different proposals in each run.
    direction : {"minimize", "maximize"}, default="minimize"
        Whether smaller or larger values are better. It affects only ``best``.

    Attributes
    ----------
    space : Space
        The search space.
    pending : list of dict
        Configurations that were proposed and whose values were not reported yet.
    best : dict or None
        Configuration with the best reported value. None before a finite value is reported.

    Raises
    ------
    TypeError, ValueError
        If the space, ``random_state`` or ``direction`` is invalid.

    References
    ----------
    Owen, "Randomly Permuted (t,m,s)-Nets and (t,s)-Sequences", 1995.

    Examples
    --------
    >>> from skkeras_search.samplers import QMCSampler
    >>> sampler = QMCSampler({"x": (0.0, 1.0)}, random_state=0)
    >>> sorted(int(4 * params["x"]) for params in sampler.ask(4))
    [0, 1, 2, 3]
    """

    # Points are generated in blocks, as Sobol sequences are balanced in powers of two.
    N_POINTS = 64

    def __init__(self, space: Any, random_state: Any = None, direction: Any = "minimize"):
        super().__init__(space, random_state, direction)
        self._sequence = qmc.Sobol(len(self.space), seed=self._rng.integers(2**31))
        self._points = np.empty((0, len(self.space)))

    def _propose(self) -> np.ndarray | None:
        return draw_new(self.space, self._next_point, self._is_new, self._rng)

    def _next_point(self) -> np.ndarray:
        if not len(self._points):
            self._points = self._sequence.random(self.N_POINTS)
        point, self._points = self._points[0], self._points[1:]
        return point
