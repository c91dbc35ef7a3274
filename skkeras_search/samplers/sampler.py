"""Base class of the samplers, which propose configurations and receive their values."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from skkeras_search.space import Space

Direction = Literal["minimize", "maximize"]


class Told(NamedTuple):
    """A configuration and its reported value.

    Attributes
    ----------
    params : dict
        Configuration.
    vector : ndarray of shape (n_dimensions,)
        Vector of the configuration.
    value : float
        Value, with its sign changed so that smaller is better. Not finite if the evaluation
        failed.
    error : float
        Standard error of the value, or 0 if it is unknown.
    """

    params: dict[str, Any]
    vector: np.ndarray
    value: float
    error: float


class Sampler(ABC):
    """Base class of the samplers.

    ``ask`` proposes configurations. Evaluate them in any way, and report their values with
    ``tell``, in any order. A sampler uses no files, no threads and no global random state.
    It can be pickled at any time; the copy makes the same proposals.

    Parameters
    ----------
    space : Space or mapping of str to object
        Search space. A mapping is converted to a ``Space``: its values are dimensions or
        their short notations, such as a ``(low, high)`` tuple or a list of choices.
    random_state : int, RandomState instance or None, default=None
        Seed of all draws. Samplers with the same seed that receive the same values propose
        the same configurations. None means different proposals in each run.
    direction : {"minimize", "maximize"}, default="minimize"
        Whether smaller or larger values are better.

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
    """

    def __init__(
        self,
        space: Space | Mapping[str, Any],
        random_state: Any = None,
        direction: Direction = "minimize",
    ):
        if direction not in ("minimize", "maximize"):
            raise ValueError(
                f"direction must be 'minimize' or 'maximize', got {direction!r}."
            )
        self.space = space if isinstance(space, Space) else Space(space)
        self.direction = direction
        self._rng = generator(random_state)
        self._told: list[Told] = []
        self._pending: dict[bytes, dict[str, Any]] = {}
        self._known: set[bytes] = set()

    def ask(self, n: int = 1) -> list[dict[str, Any]]:
        """Propose configurations to evaluate next.

        Parameters
        ----------
        n : int, default=1
            Number of configurations.

        Returns
        -------
        list of dict
            ``n`` configurations, none of which was proposed or reported before. The list is
            shorter, or empty, if no more new configurations are found.

        Raises
        ------
        ValueError
            If ``n`` is not a positive integer.
        """
        if not (isinstance(n, (int, np.integer)) and n > 0):
            raise ValueError(f"n must be a whole number greater than 0, got {n!r}.")
        asked = []
        for _ in range(n):
            vector = self._propose()
            if vector is None:
                break
            params = self.space.decode(vector)
            key = key_of(self.space, vector)
            self._pending[key] = params
            self._known.add(key)
            asked.append(dict(params))
        return asked

    def add_pending(self, params: Mapping[str, Any]) -> None:
        """Treat a configuration as if ``ask`` had proposed it.

        Parameters
        ----------
        params : mapping of str to object
            Configuration that is being evaluated.

        Raises
        ------
        ValueError
            If the configuration is not in the space.
        """
        key = _key(self.space.encode(params))
        self._pending[key] = dict(params)
        self._known.add(key)

    def forget_pending(self) -> None:
        """Forget all pending configurations. They are not proposed again."""
        self._pending.clear()

    def tell(self, params: Mapping[str, Any], value: float, error: float = 0.0) -> None:
        """Report the value of a configuration.

        Parameters
        ----------
        params : mapping of str to object
            Configuration of the space. ``ask`` need not have proposed it.
        value : float
            Value of the configuration. NaN or infinity means that its evaluation failed.
        error : float, default=0.0
            Standard error of the value, or 0 if it is unknown.

        Raises
        ------
        ValueError
            If the configuration is not in the space, or ``error`` is negative or not
            finite.
        """
        if not 0 <= error < np.inf:
            raise ValueError(
                f"error must be a finite number that is not negative, got {error!r}."
            )
        sign = 1 if self.direction == "minimize" else -1
        vector = self.space.encode(params)
        told = Told(dict(params), vector, sign * float(value), float(error))
        self._pending.pop(_key(vector), None)
        self._known.add(_key(vector))
        self._told.append(told)

    @property
    def pending(self) -> list[dict[str, Any]]:
        """Configurations that were proposed and whose values were not reported yet."""
        return [dict(params) for params in self._pending.values()]

    @property
    def best(self) -> dict[str, Any] | None:
        """Configuration with the best reported value, or None without a finite value."""
        finite = [told for told in self._told if np.isfinite(told.value)]
        if not finite:
            return None
        return dict(min(finite, key=lambda told: told.value).params)

    @abstractmethod
    def _propose(self) -> np.ndarray | None:
        """Return the vector of a new configuration, or None if there is none."""

    def _is_new(self, vector: np.ndarray) -> bool:
        """Return whether the configuration of a vector was not proposed or reported yet."""
        return key_of(self.space, vector) not in self._known


# After this many unsuccessful draws, the remaining configurations of a finite space are
# enumerated.
N_DRAWS = 100


def draw_new(
    space: Space,
    draw: Callable[[], np.ndarray],
    is_new: Callable[[np.ndarray], bool],
    rng: np.random.Generator,
) -> np.ndarray | None:
    """Draw points until one is a new configuration.

    Parameters
    ----------
    space : Space
        Search space.
    draw : callable
        Function without arguments, which returns a point of the unit cube.
    is_new : callable
        Function of a vector, which returns whether its configuration is new.
    rng : Generator
        Source of random numbers for the choice from the remaining configurations.

    Returns
    -------
    ndarray of shape (n_dimensions,) or None
        Vector of a new configuration, or None if none was found.
    """
    for _ in range(N_DRAWS):
        (vector,) = space.from_uniform(draw()[None])
        if is_new(vector):
            return vector
    vectors = space.vectors()
    left = [] if vectors is None else [vector for vector in vectors if is_new(vector)]
    return left[rng.integers(len(left))] if left else None


def generator(random_state: Any) -> np.random.Generator:
    """Convert a random state to a generator of random numbers.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        Seed, or a ``RandomState`` from which a seed is drawn.

    Returns
    -------
    Generator

    Raises
    ------
    TypeError, ValueError
        If ``random_state`` is none of these.
    """
    if isinstance(random_state, np.random.RandomState):
        random_state = int(random_state.randint(2**31))
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise type(error)(
            "random_state must be None, a whole number >= 0 or a RandomState, got "
            f"{random_state!r}."
        ) from error


def key_of(space: Space, vector: np.ndarray) -> bytes:
    """Return a key that is the same for all vectors of one configuration."""
    return _key(space.encode(space.decode(vector)))


def _key(vector: np.ndarray) -> bytes:
    # Rounded, so that numerical errors do not give one configuration two keys.
    return np.round(vector, 10).tobytes()
