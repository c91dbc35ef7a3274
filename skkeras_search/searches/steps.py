"""The steps of a budget rule, as jobs of a search."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from skkeras_search.budgets.rule import BudgetRule, Step
from skkeras_search.searches.earlier import Earlier
from skkeras_search.searches.jobs import Fit, Job, Result, all_fits, fit_task
from skkeras_search.searches.progress import Standing
from skkeras_search.searches.segments import fit_segment
from skkeras_search.searches.spaces import named_choices_of
from skkeras_search.searches.trained import Segments, Trained
from skkeras_search.statuses import FAILED, FINISHED


@dataclass(eq=False)
class Pending:
    """A step whose outcome the rule does not know yet.

    Attributes
    ----------
    step : Step
        The step.
    job : Job
        The fits that have not reached the rung of the step yet.
    planned : float
        Maximum cost of the step, in whole fits.
    cost : float
        Cost of the step. NaN before the outcome has arrived.
    """

    step: Step
    job: Job
    planned: float
    cost: float = math.nan

    @property
    def has_arrived(self) -> bool:
        """Whether the outcome has arrived."""
        return not math.isnan(self.cost)


class StepProposals:
    """Propose the steps of a rule, and report outcomes to it in the order of the steps.

    An outcome is reported when the rule needs it, not when it arrives. So each step is
    chosen without the outcomes of a fixed number of steps before it, and the search does
    not depend on where and how fast steps run.

    Parameters
    ----------
    search : BudgetSearch
        The search, which holds the candidates.
    rule : BudgetRule
        The rule that decides.
    task : CallbackContext
        The task of the search, for scikit-learn's callbacks.
    n_points : int
        Maximum number of steps whose outcome the rule does not know.
    """

    n_candidates = "?"  # not known in advance

    def __init__(self, search: Any, rule: BudgetRule, task: Any, n_points: int):
        self._search, self._rule, self._task = search, rule, task
        self._n_points = n_points
        self._untold: deque[Pending] = deque()
        self._unreported: deque[Pending] = deque()
        self._n_begun = 0
        self._n_all = len(search._all_fits())
        self._best, self._spent = -np.inf, 0.0
        self.stops = False

    def propose(self) -> Job | None:
        """Return the job of the next step, or None if there is none now."""
        while not self.stops:
            is_full = len(self._untold) == self._n_points
            step = None if is_full else self._rule.ask()
            if step is None:
                if not self._untold or not self._untold[0].has_arrived:
                    return None
                self._tell_rule(self._untold.popleft())
                continue
            pending = self._begin(step)
            self._untold.append(pending)
            self._unreported.append(pending)
            if pending.job.fits:
                return pending.job
            pending.cost = 0.0  # callbacks of Keras have stopped all of its fits before
            self._report()
        return None

    def tell(self, job: Job, outcome: list[Result]) -> bool:
        """Receive an outcome; return whether to stop."""
        (pending,) = (pending for pending in self._unreported if pending.job is job)
        candidate = self._search._trained[job.number]
        pending.cost = (
            pending.planned  # otherwise a search in which all fits fail would not end
            if candidate.status == FAILED
            else sum(candidate.fits[fit].so_far.cost for fit in job.fits)
        )
        self._report()
        return self.stops

    def adopt(self, earlier: list[Earlier]) -> None:
        """Reuse the candidates of an earlier search that are in the space."""
        search, rule = self._search, self._rule
        choices = named_choices_of(rule.space)
        for candidate in earlier:
            params = candidate.params_in(choices)
            if params is None or params not in rule.space:
                continue
            number, scores, cost = len(search._trained), {}, 0.0
            for job, outcome in search._recorder.adopt(candidate, number, params):
                search._record(job, outcome)
                trained: Trained = search._trained[number]
                cost += sum(trained.fits[fit].so_far.cost for fit in job.fits)
                step = Step(number, params, self._rung_of(trained))
                scores[step.rung] = self._score(step)
            rule.know(params, scores, cost / self._n_all)

    def _rung_of(self, trained: Trained) -> int:
        """Return the last rung that a candidate has reached."""
        shares = {fit: segments.share for fit, segments in trained.fits.items()}
        return max(
            number
            for number, rung in enumerate(self._rule.rungs)
            if all(
                shares.get(fit, 0.0) >= rung.share
                for fit in all_fits(rung.n_folds, self._search.n_repeats)
            )
        )

    def job_to_finish(self, number: int) -> Job:
        """Return the job that finishes a candidate, independently of the rule."""
        candidate: Trained = self._search._trained[number]
        return self._begin(Step(number, candidate.params, len(self._rule.rungs) - 1)).job

    def _tell_rule(self, pending: Pending) -> None:
        step = pending.step
        self._rule.tell(step, self._score(step), pending.cost / self._n_all)
        under_way = {pending.step.number for pending in self._untold}
        self._search._save_memory(under_way)

    def _report(self) -> None:
        """Show outcomes that have arrived, and tell callbacks, in the order of steps."""
        while self._unreported and self._unreported[0].has_arrived:
            pending = self._unreported.popleft()
            step = pending.step
            score = self._score(step)
            candidate = self._search._trained[step.number]
            if candidate.status == FINISHED:
                self._best = np.fmax(self._best, score)
            self._spent += pending.cost / self._n_all
            standing = Standing(
                self._spent, self._rule.budget, float(self._best), "evaluations"
            )
            after = f" after {candidate}"
            self._search._show(candidate.params, score, standing, after)
            self.stops |= self._search._advance(standing)

    def _score(self, step: Step) -> float:
        candidate: Trained = self._search._trained[step.number]
        if candidate.status == FAILED:
            return np.nan
        fits = all_fits(self._rule.rungs[step.rung].n_folds, self._search.n_repeats)
        score: float = self._search._score(
            [candidate.fits[fit].segments[-1] for fit in fits]
        )
        return score

    def _begin(self, step: Step) -> Pending:
        rung = self._rule.rungs[step.rung]
        candidate = self._search._trained.get(step.number)
        begun: dict[Fit, Segments] = candidate.fits if candidate else {}
        shares = {fit: segments.share for fit, segments in begun.items()}
        fits = [
            fit
            for fit in all_fits(rung.n_folds, self._search.n_repeats)
            if shares.get(fit, 0.0) < rung.share
        ]
        options = [
            {
                "share": rung.share,
                "max_epochs": self._search.max_epochs,
                "before": begun[fit].so_far if fit in begun else None,
            }
            for fit in fits
        ]
        tasks = [fit_task(self._task, self._n_begun + n) for n in range(len(fits))]
        self._n_begun += len(fits)
        job = Job(step.number, step.params, fits, tasks, fit_segment, options)
        planned = sum(rung.share - shares.get(fit, 0.0) for fit in fits)
        return Pending(step, job, planned)


class OneJob:
    """Propose a single job."""

    n_candidates = "?"

    def __init__(self, job: Job):
        self._left = [job]

    def propose(self) -> Job | None:
        """Return the job, once."""
        return self._left.pop() if self._left else None

    def tell(self, job: Job, outcome: list[Result]) -> bool:
        """Continue: there is no other job."""
        return False
