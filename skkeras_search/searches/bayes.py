"""Bayesian search with cross-validation."""

import warnings
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from copy import deepcopy
from functools import partial
from numbers import Integral
from typing import Any, NamedTuple, Self

import numpy as np
from joblib.parallel import get_active_backend
from scipy.optimize import OptimizeResult
from scipy.stats import rankdata
from sklearn.model_selection._search import BaseSearchCV  # base of all its searches
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from skkeras_search.nearest_name import did_you_mean
from skkeras_search.samplers import BayesianSampler, RandomSampler, Sampler
from skkeras_search.searches.base import Search
from skkeras_search.searches.failures import Failures
from skkeras_search.searches.folds import SameFolds
from skkeras_search.searches.fused_fits import choices_of
from skkeras_search.searches.progress import CandidateLines, Standing
from skkeras_search.searches.results import result_of
from skkeras_search.searches.spaces import as_spaces, check_names
from skkeras_search.searches.workers import CandidateBackend
from skkeras_search.space import Space

Evaluate = Callable[..., dict[str, Any]]

# Of scikit-optimize's `Optimizer`, without a meaning here.
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


class Batch(NamedTuple):
    """Candidates that are evaluated together.

    Attributes
    ----------
    candidates : list of dict
    task : CallbackContext
        What scikit-learn's callbacks know of them.
    evaluate : callable
        Evaluates them, or waits until they are.
    """

    candidates: list[dict[str, Any]]
    task: Any
    evaluate: Evaluate


