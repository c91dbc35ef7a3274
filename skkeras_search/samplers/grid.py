"""Sampler for all configurations of a grid."""

from typing import Any

import numpy as np

from skkeras_search.samplers.sampler import Sampler


class GridSampler(Sampler):
    """Sampler for a grid: all combinations of evenly spaced values, in a fixed order.

    Parameters
    ----------
    space : Space or mapping of str to object
        Search space. A mapping is converted to a ``Space``: its values are dimensions or
        their short notations, such as a ``(low, high)`` tuple or a list of choices.
    random_state : int, RandomState instance or None, default=None
        No effect, as the grid is not random. Accepted because all samplers accept it.
    direction : {"minimize", "maximize"}, default="minimize"
        Whether smaller or larger values are better. It affects only ``best``.
    n_values : int, default=5
        Number of values for each numeric dimension, evenly spaced on the scale of its
        prior. All choices of a categorical dimension and all numbers of a ``range`` are
        used.

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
        If the space, ``random_state``, ``direction`` or ``n_values`` is invalid.

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
            raise ValueError(
                f"n_values must be a whole number greater than 0, got {n_values!r}."
            )
        self.n_values = n_values
        self._left = list(self.space.combinations(n_values)[::-1])

    def _propose(self) -> np.ndarray | None:
        while self._left:
            vector = self._left.pop()
            if self._is_new(vector):
                return vector
        return None
