"""The Bayesian sampler of this package, for studies of Optuna."""

import threading
from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from skkeras_search.interop.optuna.axes import Axis, axis_of
from skkeras_search.interop.optuna.conditions import space_of
from skkeras_search.samplers import BayesianSampler
from skkeras_search.samplers.sampler import generator
from skkeras_search.space import Space

EVALUATED = (TrialState.COMPLETE, TrialState.PRUNED)
FINISHED = (*EVALUATED, TrialState.FAIL)


class BayesianOptunaSampler(BaseSampler):
    """Optuna sampler that uses the Gaussian process of ``BayesianSampler``.

    The sampler works with any single-objective study. It infers the search space from the
    earlier trials: which hyperparameters they have, and on which choice the presence of a
    hyperparameter depends. If an objective suggests ``momentum`` only when ``optimizer`` is
    "sgd", the sampler therefore searches a conditional space. It proposes all known
    hyperparameters of a trial together. Unknown hyperparameters, such as all of the first
    trial, are drawn at random.

    Requires ``pip install skkeras-search[optuna]``.

    Parameters
    ----------
    seed : int, default=None
        Seed of all draws. None means different proposals in each run.
    n_initial : int, default=None
        Number of points of the initial design. None means 5; in a conditional space, 3 for
        each branch (a set of configurations with the same active hyperparameters), but at
        least 5 and at most 12 in all.

    Raises
    ------
    TypeError, ValueError
        If ``seed`` or ``n_initial`` is invalid. A study with several objectives raises
        ``ValueError`` when a trial asks for values.

    See Also
    --------
    OptunaSearchCV : A search over a scikit-learn estimator with an Optuna sampler.

    Notes
    -----
    A failed trial gets the worst value of the other trials, and a pruned trial the last
    value that it reported. The sampler assumes that running trials, including those in
    other threads and processes, achieve their predicted mean.

    If the distribution of a hyperparameter changes between trials, the last distribution
    counts, and trials with values outside it are ignored.

    References
    ----------
    Snoek, Larochelle and Adams, "Practical Bayesian Optimization of Machine Learning
    Algorithms", NeurIPS 2012.

    Ament, Daulton, Eriksson, Balandat and Bakshy, "Unexpected Improvements to Expected
    Improvement for Bayesian Optimization", NeurIPS 2023.

    Examples
    --------
    >>> import optuna
    >>> from skkeras_search.interop.optuna import BayesianOptunaSampler
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> study = optuna.create_study(sampler=BayesianOptunaSampler(seed=0))
    >>> def objective(trial):
    ...     return (trial.suggest_float("x", -1, 2) - 1) ** 2
    >>> study.optimize(objective, n_trials=15)
    >>> abs(study.best_params["x"] - 1) < 0.01
    True
    """

    def __init__(self, seed: int | None = None, n_initial: int | None = None):
        self._seed, self._n_initial = seed, n_initial
        self._independent = RandomSampler(seed=seed)
        self._rng = generator(seed)
        self._learned: Learned | None = None
        self._lock = threading.Lock()
        BayesianSampler({"x": (0.0, 1.0)}, 0, n_initial=n_initial)  # checks n_initial

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the hyperparameters of earlier trials. Optuna calls this method.

        Parameters
        ----------
        study : optuna.study.Study
            The study.
        trial : optuna.trial.FrozenTrial
            The trial that asks for values.

        Returns
        -------
        dict of str to optuna.distributions.BaseDistribution
            Distributions by the names of the hyperparameters.
        """
        self._raise_error_if_multi_objective(study)
        seen: dict[str, BaseDistribution] = {}
        for before in study.get_trials(deepcopy=False, states=EVALUATED):
            seen |= before.distributions
        return seen

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose values of the known hyperparameters. Optuna calls this method.

        Parameters
        ----------
        study : optuna.study.Study
            The study.
        trial : optuna.trial.FrozenTrial
            The trial that asks for values.
        search_space : dict of str to optuna.distributions.BaseDistribution
            Result of ``infer_relative_search_space``.

        Returns
        -------
        dict
            Values by the names of the hyperparameters.
        """
        self._raise_error_if_multi_objective(study)
        axes = {name: axis_of(found) for name, found in search_space.items()}
        searched = {name: axis for name, axis in axes.items() if axis is not None}
        with self._lock:
            view = View(study, trial.number, searched)
            if view.space is None:
                return {}
            own = self._learn(view).propose(trial.number)
        return {name: searched[name].value(value) for name, value in own.items()}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw a random value of an unknown hyperparameter. Optuna calls this method.

        Parameters
        ----------
        study : optuna.study.Study
            The study.
        trial : optuna.trial.FrozenTrial
            The trial that asks for a value.
        param_name : str
            Name of the hyperparameter.
        param_distribution : optuna.distributions.BaseDistribution
            Distribution of the hyperparameter.

        Returns
        -------
        object
            The value.
        """
        self._raise_error_if_multi_objective(study)
        return self._independent.sample_independent(
            study, trial, param_name, param_distribution
        )

    def reseed_rng(self) -> None:
        """Set a new random seed, so that copies of the sampler draw other numbers.

        Optuna calls this method if ``study.optimize`` uses several workers.
        """
        self._rng = generator(None)
        self._independent.reseed_rng()
        self._learned = None

    def _learn(self, view: "View") -> "Learned":
        """Report new trials to the sampler, or create a new sampler for the study."""
        if self._learned is None or not self._learned.is_of(view):
            sampler = BayesianSampler(
                view.space,
                int(self._rng.integers(2**31)),
                view.direction,
                n_initial=self._n_initial,
            )
            self._learned = Learned(view.study_name, sampler)
        self._learned.learn(view)
        return self._learned

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


class View:
    """Trials of a study, as configurations of a space that is inferred from them.

    Parameters
    ----------
    study : Study
        The study.
    number : int
        Number of the trial that asks for values.
    axes : mapping of str to Axis
        Axes of the hyperparameters that may be searched.

    Attributes
    ----------
    space : Space or None
        The inferred space, or None if it is empty.
    values : dict of int to (dict, float)
        Configurations and values of the finished trials, by their numbers.
    running : dict of int to dict
        Configurations of the other running trials, by their numbers; empty if they are not
        in the space.
    """

    def __init__(self, study: Study, number: int, axes: Mapping[str, Axis]):
        self.study_name = study.study_name
        is_down = study.direction == StudyDirection.MINIMIZE
        self.direction = "minimize" if is_down else "maximize"
        trials = study.get_trials(deepcopy=False)
        own = {trial.number: _own(trial, axes) for trial in trials}
        evaluated = [own[t.number] for t in trials if t.state in EVALUATED]
        self.space = space_of(axes, [params for params in evaluated if params is not None])
        self.values: dict[int, tuple[dict[str, Any], float]] = {}
        self.running: dict[int, dict[str, Any]] = {}
        for trial in trials:
            params = _within(self.space, own[trial.number])
            if trial.state in FINISHED and params is not None:
                value = trial.value if trial.state in EVALUATED else None
                self.values[trial.number] = params, float("nan") if value is None else value
            elif trial.state == TrialState.RUNNING and trial.number != number:
                self.running[trial.number] = params or {}


class Learned:
    """A sampler and the trials of a study that were reported to it.

    Parameters
    ----------
    study_name : str
        Name of the study.
    sampler : BayesianSampler
        A new sampler.
    """

    def __init__(self, study_name: str, sampler: BayesianSampler):
        self._study_name, self._sampler = study_name, sampler
        self._told: set[int] = set()
        # Proposals to trials that may not have stored them in the study yet.
        self._proposed: dict[int, dict[str, Any]] = {}

    def is_of(self, view: View) -> bool:
        """Return whether the sampler has the study, space and trials of a view."""
        return (
            self._study_name == view.study_name
            and self._sampler.space == view.space
            and self._sampler.direction == view.direction
            and self._told <= view.values.keys()
        )

    def learn(self, view: View) -> None:
        """Report new values, and set the running trials as pending."""
        for number in sorted(view.values.keys() - self._told):
            self._sampler.tell(*view.values[number])
            self._told.add(number)
        self._sampler.forget_pending()
        for number, params in view.running.items():
            if pending := params or self._proposed.get(number):
                self._sampler.add_pending(pending)

    def propose(self, number: int) -> dict[str, Any]:
        """Propose a configuration to a trial, a random one if all are known already."""
        asked = self._sampler.ask()
        if not asked:
            asked = self._sampler.space.sample(1, number)
        self._proposed[number] = asked[0]
        return asked[0]


def _own(trial: FrozenTrial, axes: Mapping[str, Axis]) -> dict[str, Any] | None:
    """Convert the values of a trial to dimensions; return None if one is invalid."""
    try:
        return {n: axes[n].own(value) for n, value in trial.params.items() if n in axes}
    except (TypeError, ValueError):
        return None


def _within(space: Space | None, params: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the values of a trial that form a configuration of the space, or None."""
    if space is None or params is None:
        return None
    of_space = {name: value for name, value in params.items() if name in space.dimensions}
    return of_space if of_space and of_space in space else None
