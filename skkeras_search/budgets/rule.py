"""What all budget rules have in common: which candidate is trained next, and how far."""

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
        Which candidate: 0, 1, ... in the order in which they begin.
    params : dict
        Its hyperparameters.
    rung : int
        Up to which of the rule's rungs.
    """

    number: int
    params: dict[str, Any]
    rung: int


@dataclass(eq=False)
class Candidate:
    """A configuration, and how far it has come.

    Attributes
    ----------
    number : int
    params : dict
    vector : ndarray of shape (n_dimensions,)
    scores : dict of int to float
        By rung. Not finite if the candidate failed.
    cost : float
        What its training cost so far, in full evaluations.
    planned : float
        What its training would have cost without early stopping.
    """

    number: int
    params: dict[str, Any]
    vector: np.ndarray
    scores: dict[int, float] = field(default_factory=dict)
    cost: float = 0.0
    planned: float = 0.0

    @property
    def rung(self) -> int:
        """The last rung that it has reached, -1 for none."""
        return max(self.scores, default=-1)

    @property
    def failed(self) -> bool:
        """Whether its training failed."""
        return not all(map(math.isfinite, self.scores.values()))


class BudgetRule(ABC):
    """Decide which candidate is trained next, and how far.

    Ask it for a step, train the candidate in any way, and tell the score. Several steps
    may be pending at once, and may be told in any order. What is asked depends on the
    order of these calls and on the seed, and on nothing else. A rule can be pickled at any
    time, and goes on as if it had not been.

    Parameters
    ----------
    space : Space or mapping
        What to search. A mapping is what ``Space`` takes.
    n_folds : int
    rungs : list of Rung
    budget : float
        In full evaluations: all folds and all epochs of one candidate.
    random_state : int, RandomState instance or None

    Attributes
    ----------
    space : Space
    rungs : list of Rung
        From the cheapest to all folds and all epochs.
    budget : float
        What all steps may cost, in full evaluations.
    spent : float
        What the steps have cost that were told, and are planned to cost that are pending,
        in full evaluations.
    pending : list of Step
        The steps that were asked and not told yet.
    best : int or None
        The number of the candidate with the best score at the last rung.
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
        # What each rung costs from the beginning; what was trained is kept.
        self._cost_to = [rung.n_folds * rung.share / n_folds for rung in rungs]
        self._rng = generator(random_state)
        self._candidates: list[Candidate] = []
        self._pending: dict[int, Step] = {}

    def ask(self) -> Step | None:
        """Give the next step.

        Returns
        -------
        Step or None
            None if a pending step must be told before another may begin. If none is
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
        """Learn how good a candidate is.

        Parameters
        ----------
        step : Step
            One that was asked and not told yet.
        score : float
            Mean over the folds of the rung, to be maximised. Not a number if the
            candidate failed; it is not trained any further then.
        cost : float, optional
            What the step really cost, in full evaluations of this candidate: all its folds
            and epochs are 1. Early stopping makes it less than was planned. If not given,
            it is as planned.

        Raises
        ------
        ValueError
            If the step is not pending, or the cost is negative or not finite.
        """
        pending = self._pending.get(step.number)
        if pending is None or pending.rung != step.rung:
            raise ValueError(
                f"step must be one that was asked and not told yet, got {step!r}; pending "
                f"are {self.pending!r}."
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
        """Learn of a candidate that was trained before.

        Parameters
        ----------
        params : mapping
            In the space.
        scores : mapping of int to float
            By rung; at least one.
        cost : float
            What its training has cost, in full evaluations. It counts as spent.

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
        """The steps that were asked and not told yet."""
        return list(self._pending.values())

    @property
    def spent(self) -> float:
        """What the steps have cost, or are planned to cost while they are pending."""
        told = sum(candidate.cost for candidate in self._candidates)
        return told + sum(
            self._planned(self._candidates[step.number], step.rung)
            for step in self._pending.values()
        )

    @property
    def best(self) -> int | None:
        """The number of the candidate with the best score at the last rung."""
        finished = [c for c in self._candidates if self._is_finished(c) and not c.failed]
        if not finished:
            return None
        return max(finished, key=lambda c: c.scores[self._last]).number

    @abstractmethod
    def _choose(self) -> tuple[Candidate, int] | None:
        """Give a candidate that is not pending, and a rung."""

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
        """What a step costs without early stopping."""
        return self._cost_to[rung] - candidate.planned


def checked_n_folds(n_folds: int) -> int:
    """Refuse what is no number of folds.

    Raises
    ------
    ValueError
        If it is not a whole number of at least 1.
    """
    if not is_whole(n_folds, 1):
        raise ValueError(f"n_folds must be a whole number >= 1, got {n_folds!r}.")
    return int(n_folds)
