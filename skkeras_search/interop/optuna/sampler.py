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
    """Propose where a Gaussian process expects to improve most, for any Optuna study.

    ``skkeras_search.samplers.BayesianSampler`` chooses all hyperparameters of a trial
    together, from what the trials before say of the space: the hyperparameters that they
    had, and on which choice it depends whether one is there. So a study whose objective
    asks for ``momentum`` only where ``optimizer`` is "sgd" is searched as a conditional
    space. What trials do not tell, as in the first one, is drawn at random.

    Trials that have failed count as the worst that did not, and those that were pruned have
    the last value that they reported. Trials that are running, also in other threads and
    processes, are believed to be as good as is expected of them.

    Parameters
    ----------
    seed : int, optional
        Of all draws.
    n_initial : int, optional
        Number of points of the initial design, as in ``BayesianSampler``.

    Raises
    ------
    ValueError
        By a study with several objectives, when it asks.

    Notes
    -----
    Distributions may change from trial to trial. The space is that of the last trial that
    has a hyperparameter, and trials with values outside it are not learned from.

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
        BayesianSampler({"x": (0.0, 1.0)}, 0, n_initial=n_initial)  # whose errors come now

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Give the hyperparameters that trials before had, with their distributions."""
        self._raise_error_if_multi_objective(study)
        seen: dict[str, BaseDistribution] = {}
        for before in study.get_trials(deepcopy=False, states=EVALUATED):
            seen |= before.distributions
        return seen

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose values of the hyperparameters that trials before had."""
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
        """Draw a value at random."""
        self._raise_error_if_multi_objective(study)
        return self._independent.sample_independent(
            study, trial, param_name, param_distribution
        )

    def reseed_rng(self) -> None:
        """Take another seed, as copies of the sampler must not draw the same."""
        self._rng = generator(None)
        self._independent.reseed_rng()
        self._learned = None

    def _learn(self, view: "View") -> "Learned":
        """Bring what is known of the study up to date, or begin with it."""
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
    """The trials of a study, as configurations of the space in which they have been.

    Parameters
    ----------
    study : Study
    number : int
        Of the trial that asks.
    axes : mapping of str to Axis
        What may be searched.

    Attributes
    ----------
    space : Space or None
    values : dict of int to (dict, float)
        The configurations of trials that are finished, with their values, by number.
    running : dict of int to dict
        The configurations of the others, as far as they are in the space.
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
    """A sampler that has been told the trials of a study.

    Parameters
    ----------
    study_name : str
    sampler : BayesianSampler
    """

    def __init__(self, study_name: str, sampler: BayesianSampler):
        self._study_name, self._sampler = study_name, sampler
        self._told: set[int] = set()
        # What was proposed to trials that may not have taken it yet.
        self._proposed: dict[int, dict[str, Any]] = {}

    def is_of(self, view: View) -> bool:
        """Whether all that was told is still so."""
        return (
            self._study_name == view.study_name
            and self._sampler.space == view.space
            and self._sampler.direction == view.direction
            and self._told <= view.values.keys()
        )

    def learn(self, view: View) -> None:
        """Tell what is new, and what is under way."""
        for number in sorted(view.values.keys() - self._told):
            self._sampler.tell(*view.values[number])
            self._told.add(number)
        self._sampler.forget_pending()
        for number, params in view.running.items():
            if pending := params or self._proposed.get(number):
                self._sampler.add_pending(pending)

    def propose(self, number: int) -> dict[str, Any]:
        """Propose a configuration to a trial; any one if all are known."""
        asked = self._sampler.ask()
        if not asked:
            asked = self._sampler.space.sample(1, number)
        self._proposed[number] = asked[0]
        return asked[0]


def _own(trial: FrozenTrial, axes: Mapping[str, Axis]) -> dict[str, Any] | None:
    """The values of a trial as dimensions have them; None if one is out of bounds."""
    try:
        return {n: axes[n].own(value) for n, value in trial.params.items() if n in axes}
    except (TypeError, ValueError):
        return None


def _within(space: Space | None, params: dict[str, Any] | None) -> dict[str, Any] | None:
    """A configuration of a space, of the values of a trial that may have others."""
    if space is None or params is None:
        return None
    of_space = {name: value for name, value in params.items() if name in space.dimensions}
    return of_space if of_space and of_space in space else None
