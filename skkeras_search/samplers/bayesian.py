"""Bayesian optimisation with a Gaussian process."""

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

# In units of the standard deviation of the values; the least improvement that counts where
# branches compete. A branch that is known well always promises a tiny one, and nothing
# else would be tried.
LEAST_IMPROVEMENT = 0.02


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
        checked_n_initial(n_initial, least=0)
        if isinstance(initial, (str, Mapping)) or not isinstance(initial, Iterable):
            raise TypeError(
                "initial must be a list of configurations, as in "
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
        """Give the configuration that is expected to improve most."""
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
        """The process, conditioned on all that was told."""
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
