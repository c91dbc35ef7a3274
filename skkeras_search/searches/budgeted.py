"""Searches that train candidates in steps. A budget rule decides which one goes on."""

import warnings
from abc import abstractmethod
from collections.abc import Container, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

from sklearn.model_selection._search import BaseSearchCV  # not public

from skkeras_search.budgets.rule import BudgetRule
from skkeras_search.budgets.segment import segment
from skkeras_search.searches.base import Search
from skkeras_search.searches.evaluation import Evaluation
from skkeras_search.searches.executors import Executor
from skkeras_search.searches.jobs import Job, Result
from skkeras_search.searches.keras_step import foreign_keras, name_of_keras_step
from skkeras_search.searches.so_far import SoFar
from skkeras_search.searches.spaces import check_names, choices_of, given_or_declared
from skkeras_search.searches.steps import OneJob, StepProposals
from skkeras_search.searches.trained import Trained, complete, keep_within, rows
from skkeras_search.space import Space
from skkeras_search.statuses import FINISHED, FROZEN

# Bytes of memory for the states from which candidates can be continued.
MOST_BYTES = 2**31


class BudgetSearch(Search, BaseSearchCV):
    """A search that decides step by step which candidate is trained further."""

    search_spaces: Any
    max_epochs: int | None
    n_points: int | None
    is_asynchronous = True

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
        TypeError, ValueError
            If a parameter of the search is invalid, if parameters contradict each other or
            if a hyperparameter is unknown, before anything is trained. ValueError, too, if
            no candidate has a score in all folds at the end.
        StorageError
            If ``storage`` cannot be read or written.
        KeyboardInterrupt
            After Ctrl-C is pressed twice, or once before a candidate is finished.

        Examples
        --------
        >>> search = search.fit(X_train, y_train)  # doctest: +SKIP
        >>> search.cv_results_["status"]  # doctest: +SKIP
        """
        spaces = given_or_declared(self.search_spaces, self.estimator, "search_spaces")
        self._space = as_one_space(spaces)
        check_names(self.estimator, self._space)
        self._may_warn = True
        self.__dict__.pop("best_n_epochs_", None)
        try:
            return super().fit(X, y, **params)
        finally:
            for candidate in getattr(self, "_trained", {}).values():
                candidate.let_go()

    def _choices(self) -> list[Any]:
        return choices_of(self._space.dimensions)

    @abstractmethod
    def _rule(self, n_folds: int, has_epochs: bool) -> BudgetRule:
        """Make the rule that decides how candidates are trained."""

    def _search(self, evaluation: Evaluation, executor: Executor) -> None:
        has_epochs = self._check_epochs(evaluation.fit_params)
        rule = self._rule(self.n_splits_, has_epochs)
        task = evaluation.task.subcontext(
            task_name="search", max_subtasks=None, sequential_subtasks=False
        ).call_on_fit_task_begin(estimator=self)
        n_slots = executor.n_slots
        # One step more than there are slots, for the core that is done first.
        most_pending = self.n_points or (n_slots + 1 if n_slots > 1 else 1)
        most_pending = self._recorder.choose("n_points", most_pending)
        steps = StepProposals(self, rule, task, most_pending)
        steps.adopt(self._recorder.earlier())
        self._run(evaluation, executor, steps)
        if not (executor.ends or steps.stops):
            self._recorder.end()
        # If a callback stopped the search before a candidate was finished, finish the
        # most promising one.
        while not executor.ends and (left := self._most_promising()) is not None:
            self._run(evaluation, executor, OneJob(steps.job_to_finish(left)))
        task.call_on_fit_task_end(estimator=self)

    def _most_promising(self) -> int | None:
        """Return the number of the frozen candidate to finish.

        None if a candidate is finished already, or if none is left.
        """
        status = {number: c.status for number, c in self._trained.items()}
        frozen = [
            number
            for number, found in status.items()
            if found == FROZEN and self._may_go_on(number)
        ]
        if FINISHED in status.values() or not frozen:
            return None
        return max(frozen, key=lambda number: self._promise(self._trained[number]))

    def _may_go_on(self, number: int) -> bool:
        """Whether a frozen candidate may be finished after the search has stopped."""
        return True

    def _check_interrupted(self) -> None:
        if not any(c.status == FINISHED for c in self._trained.values()):
            raise KeyboardInterrupt
        super()._check_interrupted()

    def _check_epochs(self, fit_params: Mapping[str, Any]) -> bool:
        """Return whether candidates have epochs, as far as is known beforehand."""
        names = [name_of_keras_step(thing) for thing in self._estimators()]
        if all(name is None for name in names):
            self._do_without_epochs(self._why_no_epochs())
            return False
        for name in ("epochs", "fit__epochs"):
            name = f"{names[0] or ''}{name}"
            if self.max_epochs is not None and name in self._space.names:
                raise ValueError(
                    f"max_epochs={self.max_epochs!r} sets the number of epochs, which is "
                    f"also searched as {name!r} in search_spaces. Leave out one of them."
                )
            if self.max_epochs is not None and name in fit_params:
                raise ValueError(
                    f"max_epochs={self.max_epochs!r} sets the number of epochs, which was "
                    f"also passed to fit as {name!r}. Leave out one of them."
                )
        return True

    def _why_no_epochs(self) -> str:
        parts = [self.estimator, *self.estimator.get_params().values()]
        if (found := next(filter(None, map(foreign_keras, parts)), None)) is not None:
            theirs, ours = found
            return (
                f"{theirs} cannot be paused, unlike the {ours} of skkeras_search (from "
                f"skkeras_search import {ours})"
            )
        return (
            f"{type(self.estimator).__name__} is not a Keras estimator, nor a pipeline "
            "whose last step is its only Keras estimator"
        )

    def _do_without_epochs(self, why: str) -> None:
        if self.max_epochs is not None:
            raise ValueError(f"max_epochs={self.max_epochs!r} has no meaning, as {why}.")
        warnings.warn(
            f"Only folds are saved, as {why}. Each fold is trained to the end, and a "
            "candidate can be given up after any fold.",
            stacklevel=2,
        )

    def _record(self, job: Job, outcome: list[Result]) -> None:
        super()._record(job, outcome)
        candidate = self._trained[job.number]
        for fit in job.fits:
            self._warn_of_retraining(candidate.fits[fit].so_far)
        if candidate.status != FROZEN:
            candidate.let_go()
            self._recorder.let_go(job.number)

    def _save_memory(self, under_way: Container[int]) -> None:
        """Release states of candidates not under way if they take too much memory."""
        frozen = [
            candidate
            for number, candidate in self._trained.items()
            if candidate.status == FROZEN and number not in under_way
        ]
        keep_within(MOST_BYTES, sorted(frozen, key=self._promise))

    def _promise(self, candidate: Trained) -> tuple[int, float]:
        """Return a key that sorts candidates by how far they are, then by their scores."""
        last = [fit.segments[-1] for fit in candidate.fits.values()]
        return len(last), self._score(last)

    def _warn_of_retraining(self, so_far: SoFar) -> None:
        if so_far.reason is not None and self._may_warn:
            self._may_warn = False
            warnings.warn(
                "Training cannot be continued from where it paused, so a candidate that "
                f"goes on is trained from the start: {so_far.reason}",
                stacklevel=2,
            )

    def _rows(self) -> tuple[list[dict[str, Any]], list[Result]]:
        candidates = list(self._trained.values())
        return [candidate.params for candidate in candidates], rows(candidates)

    def _format_results(self, *args: Any) -> dict[str, Any]:
        with warnings.catch_warnings():  # scores of folds that were not trained are NaN
            warnings.filterwarnings("ignore", "One or more of the", UserWarning)
            results: dict[str, Any] = super()._format_results(*args)
        complete(results, list(self._trained.values()))
        return results

    def _choose(self, evaluation: Evaluation) -> None:
        super()._choose(evaluation)
        if FINISHED not in self.cv_results_["status"]:
            errors = filter(None, self.cv_results_["error"])
            raise ValueError(
                "No candidate has a score in all folds, so there is no best candidate. "
                f"{next(errors, '')}"
            )

    def _choose_best(self, results: dict[str, Any], metric: str) -> None:
        if FINISHED not in results["status"]:
            return
        super()._choose_best(results, metric)
        if (status := results["status"][self.best_index_]) != FINISHED:
            raise ValueError(
                f"refit={self.refit!r} has chosen a candidate that is {status}: index "
                f"{self.best_index_}. It must return the index of a candidate whose "
                "'status' in cv_results_ is 'finished'."
            )
        self.best_n_epochs_ = self._n_epochs(self.best_index_)

    def _estimator_of(self, row: int, estimator: Any) -> Any:
        candidate = super()._estimator_of(row, estimator)
        if (n_epochs := self._n_epochs(row)) is not None:
            names = [
                f"{name_of_keras_step(candidate)}{n}" for n in ("epochs", "fit__epochs")
            ]
            known = set(names) & candidate.get_params().keys()
            candidate.set_params(**dict.fromkeys(known, n_epochs))
        return candidate

    def _training(self, row: int) -> AbstractContextManager[Any]:
        # This holds even if a number of epochs was passed to `fit`.
        n_epochs = self._n_epochs(row)
        return nullcontext() if n_epochs is None else segment(max_epochs=n_epochs)

    def _n_epochs(self, row: int) -> int | None:
        return list(self._trained.values())[row].n_epochs


def as_one_space(search_spaces: Any) -> Space:
    """Return the space of a search that accepts only one space.

    Raises
    ------
    TypeError, ValueError
        If there is no space, or several.
    """
    if isinstance(search_spaces, Space):
        return search_spaces
    if not isinstance(search_spaces, Mapping):
        raise TypeError(
            "search_spaces must be a dict or a Space, got "
            f"{search_spaces!r}. Several spaces can be combined into one whose dimensions "
            "are conditional: Real(..., when={'model': ...})."
        )
    if not search_spaces:
        raise ValueError(
            "search_spaces is empty. Give a dict of dimensions, as in "
            "{'learning_rate': (1e-4, 1e-1, 'log-uniform')}."
        )
    return Space({name: search_spaces[name] for name in sorted(search_spaces)})
