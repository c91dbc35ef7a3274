"""Sampler for random configurations."""

import numpy as np

from skkeras_search.samplers.sampler import Sampler, draw_new


class RandomSampler(Sampler):
    """Sampler for random configurations, each proposed at most once.

    Parameters
    ----------
    space : Space or mapping of str to object
        Search space. A mapping is converted to a ``Space``: its values are dimensions or
        their short notations, such as a ``(low, high)`` tuple or a list of choices.
        Configurations are drawn from the priors of the dimensions.
    random_state : int, RandomState instance or None, default=None
        Seed of all draws. Samplers with the same seed propose the same configurations.
        None means different proposals in each run.
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
