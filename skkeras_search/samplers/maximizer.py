"""Find the best configuration that was not proposed or reported yet."""

from collections.abc import Container

import numpy as np

from skkeras_search.samplers.local_search import Acquisition, LocalSearch
from skkeras_search.samplers.sampler import key_of
from skkeras_search.space import Space

# Each proposal evaluates all configurations of a space if there are at most this many.
MOST_ENUMERATED = 4096
# Number of good points whose surroundings are searched.
N_GOOD = 8


class Maximizer:
    """Find new configurations that maximize an acquisition function.

    Parameters
    ----------
    space : Space
        Search space.
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
            Function to maximize.
        seen : ndarray of shape (m, d)
            Known points. The surroundings of the best ones are searched.
        mean : ndarray of shape (m,)
            Predicted values of the known points; smaller is better.
        known : container of bytes
            Keys of the configurations that are not new.
        rng : Generator
            Source of random numbers.

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
