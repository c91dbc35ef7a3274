"""The base of all budget rules: which candidate is trained next, and how far."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from skkeras_search.budgets.rung import Rung, is_whole
from skkeras_search.samplers.sampler import generator
from skkeras_search.space import Space


class Step(NamedTuple):
    """Training of one candidate, up to a rung.

    Attributes
    ----------
    number : int
        Number of the candidate: 0, 1, ... in the order in which candidates begin.
    params : dict
        Hyperparameters of the candidate.
    rung : int
        Index of the rung to which the candidate is to be trained.
    """

    number: int
    params: dict[str, Any]
    rung: int


@dataclass(eq=False)
class Candidate:
    """A configuration, and how far it is trained.

    Attributes
    ----------
    number : int
        Number of the candidate.
    params : dict
        Hyperparameters.
    vector : ndarray of shape (n_dimensions,)
        The encoded hyperparameters.
    scores : dict of int to float
        Scores by rung. Not finite if the candidate failed.
    cost : float
        Cost of its training so far, in full evaluations.
    planned : float
        Cost that its training would have had without early stopping.
    """

    number: int
    params: dict[str, Any]
    vector: np.ndarray
    scores: dict[int, float] = field(default_factory=dict)
    cost: float = 0.0
    planned: float = 0.0

    @property
    def rung(self) -> int:
        """The last rung that the candidate has reached, -1 for none."""
        return max(self.scores, default=-1)

    @property
    def failed(self) -> bool:
        """Whether its training failed."""
        return not all(map(math.isfinite, self.scores.values()))


class BudgetRule(ABC):
    """Decide which candidate is trained next, and how far.

    ``ask`` returns a step. Train the candidate in any way, and report its score by
    ``tell``. Several steps may be pending at the same time, and may be reported in any
    order. The proposals depend only on the order of these calls and on the seed. A rule can
    be pickled at any time, and continues as if it had not been.

    Parameters
    ----------
    space : Space or mapping
        The search space. A mapping is converted by ``Space``.
    n_folds : int
        Number of folds of the cross-validation.
    rungs : list of Rung
        The rungs, from the cheapest to all folds and all epochs.
    budget : float
        Maximum cost of all steps, in full evaluations: all folds and all epochs of one
        candidate.
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
    """

    def __init__(
        self,
        space: Space | Mapping[str, Any],
        n_folds: int,
        rungs: list[Rung],
        budget: float,
        random_state: Any = None,
    ):
        self.space = space if isinstance(space, Space) else Space(space)
        self.rungs = rungs
        self.budget = budget
        # Cost of each rung from the beginning. A step costs the difference, as training
        # continues.
        self._cost_to = [rung.n_folds * rung.share / n_folds for rung in rungs]
        self._rng = generator(random_state)
        self._candidates: list[Candidate] = []
        self._pending: dict[int, Step] = {}

    def ask(self) -> Step | None:
        """Return the next step.

        Returns
        -------
        Step or None
            None if a pending step must be reported before another one can begin. If none is
            pending, the search is over.
        """
        chosen = self._choose()
        if chosen is None:
            return None
        candidate, rung = chosen
        step = Step(candidate.number, dict(candidate.params), rung)
        self._pending[candidate.number] = step
        return step

    def tell(self, step: Step, score: float, cost: float | None = None) -> None:
        """Report the score of a candidate.

        Parameters
        ----------
        step : Step
            A pending step.
        score : float
            Mean score over the folds of the rung, to be maximized. NaN if the candidate
            failed. Then it is not trained any further.
        cost : float, default=None
            Actual cost of the step, in full evaluations of this candidate (all its folds
            and epochs are 1). Early stopping makes it smaller than planned. None stands for
            the planned cost.

        Raises
        ------
        ValueError
            If the step is not pending, or if the cost is negative or not finite.
        """
        pending = self._pending.get(step.number)
        if pending is None or pending.rung != step.rung:
            raise ValueError(
                f"step must be a pending step, one that ask returned and tell did not "
                f"receive yet, got {step!r}. Pending steps: {self.pending!r}."
            )
        if cost is not None and not 0 <= cost < math.inf:
            raise ValueError(f"cost must be None, or finite and >= 0, got {cost!r}.")
        candidate = self._candidates[step.number]
        planned = self._planned(candidate, step.rung)
        candidate.planned += planned
        candidate.cost += planned if cost is None else float(cost)
        candidate.scores[step.rung] = float(score)
        del self._pending[step.number]

    def know(
        self, params: Mapping[str, Any], scores: Mapping[int, float], cost: float
    ) -> int:
        """Report a candidate that was trained before.

        Parameters
        ----------
        params : mapping
            Hyperparameters, which must be in the space.
        scores : mapping of int to float
            Scores by rung; at least one.
        cost : float
            Cost of its training, in full evaluations. It counts as spent.

        Returns
        -------
        int
            The number of the candidate.
        """
        candidate = self._begin(self.space.encode(params))
        candidate.scores.update(scores)
        candidate.planned, candidate.cost = self._cost_to[max(scores)], cost
        return candidate.number

    @property
    def pending(self) -> list[Step]:
        """Steps that were proposed and whose scores were not reported yet."""
        return list(self._pending.values())

    @property
    def spent(self) -> float:
        """Cost of all steps so far, with the planned cost of pending steps."""
        told = sum(candidate.cost for candidate in self._candidates)
        return told + sum(
            self._planned(self._candidates[step.number], step.rung)
            for step in self._pending.values()
        )

    @property
    def best(self) -> int | None:
        """Number of the candidate with the best score at the last rung."""
        finished = [c for c in self._candidates if self._is_finished(c) and not c.failed]
        if not finished:
            return None
        return max(finished, key=lambda c: c.scores[self._last]).number

    @abstractmethod
    def _choose(self) -> tuple[Candidate, int] | None:
        """Return a candidate that is not pending, and a rung."""

    def _begin(self, vector: np.ndarray) -> Candidate:
        params = self.space.decode(vector)
        candidate = Candidate(len(self._candidates), params, self.space.encode(params))
        self._candidates.append(candidate)
        return candidate

    @property
    def _last(self) -> int:
        return len(self.rungs) - 1

    def _is_finished(self, candidate: Candidate) -> bool:
        return candidate.rung == self._last

    def _planned(self, candidate: Candidate, rung: int) -> float:
        """Return the cost of a step without early stopping."""
        return self._cost_to[rung] - candidate.planned


def checked_n_folds(n_folds: int) -> int:
    """Check a number of folds.

    Raises
    ------
    ValueError
        If it is not a whole number of at least 1.
    """
    if not is_whole(n_folds, 1):
        raise ValueError(f"n_folds must be a whole number >= 1, got {n_folds!r}.")
    return int(n_folds)