class BayesSearchCV(Search, BaseSearchCV):
    """Search for the best parameters of an estimator by Bayesian optimisation.

    A Gaussian process learns from the cross-validated scores so far which candidates are
    worth a fit (``BayesianSampler``). Takes the place of scikit-optimize's class of this
    name. Keras estimators train all folds of ``n_points`` candidates together, or with
    ``n_jobs`` those of a candidate in each worker.

    Parameters
    ----------
    estimator : estimator
        With ``fit``, and with ``score`` unless ``scoring`` is given.
    search_spaces : dict, Space, list of them, or list of (dict or Space, int)
        What ``Space`` takes, by the names of the estimator's parameters; those of a part
        of it have two underscores, as in ``"mlp__learning_rate"``. Several are searched
        one after the other, each with ``n_iter`` candidates or the number that it comes
        with.
    optimizer_kwargs : dict, optional
        Parameters of ``BayesianSampler``, such as ``n_initial``, and as far as they have a
        meaning those of scikit-optimize's ``Optimizer``.
    n_iter : int, default=50
        Number of candidates, of each space. A space with fewer ends earlier.
    scoring, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in ``sklearn.model_selection.RandomizedSearchCV``. With several metrics the
        search maximises the one that ``refit`` names, or the first.
    n_jobs : int, optional
        None trains Keras estimators in this process. Several workers get a whole candidate
        each, and another one at once when they are done with it, so that the order of
        arrival decides what is proposed, unless ``n_points`` is greater than 1. Other
        estimators have their fits spread as in scikit-learn.
    fit_params : dict, optional
        Passed to the ``fit`` of the estimator. Better pass them to ``fit`` here.
    n_points : int, default=1
        Number of candidates to propose at a time. More of them keep more cores busy; each
        is then chosen without knowing the scores of the others.
    iid : object
        Taken for scripts for scikit-optimize. It has no effect.
    random_state : int, RandomState instance or None, default=None
        Of the candidates.

    Attributes
    ----------
    cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, \
n_splits_, refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in ``sklearn.model_selection.RandomizedSearchCV``. After Ctrl-C or an error
        there are ``cv_results_`` and those whose names begin with ``best_``, but for
        ``best_estimator_``, of the candidates that were finished.
    optimizer_results_ : list of scipy.optimize.OptimizeResult
        For each space: ``x_iters``, the values of each candidate in the order of the sorted
        names, ``func_vals``, their scores times minus one, ``x`` and ``fun``, the best of
        them (None and infinity as long as all have failed), and ``space``. They are what
        ``skopt.plots`` takes, if the space is not conditional.
    optimizers_ : list of Sampler
        The sampler of each space.

    See Also
    --------
    skkeras_search.samplers.BayesianSampler : How candidates are chosen.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import BayesSearchCV
    >>> space = {"C": (1e-3, 1e3, "log-uniform"), "kernel": ["linear", "rbf"]}
    >>> search = BayesSearchCV(SVC(), space, n_iter=12, cv=3, random_state=0)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> print(f"{search.best_score_:.2f} with {search.best_params_['kernel']}")
    0.99 with linear
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **BaseSearchCV._parameter_constraints,
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "n_points": [Interval(Integral, 1, None, closed="left")],
        "optimizer_kwargs": [Mapping, None],
        "fit_params": [Mapping, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        search_spaces: Any,
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
        if search_spaces is not None:
            as_spaces(search_spaces, n_iter)  # whose errors come where they were made

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
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
        groups : array-like of shape (n_samples,), optional
            For splitters that want them.
        callback : callable or list of callable, optional
            Called with the element of ``optimizer_results_`` of a space after each
            ``n_points`` candidates. The search of this space ends if one returns what is
            true.
        **params
            Passed to the ``fit`` of the estimator, or routed as metadata.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Before anything is trained, if a parameter of the space is none of the
            estimator's, or no fit succeeds at all.
        TypeError
            If ``estimator`` is none.
        """
        _check_estimator(self.estimator)
        spaces, callbacks = as_spaces(self.search_spaces, self.n_iter), _callables(callback)
        for space, _ in spaces:
            check_names(self.estimator, space)
        self._spaces, self._callbacks = spaces, callbacks
        self._failures = Failures(self.error_score)
        params = {**(self.fit_params or {}), **params}
        if groups is not None:
            params["groups"] = groups
        return super().fit(X, y, **params)

    @property
    def total_iterations(self) -> int:
        """Number of candidates of all spaces together."""
        return sum(n for _, n in as_spaces(self.search_spaces, self.n_iter))

    def _choices(self) -> list[Any]:
        return [c for space, _ in self._spaces for c in choices_of(space.dimensions)]

    def _run_search(
        self, evaluate_candidates: Callable[..., dict[str, Any]], *, callback_ctx: Any
    ) -> None:
        self._lines = CandidateLines() if self.verbose else None
        verbose, self.verbose = self.verbose, 0  # or scikit-learn counts each batch
        try:
            self._search_all(evaluate_candidates, callback_ctx)
        finally:
            self.verbose = verbose

    def _search_all(
        self, evaluate_candidates: Callable[..., dict[str, Any]], callback_ctx: Any
    ) -> None:
        rng = check_random_state(self.random_state)
        self.optimizers_: list[Sampler] = []
        self.optimizer_results_: list[OptimizeResult] = []
        n_batches = sum(-(-n // self.n_points) for _, n in self._spaces)
        task = callback_ctx.subcontext(task_name="search", max_subtasks=n_batches)
        task.call_on_fit_task_begin(estimator=self)
        evaluate = partial(evaluate_candidates, cv=SameFolds(self._checked_cv_orig))
        n_evaluated = 0
        for space, n_iter in self._spaces:
            self.optimizers_.append(self._make_sampler(space, rng.randint(2**31)))
            self.optimizer_results_.append(result_of(space, [], []))
            n_evaluated, stop = self._search_space(evaluate, task, n_iter, n_evaluated)
            if stop:
                break
        if not hasattr(self, "_evaluated"):
            raise self._failures.last_error
        task.call_on_fit_task_end(estimator=self)

    def _search_space(
        self,
        evaluate: Evaluate,
        search: Any,
        n_iter: int,
        n_before: int,
    ) -> tuple[int, bool]:
        """Search the last space; give the number of candidates, and whether to stop."""
        sampler, space = self.optimizers_[-1], self.optimizers_[-1].space
        params: list[dict[str, Any]] = []
        scores: list[float] = []
        with closing(self._batches(evaluate, sampler, n_iter, search)) as batches:
            for candidates, task, evaluate_batch in batches:
                results = self._failures.tolerated(
                    evaluate_batch, candidates, n_before + len(params)
                )
                new_scores = self._scores(results, len(candidates))
                for candidate, score in zip(candidates, new_scores, strict=True):
                    sampler.tell(candidate, score)
                    params.append(candidate)
                    scores.append(score)
                    result = self.optimizer_results_[-1] = result_of(space, params, scores)
                    if self._lines:
                        self._lines.print(candidate, score, self._standing())
                self._advance(self._standing())
                if task.call_on_fit_task_end(estimator=self):
                    return n_before + len(params), True
                answers = [callback(result) for callback in self._callbacks]
                if any(answers):
                    break
            else:
                if len(params) < n_iter:
                    warnings.warn(
                        f"The search space has {len(params)} candidates, fewer than "
                        f"n_iter={n_iter}. All of them have been evaluated.",
                        stacklevel=2,
                    )
        return n_before + len(params), False

    def _standing(self) -> Standing:
        results = self.optimizer_results_
        n = sum(len(result.x_iters) for result in results)
        total = sum(n_iter for _, n_iter in self._spaces)
        return Standing(n, total, -min(result.fun for result in results))

    def _batches(
        self, evaluate: Evaluate, sampler: Sampler, n_iter: int, search: Any
    ) -> Generator[Batch]:
        backend, _ = get_active_backend()
        is_own = isinstance(backend, CandidateBackend) and backend.search is self
        if is_own and self.n_points == 1:
            return self._as_they_arrive(evaluate, sampler, n_iter, search, backend)
        return self._one_after_the_other(evaluate, sampler, n_iter, search)

    def _one_after_the_other(
        self, evaluate: Evaluate, sampler: Sampler, n_iter: int, search: Any
    ) -> Generator[Batch]:
        left = n_iter
        while left and (candidates := sampler.ask(min(self.n_points, left))):
            left -= len(candidates)
            task = self._begin_task(search, len(candidates))
            yield Batch(candidates, task, partial(evaluate, callback_ctx=task))

    def _as_they_arrive(
        self,
        evaluate: Evaluate,
        sampler: Sampler,
        n_iter: int,
        search: Any,
        backend: CandidateBackend,
    ) -> Generator[Batch]:
        left = n_iter
        running: dict[Future[Any], Batch] = {}
        try:
            while True:
                while (
                    left
                    and len(running) < backend.n_workers
                    and (candidates := sampler.ask())
                ):
                    left -= 1
                    task = self._begin_task(search, 1)
                    own = self._frozen(task)
                    future = backend.begin(partial(evaluate, candidates, callback_ctx=own))
                    finish = partial(backend.finish, future, evaluate)
                    running[future] = Batch(candidates, task, finish)
                if not running:
                    return
                arrived, _ = wait(running, return_when=FIRST_COMPLETED)
                yield running.pop(arrived.pop())
        finally:
            if running:  # the search was stopped
                backend.abort_everything()
            for batch in running.values():
                batch.task.call_on_fit_task_end(estimator=self)

    def _frozen(self, task: Any) -> Any:
        """Copy a task, to be sent while others are added beside it; not its callbacks."""
        root = task
        while root.parent is not None:
            root = root.parent
        callbacks = [callback for context in root for callback in context._callbacks]
        return deepcopy(task, {id(callback): callback for callback in callbacks})

    def _begin_task(self, search: Any, n_candidates: int) -> Any:
        return search.subcontext(
            task_name="candidates",
            max_subtasks=n_candidates * self.n_splits_,
            sequential_subtasks=False,
        ).call_on_fit_task_begin(estimator=self)

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
                f"optimizer_kwargs={sorted(without_effect)} of scikit-optimize have no "
                "effect here; the surrogate is a Gaussian process.",
                stacklevel=2,
            )
        kwargs = {"random_state": seed, **kwargs}
        if kwargs.pop("space_constraint", None) is not None:
            raise ValueError("optimizer_kwargs has 'space_constraint', which is not known.")
        known = ("initial", "n_initial", "random_state")
        for name in set(kwargs) - set(WITHOUT_EFFECT) - set(known):
            raise ValueError(
                f"optimizer_kwargs has {name!r}, which is no parameter of "
                f"BayesianSampler." + did_you_mean(name, known)
            )
        kwargs = {name: value for name, value in kwargs.items() if name in known}
        if "initial" in kwargs:
            kwargs["initial"] = _configurations(kwargs["initial"])
        return BayesianSampler(space, direction="maximize", **kwargs)

    def _scores(self, results: Mapping[str, Any] | None, n: int) -> list[float]:
        """What the search maximises, of the last ``n`` candidates."""
        if results is None:
            return [float(self.error_score)] * n
        return [
            float(score) for score in results[f"mean_test_{self._metric_of(results)}"][-n:]
        ]

    def _format_results(
        self,
        candidate_params: list[dict[str, Any]],
        n_splits: int,
        out: list[Any],
        more_results: Any = None,
    ) -> dict[str, Any]:
        again = hasattr(self, "_evaluated")
        with warnings.catch_warnings():
            if again:  # scikit-learn would say at each batch what it said before
                warnings.filterwarnings("ignore", "One or more of the", UserWarning)
            results = super()._format_results(candidate_params, n_splits, out, more_results)
        prefix = "mean_train_"  # scikit-optimize ranks them, too
        for name in [name for name in results if name.startswith(prefix)]:
            scores = np.nan_to_num(results[name], nan=-np.inf)
            ranks = rankdata(-scores, method="min").astype(np.int32)
            results[f"rank_train_{name.removeprefix(prefix)}"] = ranks
        return results

    def _rows(
        self, candidates: list[dict[str, Any]], n_splits: int, out: list[Any]
    ) -> tuple[list[dict[str, Any]], int, list[Any]]:
        candidates, out = self._failures.inserted(candidates, n_splits, out)
        return candidates, n_splits, out

    def _complete_results(self) -> None:
        if self._failures.came_last:
            self.cv_results_ = self._format_results(*self._evaluated)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if not hasattr(self, "_failures"):
            return state
        # `_callback_fit_ctx` has the tasks that scikit-learn's callbacks know.
        left_here = ("optimizers_", "optimizer_results_", "_callback_fit_ctx")
        sent = {name: value for name, value in state.items() if name not in left_here}
        # A generator cannot be sent.
        return {**sent, "cv": getattr(self, "_checked_cv_orig", self.cv)}


def _callables(callback: Any) -> list[Callable[[OptimizeResult], Any]]:
    callbacks = [] if callback is None else callback
    callbacks = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for one in callbacks:
        if not callable(one):
            raise ValueError(f"callback must be a callable or a list of them, got {one!r}.")
    return callbacks


def _check_estimator(estimator: Any) -> None:
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator must be an instance, as {estimator.__name__}(...), got the class "
            f"{estimator.__name__}."
        )
    if not (hasattr(estimator, "fit") and hasattr(estimator, "get_params")):
        raise TypeError(
            "estimator must be an estimator of scikit-learn's kind, with fit and "
            f"get_params, got {estimator!r}."
        )


def _configurations(initial: Any) -> list[Mapping[str, Any]]:
    configurations: list[Any] = list(initial) if isinstance(initial, Iterable) else [None]
    if not all(isinstance(one, Mapping) for one in configurations):
        raise TypeError(
            "optimizer_kwargs['initial'] must be a list of dicts, one for each "
            f"configuration to begin with, got {initial!r}."
        )
    return configurations
