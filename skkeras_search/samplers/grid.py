"""All configurations of a grid."""

from typing import Any

import numpy as np

from skkeras_search.samplers.sampler import Sampler


class GridSampler(Sampler):
    """Propose all combinations of values that are spread evenly, one after the other.

    Parameters
    ----------
    space, random_state, direction
        As for ``Sampler``. The random state has no effect.
    n_values : int, default=5
        Number of values of a dimension of numbers. Choices are all taken.

    Examples
    --------
    >>> from skkeras_search.samplers import GridSampler
    >>> space = {"units": [16, 32], "rate": (1e-3, 1e-1, "log-uniform")}
    >>> sampler = GridSampler(space, n_values=3)
    >>> [round(params["rate"], 6) for params in sampler.ask(3)]
    [0.001, 0.01, 0.1]
    """

    def __init__(
        self,
        space: Any,
        random_state: Any = None,
        direction: Any = "minimize",
        n_values: int = 5,
    ):
        super().__init__(space, random_state, direction)
        if not (isinstance(n_values, (int, np.integer)) and n_values > 0):
            raise ValueError(f"n_values must be greater than 0, got {n_values!r}.")
        self.n_values = n_values
        self._left = list(self.space.combinations(n_values)[::-1])

    def _propose(self) -> np.ndarray | None:
        while self._left:
            vector = self._left.pop()
            if self._is_new(vector):
                return vector
        return None
