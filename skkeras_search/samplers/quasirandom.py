"""Configurations that fill a space evenly."""

from typing import Any

import numpy as np
from scipy.stats import qmc

from skkeras_search.samplers.sampler import Sampler, draw_new


class QMCSampler(Sampler):
    """Propose the points of a scrambled Sobol sequence.

    They fill the space more evenly than random ones, in any number and also when seen in
    a few of the dimensions only. See Owen, "Randomly Permuted (t,m,s)-Nets and
    (t,s)-Sequences", 1995.

    Parameters
    ----------
    space, random_state, direction
        As for ``Sampler``.

    Examples
    --------
    >>> from skkeras_search.samplers import QMCSampler
    >>> sampler = QMCSampler({"x": (0.0, 1.0)}, random_state=0)
    >>> sorted(int(4 * params["x"]) for params in sampler.ask(4))
    [0, 1, 2, 3]
    """

    # Sobol sequences are balanced in powers of two.
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
