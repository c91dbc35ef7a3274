"""Bayesian search with cross-validation."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from scipy.optimize import OptimizeResult
from sklearn.model_selection._search import BaseSearchCV  # not public
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skkeras_search.nearest_name import did_you_mean
from skkeras_search.samplers import BayesianSampler, RandomSampler, Sampler
from skkeras_search.searches.base import OF_ALL_SEARCHES, Search, warn_of_failures
from skkeras_search.searches.callbacks import check_no_callbacks
from skkeras_search.searches.cluster import Cluster
from skkeras_search.searches.earlier import Earlier
from skkeras_search.searches.evaluation import Evaluation
from skkeras_search.searches.executors import Executor
from skkeras_search.searches.jobs import Job, Result, whole_job
from skkeras_search.searches.progress import Standing
from skkeras_search.searches.results import TrainRanks, result_of
from skkeras_search.searches.spaces import (
    as_spaces,
    check_names,
    choices_of,
    given_or_declared,
    named_choices_of,
)
from skkeras_search.searches.workers import CandidateWorkers
from skkeras_search.space import Space

# Parameters of scikit-optimize's `Optimizer` that have no meaning here.
WITHOUT_EFFECT = (
    "acq_func",
    "acq_func_kwargs",
    "acq_optimizer",
    "acq_optimizer_kwargs",
    "avoid_duplicates",
    "initial_point_generator",
    "model_queue_size",
    "n_jobs",
)


class BayesSearchCV(TrainRanks, Search, BaseSearchCV):
    """Search for the best hyperparameters by Bayesian optimization, with cross-validation.

    A Gaussian process (``BayesianSampler``) learns from the scores so far and proposes the
    candidates with the largest expected improvement. The folds of ``n_points`` Keras
    candidates are trained together, as compiled programs. The class takes the place of
    ``skopt.BayesSearchCV``.

    Parameters
    ----------
    estimator : estimator
        The estimator whose hyperparameters are searched: a Keras estimator, a pipeline, or
        any other scikit-learn estimator. It needs a ``score`` method if ``scoring`` is
        None.
    search_spaces : dict, Space, list of them, or list of (dict or Space, int), default=None
        Search space: dimensions by the names of parameters, as in ``{"units": [16, 32],
        "learning_rate": (1e-4, 1e-1, "log-uniform")}``. A parameter of a part of the
        estimator has a prefix, as in ``"mlp__learning_rate"``. The spaces of a list are
        searched one after the other, each with ``n_iter`` candidates, or with the number
        that it is paired with. None searches the hyperparameters that a build function
        declares with ``hp``.
    optimizer_kwargs : dict, default=None
        Parameters of ``BayesianSampler``: ``n_initial``, ``initial`` and ``random_state``.
        Of the parameters of ``skopt.Optimizer``, ``n_initial_points`` and
        ``base_estimator="dummy"`` (random candidates) are understood; others have no
        effect, and a warning is issued.
    n_iter : int, default=50
        Number of candidates of each space. A space that has fewer ends earlier.
    scoring : str, callable, list, tuple or dict, default=None
        Metric to maximize: the name of a scorer or a callable ``scorer(estimator, X, y)``.
        Several metrics are given as a list of names, as a dict of scorers or as a callable
        that returns a dict; see ``refit``. None uses the ``score`` method of the estimator.
    fit_params : dict, default=None
        Parameters of the estimator's ``fit``. Prefer to pass them to ``fit`` of the search.
    n_jobs : int, default=None
        None trains all Keras fits in this process, unless a ``joblib.parallel_config``
        block chooses a backend. The fits share compiled programs and use all cores, which
        is usually the fastest way for small models. With several workers, each worker
        process trains all folds of one candidate at a time and then gets the next
        candidate. Unless ``n_points`` is greater than 1, the proposals then depend on the
        order in which scores arrive. A worker has to import TensorFlow and to compile its
        own programs first, so a search over small models usually takes longer. -1 starts
        one worker for each core. The fits of other estimators are distributed over the
        workers, as in scikit-learn.
    n_points : int, default=1
        Number of candidates to propose at a time. More candidates keep more cores busy, but
        each is chosen without the scores of the others.
    iid : object
        Has no effect. Accepted because scikit-optimize has this parameter.
    refit : bool, str or callable, default=True
        Whether to fit the best candidate to all rows, which gives ``best_estimator_``. With
        several metrics, the name of the metric that the search maximizes, or False: it then
        maximizes the first. A callable receives ``cv_results_`` and returns the index of
        the best candidate.
    cv : int, splitter or iterable, default=None
        Number of folds, a scikit-learn splitter, or an iterable of (train, test) arrays of
        row indices. None makes 5 folds. If the number is given or None, the folds of
        classifiers are stratified by class; for Keras classifiers also if ``y`` is one-hot
        encoded.
    verbose : int, default=0
        0 prints nothing. 1 shows the progress and the best candidate so far: in a live
        region of a terminal or notebook, elsewhere as one line for each candidate. 2 or
        more always prints lines, and scikit-learn's line for each fit.
    pre_dispatch : int or str, default="2*n_jobs"
        Number of fits that are sent to workers in advance. It has an effect only with
        joblib backends that you choose yourself, such as ``"threading"``.
    random_state : int, RandomState instance or None, default=None
        Seed of the proposals. Pass an int for the same candidates in each run.
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
        Time limit in seconds for one fit of one fold, including scoring. A fit that exceeds
        the limit fails with ``TimeoutError``. A call of C code that does not return can
        only be ended in a worker process, for example with ``n_jobs=2``.
    n_retries : int, default=2
        Number of times that a candidate is tried again after its worker process has died.
    storage : path-like, default=None
        SQLite file to which each result is written as soon as it is known. If the same
        search is run again with the same file, it continues where it stopped. If
        ``random_state`` is None, the file also keeps the seed.
    search_name : str, default=None
        Name of the search in ``storage``. Give each search a name if the file holds
        several. None stands for "search".
    resume : {"extend"}, default=None
        "extend" reuses the results of an earlier search with this name in ``storage``, if
        only the search space, the number of candidates or the seed differ. By default, a
        different search raises ``ValueError``.

    Attributes
    ----------
    cv_results_ : dict of ndarray of shape (n_candidates,)
        Results with one entry for each candidate: ``params`` (a list of dicts), ``param_*``
        (masked where a candidate does not have the parameter), ``split0_test_score`` and so
        on, ``mean_test_score``, ``std_test_score``, ``rank_test_score``, and the mean and
        standard deviation of ``fit_time`` and ``score_time`` in seconds. With
        ``return_train_score``, ``rank_train_score`` ranks by the training scores. ``error``
        is the traceback of the first fit that failed, or says which score is not a finite
        number; None if nothing failed. With several metrics, their names take the place of
        ``score``.
    best_estimator_ : estimator
        The best candidate, fitted to all rows. Missing if ``refit=False``.
    best_score_ : float
        Mean cross-validated score of the best candidate. Missing if ``refit`` is a
        callable, or if there are several metrics and ``refit=False``.
    best_params_ : dict
        Hyperparameters of the best candidate. Missing if there are several metrics and
        ``refit=False``.
    best_index_ : int
        Index of the best candidate in ``cv_results_``. Missing if there are several metrics
        and ``refit=False``.
    optimizer_results_ : list of scipy.optimize.OptimizeResult
        One result for each space: ``x_iters`` (list of the values of each candidate, in the
        order of the sorted names), ``func_vals`` (ndarray of shape (n_candidates,), scores
        times -1), ``x`` and ``fun`` (the best of them; None and infinity while all have
        failed) and ``space``. ``skopt.plots`` accepts them if the space is not conditional.
    optimizers_ : list of Sampler
        The sampler of each space.
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
        Start, end and process of each fit. Requires pandas.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers. Missing if ``refit=False``.
    n_features_in_ : int
        Number of features of the best estimator. Missing if ``refit=False``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if ``X`` has names. Missing if ``refit=False``.

    Raises
    ------
    TypeError, ValueError
        If ``search_spaces`` is not a search space.

    See Also
    --------
    RandomizedSearchCV : Tries random candidates.
    FreezeThawSearchCV : Trains most candidates for only a part of their epochs.
    skkeras_search.samplers.BayesianSampler : Proposes the candidates.

    Notes
    -----
    After an error, or after Ctrl-C is pressed twice, ``cv_results_``, ``best_params_``,
    ``best_index_`` and ``best_score_`` describe the candidates that were finished.
    ``best_estimator_`` is then missing.

    References
    ----------
    Snoek, Larochelle and Adams, "Practical Bayesian Optimization of Machine Learning
    Algorithms", NeurIPS 2012.

    Examples
    --------
    >>> import keras
    >>> from sklearn.datasets import load_iris
    >>> from skkeras_search import BayesSearchCV, KerasClassifier
    >>> def build(units=8, rate=1e-3):
    ...     hidden = keras.layers.Dense(units, activation="relu")
    ...     model = keras.Sequential([hidden, keras.layers.Dense(3, activation="softmax")])
    ...     model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    ...     return model
    >>> classifier = KerasClassifier(build, epochs=20, verbose=0, random_state=0)
    >>> space = {"units": [4, 8, 16], "rate": (1e-3, 1e-1, "log-uniform")}
    >>> search = BayesSearchCV(classifier, space, n_iter=10, cv=3, random_state=0)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> sorted(search.best_params_), bool(search.best_score_ > 0.9)
    (['rate', 'units'], True)

    Other estimators are searched in the same way:

    >>> from sklearn.svm import SVC
    >>> space = {"C": (1e-3, 1e3, "log-uniform"), "kernel": ["linear", "rbf"]}
    >>> search = BayesSearchCV(SVC(), space, n_iter=12, cv=3, random_state=0)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> print(f"{search.best_score_:.2f} with {search.best_params_['kernel']}")
    0.99 with linear
    """

    # Whether scores are reported to the sampler in the order of arrival, which is then the
    # order of `cv_results_`, too.
    _by_arrival = False
    _parameter_constraints: dict[str, list[Any]] = {
        **BaseSearchCV._parameter_constraints,
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "n_points": [Interval(Integral, 1, None, closed="left")],
        "optimizer_kwargs": [Mapping, None],
        "fit_params": [Mapping, None],
        "random_state": ["random_state"],
        **OF_ALL_SEARCHES,
        "resume": [StrOptions({"extend"}), None],
    }

    def __init__(
        self,
        estimator: Any,
        search_spaces: Any = None,
        optimizer_kwargs: Mapping[str, Any] | None = None,
        n_iter: int = 50,
        scoring: Any = None,
        fit_params: Mapping[str, Any] | None = None,
        n_jobs: int | None = None,
        n_points: int = 1,
        iid: Any = "deprecated",
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
        storage: Any = None,
        search_name: str | None = None,
        resume: Literal["extend"] | None = None,
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
        self.optimizer_kwargs = optimizer_kwargs
        self.n_iter = n_iter
        self.fit_params = fit_params
        self.n_points = n_points
        self.iid = iid
        self.random_state = random_state
        self.n_repeats = n_repeats
        self.fit_timeout = fit_timeout
        self.n_retries = n_retries
        self.storage = storage
        self.search_name = search_name
        self.resume = resume
        if search_spaces is not None:
            as_spaces(search_spaces, n_iter)  # check now, so that errors point to this call

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        groups: Any = None,
        callback: Callable[[OptimizeResult], Any] | Iterable[Any] | None = None,
        **params: Any,
    ) -> Self:
        """Search for the best candidate, and fit the estimator with it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets. None for estimators that need none.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, for splitters such as ``GroupKFold``.
        callback : callable or list of callable, default=None
            Called after each ``n_points`` candidates with the current element of
            ``optimizer_results_``. If one returns a true value, the search of this space
            ends.
        **params
            Parameters of the ``fit`` of the estimator, such as ``sample_weight``, or
            metadata to be routed.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        TypeError
            If ``estimator`` is not an estimator, or a parameter of ``fit`` is a callback of
            a search, such as ``TimeBudget``.
        ValueError
            If a parameter of the search is invalid or a hyperparameter is unknown, before
            anything is trained; or if no candidate has a score at the end.
        StorageError
            If ``storage`` cannot be read or written.
        KeyboardInterrupt
            After Ctrl-C is pressed twice, or once before there is a candidate to choose.

        Examples
        --------
        >>> search = search.fit(X_train, y_train)  # doctest: +SKIP
        >>> search.best_params_  # doctest: +SKIP
        """
        _check_estimator(self.estimator)
        spaces, callbacks = self._as_spaces(), _callables(callback)
        for space, _ in spaces:
            check_names(self.estimator, space)
        self._spaces, self._callbacks = spaces, callbacks
        params = {**(self.fit_params or {}), **params}
        if groups is not None:
            params["groups"] = groups
        return super().fit(X, y, **params)

    @property
    def total_iterations(self) -> int:
        """Number of candidates in all spaces together."""
        return sum(n for _, n in self._as_spaces())

    def _as_spaces(self) -> list[tuple[Space, int]]:
        spaces = given_or_declared(self.search_spaces, self.estimator, "search_spaces")
        return as_spaces(spaces, self.n_iter)

    def _choices(self) -> list[Any]:
        return [c for space, _ in self._spaces for c in choices_of(space.dimensions)]

    def _search(self, evaluation: Evaluation, executor: Executor) -> None:
        rng = check_random_state(self._seed())
        self.optimizers_: list[Sampler] = []
        self.optimizer_results_: list[OptimizeResult] = []
        n_batches = sum(-(-n // self.n_points) for _, n in self._spaces)
        task = evaluation.task.subcontext(task_name="search", max_subtasks=n_batches)
        task.call_on_fit_task_begin(estimator=self)
        # A worker that is done gets another candidate without waiting for the others.
        whole_jobs = isinstance(executor, (CandidateWorkers, Cluster))
        by_arrival = whole_jobs and self.n_points == 1
        self._by_arrival = self._recorder.choose("by_arrival", by_arrival)
        most_batches = executor.n_slots if self._by_arrival else 1
        earlier = self._recorder.earlier()
        for space, n_iter in self._spaces:
            self.optimizers_.append(self._make_sampler(space, rng.randint(2**31)))
            self.optimizer_results_.append(result_of(space, [], []))
            proposals = _Proposals(self, task, n_iter, most_batches)
            proposals.adopt(earlier)
            self._run(evaluation, executor, proposals)
            if executor.ends or (proposals.ends_search and not self._recorder.has_run):
                break
        task.call_on_fit_task_end(estimator=self)

    def _in_order(self) -> list[tuple[Job, list[Result]]]:
        return self._outcomes if self._by_arrival else super()._in_order()

    def _standing(self) -> Standing:
        results = self.optimizer_results_
        n = sum(len(result.x_iters) for result in results)
        total = sum(n_iter for _, n_iter in self._spaces)
        return Standing(n, total, -min(result.fun for result in results))

    def _make_sampler(self, space: Space, seed: int) -> Sampler:
        kwargs = dict(self.optimizer_kwargs or {})
        for name in sorted({"n_initial_points", "n_random_starts"} & set(kwargs)):
            kwargs["n_initial"] = kwargs.pop(name)
        without_effect = {name for name in WITHOUT_EFFECT if name in kwargs}
        surrogate = str(kwargs.pop("base_estimator", None) or "gp").lower()
        if surrogate == "dummy":
            return RandomSampler(space, kwargs.get("random_state", seed), "maximize")
        if surrogate != "gp":
            without_effect.add("base_estimator")
        if without_effect:
            warnings.warn(
                f"The keys {sorted(without_effect)} of optimizer_kwargs are parameters of "
                "scikit-optimize that have no effect here. The surrogate model is always "
                "a Gaussian process.",
                stacklevel=2,
            )
        kwargs = {"random_state": seed, **kwargs}
        if kwargs.pop("space_constraint", None) is not None:
            raise ValueError(
                "optimizer_kwargs['space_constraint'] is not supported. Give dimensions "
                "conditions instead, as in Real(..., when={'model': 'mlp'})."
            )
        known = ("initial", "n_initial", "random_state")
        for name in set(kwargs) - set(WITHOUT_EFFECT) - set(known):
            raise ValueError(
                f"optimizer_kwargs has {name!r}, which is not a parameter of "
                f"BayesianSampler." + did_you_mean(name, known)
            )
        kwargs = {name: value for name, value in kwargs.items() if name in known}
        if "initial" in kwargs:
            kwargs["initial"] = _configurations(kwargs["initial"])
        return BayesianSampler(space, direction="maximize", **kwargs)

    def _tell_failures(self, found: list[Result]) -> None:
        # A warning about the failures of each batch was issued when the batch ended.
        if all(result["fit_error"] is not None for result in found):
            super()._tell_failures(found)


@dataclass(eq=False)
class _Batch:
    """Candidates that are proposed together, each without the scores of the others."""

    jobs: list[Job]
    task: Any
    outcomes: dict[Job, list[Result]] = field(default_factory=dict)


class _Proposals:
    """Propose candidates of the last space of a search.

    ``n_candidates`` is the number of candidates of all spaces. ``ends_search`` is set if a
    callback ends the whole search, not only that of this space.
    """

    def __init__(self, search: BayesSearchCV, task: Any, n_iter: int, most_batches: int):
        self._search, self._task = search, task
        self._n_iter = self._left = n_iter
        self._most_batches = most_batches
        self._sampler = search.optimizers_[-1]
        self._n_before = sum(len(r.x_iters) for r in search.optimizer_results_)
        self._batches: list[_Batch] = []
        self._ready: list[Job] = []
        self._params: list[dict[str, Any]] = []
        self._scores: list[float] = []
        self.n_candidates = search.total_iterations
        self.ends_search = False

    def adopt(self, earlier: list[Earlier]) -> None:
        """Reuse the candidates of an earlier search that are in the space."""
        search, space = self._search, self._sampler.space
        choices = named_choices_of(space)
        for candidate in list(earlier):
            params = candidate.params_in(choices)
            if params is None or params not in space or not self._left:
                continue
            earlier.remove(candidate)
            number = self._n_before + self._n_iter - self._left
            self._left -= 1
            for job, outcome in search._recorder.adopt(candidate, number, params):
                search._record(job, outcome)
                self._tell_score(params, search._score(outcome))

    def propose(self) -> Job | None:
        is_full = len(self._batches) >= self._most_batches and not self._search._replays
        if not self._ready and self._left and not is_full:
            self._begin_batch()
        return self._ready.pop(0) if self._ready else None

    def tell(self, job: Job, outcome: list[Result]) -> bool:
        (batch,) = (batch for batch in self._batches if job in batch.jobs)
        batch.outcomes[job] = outcome
        return len(batch.outcomes) == len(batch.jobs) and self._end_batch(batch)

    def _begin_batch(self) -> None:
        candidates = self._sampler.ask(min(self._search.n_points, self._left))
        if not candidates:
            self._left = 0
            self._warn_of_few()
            return
        first = self._n_before + self._n_iter - self._left
        self._left -= len(candidates)
        fits = self._search._all_fits()
        task = self._task.subcontext(
            task_name="candidates",
            max_subtasks=len(candidates) * len(fits),
            sequential_subtasks=False,
        ).call_on_fit_task_begin(estimator=self._search)
        self._ready = [
            whole_job(first + n, params, fits, task, n)
            for n, params in enumerate(candidates)
        ]
        self._batches.append(_Batch(list(self._ready), task))

    def _end_batch(self, batch: _Batch) -> bool:
        """Report the scores to the sampler and to callbacks. Return whether to stop."""
        search = self._search
        self._batches.remove(batch)
        outcomes = [batch.outcomes[job] for job in batch.jobs]
        warn_of_failures(list(chain(*outcomes)), search.error_score)
        for job, outcome in zip(batch.jobs, outcomes, strict=True):
            self._tell_score(job.params, search._score(outcome))
        asked = search._advance(search._standing())
        asked |= bool(batch.task.call_on_fit_task_end(estimator=search))
        self.ends_search = asked and search._may_stop
        result = search.optimizer_results_[-1]
        answers = [callback(result) for callback in search._callbacks]
        stops = (asked or any(answers)) and search._may_stop
        if stops:
            for left in self._batches:
                left.task.call_on_fit_task_end(estimator=search)
        return stops

    def _tell_score(self, params: dict[str, Any], score: float) -> None:
        search = self._search
        self._sampler.tell(params, score)
        self._params.append(params)
        self._scores.append(score)
        search.optimizer_results_[-1] = result_of(
            self._sampler.space, self._params, self._scores
        )
        search._show(params, score, search._standing())

    def _warn_of_few(self) -> None:
        n = len(self._params) + sum(len(batch.jobs) for batch in self._batches)
        warnings.warn(
            f"The search space has {n} candidates, fewer than n_iter={self._n_iter}. All "
            "of them are evaluated.",
            stacklevel=2,
        )


def _callables(callback: Any) -> list[Callable[[OptimizeResult], Any]]:
    check_no_callbacks({"callback": callback})
    callbacks = [] if callback is None else callback
    callbacks = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for one in callbacks:
        if not callable(one):
            raise ValueError(f"callback must be a callable or a list of them, got {one!r}.")
    return callbacks


def _check_estimator(estimator: Any) -> None:
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator must be an instance, such as {estimator.__name__}(...), got the "
            f"class {estimator.__name__}."
        )
    if not (hasattr(estimator, "fit") and hasattr(estimator, "get_params")):
        raise TypeError(
            "estimator must be a scikit-learn estimator, which has the methods fit and "
            f"get_params, got {estimator!r}."
        )


def _configurations(initial: Any) -> list[Mapping[str, Any]]:
    configurations: list[Any] = list(initial) if isinstance(initial, Iterable) else [None]
    if not all(isinstance(one, Mapping) for one in configurations):
        raise TypeError(
            "optimizer_kwargs['initial'] must be a list of dicts, one for each initial "
            f"candidate, got {initial!r}."
        )
    return configurations
