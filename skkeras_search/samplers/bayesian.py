"""Bayesian optimization with a Gaussian process."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from skkeras_search.samplers.acquisition import LogExpectedImprovement
from skkeras_search.samplers.gaussian_process import GaussianProcess
from skkeras_search.samplers.initial_design import InitialDesign, checked_n_initial
from skkeras_search.samplers.maximizer import Maximizer
from skkeras_search.samplers.one_thread import one_thread
from skkeras_search.samplers.sampler import Sampler, draw_new
from skkeras_search.samplers.values import standardized

# Smallest improvement that counts in a conditional space, in standard deviations of the
# values. A well-explored branch always promises a tiny improvement; without this threshold
# the sampler would not leave the branch.
LEAST_IMPROVEMENT = 0.02


class BayesianSampler(Sampler):
    """Sampler for Bayesian optimization with a Gaussian process.

    The first proposals are an initial design of quasi-random points. Each further proposal
    maximizes the logarithm of the expected improvement over the best configuration so far.

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
    n_initial : int, default=None
        Number of points of the initial design. Configurations of ``initial`` and reported
        configurations count. None means 5; in a conditional space, 3 for each branch, but
        at least 5 and at most 12 in all.
    initial : iterable of mapping, default=()
        Configurations to propose first.

    Attributes
    ----------
    space : Space
        The search space.
    n_initial : int
        Number of points of the initial design.
    pending : list of dict
        Configurations that were proposed and whose values were not reported yet.
    best : dict or None
        Configuration with the best reported value. None before a finite value is reported.

    Raises
    ------
    TypeError
        If the space or ``random_state`` has the wrong type, or ``initial`` is not a list of
        configurations.
    ValueError
        If the space, ``random_state``, ``direction`` or ``n_initial`` is invalid, or a
        configuration of ``initial`` is not in the space.

    Notes
    -----
    The surrogate is a Gaussian process with a Matern 5/2 kernel and one lengthscale for
    each dimension. Values far worse than the median are compressed, so that they do not
    dominate the scale. A failed configuration gets the worst of the finite values. While
    values are pending, the sampler assumes that they equal their predicted mean.

    A branch of a conditional space is a set of configurations with the same active
    hyperparameters. The initial design is shared evenly among the branches. Afterwards only
    improvements of more than a fiftieth of the standard deviation of the values count, so
    that the sampler does not refine one branch to its last digits.

    One proposal takes about 20 to 40 ms on one core with up to 100 values, and about 60 ms
    with 200. The hyperparameters of the process are fitted again after each value up to
    40 values, and less often with more values.

    References
    ----------
    Snoek, Larochelle and Adams, "Practical Bayesian Optimization of Machine Learning
    Algorithms", NeurIPS 2012.

    Ament, Daulton, Eriksson, Balandat and Bakshy, "Unexpected Improvements to Expected
    Improvement for Bayesian Optimization", NeurIPS 2023.

    Ginsbourger, Le Riche and Carraro, "Kriging Is Well-Suited to Parallelize
    Optimization", 2010.

    Examples
    --------
    Minimize a function, here a parabola:

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
        checked_n_initial(n_initial, least=0)
        if isinstance(initial, (str, Mapping)) or not isinstance(initial, Iterable):
            raise TypeError(
                "initial must be a list of configurations, such as "
                f"{self.space.sample(random_state=0)!r}, got {initial!r}."
            )
        self._initial = [self.space.encode(params) for params in initial]
        self._design = InitialDesign(self.space, n_initial, self._rng)
        self.n_initial = self._design.n
        self._process = GaussianProcess(np.array([not d.is_ordered for d in self.space]))
        self._n_fitted = 0
        self._maximizer = Maximizer(self.space)

    def _propose(self) -> np.ndarray | None:
        while self._initial:
            vector = self._initial.pop(0)
            if self._is_new(vector):
                return vector
        n_finite = sum(np.isfinite(told.value) for told in self._told)
        n_begun = len(self._told) + len(self._pending)
        if n_begun >= self.n_initial and n_finite >= 2:
            with one_thread():
                guess = self._best_guess()
            if guess is not None:
                return guess
        return draw_new(self.space, self._design.draw, self._is_new, self._rng)

    def _best_guess(self) -> np.ndarray | None:
        """Return the vector with the greatest expected improvement, or None."""
        process = self._fitted()
        if self._pending:
            pending = [self.space.encode(params) for params in self._pending.values()]
            process = process.believing(np.array(pending))
        mean = process.predict_mean(process.X)
        least = LEAST_IMPROVEMENT if self.space.is_conditional else 0.0
        acquisition = LogExpectedImprovement(process, mean.min() - least)
        return self._maximizer.maximize(
            acquisition, process.X, mean, self._known, self._rng
        )

    def _fitted(self) -> GaussianProcess:
        """Return the process, conditioned on all reported values."""
        n = len(self._told)
        values, noise = standardized(
            np.array([told.value for told in self._told]),
            np.array([told.error for told in self._told]),
        )
        data = np.array([told.vector for told in self._told]), values, noise
        if n - self._n_fitted >= max(1, n // 40):
            self._process.fit(*data, restart=n // 8 > self._n_fitted // 8)
            self._n_fitted = n
        else:
            self._process.condition(*data)
        return self._process
