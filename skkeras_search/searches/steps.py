"""The steps of a budget rule as jobs of a search."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from skkeras_search.budgets.rule import BudgetRule, Step
from skkeras_search.searches.jobs import Job, Result, fold_task
from skkeras_search.searches.progress import Standing
from skkeras_search.searches.segments import fit_segment
from skkeras_search.searches.trained import FAILED, FINISHED, Fold, Trained


@dataclass(eq=False)
class Pending:
    """A step whose outcome the rule does not know.

    Attributes
    ----------
    step : Step
    job : Job
        Of the folds that have something to train.
    cost : float or None
        In evaluations of one fold; None before the outcome has arrived.
    """

    step: Step
    job: Job
    cost: float | None = None


class StepProposals:
    """Propose the steps of a rule, and tell it the outcomes in the order of the steps.

    Parameters
    ----------
    search : BudgetSearch
        Has the candidates.
    rule : BudgetRule
    task : CallbackContext
        What scikit-learn's callbacks know of the search.
    most_pending : int
        Number of steps that the rule does not know the outcome of.
    """

    n_candidates = "?"  # nobody knows

    def __init__(self, search: Any, rule: BudgetRule, task: Any, most_pending: int):
        self._search, self._rule, self._task = search, rule, task
        self._most_pending = most_pending
        self._pending: deque[Pending] = deque()
        self._n_fits = 0
        self._best = -np.inf
        self._stops = False

    def propose(self) -> Job | None:
        """Give the job of the next step, if there is one now."""
        while len(self._pending) < self._most_pending and not self._stops:
            step = self._rule.ask()
            if step is None:
                return None
            pending = Pending(step, self._job(step))
            self._pending.append(pending)
            if pending.job.folds:
                return pending.job
            pending.cost = 0.0  # a callback has stopped all of its folds before
            self._tell_rule()
        return None

    def tell(self, job: Job, outcome: list[Result]) -> bool:
        """Take an outcome; give whether to stop."""
        (pending,) = (pending for pending in self._pending if pending.job is job)
        folds = self._search._candidates[job.number].folds
        pending.cost = sum(folds[k].so_far.cost for k in job.folds)
        self._tell_rule()
        return self._stops

    def _tell_rule(self) -> None:
        while self._pending and self._pending[0].cost is not None:
            pending = self._pending.popleft()
            step, cost = pending.step, pending.cost / self._search.n_splits_
            candidate: Trained = self._search._candidates[step.number]
            score = self._score(candidate, self._rule.rungs[step.rung].n_folds)
            self._rule.tell(step, score, cost)
            if candidate.status == FINISHED:
                self._best = np.fmax(self._best, score)
            standing = Standing(
                self._rule.spent, self._rule.budget, self._best, "evaluations"
            )
            self._search._print(candidate, score, standing)
            self._stops |= self._search._advance(standing)

    def _score(self, candidate: Trained, n_folds: int) -> float:
        if candidate.status == FAILED:
            return np.nan
        folds = [candidate.folds[k].segments[-1] for k in range(n_folds)]
        score: float = self._search._score(folds)
        return score

    def _job(self, step: Step) -> Job:
        rung = self._rule.rungs[step.rung]
        candidate = self._search._candidates.get(step.number)
        begun: dict[int, Fold] = candidate.folds if candidate else {}
        shares = {k: fold.share for k, fold in begun.items()}
        folds = [k for k in range(rung.n_folds) if shares.get(k, 0.0) < rung.share]
        options = [
            {
                "share": rung.share,
                "max_epochs": self._search.max_epochs,
                "before": begun[k].so_far if k in begun else None,
            }
            for k in folds
        ]
        tasks = [fold_task(self._task, self._n_fits + n) for n in range(len(folds))]
        self._n_fits += len(folds)
        return Job(step.number, step.params, folds, tasks, fit_segment, options)
