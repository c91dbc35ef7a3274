"""Budget rule that takes its decisions from an Optuna study."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from optuna.trial import TrialState

from skkeras_search.budgets.rule import BudgetRule, Candidate, Step
from skkeras_search.budgets.rung import Rung
from skkeras_search.interop.optuna.trials import Trials
from skkeras_search.space import Space


class OptunaRule(BudgetRule):
    """Rule that starts what the sampler proposes, and continues until the pruner stops it.

    Parameters
    ----------
    space : Space
        Search space.
    n_folds : int
        Number of folds.
    rungs : list of Rung
        Points at which scores are reported.
    steps : list of int
        Step that is reported to Optuna, for each rung.
    n_iter : int
        Number of candidates.
    trials : Trials
        Trials of the study.
    """

    def __init__(
        self,
        space: Space,
        n_folds: int,
        rungs: list[Rung],
        steps: list[int],
        n_iter: int,
        trials: Trials,
    ):
        super().__init__(space, n_folds, rungs, float(n_iter))
        self._steps, self._trials = steps, trials
        self._going_on: list[Candidate] = []

    def tell(self, step: Step, score: float, cost: float | None = None) -> None:
        """Receive the score of a candidate; see ``BudgetRule.tell``."""
        super().tell(step, score, cost)
        candidate, trials = self._candidates[step.number], self._trials
        if candidate.failed:
            trials.end(step.number, TrialState.FAIL)
            return
        trials.report(step.number, self._steps[step.rung], score)
        if step.rung == self._last or trials.is_finished(step.number):
            trials.end(step.number, TrialState.COMPLETE, score)
        elif trials.should_prune(step.number):
            trials.end(step.number, TrialState.PRUNED)
        else:
            self._going_on.append(candidate)

    def add(self, params: dict[str, Any], cost: float) -> None:
        """Add a candidate of the study; it may be outside of a changed space."""
        number = len(self._candidates)
        self._candidates.append(Candidate(number, params, np.empty(0), {}, cost, cost))

    def _choose(self) -> tuple[Candidate, int] | None:
        if self._going_on:
            candidate = self._going_on.pop(0)
            return candidate, candidate.rung + 1
        params = self._trials.begin()
        if params is None:
            return None
        candidate = self._begin(self.space.encode(params))
        candidate.params = params  # encoding may have rounded them
        return candidate, 0


def steps_of(rungs: Iterable[Rung], n_folds: int, whole: int) -> list[int]:
    """Return an increasing step for each rung.

    Parameters
    ----------
    rungs : iterable of Rung
        Points at which scores are reported.
    n_folds : int
        Number of folds.
    whole : int
        Approximate step of a complete training, with all folds and all epochs.

    Returns
    -------
    list of int
        Steps, which are at least 1.

    Examples
    --------
    >>> from skkeras_search.budgets.rung import Rung
    >>> from skkeras_search.interop.optuna.rule import steps_of
    >>> steps_of([Rung(3, 1 / 9), Rung(3, 1 / 3), Rung(3, 1.0)], n_folds=3, whole=27)
    [3, 9, 27]
    """
    steps: list[int] = []
    for rung in rungs:
        step = round(whole * rung.share * rung.n_folds / n_folds)
        steps.append(max(step, steps[-1] + 1 if steps else 1))
    return steps
