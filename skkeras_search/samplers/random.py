"""Configurations at random."""

import numpy as np

from skkeras_search.samplers.sampler import Sampler, draw_new


class RandomSampler(Sampler):
    """Propose configurations at random, each at most once.

    Parameters
    ----------
    space, random_state, direction
        As for ``Sampler``.

    Examples
    --------
    >>> from skkeras_search.samplers import RandomSampler
    >>> sampler = RandomSampler({"units": [16, 32]}, random_state=0)
    >>> sorted(params["units"] for params in sampler.ask(5))
    [16, 32]
    """

    def _propose(self) -> np.ndarray | None:
        return draw_new(self.space, self._draw, self._is_new, self._rng)

    def _draw(self) -> np.ndarray:
        return self._rng.uniform(size=len(self.space))
