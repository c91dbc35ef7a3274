"""Candidates of a search as trials of a study."""

import math
import os
import socket
import statistics
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import WilcoxonPruner
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from skkeras_search.interop.optuna.parameters import Parameter
from skkeras_search.record.store import StoredFit
from skkeras_search.searches.faults import first_error
from skkeras_search.searches.jobs import Fit, Job, Result
from skkeras_search.searches.recording import result_of, stored_fit
from skkeras_search.searches.trained import Trained
from skkeras_search.space import Space
from skkeras_search.statuses import FAILED, FINISHED

# User attributes of trials: the process of the trial, the results of its fits, and whether
# the trial was interrupted.
WORKER = "worker"
FITS = "skkeras_search"
INTERRUPTED = "interrupted"


class Trials:
    """Start trials, store their results, and end them.

    Parameters
    ----------
    study : Study
        The study.
    space : Space
        Search space.
    parameters : dict of str to Parameter
        Hyperparameters of the space.
    n_iter : int
        Number of candidates in the study, from all processes together.
    metric : callable
        Function that returns the score from the result of a fit.
    seed_sampler : callable
        Called with the number of the first trial that is started, before it has values.

    Attributes
    ----------
    study : Study
        The study.
    numbers : list of int
        Number of the trial of each candidate.
    """

    def __init__(
        self,
        study: Study,
        space: Space,
        parameters: Mapping[str, Parameter],
        n_iter: int,
        metric: Callable[[Result], float],
        seed_sampler: Callable[[int], None],
    ):
        self.study, self._space, self._parameters = study, space, parameters
        self._n_iter, self._metric = n_iter, metric
        self._seed_sampler: Callable[[int], None] | None = seed_sampler
        self.numbers: list[int] = []
        self._open: dict[int, Trial] = {}
        self._trained: dict[int, Trained] = {}
        self._rows: dict[int, list[list[StoredFit]]] = {}
        self._reported: dict[int, set[int]] = {}
        self._is_exhausted = False

    def begin(self) -> dict[str, Any] | None:
        """Start a candidate.

        Returns
        -------
        dict or None
            Hyperparameters of the candidate, or None if there are enough candidates.

        Raises
        ------
        ValueError
            If a value of an enqueued trial is not in its dimension.
        """
        if self._is_exhausted or self._n_counted() >= self._n_iter:
            return None
        trial = self.study.ask()
        if self._seed_sampler is not None:
            self._seed_sampler(trial.number)
            self._seed_sampler = None
        trial.set_user_attr(WORKER, this_process())
        self._open[len(self.numbers)] = trial
        self.numbers.append(trial.number)
        return self._space.build(
            lambda name, _: self._parameters[name].suggest(trial, name)
        )

    def keep(self, job: Job, rows: list[StoredFit], trained: Trained) -> None:
        """Store the results of a job in the trial: readable ones, and for later fits."""
        self._trained[job.number] = trained
        trial = self._open.get(job.number)
        if trial is None:  # the trial was read from the study, or has ended
            return
        jobs = self._rows.setdefault(job.number, [])
        jobs.append(rows)
        attributes = {
            FITS: [[list(row) for row in rows] for rows in jobs],
            "fold_scores": {
                f"{fold}" if not repeat else f"{fold}, repeat {repeat}": _finite(score)
                for (fold, repeat), score in self._last_scores(job.number).items()
            },
            "fit_time": sum(fit.result["fit_time"] for fit in trained.fits.values()),
            "score_time": sum(fit.result["score_time"] for fit in trained.fits.values()),
            "status": trained.status,
        }
        if trained.n_epochs is not None:
            attributes["n_epochs"] = trained.mean_n_epochs
        if error := first_error(job.fits, [result_of(row) for row in rows]):
            attributes["error"] = error
        for name, value in attributes.items():
            trial.set_user_attr(name, value)

    def is_finished(self, number: int) -> bool:
        """Return whether a candidate is trained completely."""
        return self._trained[number].status == FINISHED

    def report(self, number: int, step: int, score: float) -> None:
        """Report a score. A Wilcoxon pruner receives the scores of single folds instead."""
        trial = self._open[number]
        if not isinstance(self.study.pruner, WilcoxonPruner):
            trial.report(score, step)
            return
        for place, score_of_fit in enumerate(self._last_scores(number).values()):
            if place not in self._reported.setdefault(number, set()):
                trial.report(score_of_fit, place)
                self._reported[number].add(place)

    def should_prune(self, number: int) -> bool:
        """Return whether the pruner stops the trial of a candidate."""
        return self._open[number].should_prune()

    def end(self, number: int, state: TrialState, score: float | None = None) -> None:
        """End the trial of a candidate."""
        trial = self._open.pop(number)
        try:
            self.study.tell(trial, score, state)
        except RuntimeError:
            # A sampler without further proposals stops the study, which raises an error
            # outside of `optimize`. The trial has ended nevertheless.
            if not self.study.get_trials(deepcopy=False)[trial.number].state.is_finished():
                raise
            self._is_exhausted = True

    def is_open(self, number: int) -> bool:
        """Return whether the trial of a candidate has not ended."""
        return number in self._open

    def close(self) -> None:
        """End all open trials, so that they are not left running in the study."""
        for number in list(self._open):
            trained = self._trained.get(number)
            if trained is not None and trained.status == FAILED:
                self.end(number, TrialState.FAIL)
            elif trained is not None and trained.status == FINISHED:
                score = statistics.fmean(self._last_scores(number).values())
                self.end(number, TrialState.COMPLETE, score)
            else:
                trial = self._open.pop(number)
                _interrupt(self.study, trial.number, trial.set_user_attr)

    def interrupt_lost(self) -> None:
        """End the trials of processes of this machine that have died.

        On Windows this cannot be checked, and all processes count as running.
        """
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            host, _, pid = trial.user_attrs.get(WORKER, "").rpartition(":")
            if host == socket.gethostname() and not _runs(int(pid)):
                own = Trial(self.study, trial._trial_id)
                _interrupt(self.study, trial.number, own.set_user_attr)

    def adopt(self) -> Iterator[tuple[int, dict[str, Any], list[tuple[Job, list[Result]]]]]:
        """Add the candidates of the study that other fits have evaluated.

        Yields
        ------
        number : int
            Number of the candidate.
        params : dict
            Hyperparameters.
        jobs : list of (Job, list of dict)
            Jobs with their results.
        """
        known = set(self.numbers)
        for trial in self.study.get_trials(deepcopy=False):
            if trial.number in known or not _counts(trial) or not trial.state.is_finished():
                continue
            number = len(self.numbers)
            self.numbers.append(trial.number)
            params = {
                name: self._parameters[name].value(trial.params[name])
                for name in self._space.names
                if name in trial.params
            }
            yield number, params, list(_jobs_of(number, params, trial))

    def _last_scores(self, number: int) -> dict[Fit, float]:
        fits = self._trained[number].fits
        return {fit: self._metric(fits[fit].segments[-1]) for fit in sorted(fits)}

    def _n_counted(self) -> int:
        return sum(map(_counts, self.study.get_trials(deepcopy=False)))


