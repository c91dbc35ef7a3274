"""Freeze-thaw Bayesian optimization: promising candidates continue, others are paused."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from skkeras_search.budgets.levels import onto_last
from skkeras_search.budgets.rule import BudgetRule, Candidate, Step, checked_n_folds
from skkeras_search.budgets.rung import checked_rungs, epoch_rungs
from skkeras_search.samplers.acquisition import LogExpectedImprovement
from skkeras_search.samplers.bayesian import LEAST_IMPROVEMENT
from skkeras_search.samplers.gaussian_process import GaussianProcess
from skkeras_search.samplers.initial_design import InitialDesign, checked_n_initial
from skkeras_search.samplers.maximizer import Maximizer
from skkeras_search.samplers.one_thread import one_thread
from skkeras_search.samplers.sampler import draw_new, key_of
from skkeras_search.samplers.values import standardized
from skkeras_search.space import Space

# Maximum number of scores that the Gaussian process is conditioned on.
MOST_ROWS = 120
# The hyperparameters of the process are fitted again when the number of scores has grown by
# this factor.
GROWTH = 1.2
# Smallest share of the planned cost that is expected with early stopping.
LEAST_PACE = 0.01
# Tolerance relative to the budget: rounding must not prevent the last step.
ROUNDING = 1e-9


class FreezeThaw(BudgetRule):
    """Train the candidate with the most expected improvement per remaining cost.

    Each step is either the first step of a new candidate, or the next step of a candidate
    that was paused at a lower rung. A Gaussian process over hyperparameters and rungs
    predicts the final score of each candidate. The rule chooses the candidate with the
    largest expected improvement over the best of those that came furthest, divided by the
    cost of all the training that it still lacks. Early stopping is taken into account: a
    candidate whose training stopped after half of its epochs is expected to continue at
    half the cost.

    The rule reserves enough of the budget to finish the most promising candidate, and
    trains no candidate that could not be finished besides it. So the end of the budget is
    spent on the most promising candidates that were begun, and at least one is finished.
    The budget is exceeded only if all candidates that could be finished within it failed,
    or if steps cost more than planned because fits cannot be continued.

    Candidates with a pending step are assumed to reach their predicted score, at the next
    rung and at the last.

    Parameters
    ----------
    space : Space or mapping
        The search space. A mapping is converted by ``Space``.
    n_folds : int
        Number of folds of the cross-validation.
    budget : float
        Maximum cost of all steps, in full evaluations (all folds and epochs of one
        candidate); at least 1.
    rungs : iterable of (int, float), default=None
        For each rung a number of folds, and the share of the epochs to which they are
        trained. Each rung has more folds or a larger share than the one before, and less of
        neither; the last has all folds and epochs. None stands for a ninth and a third of
        the epochs of one fold, all of them, and all folds.
    n_initial : int, default=None
        Number of initial candidates, before the Gaussian process chooses; at least 1. None
        stands for 5, or three for each branch of a conditional space, between 5 and 12 in
        all.
    random_state : int, RandomState instance or None, default=None
        Seed of all random numbers.

    Attributes
    ----------
    space : Space
        The search space.
    rungs : list of Rung
        The rungs, from the cheapest to all folds and all epochs.
    budget : float
        Maximum cost of all steps, in full evaluations.
    spent : float
        Cost of all steps so far, in full evaluations: the reported cost, and the planned
        cost of pending steps.
    pending : list of Step
        Steps that were proposed and whose scores were not reported yet.
    best : int or None
        Number of the candidate with the best score at the last rung.
    n_initial : int
        Number of initial candidates.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Notes
    -----
    With budgets of 5 to 50 full evaluations, a step takes 4 to 7 ms of one core.

    References
    ----------
    Swersky, Snoek and Adams, "Freeze-Thaw Bayesian Optimization", 2014. Their idea is used,
    but not their model of learning curves: as in Swersky, Snoek and Adams, "Multi-Task
    Bayesian Optimization", NeurIPS 2013, one process covers all rungs, whose scores are
    first rescaled onto each other.

    Examples
    --------
    >>> from skkeras_search.budgets.freeze_thaw import FreezeThaw
    >>> rule = FreezeThaw({"x": (-1.0, 2.0)}, n_folds=3, budget=5, random_state=0)
    >>> steps = []
    >>> while (step := rule.ask()) is not None:
    ...     lacking = 1 - rule.rungs[step.rung].share
    ...     rule.tell(step, -((step.params["x"] - 1) ** 2) - lacking)
    ...     steps.append(step)
    >>> abs(steps[-1].params["x"] - 1) < 0.3
    True
    >>> rule.spent <= 5
    True
    """

    def __init__(
        self,
        space: Space | Mapping[str, Any],
        n_folds: int,
        budget: float,
        rungs: Iterable[tuple[int, float]] | None = None,
        n_initial: int | None = None,
        random_state: Any = None,
    ):
        n_folds = checked_n_folds(n_folds)
        if not 1 <= budget < math.inf:
            raise ValueError(
                f"budget must be a finite number >= 1, of full evaluations, got {budget!r}."
            )
        rungs = epoch_rungs(n_folds) if rungs is None else checked_rungs(rungs, n_folds)
        super().__init__(space, n_folds, rungs, float(budget), random_state)
        self._design = InitialDesign(
            self.space, checked_n_initial(n_initial, least=1), self._rng
        )
        self.n_initial = self._design.n
        # The first candidate continues up to this rung before others are compared with it:
        # the last rung with as many folds as the first one.
        self._rung_of_first = max(
            k for k, rung in enumerate(rungs) if rung.n_folds == rungs[0].n_folds
        )
        self._known: set[bytes] = set()
        unordered = [not dimension.is_ordered for dimension in self.space]
        self._process = GaussianProcess(np.array([*unordered, False]))
        self._n_fitted = 0
        self._maximizer = Maximizer(self.space)

    def ask(self) -> Step | None:
        """Return the next step, or None; see ``BudgetRule.ask``."""
        state = self._rng.bit_generator.state, self._process.hyperparameters, self._n_fitted
        step = super().ask()
        if step is None:  # a call without a result must not change the state
            self._rng.bit_generator.state = state[0]
            self._process.hyperparameters, self._n_fitted = state[1:]
        return step

    def _choose(self) -> tuple[Candidate, int] | None:
        idle = [
            candidate
            for candidate in self._candidates
            if not candidate.failed
            and not self._is_finished(candidate)
            and candidate.number not in self._pending
        ]
        with one_thread():
            candidate = self._of_design(idle) or self._most_promising(idle)
        if candidate is None and idle and not self._pending and self.best is None:
            candidate = max(idle, key=lambda c: (c.rung, c.scores[c.rung]))
        return None if candidate is None else (candidate, candidate.rung + 1)

    def _of_design(self, idle: list[Candidate]) -> Candidate | None:
        """Return the first candidate until it has reached its rung, then new ones."""
        first = next((c for c in self._candidates if not c.failed), None)
        if first in idle and first.rung < self._rung_of_first:
            return first
        if len(self._candidates) < self.n_initial or not self._can_predict:
            return self._begin_new(self._drawn()) if self._can_pay(1.0) else None
        return None

    @property
    def _can_predict(self) -> bool:
        """Whether there are enough scores for the process to predict anything."""
        return sum(len(c.scores) for c in self._candidates if not c.failed) >= 2

    def _drawn(self) -> np.ndarray | None:
        def is_new(vector: np.ndarray) -> bool:
            return key_of(self.space, vector) not in self._known

        return draw_new(self.space, self._design.draw, is_new, self._rng)

    def _begin_new(self, vector: np.ndarray | None) -> Candidate | None:
        if vector is None:
            return None
        return self._begin(vector)

    def _begin(self, vector: np.ndarray) -> Candidate:
        self._known.add(key_of(self.space, vector))
        return super()._begin(vector)

    def _most_promising(self, idle: list[Candidate]) -> Candidate | None:
        """Return the candidate with the most expected improvement per remaining cost."""
        if not self._can_predict:
            return next((c for c in idle if self._can_pay(self._lacking(c))), None)
        begun = [c for c in self._candidates if c.scores and not c.failed]
        process = self._believing(self._fitted())
        mean, _ = process.predict(_at_the_end([c.vector for c in begun]))
        hope = self._hope(begun, mean)
        kept = self._lacking(hope) if hope else 0.0
        affordable = [
            c for c in idle if c is hope or self._can_pay(self._lacking(c) + kept)
        ]
        acquisition = self._acquisition(process, begun, mean)
        old, of_old = self._most_worth(affordable, acquisition)
        if not self._can_pay(1.0 + kept):
            return old
        seen = np.array([c.vector for c in begun])
        vector = self._maximizer.maximize(acquisition, seen, mean, self._known, self._rng)
        if vector is None:
            return old or self._begin_new(self._drawn())
        of_new = acquisition(vector[None])[0] - math.log(_pace(self._candidates))
        return old if of_old >= of_new else self._begin_new(vector)

    def _hope(self, begun: list[Candidate], mean: np.ndarray) -> Candidate | None:
        """Return the most promising unfinished candidate that can still be finished."""
        for index in np.argsort(mean, kind="stable"):
            lacking = self._lacking(begun[index])
            if lacking > 0 and self._can_pay(lacking):
                return begun[index]
        return None

    def _acquisition(
        self, process: GaussianProcess, begun: list[Candidate], mean: np.ndarray
    ) -> "_AtTheEnd":
        """Return the expected improvement at the last rung.

        It is measured from the best of the candidates that came furthest.
        """
        rungs = np.array([c.rung for c in begun])
        least = LEAST_IMPROVEMENT if self.space.is_conditional else 0.0
        best = mean[rungs == rungs.max()].min()
        return _AtTheEnd(LogExpectedImprovement(process, best - least))

    def _most_worth(
        self, affordable: list[Candidate], acquisition: "_AtTheEnd"
    ) -> tuple[Candidate | None, float]:
        """Return the candidate with the most improvement per cost, and its logarithm."""
        if not affordable:
            return None, -math.inf
        gains = acquisition(np.array([c.vector for c in affordable]))
        gains = gains - np.log([self._lacking(c) * _pace([c]) for c in affordable])
        return affordable[gains.argmax()], float(gains.max())

    def _lacking(self, candidate: Candidate) -> float:
        """Return the cost of finishing a candidate after its pending step.

        Early stopping is not taken into account.
        """
        step = self._pending.get(candidate.number)
        reached = candidate.rung if step is None else step.rung
        return 1.0 - (self._cost_to[reached] if reached >= 0 else 0.0)

    def _can_pay(self, cost: float) -> bool:
        return self.spent + cost <= self.budget * (1 + ROUNDING)

    def _coordinate(self, rung: int) -> float:
        """Return the coordinate of a rung: 0 for the first, 1 for the last."""
        return rung / self._last if self._last else 1.0

    def _fitted(self) -> GaussianProcess:
        """Return the process, conditioned on the scores of all rungs."""
        rows, values, n_scores = self._rows()
        values, noise = standardized(values, np.zeros(len(values)))
        if n_scores >= GROWTH * self._n_fitted:
            self._process.fit(rows, values, noise, restart=True)
            self._n_fitted = n_scores
        else:
            self._process.condition(rows, values, noise)
        return self._process

    def _rows(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Return points, values to minimize, and the number of scores."""
        table = np.full((len(self._candidates), len(self.rungs)), np.nan)
        for candidate in self._candidates:
            for rung, score in candidate.scores.items():
                table[candidate.number, rung] = -score
        largest = np.abs(table[np.isfinite(table)]).max() or 1.0  # squares may overflow
        values = onto_last(table / largest)
        scores = [(rung, c) for c in self._candidates for rung in c.scores]
        levels = np.array([rung for rung, _ in scores])
        order = np.lexsort([self._rng.uniform(size=len(scores)), -levels])
        kept = [scores[index] for index in order[:MOST_ROWS]]
        rows = [np.append(c.vector, self._coordinate(rung)) for rung, c in kept]
        return (
            np.array(rows),
            np.array([values[c.number, rung] for rung, c in kept]),
            len(scores),
        )

    def _believing(self, process: GaussianProcess) -> GaussianProcess:
        """Assume that pending candidates reach their predicted scores.

        The scores are assumed for the next rung and for the last one.
        """
        rows = [
            np.append(self._candidates[step.number].vector, coordinate)
            for step in self._pending.values()
            for coordinate in {self._coordinate(step.rung), 1.0}
        ]
        return process.believing(np.array(rows)) if rows else process


class _AtTheEnd:
    """An acquisition function of hyperparameters and rung, evaluated at the last rung.

    Parameters
    ----------
    acquisition : LogExpectedImprovement
        The acquisition function.
    """

    def __init__(self, acquisition: LogExpectedImprovement):
        self._acquisition = acquisition

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return self._acquisition(_at_the_end(X))

    def with_gradient(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values, gradients = self._acquisition.with_gradient(_at_the_end(X))
        return values, gradients[:, :-1]


def _at_the_end(vectors: Any) -> np.ndarray:
    """Return points of the joint space, at the last rung."""
    vectors = np.asarray(vectors)
    return np.column_stack([vectors, np.ones(len(vectors))])


def _pace(candidates: list[Candidate]) -> float:
    """Return the cost of the training of candidates, as a share of the planned cost."""
    planned = sum(candidate.planned for candidate in candidates)
    cost = sum(candidate.cost for candidate in candidates)
    return max(cost / planned, LEAST_PACE) if planned else 1.0
