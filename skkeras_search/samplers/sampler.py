"""What all samplers have in common: propose configurations, and learn how good they are."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from skkeras_search.space import Space

Direction = Literal["minimize", "maximize"]


class Told(NamedTuple):
    """A configuration, and how good it is.

    Attributes
    ----------
    params : dict
    vector : ndarray of shape (n_dimensions,)
    value : float
        To be minimised; not finite if it failed.
    error : float
        Standard error of the value, zero if it is not known.
    """

    params: dict[str, Any]
    vector: np.ndarray
    value: float
    error: float


class Sampler(ABC):
    """Propose configurations of a space.

    Ask it for configurations, evaluate them in any way, and tell it their values, in any
    order. It does nothing else: no files, no threads, no global random numbers. It can be
    pickled at any time, and goes on as if it had not been.

    Parameters
    ----------
    space : Space or mapping
        What to search. A mapping is what ``Space`` takes.
    random_state : int, RandomState instance or None, default=None
        Seed of all draws. Samplers that have the same, and are told the same, ask the
        same.
    direction : {"minimize", "maximize"}, default="minimize"
        Which values are good.

    Attributes
    ----------
    space : Space
    pending : list of dict
        Configurations that were asked and not told yet.
    best : dict or None
        The one with the best value.

    Raises
    ------
    ValueError
        If ``direction`` is neither.
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

        Returns
        -------
        list of dict
            ``n`` configurations, none of which was asked or told before. Fewer, or none,
            if the space has no more.

        Raises
        ------
        ValueError
            If ``n`` is not a positive whole number.
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
        """Take a configuration as asked, though somebody else chose it.

        Parameters
        ----------
        params : mapping of str to object

        Raises
        ------
        ValueError
            If the configuration is not of the space.
        """
        key = _key(self.space.encode(params))
        self._pending[key] = dict(params)
        self._known.add(key)

    def forget_pending(self) -> None:
        """Take no configuration as pending. None that was asked is asked again."""
        self._pending.clear()

    def tell(self, params: Mapping[str, Any], value: float, error: float = 0.0) -> None:
        """Learn how good a configuration is.

        Parameters
        ----------
        params : mapping of str to object
            One that was asked, or any other of the space.
        value : float
            Not a number, or infinite, if it could not be evaluated.
        error : float, default=0.0
            Standard error of the value, if it is known.

        Raises
        ------
        ValueError
            If the configuration is not of the space, or ``error`` is negative or not
            finite.
        """
        if not 0 <= error < np.inf:
            raise ValueError(f"error must be finite and not negative, got {error!r}.")
        sign = 1 if self.direction == "minimize" else -1
        vector = self.space.encode(params)
        told = Told(dict(params), vector, sign * float(value), float(error))
        self._pending.pop(_key(vector), None)
        self._known.add(_key(vector))
        self._told.append(told)

    @property
    def pending(self) -> list[dict[str, Any]]:
        """Configurations that were asked and not told yet."""
        return [dict(params) for params in self._pending.values()]

    @property
    def best(self) -> dict[str, Any] | None:
        """The configuration with the best value, None before there is one."""
        finite = [told for told in self._told if np.isfinite(told.value)]
        if not finite:
            return None
        return dict(min(finite, key=lambda told: told.value).params)

    @abstractmethod
    def _propose(self) -> np.ndarray | None:
        """Give the vector of a configuration that is not known, if there is one."""

    def _is_new(self, vector: np.ndarray) -> bool:
        """Whether the configuration of a vector was never asked or told."""
        return key_of(self.space, vector) not in self._known


# Draws in vain, after which a finite space is gone through for what is left.
N_DRAWS = 100


def draw_new(
    space: Space,
    draw: Callable[[], np.ndarray],
    is_new: Callable[[np.ndarray], bool],
    rng: np.random.Generator,
) -> np.ndarray | None:
    """Draw until there is a new configuration, or none is left.

    Parameters
    ----------
    space : Space
    draw : callable
        Gives a point of the unit cube.
    is_new : callable
        Says of a vector whether it is.
    rng : Generator
        To choose from what is left.

    Returns
    -------
    ndarray of shape (n_dimensions,) or None
    """
    for _ in range(N_DRAWS):
        (vector,) = space.from_uniform(draw()[None])
        if is_new(vector):
            return vector
    vectors = space.vectors()
    left = [] if vectors is None else [vector for vector in vectors if is_new(vector)]
    return left[rng.integers(len(left))] if left else None


def generator(random_state: Any) -> np.random.Generator:
    """Make a source of random numbers.

    Parameters
    ----------
    random_state : int, RandomState instance or None

    Raises
    ------
    TypeError, ValueError
        If it is none of them.
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
    """What the vectors of one configuration have in common."""
    return _key(space.encode(space.decode(vector)))


def _key(vector: np.ndarray) -> bytes:
    # The rounding of logarithms must not make two of one.
    return np.round(vector, 10).tobytes()
