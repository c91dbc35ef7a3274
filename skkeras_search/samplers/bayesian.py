"""Bayesian optimisation with a Gaussian process."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.stats import qmc
from threadpoolctl import ThreadpoolController

from skkeras_search.samplers.acquisition import LogExpectedImprovement
from skkeras_search.samplers.gaussian_process import GaussianProcess
from skkeras_search.samplers.local_search import LocalSearch
from skkeras_search.samplers.sampler import Sampler, Told, draw_new

# A finite space with no more configurations is gone through at each proposal.
MOST_ENUMERATED = 4096
# In units of the standard deviation of the values; one as large says nothing.
LARGEST_ERROR = 1e3
# In the same units; the least improvement that counts where branches compete. A branch that
# is known well always promises a tiny one, and nothing else would be tried.
LEAST_IMPROVEMENT = 0.02
# Of the tail of bad values, in units of the distance from the median to the best.
LONGEST_TAIL = 1e3
# Points that the acquisition is looked at near.
N_GOOD = 8
# First points: without branches, of each branch, and of all branches together.
N_INITIAL = 5
N_INITIAL_OF_BRANCH = 3
MOST_INITIAL = 12
# Points of which those are chosen.
N_DESIGN = 64


class BayesianSampler(Sampler):
    """Propose where a Gaussian process expects to improve most.

    After an initial design of quasi-random points, each proposal maximises the logarithm
    of the expected improvement over the best configuration so far. Values that are far
    worse than the median are drawn nearer, so that they do not fill the scale. In a
    conditional space the first points are shared out evenly among its branches, which
    differ in what is set, and only an improvement of more than a fiftieth of the standard
    deviation of the values counts, so that no branch is followed into its last digits. A
    configuration that failed counts as the worst that did not. Several at a time, and
    pending ones, are believed to be as good as is expected of them.

    Parameters
    ----------
    space, random_state, direction
        As for ``Sampler``.
    n_initial : int, optional
        Number of points of the initial design. What is told before counts. If not given,
        5, or three for each branch of a conditional space, between 5 and 12 in all.
    initial : iterable of mapping, default=()
        Configurations to ask first.

    Notes
    -----
    A proposal takes some 20 to 40 ms of one core for up to 100 values, and some 60 for 200.
    The hyperparameters of the process are learned anew for each value up
    to 40 values, and for fewer of them as there are more.

    References
    ----------
    Snoek, Larochelle and Adams, "Practical Bayesian Optimization of Machine Learning
    Algorithms", NeurIPS 2012. For the parts, see ``gaussian_process``, ``acquisition`` and
    ``local_search`` beside this module.

    Examples
    --------
    Tune anything, here a parabola:

    >>> from skkeras_search.samplers import BayesianSampler
    >>> sampler = BayesianSampler({"x": (-1.0, 2.0)}, random_state=0)
    >>> for _ in range(15):
    ...     (params,) = sampler.ask()
    ...     sampler.tell(params, (params["x"] - 1) ** 2)
    >>> abs(sampler.best["x"] - 1) < 0.01
    True
    """

    def __init__(
        self,
        space: Any,
        random_state: Any = None,
        direction: Any = "minimize",
        n_initial: int | None = None,
        initial: Iterable[Mapping[str, Any]] = (),
    ):
        super().__init__(space, random_state, direction)
        if not (
            n_initial is None
            or (isinstance(n_initial, (int, np.integer)) and n_initial >= 0)
        ):
            raise ValueError(
                f"n_initial must be None or a whole number >= 0, got {n_initial!r}."
            )
        if isinstance(initial, (str, Mapping)) or not isinstance(initial, Iterable):
            raise TypeError(
                "initial must be a list of configurations, as in "
                f"{self.space.sample(random_state=0)!r}, got {initial!r}."
            )
        self._initial = [self.space.encode(params) for params in initial]
        points, n_branches = self._first_points(
            N_INITIAL if n_initial is None else n_initial
        )
        if n_initial is None:
            of_branches = min(N_INITIAL_OF_BRANCH * n_branches, MOST_INITIAL)
            n_initial = max(N_INITIAL, of_branches)
        self.n_initial = int(n_initial)
        self._design = list(points)
        self._process = GaussianProcess(np.array([not d.is_ordered for d in self.space]))
        self._n_fitted = 0
        self._local_search = LocalSearch(self.space)
        vectors = self.space.vectors(MOST_ENUMERATED)
        self._all = None if vectors is None else {self._key_of(v): v for v in vectors}

    def _propose(self) -> np.ndarray | None:
        while self._initial:
            vector = self._initial.pop(0)
            if self._is_new(vector):
                return vector
        n_finite = sum(np.isfinite(told.value) for told in self._told)
        n_begun = len(self._told) + len(self._pending)
        if n_begun >= self.n_initial and n_finite >= 2:
            with _one_thread():
                guess = self._best_guess()
            if guess is not None:
                return guess
        return draw_new(self.space, self._next_point, self._is_new, self._rng)

    def _first_points(self, n: int) -> tuple[np.ndarray, int]:
        """Points that fill the space evenly, one of each branch by turns, of which many."""
        sobol = qmc.Sobol(len(self.space), seed=self._rng.integers(2**31))
        if not self.space.is_conditional:
            return sobol.random_base2(int(n).bit_length()), 1
        points = sobol.random_base2((max(N_DESIGN, int(n)) - 1).bit_length())
        is_set = self.space.active(self.space.from_uniform(points))
        branches, branch = np.unique(is_set, axis=0, return_inverse=True)
        before = np.tril(branch[:, None] == branch, -1).sum(axis=1)
        return points[np.argsort(before, kind="stable")], len(branches)

    def _next_point(self) -> np.ndarray:
        return (
            self._design.pop(0) if self._design else self._rng.uniform(size=len(self.space))
        )

    def _best_guess(self) -> np.ndarray | None:
        """Give the configuration that is expected to improve most."""
        process = self._fitted()
        if self._pending:
            pending = [self.space.encode(params) for params in self._pending.values()]
            process = process.believing(np.array(pending))
        mean, _ = process.predict(process.X)
        least = LEAST_IMPROVEMENT if self.space.is_conditional else 0.0
        acquisition = LogExpectedImprovement(process, mean.min() - least)
        if self._all is not None:
            left = [v for key, v in self._all.items() if key not in self._known]
            return left[np.argmax(acquisition(np.array(left)))] if left else None
        good = process.X[np.argsort(mean)[:N_GOOD]]
        return self._local_search.maximize(acquisition, good, self._is_new, self._rng)

    def _fitted(self) -> GaussianProcess:
        """The process, conditioned on all that was told."""
        n = len(self._told)
        data = _standardized(self._told)
        if n - self._n_fitted >= max(1, n // 40):
            self._process.fit(*data, restart=n // 8 > self._n_fitted // 8)
            self._n_fitted = n
        else:
            self._process.condition(*data)
        return self._process


def _standardized(told: list[Told]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors, values of zero mean and unit variance, and variances of their noise."""
    given = np.array([t.value for t in told])
    finite = np.isfinite(given)
    shortened = _with_short_tail(given[finite])
    values = np.full(len(told), shortened.max())
    values[finite] = shortened
    unit = np.ptp(values) or 1.0  # first, as squares may overflow
    values = (values - values.min()) / unit
    scale = values.std() or 1.0
    errors = np.minimum(np.array([t.error for t in told]) / unit / scale, LARGEST_ERROR)
    return np.array([t.vector for t in told]), (values - values.mean()) / scale, errors**2


def _with_short_tail(values: np.ndarray) -> np.ndarray:
    """Draw values that are far worse than the median nearer, and keep their order.

    The tail of a loss may reach as far as it likes. Were it cut off, a branch or a region
    of which only bad values are known would pass for flat.
    """
    reach = np.median(values) - values.min()
    if not reach > 0:
        return values
    last = values.min() + 3 * reach
    with np.errstate(over="ignore"):
        beyond = np.clip((values - last) / reach, 0, LONGEST_TAIL)
    shortened: np.ndarray = np.minimum(values, last) + reach * np.log1p(beyond)
    return shortened


@lru_cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def _one_thread() -> AbstractContextManager[None]:
    # Matrices are small, and a process beside this one is training.
    limit: AbstractContextManager[None] = _controller().limit(limits=1)
    return limit
