"""A search with the samplers, pruners and storages of Optuna."""

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
from sklearn.model_selection._search import BaseSearchCV  # base class of its searches
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

# Parameters that are not sent to workers.
NOT_SENT = ("study", "storage", "sampler", "pruner")


class OptunaSearchCV(BudgetSearch):
    """Search with the samplers, pruners and storages of Optuna.

    Each candidate is a trial of an Optuna study, which maximizes the cross-validated score.
    The sampler of the study proposes the hyperparameters. At some points during training,
    the score so far is reported, and the pruner of the study decides whether the candidate
    is continued. A continued candidate keeps its weights, its random numbers, and the state
    of the optimizer and the callbacks. If the fit or the scorer of a candidate raises an
    error, the trial fails, and its ``user_attrs`` contain the error.

    Requires ``pip install skkeras-search[optuna]``.

    Parameters
    ----------
    estimator : estimator
        The estimator whose hyperparameters are searched: a Keras estimator, a pipeline, or
        any other scikit-learn estimator. It needs a ``score`` method if ``scoring`` is
        None.
    search_spaces : dict or Space, default=None
        Search space: dimensions by the names of parameters, as in ``{"units": [16, 32],
        "learning_rate": (1e-4, 1e-1, "log-uniform")}``. A parameter of a part of the
        estimator has a prefix, as in ``"mlp__learning_rate"``. None searches the
        hyperparameters that a build function declares with ``hp``. See Notes for how the
        study stores dimensions that Optuna does not have.
    n_iter : int, default=50
        Total number of candidates in the study. If the study has candidates of earlier fits
        already, only the missing ones are added. Several processes that work on one study
        share the candidates, and each may exceed the number by one. Interrupted trials do
        not count. Neither do the trials of your own calls of ``study.optimize``, although
        the sampler learns from them.
    sampler : optuna.samplers.BaseSampler, default=None
        Sampler of the study. None means a ``TPESampler`` that is seeded by
        ``random_state``. If this fit continues a study, or another process works on the
        study, a given sampler is seeded anew at random, because it would repeat its
        proposals otherwise.
    pruner : optuna.pruners.BasePruner, default=None
        Pruner of the study. None means that no candidate is pruned.
    storage : str or optuna.storages.BaseStorage, default=None
        URL or storage of the study, such as ``"sqlite:///study.db"``. None means in memory.
    study_name : str, default=None
        Name of the study. An existing study of this name in ``storage`` is continued. None
        means a new study.
    study : optuna.study.Study, default=None
        Study to use, instead of ``sampler``, ``pruner``, ``storage`` and ``study_name``. It
        must maximize a single value. Its pruner is used; the default of
        ``optuna.create_study`` is a ``MedianPruner``.
    max_epochs : int, default=None
        Number of epochs of a candidate that is trained to the end. None uses the ``epochs``
        of the estimator, which may be one of the hyperparameters. Only for estimators with
        epochs.
    rungs : list of (int, float), default=None
        The points at which scores are reported: a number of folds, and the share of the
        epochs to which each of these folds is trained. The last must be
        ``(n_splits, 1.0)``. None means all folds at 1/9, 1/3 and all of the epochs; or
        after each fold, if there are no epochs or the pruner is a ``WilcoxonPruner``; or
        only at the end, if there is no pruner.
    n_points : int, default=None
        Number of trials that run at the same time. None stands for one more than there are
        cores or workers, so that none has to wait, and for 1 if there is one.
    scoring : str, callable, list, tuple or dict, default=None
        Metric to maximize: the name of a scorer or a callable ``scorer(estimator, X, y)``.
        Several metrics are given as a list of names, as a dict of scorers or as a callable
        that returns a dict; see ``refit``. None uses the ``score`` method of the estimator.
    n_jobs : int, default=None
        None trains all Keras fits in this process, unless a ``joblib.parallel_config``
        block chooses a backend. The fits share compiled programs and use all cores, which
        is usually the fastest way for small models. With several workers, each worker
        process trains one step of one candidate at a time. -1 starts one worker for each
        core. Only this process accesses the study.
    refit : bool, str or callable, default=True
        Whether to fit the best candidate to all rows, which gives ``best_estimator_``: it
        is trained from the beginning for ``best_n_epochs_`` epochs. With several metrics,
        the name of the metric that the search maximizes, or False: it then maximizes the
        first. A callable receives ``cv_results_`` and returns the index of the best
        candidate.
    cv : int, splitter or iterable, default=None
        Number of folds, a scikit-learn splitter, or an iterable of (train, test) arrays of
        row indices. None makes 5 folds. If the number is given or None, the folds of
        classifiers are stratified by class; for Keras classifiers also if ``y`` is one-hot
        encoded.
    verbose : int, default=0
        0 prints nothing. 1 shows the progress and the best candidate so far: in a live
        region of a terminal or notebook, elsewhere as one line for each step. 2 or more
        always prints lines, and scikit-learn's line for each fit.
    pre_dispatch : int or str, default="2*n_jobs"
        Number of fits that are sent to workers in advance. It has an effect only with
        joblib backends that you choose yourself, such as ``"threading"``.
    random_state : int, RandomState instance or None, default=None
        Seed of the default sampler. It has no effect on a given ``sampler`` or ``study``. A
        fit that continues a study draws other numbers than the fits before.
    error_score : "raise" or float, default=np.nan
        Score of a fit that fails. The failure is recorded in ``cv_results_["error"]``, and
        a ``FitFailedWarning`` is issued. With "raise", the first error ends the search.
    return_train_score : bool, default=False
        Whether to score the training rows, too. This takes additional time.
    n_repeats : int, default=1
        Number of fits of each candidate to each fold. Each repeat has other seeds:
        parameters whose names end in ``random_state`` get other values. In ``cv_results_``,
        scores are means over the repeats, times are sums over the repeats, and
        ``std_repeats_test_score`` is the standard deviation of the mean score over the
        repeats.
    fit_timeout : float, default=None
        Time limit in seconds for one step of one fold, including scoring. A fit that
        exceeds the limit fails with ``TimeoutError``. A call of C code that does not return
        can only be ended in a worker process, for example with ``n_jobs=2``.
    n_retries : int, default=2
        Number of times that a candidate is tried again after its worker process has died.

    Attributes
    ----------
    study_ : optuna.study.Study
        The study. The ``user_attrs`` of each trial contain the scores of the folds, the fit
        and score times in seconds, the error and the process.
    cv_results_ : dict of ndarray of shape (n_candidates,)
        Results with one entry for each candidate of the study, including those of earlier
        fits and of other processes, but not the trials of your own calls of
        ``study.optimize``: ``trial`` (the number of the trial, in ascending order),
        ``params`` (a list of dicts), ``param_*`` (masked where a candidate does not have
        the parameter), ``status`` ("finished", "frozen" for pruned candidates, or
        "failed"), ``split0_test_score`` and so on (the last score of each fold, NaN for
        folds that were not trained), ``mean_test_score`` and ``std_test_score`` (NaN for
        candidates that are not finished, as they cannot be compared), ``rank_test_score``
        (finished candidates first, then frozen ones, those trained furthest first),
        ``mean_n_epochs`` (the mean over all fits that were begun), ``n_resources`` (the sum
        over these fits of the epochs that each was trained to, counting at least 1 for each
        fit), and the mean and standard deviation over the folds of ``fit_time`` and
        ``score_time`` in seconds. A candidate has a fit for each fold and repeat. ``error``
        is the traceback of the first fit that failed, or says which score is not a finite
        number; None if nothing failed.
    best_estimator_ : estimator
        The best finished candidate, fitted to all rows. Missing if ``refit=False``.
    best_score_ : float
        Mean score of the best finished candidate over all folds. Missing if ``refit`` is a
        callable, or if there are several metrics and ``refit=False``.
    best_params_ : dict
        Hyperparameters of the best finished candidate. Missing if there are several metrics
        and ``refit=False``.
    best_index_ : int
        Index of this candidate in ``cv_results_``. Missing if there are several metrics and
        ``refit=False``.
    best_n_epochs_ : int or None
        Number of epochs for which the best candidate is fitted to all rows: all its epochs,
        or the median over its fits if a callback has stopped some. None without epochs.
        Missing if there are several metrics and ``refit=False``.
    scorer_ : callable or dict of callable
        The scorer, or with several metrics a dict of scorers.
    n_splits_ : int
        Number of folds.
    refit_time_ : float
        Seconds that the refit took. Missing if ``refit=False``.
    multimetric_ : bool
        Whether there are several metrics.
    learning_curves_ : pandas.DataFrame of shape (n_rows, n_columns)
        Learning curves of all fits, with one row for each epoch. Requires pandas.
    timeline_ : pandas.DataFrame of shape (n_rows, 7)
        Start, end and process of each step of each fit. Requires pandas.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers. Missing if ``refit=False``.
    n_features_in_, feature_names_in_ : int and ndarray of shape (n_features,)
        Number of features of the best estimator, and their names if ``X`` has names.
        Missing if ``refit=False``.

    Raises
    ------
    TypeError, ValueError
        If ``search_spaces`` is not a search space.

    See Also
    --------
    BayesianOptunaSampler : The sampler of ``BayesSearchCV`` for any Optuna study.
    to_study : Converts any fitted search to a study.

    Notes
    -----
    Optuna stores numbers, and categories that are None, bool, int, float or str. For other
    categories, such as tuples and estimators, the study stores labels. For a prior or
    distribution that Optuna does not have, such as "reverse-log-uniform" or the ``norm`` of
    scipy, it stores the quantile of the value. Probabilities of categories have no effect,
    and trigger a warning. The sampler proposes the values of a conditional space one by
    one.

    Other trials may be in the study, too, such as those of your own calls of
    ``study.optimize``. Their hyperparameters and distributions must be those of
    ``search_spaces``, and ``study_.best_params`` may be those of such a trial.

    Scores are reported with the number of epochs as the step. If folds are trained to
    different numbers of epochs, the step is the mean over the folds. If the number of
    epochs is a hyperparameter, the step is the percentage of the training; and without
    epochs, the step is the number of folds. A ``WilcoxonPruner`` receives the score of each
    fold, with the index of the fold as the step.

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
            as_one_space(search_spaces)  # so that its errors are raised here

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
        self._adopt()  # candidates that other processes have evaluated meanwhile

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
                "With a WilcoxonPruner, which compares the scores of whole folds, all "
                f"shares of rungs must be 1.0, got {[tuple(rung) for rung in rungs]}."
            )
        return rungs

    def _last_step(self) -> int:
        """Return the number of epochs, or 100 (percent) if it varies."""
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
        """Add the candidates of the study that other fits have evaluated."""
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
                "not fail, so there is no best candidate. Use a pruner that starts later "
                "or prunes fewer candidates."
            )
        super()._choose(evaluation)

    def _do_without_epochs(self, why: str) -> None:
        if self.max_epochs is not None:
            raise ValueError(f"max_epochs={self.max_epochs!r} has no meaning, as {why}.")

    def _warn_of_priors(self) -> None:
        for name, dimension in self._space.dimensions.items():
            if isinstance(dimension, Categorical) and dimension.prior is not None:
                warnings.warn(
                    f"The prior of {name!r} has no effect, because Optuna does not support "
                    "probabilities of categories.",
                    stacklevel=2,
                )

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if "_outcomes" not in self.__dict__:
            return state
        sent = {name: v for name, v in state.items() if name != "study_"}
        return {**sent, **dict.fromkeys(NOT_SENT)}
