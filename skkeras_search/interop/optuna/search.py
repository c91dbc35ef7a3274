"""A search whose candidates are proposed, pruned and stored by Optuna."""

import warnings
from collections.abc import Iterable
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from optuna.pruners import BasePruner, NopPruner, WilcoxonPruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import Study
from sklearn.model_selection._search import BaseSearchCV  # base of all its searches
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from skkeras_search.budgets.rung import Rung, checked_rungs, folds_rungs
from skkeras_search.interop.optuna.parameters import parameters_of
from skkeras_search.interop.optuna.rule import OptunaRule, steps_of
from skkeras_search.interop.optuna.study import (
    check_identity,
    check_study,
    open_study,
    seed_sampler,
)
from skkeras_search.interop.optuna.trials import Trials, rows_of
from skkeras_search.searches.base import OF_ALL_SEARCHES
from skkeras_search.searches.budgeted import BudgetSearch, as_one_space
from skkeras_search.searches.evaluation import Evaluation
from skkeras_search.searches.executors import Executor
from skkeras_search.searches.jobs import Job, Result
from skkeras_search.searches.keras_step import name_of_keras_step
from skkeras_search.space import Categorical
from skkeras_search.statuses import FINISHED, FROZEN

# Parameters that stay in the process of the search.
NOT_SENT = ("study", "storage", "sampler", "pruner")


