"""The best configuration that is not known yet."""

from collections.abc import Container

import numpy as np

from skkeras_search.samplers.local_search import Acquisition, LocalSearch
from skkeras_search.samplers.sampler import key_of
from skkeras_search.space import Space

# A finite space with no more configurations is gone through at each proposal.
MOST_ENUMERATED = 4096
# Points that the acquisition is looked at near.
N_GOOD = 8


class Maximizer:
    """Find new configurations at which acquisition functions are greatest.

    Parameters
    ----------
    space : Space
    """

    def __init__(self, space: Space):
        self._space = space
        self._local_search = LocalSearch(space)
        vectors = space.vectors(MOST_ENUMERATED)
        self._all = None if vectors is None else {key_of(space, v): v for v in vectors}

    def maximize(
        self,
        acquisition: Acquisition,
        seen: np.ndarray,
        mean: np.ndarray,
        known: Container[bytes],
        rng: np.random.Generator,
    ) -> np.ndarray | None:
        """Find the best new configuration.

        Parameters
        ----------
        acquisition : Acquisition
        seen : ndarray of shape (m, d)
            Points, near the best of which is looked.
        mean : ndarray of shape (m,)
            How good they are, to be minimised.
        known : container of bytes
            Keys of the configurations that are not new.
        rng : Generator

        Returns
        -------
        ndarray of shape (d,) or None
            None if no new configuration was found.
        """
        if self._all is not None:
            left = [v for key, v in self._all.items() if key not in known]
            return left[np.argmax(acquisition(np.array(left)))] if left else None
        good = seen[np.argsort(mean)[:N_GOOD]]

        def is_new(vector: np.ndarray) -> bool:
            return key_of(self._space, vector) not in known

        return self._local_search.maximize(acquisition, good, is_new, rng)