def rows_of(job: Job, outcome: list[Result]) -> list[StoredFit]:
    """Convert the results of a job to plain values, before a candidate modifies them."""
    options = job.options or [{}] * len(job.fits)
    return [
        stored_fit(fit, more.get("share", 1.0), result, None)
        for fit, result, more in zip(job.fits, outcome, options, strict=True)
    ]


def this_process() -> str:
    """Return an identifier of this process, "host:pid"."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _counts(trial: FrozenTrial) -> bool:
    """Return whether a trial is a candidate of a search, and was not interrupted."""
    return WORKER in trial.user_attrs and INTERRUPTED not in trial.user_attrs


def _interrupt(study: Study, number: int, set_user_attr: Any) -> None:
    try:
        set_user_attr(INTERRUPTED, True)
        study.tell(number, state=TrialState.FAIL)
    except (UpdateFinishedTrialError, ValueError, RuntimeError):
        pass  # another process has ended the trial, or the sampler stops the study


def _jobs_of(
    number: int, params: dict[str, Any], trial: FrozenTrial
) -> Iterator[tuple[Job, list[Result]]]:
    for rows in trial.user_attrs.get(FITS, ()):
        stored = [StoredFit(*row) for row in rows]
        fits = [Fit(fit.fold, fit.repeat) for fit in stored]
        options = [{"share": fit.share} for fit in stored]
        job = Job(number, params, fits, (), options=options)
        yield job, [result_of(fit) for fit in stored]


def _finite(score: float) -> float | None:
    return float(score) if math.isfinite(score) else None


def _runs(pid: int) -> bool:
    if os.name == "nt":  # signal 0 is Ctrl-C on Windows
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