class OptunaSearchCV(BudgetSearch):
    """Search for the best parameters with Optuna's samplers, pruners and storages.

    Each candidate is a trial of an Optuna study that maximises the cross-validated score.
    The study's sampler proposes it, a conditional space value by value. Where training
    stops to be compared, the score so far is reported, and the study's pruner decides
    whether the candidate goes on. One that goes on continues from where it was left, as in
    ``FreezeThawSearchCV``. A candidate whose fit or scorer raises an error is a trial that
    has failed, with the error in its ``user_attrs``.

    Parameters
    ----------
    estimator : estimator
        With ``fit``, and with ``score`` unless ``scoring`` is given.
    search_spaces : dict or Space, optional
        What ``Space`` takes, by the names of the estimator's parameters. If not given,
        what a build function with ``hp`` declares. Categories that Optuna cannot hold, as
        tuples and estimators, have labels in the study. The probabilities of categories
        have no effect. Of a prior or a distribution of scipy that Optuna does not have, as
        "reverse-log-uniform" and ``norm``, the study has the quantile.
    n_iter : int, default=50
        Number of candidates of the study, in all. A study that has some already gets as
        many as are missing, and processes that work on one study share them out.
    sampler : optuna.samplers.BaseSampler, optional
        If not given, a ``TPESampler`` with a seed of ``random_state``. One that is given
        gets a new seed, which its own does not determine, where a fit goes on with a study
        or another process works on it, as it would propose the same again.
    pruner : optuna.pruners.BasePruner, optional
        If not given, no candidate is pruned.
    storage : str or optuna.storages.BaseStorage, optional
        Where the study is kept, as ``"sqlite:///study.db"``. If not given, in memory.
    study_name : str, optional
        Of the study, which is continued if there is one. If not given, the study is new.
    study : optuna.study.Study, optional
        In the place of the four before. It must maximise one value. Its pruner prunes;
        ``optuna.create_study`` gives it a ``MedianPruner``.
    max_epochs : int, optional
        Epochs of a candidate that is trained to the end. If not given, the ``epochs`` of
        the estimator.
    rungs : list of (int, float), optional
        Where scores are reported: after so many folds, each trained to this share of its
        epochs. If not given, with a pruner all folds after a ninth and a third of the
        epochs and at the end; where there are no epochs, or with a ``WilcoxonPruner``,
        after each fold.
    n_points : int, optional
        Number of trials that run at a time. If not given, one more than there are cores,
        or workers; 1 where there is one.
    scoring, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in ``sklearn.model_selection.RandomizedSearchCV``. With several metrics the
        search maximises the one that ``refit`` names, or the first.
    n_jobs : int, optional
        None trains Keras estimators in this process, on all cores. Several workers get a
        step of a candidate each. Only this process talks to the study.
    random_state : int, RandomState instance or None, default=None
        Of the default sampler. A fit that goes on with a study draws other numbers than
        the fits before.
    n_repeats : int, default=1
        Number of fits of each candidate to the rows of each fold, as in ``GridSearchCV``.
    fit_timeout : float, optional
        Seconds that a step of a fold may take, scoring included. A longer one fails with
        ``TimeoutError``.
    n_retries : int, default=2
        How often a candidate whose worker process died is tried again.

    Attributes
    ----------
    study_ : optuna.study.Study
        For each trial, ``user_attrs`` have the scores of the folds, times, the error and
        the process.
    cv_results_, learning_curves_, timeline_, best_n_epochs_, best_estimator_, \
best_score_, best_params_, best_index_, scorer_, n_splits_, refit_time_, multimetric_, \
classes_, n_features_in_, feature_names_in_
        As in ``FreezeThawSearchCV``. They have all candidates of the study, also those of
        earlier fits and of other processes, in the order of
        ``cv_results_["trial"]``, the numbers of the trials. Candidates that were pruned
        have the status "frozen".

    Notes
    -----
    The step of a report is the number of epochs if all folds are trained as long (or, where
    epochs are searched, the percentage of the training); else its mean over the folds;
    without epochs the number of folds. A ``WilcoxonPruner`` gets the score of each fold,
    with the number of the fold as step.

    References
    ----------
    Akiba, Sano, Yanase, Ohta and Koyama, "Optuna: A Next-generation Hyperparameter
    Optimization Framework", KDD 2019.

    Examples
    --------
    >>> import optuna
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search.interop.optuna import OptunaSearchCV
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> space = {"C": (1e-3, 1e3, "log-uniform"), "kernel": ["linear", "rbf"]}
    >>> search = OptunaSearchCV(SVC(), space, n_iter=15, cv=3, random_state=0)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> search.best_params_ == search.study_.best_params
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **BaseSearchCV._parameter_constraints,
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left"), None],
        "rungs": ["array-like", None],
        "n_points": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        **{n: v for n, v in OF_ALL_SEARCHES.items() if n not in ("storage", "search_name")},
        "sampler": [BaseSampler, None],
        "pruner": [BasePruner, None],
        "storage": [str, BaseStorage, None],
        "study_name": [str, None],
        "study": [Study, None],
    }
    _file = None  # results are in the study
    search_name = None

    def __init__(
        self,
        estimator: Any,
        search_spaces: Any = None,
        *,
        n_iter: int = 50,
        sampler: BaseSampler | None = None,
        pruner: BasePruner | None = None,
        storage: str | BaseStorage | None = None,
        study_name: str | None = None,
        study: Study | None = None,
        max_epochs: int | None = None,
        rungs: Iterable[tuple[int, float]] | None = None,
        n_points: int | None = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        n_repeats: int = 1,
        fit_timeout: float | None = None,
        n_retries: int = 2,
    ):
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.search_spaces = search_spaces
        self.n_iter = n_iter
        self.sampler = sampler
        self.pruner = pruner
        self.storage = storage
        self.study_name = study_name
        self.study = study
        self.max_epochs = max_epochs
        self.rungs = rungs
        self.n_points = n_points
        self.random_state = random_state
        self.n_repeats = n_repeats
        self.fit_timeout = fit_timeout
        self.n_retries = n_retries
        if search_spaces is not None:
            as_one_space(search_spaces)  # whose errors come where they were made

    def _search(self, evaluation: Evaluation, executor: Executor) -> None:
        self._warn_of_priors()
        parameters = parameters_of(self._space)
        seed = check_random_state(self.random_state).randint(2**31)
        study = self.study_ = open_study(self)
        check_study(study, parameters)
        check_identity(study, self, evaluation)
        self._trials = Trials(
            study,
            self._space,
            parameters,
            self.n_iter,
            self._score_of_fit,
            partial(seed_sampler, study, self, seed),
        )
        self._trials.interrupt_lost()
        try:
            super()._search(evaluation, executor)
        finally:
            self._trials.close()
        self._adopt()  # what other processes have evaluated meanwhile

    def _rule(self, n_folds: int, has_epochs: bool) -> OptunaRule:
        rungs = self._rungs(n_folds, has_epochs)
        steps = steps_of(rungs, n_folds, self._last_step() if has_epochs else n_folds)
        self._rule_of_study = OptunaRule(
            self._space, n_folds, rungs, steps, self.n_iter, self._trials
        )
        self._adopt()
        return self._rule_of_study

    def _rungs(self, n_folds: int, has_epochs: bool) -> list[Rung]:
        pruner = self.study_.pruner
        by_fold = isinstance(pruner, WilcoxonPruner)
        if self.rungs is None:
            if isinstance(pruner, NopPruner):
                return [Rung(n_folds, 1.0)]
            if by_fold or not has_epochs:
                return folds_rungs(n_folds)
            return [Rung(n_folds, share) for share in (1 / 9, 1 / 3, 1.0)]
        rungs = checked_rungs(self.rungs, n_folds)
        if by_fold and any(rung.share < 1 for rung in rungs):
            raise ValueError(
                "A WilcoxonPruner compares the scores of whole folds, so the shares of "
                f"rungs must be 1.0, got {[tuple(rung) for rung in rungs]}."
            )
        return rungs

    def _last_step(self) -> int:
        """The number of epochs, if it is the same for all candidates; else 100 percent."""
        if self.max_epochs is not None:
            return self.max_epochs
        step = name_of_keras_step(self.estimator) or ""
        params = self.estimator.get_params()
        for name in (f"{step}fit__epochs", f"{step}epochs"):
            if name in self._space.names:
                return 100
            if isinstance(params.get(name), Integral):
                return int(params[name])
        return 100

    def _adopt(self) -> None:
        """Take the candidates of the study that other fits have evaluated."""
        n_all, self._replays = len(self._all_fits()), True
        for number, params, jobs in self._trials.adopt():
            cost = 0.0
            for job, outcome in jobs:
                self._record(job, outcome)
                fits = self._trained[number].fits
                cost += sum(fits[fit].so_far.cost for fit in job.fits)
            self._rule_of_study.add(params, cost / n_all)

    def _record(self, job: Job, outcome: list[Result]) -> None:
        rows = rows_of(job, outcome)
        super()._record(job, outcome)
        self._trials.keep(job, rows, self._trained[job.number])

    def _may_go_on(self, number: int) -> bool:
        return self._trials.is_open(number)

    def _in_order(self) -> list[tuple[Job, list[Result]]]:
        numbers = self._trials.numbers
        return sorted(self._outcomes, key=lambda pair: numbers[pair[0].number])

    def _results(self) -> dict[str, Any]:
        results = super()._results()
        numbers = self._trials.numbers
        return {**results, "trial": np.array([numbers[n] for n in self._trained])}

    def _choose(self, evaluation: Evaluation) -> None:
        statuses = {candidate.status for candidate in self._trained.values()}
        if statuses and FINISHED not in statuses and FROZEN in statuses:
            raise ValueError(
                f"{type(self.study_.pruner).__name__} has pruned all candidates that did "
                "not fail, so none is the best. Have it begin later, or prune less."
            )
        super()._choose(evaluation)

    def _do_without_epochs(self, why: str) -> None:
        if self.max_epochs is not None:
            raise ValueError(f"max_epochs={self.max_epochs!r} has no meaning, as {why}.")

    def _warn_of_priors(self) -> None:
        for name, dimension in self._space.dimensions.items():
            if isinstance(dimension, Categorical) and dimension.prior is not None:
                warnings.warn(
                    f"The prior of {name!r} has no effect, as Optuna's categories have no "
                    "probabilities.",
                    stacklevel=2,
                )

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if "_outcomes" not in self.__dict__:
            return state
        sent = {name: v for name, v in state.items() if name != "study_"}
        return {**sent, **dict.fromkeys(NOT_SENT)}
