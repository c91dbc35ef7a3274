"""What all searches have in common: jobs are proposed, run, and their outcomes kept."""

import os
import time
import warnings
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection._validation import (  # not public
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from skkeras_search.searches.advice import advice
from skkeras_search.searches.callbacks import check_no_callbacks
from skkeras_search.searches.display import Display, display_of
from skkeras_search.searches.evaluation import Evaluation
from skkeras_search.searches.executors import Executor
from skkeras_search.searches.faults import FAULT_CONSTRAINTS, fill_scores, first_error
from skkeras_search.searches.folds import (
    FoldsByClass,
    can_stratify,
    is_made_here,
    is_one_hot,
)
from skkeras_search.searches.fused_fits import fused_by_default
from skkeras_search.searches.interruption import first_interrupt
from skkeras_search.searches.jobs import Fit, Job, Result, all_fits
from skkeras_search.searches.keras_step import has_keras, last_step
from skkeras_search.searches.learning_curves import as_frame
from skkeras_search.searches.looking import Looking
from skkeras_search.searches.metrics import metrics_of
from skkeras_search.searches.outcome import outcome_of
from skkeras_search.searches.predicting import Predicting
from skkeras_search.searches.progress import SearchCallback, Standing
from skkeras_search.searches.recording import NoRecord, record_of, recording
from skkeras_search.searches.repeats import mean_of, spread
from skkeras_search.searches.timeline import timeline
from skkeras_search.searches.trained import Segments, Trained
from skkeras_search.statuses import FAILED

# Attributes of an earlier fit, which are removed when a fit begins.
OF_ANOTHER_FIT = (
    "best_estimator_",
    "best_index_",
    "best_params_",
    "best_score_",
    "cv_results_",
    "optimizer_results_",
    "optimizers_",
    "refit_time_",
)
# The constraints of parameters that scikit-learn's searches do not have.
OF_ALL_SEARCHES: dict[str, list[Any]] = {
    "n_repeats": [Interval(Integral, 1, None, closed="left")],
    **FAULT_CONSTRAINTS,
    "storage": [str, os.PathLike, None],
    "search_name": [str, None],
}
# Attributes that exist only while the search runs.
WHILE_SEARCHING = (
    "_by_arrival",
    "_callbacks",
    "_display",
    "_may_stop",
    "_may_warn",
    "_outcomes",
    "_recorder",
    "_replays",
    "_rule_of_study",
    "_space",
    "_spaces",
    "_trials",
)
# Attributes that are not sent to worker processes.
STAYS_HERE = (
    *WHILE_SEARCHING,
    "_callback_fit_ctx",
    "_trained",
    "optimizers_",
    "optimizer_results_",
)


class Search(Looking, Predicting):
    """Base of all searches: trains fits together, and can be stopped and resumed.

    It is combined with a search of scikit-learn. For Keras classifiers, folds of one-hot
    rows are stratified by class.
    """

    estimator: Any
    cv: Any
    refit: Any
    scoring: Any
    error_score: Any
    verbose: int
    n_repeats: int
    fit_timeout: float | None
    n_retries: int
    random_state: Any = None
    storage: Any
    search_name: str | None
    resume: str | None = None
    n_splits_: int
    # Whether workers get whole jobs, whatever the estimator: there are few jobs, and they
    # take different times.
    is_asynchronous = False
    _checked_cv_orig: Any
    # Jobs with their outcomes, in the order of arrival.
    _outcomes: list[tuple[Job, list[Result]]]
    # Candidates with at least one outcome, by number.
    _trained: dict[int, Trained]
    _recorder: NoRecord
    _display = Display()
    # Whether outcomes are read from the storage, not computed now.
    _replays: bool = True
    # Whether callbacks may stop the search now. While outcomes are read from the storage
    # they may not, as the earlier run did not stop there.
    _may_stop: bool = True

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Search for the best candidate, and fit the estimator with it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets. None for estimators that need none.
        **params
            Parameters of the ``fit`` of the estimator, such as ``sample_weight``, or
            metadata to be routed. ``groups`` goes to the splitter.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        TypeError
            If a parameter of ``fit`` is a callback of a search, such as ``TimeBudget``.
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
        check_no_callbacks(params)
        for name in OF_ANOTHER_FIT:
            self.__dict__.pop(name, None)
        estimators, self._outcomes, self._trained = self._estimators(), [], {}
        try:
            self._fit(X, y, params, estimators)
        except BaseException:
            self._keep_results()
            raise
        finally:
            for name in WHILE_SEARCHING:
                self.__dict__.pop(name, None)
        return self

    @property
    def learning_curves_(self) -> Any:
        """The learning curves of all fits, as a pandas DataFrame.

        There is one row for each epoch of each fit, with the columns ``candidate`` (index
        in ``cv_results_``), ``fold``, ``repeat``, ``epoch`` (counted from 1), ``score``
        (measured where training ended or paused, otherwise NaN), and the values that Keras
        reports, such as ``loss``. A fit without epochs has one row, of epoch 0.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> curves = search.learning_curves_  # doctest: +SKIP
        >>> curves.groupby("candidate")["loss"].last()  # doctest: +SKIP
        """
        check_is_fitted(self, "cv_results_")
        return as_frame(
            {
                (row, *fit): trained.fits[fit].curve
                for row, trained in enumerate(self._trained.values())
                for fit in sorted(trained.fits)
            }
        )

    @property
    def timeline_(self) -> Any:
        """When and where each fit was trained and scored, as a pandas DataFrame.

        There is one row for each fit, or for each step of a fit that was continued, with
        the columns ``candidate`` (index in ``cv_results_``), ``fold``, ``repeat``,
        ``begun`` and ``ended`` (in seconds since 1970), ``worker`` (the process, as
        "host:pid") and ``status`` of the candidate: "finished", "frozen" or "failed". Fits
        that share a compiled program are trained in turns, so their times overlap.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> times = search.timeline_  # doctest: +SKIP
        >>> (times["ended"] - times["begun"]).max()  # doctest: +SKIP
        """
        check_is_fitted(self, "cv_results_")
        return timeline(list(self._trained.values()))

    @_fit_context(prefer_skip_nested_validation=False)
    def _fit(self, X: Any, y: Any, params: dict[str, Any], estimators: list[Any]) -> None:
        of_class: Any = type(self)
        if of_class._run_search.__module__ != "sklearn.model_selection._search":
            raise TypeError(
                f"{of_class.__name__} has a _run_search of its own, but the searches of "
                "skkeras_search do not call this method. Derive the class from a search of "
                "scikit-learn instead."
            )
        with (
            recording(self) as store,
            fused_by_default(self, estimators) as executor,
            display_of(self) as self._display,
        ):
            if self.verbose:
                for line in advice(self, executor, estimators, X):
                    print(line, flush=True)
            evaluation = Evaluation(self, X, y, params)
            self._recorder = record_of(self, evaluation, store)
            with executor, first_interrupt(partial(setattr, executor, "ends", True)):
                self._search(evaluation, executor)
            if executor.ends:
                self._check_interrupted()
            self._choose(evaluation)
            if self.refit:
                self._refit(evaluation)
            self.scorer_ = evaluation.scorer
            evaluation.end(evaluation.task)

    def _check_interrupted(self) -> None:
        """After Ctrl-C, continue with the outcomes that have arrived, if there are any."""
        if not self._outcomes:
            raise KeyboardInterrupt
        warnings.warn(
            "The search was interrupted. Its results cover only the candidates that were "
            "evaluated before.",
            stacklevel=2,
        )

    @abstractmethod
    def _search(self, evaluation: Evaluation, executor: Executor) -> None:
        """Evaluate candidates by means of ``_run``, which keeps their outcomes."""

    def _run(self, evaluation: Evaluation, executor: Executor, proposals: Any) -> None:
        """Run jobs until none is proposed any more, or until an outcome stops the search.

        Parameters
        ----------
        evaluation : Evaluation
        executor : Executor
        proposals : object
            Has ``n_candidates``; ``propose``, which returns a ``Job`` or None; and
            ``tell``, which receives a job with its outcome and returns whether to stop.
        """

        def calls(job: Job) -> Any:
            made = evaluation.calls(job, proposals.n_candidates, executor.uses_processes)
            return self._display.watched(job, made, executor)

        recorded = self._recorder.run(proposals)
        self._replays = True  # propose as many jobs at a time as the earlier run did
        for job, outcome in recorded.replay():
            self._may_stop = not recorded.n_left
            self._record(job, outcome)
            if proposals.tell(job, outcome):
                return
        self._replays = False
        executor.unread.clear()
        with closing(executor.run(recorded.propose, calls)) as running:
            try:
                for job, outcome in running:
                    self._keep(recorded, job, outcome)
                    if proposals.tell(job, outcome):
                        break
            except BaseException:
                running.close()
                for job, outcome in executor.unread:
                    self._keep(recorded, job, outcome)
                raise

    def _keep(self, recorded: Any, job: Job, outcome: list[Result]) -> None:
        try:
            recorded.arrive(job, outcome)
        finally:
            self._record(job, outcome)

    @property
    def _file(self) -> Any:
        """The file to which results are written, or None."""
        return self.storage

    def _seed(self) -> Any:
        """Return ``random_state``, or if it is None a seed that the storage keeps."""
        given = self.random_state
        if given is not None or self._file is None:
            return given
        drawn = check_random_state(None).randint(2**31 - 1)
        return self._recorder.choose("random_state", int(drawn))

    def _record(self, job: Job, outcome: list[Result]) -> None:
        """Keep an outcome, before callbacks or the sampler see it."""
        self._outcomes.append((job, outcome))
        self._display.arrived(job)
        new = Trained(job.params, self.n_splits_, self.n_repeats)
        candidate = self._trained.setdefault(job.number, new)
        options = job.options or [{}] * len(job.fits)
        for fit, more, result in zip(job.fits, options, outcome, strict=True):
            segments = candidate.fits.setdefault(fit, Segments())
            segments.add(more.get("share", 1.0), result, self._score_of_fit(result))
        if watching := self._watching():
            last = [segments.segments[-1] for segments in candidate.fits.values()]
            score = np.nan if candidate.status == FAILED else self._score(last)
            told = outcome_of(job, outcome, candidate, score, not self._replays)
            for callback in watching:
                callback.on_outcome(told)

    def _estimators(self) -> list[Any]:
        """Return the estimator, and the choices that may replace a part of it."""
        return [self.estimator, *self._choices()]

    def _choices(self) -> Iterable[Any]:
        return ()

    def _check_input_parameters(self, X: Any, y: Any, split_params: Any) -> None:
        # scikit-learn calls this as soon as the splitter is made.
        super()._check_input_parameters(X, y, split_params)  # type: ignore[misc]
        fitted_to_y = [
            step for step in map(last_step, self._estimators()) if has_keras(step)
        ]
        if fitted_to_y and is_classifier(self.estimator) and is_one_hot(y):
            cv = self.cv if is_made_here(self.cv) else self._checked_cv_orig
            losses = [getattr(step, "loss", None) for step in fitted_to_y]
            if all(can_stratify(cv, y, loss) for loss in losses):
                self._checked_cv_orig = FoldsByClass(cv, y)

    def _all_fits(self) -> list[Fit]:
        """Return all fits of a candidate: one for each fold and repeat."""
        return all_fits(self.n_splits_, self.n_repeats)

    def _score(self, outcome: list[Result]) -> float:
        """Return the score that is maximized: the mean over the fits of a candidate."""
        return float(np.mean([self._score_of_fit(result) for result in outcome]))

    def _score_of_fit(self, result: Result) -> float:
        scores = result["test_scores"]
        if isinstance(scores, Mapping):
            scores = scores[self._metric(scores)]
        return float(scores)

    def _advance(self, standing: Standing) -> bool:
        """Tell callbacks how far the search is. Return whether one of them stops it."""
        answers = [callback.update(standing) for callback in self._watching()]
        return any(answers) and self._may_stop

    def _show(
        self, params: Mapping[str, Any], score: float, standing: Standing, after: str = ""
    ) -> None:
        """Display a candidate, as ``verbose`` demands."""
        self._display.candidate(params, score, standing, not self._replays, after)

    def _watching(self) -> list[SearchCallback]:
        callbacks = getattr(self, "_skl_callbacks", ())
        return [callback for callback in callbacks if isinstance(callback, SearchCallback)]

    def _metric(self, names: Iterable[str]) -> str:
        """Return the metric to maximize: the one that ``refit`` names, or the first."""
        names = list(names)
        return self.refit if self.refit in names else names[0]

    def _in_order(self) -> list[tuple[Job, list[Result]]]:
        """Return the outcomes in the order of the rows of ``cv_results_``."""
        return sorted(self._outcomes, key=lambda pair: pair[0].number)

    def _rows(self) -> tuple[list[dict[str, Any]], list[Result]]:
        """Return the candidates, and scikit-learn's results of all their folds."""
        outcomes, n = self._in_order(), self.n_repeats
        candidates = [job.params for job, _ in outcomes]
        out = [
            outcome[first] if n == 1 else mean_of(outcome[first : first + n])
            for _, outcome in outcomes
            for first in range(0, len(outcome), n)
        ]
        return candidates, out

    def _choose(self, evaluation: Evaluation) -> None:
        """Compute ``cv_results_`` from the outcomes, and choose the best candidate."""
        found = [result for _, outcome in self._outcomes for result in outcome]
        if not found:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no "
                "candidates?"
            )
        self._tell_failures(found)
        results = self._results()
        self._check_success(results)
        metric = evaluation.metric
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(metrics_of(results))  # type: ignore[attr-defined]
            metric = self.refit
        if self.refit or not self.multimetric_:
            self._choose_best(results, metric)
        self.cv_results_ = results

    def _tell_failures(self, found: list[Result]) -> None:
        """Warn about fits that failed. Raise an error if all failed."""
        _warn_or_raise_about_fit_failures(found, self.error_score)

    def _check_success(self, results: Mapping[str, Any]) -> None:
        """Raise an error if every candidate has a failed fit and none has a score.

        If no fit failed and scores are not finite, scikit-learn issues its warning instead.
        """
        failed = {
            job.number
            for job, outcome in self._outcomes
            if any(result["fit_error"] is not None for result in outcome)
        }
        scores = [results[f"mean_test_{name}"] for name in metrics_of(results)]
        if len(failed) == len(results["params"]) and not np.isfinite(scores).any():
            raise ValueError(
                f"All the {len(failed)} candidates failed: at least one fit of each raised "
                f"an error or was ended. The first failure: {results['error'][0]}"
            )

    def _results(self) -> dict[str, Any]:
        numbers = dict.fromkeys(job.number for job, _ in self._in_order())
        self._trained = {number: self._trained[number] for number in numbers}
        candidates, out = self._rows()
        if callable(self.scoring):
            fill_scores(out)
        self.multimetric_ = isinstance(out[0]["test_scores"], Mapping)
        results: dict[str, Any] = self._format_results(candidates, self.n_splits_, out)  # type: ignore[attr-defined]
        results["error"] = self._errors()
        return results | (spread(out, self.n_splits_) if self.n_repeats > 1 else {})

    def _errors(self) -> np.ndarray:
        """Return the text of the first failure of each candidate, or None."""
        errors: dict[int, str | None] = {}
        for job, outcome in self._in_order():
            before = errors.get(job.number)
            errors[job.number] = before or first_error(job.fits, outcome)
        column = np.empty(len(errors), object)
        column[:] = list(errors.values())
        return column

    def _choose_best(self, results: dict[str, Any], metric: str) -> None:
        self.best_index_ = self._select_best_index(self.refit, metric, results)  # type: ignore[attr-defined]
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _refit(self, evaluation: Evaluation) -> None:
        """Fit the estimator to all rows, with the parameters of the best candidate."""
        row = self.best_index_
        best = self.best_estimator_ = self._estimator_of(row, evaluation.estimator)
        task = evaluation.task.subcontext(task_name="refit-with-best-params")
        with task.propagate_callback_context(best), self._display.refit():
            evaluation.begin(task)
            begun = time.time()
            data = (evaluation.X,) if evaluation.y is None else (evaluation.X, evaluation.y)
            with self._training(row):
                best.fit(*data, **evaluation.fit_params)
            self.refit_time_ = time.time() - begun
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_
        evaluation.end(task)

    def _estimator_of(self, row: int, estimator: Any) -> Any:
        """Return an unfitted estimator with the parameters of a candidate, for all rows."""
        # The parameters may be estimators, so they are cloned as well.
        params = clone(self.cv_results_["params"][row], safe=False)
        return clone(estimator).set_params(**params)

    def _training(self, row: int) -> AbstractContextManager[Any]:
        """Return a context manager for fitting a candidate to all rows."""
        return nullcontext()

    def _keep_results(self) -> None:
        """After an error, set the results of the candidates that are finished."""
        self.__dict__.pop("best_estimator_", None)  # the refit was not finished
        found = [result for _, outcome in self._outcomes for result in outcome]
        if all(result["fit_error"] is not None for result in found):
            return
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "One or more of the", UserWarning)
            results = self.cv_results_ = self._results()
        self._choose_best(results, self._metric(metrics_of(results)))

    def _so_far(self) -> Self:
        """Return a copy with the results so far while the search runs, otherwise itself."""
        if not getattr(self, "_outcomes", None):
            return self
        now = object.__new__(type(self))
        now.__dict__.update(self.__dict__)
        now._outcomes = list(self._outcomes)
        now._keep_results()
        return now

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        if "_outcomes" not in state:
            return state
        # A running search may be pickled for a worker. Leave out what changes meanwhile.
        state = {n: v for n, v in state.items() if n not in STAYS_HERE}
        # A generator cannot be pickled.
        return {**state, "cv": getattr(self, "_checked_cv_orig", self.cv)}


def warn_of_failures(found: list[Result], error_score: Any) -> None:
    """Warn about fits that failed, even if all did, as other candidates will follow."""
    try:
        _warn_or_raise_about_fit_failures(found, error_score)
    except ValueError as error:
        warnings.warn(str(error), FitFailedWarning, stacklevel=2)
