"""Hyperband: many candidates with little training, and fewer and fewer with more."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from skkeras_search.budgets.rule import BudgetRule, Candidate, Step, checked_n_folds
from skkeras_search.budgets.rung import Rung, is_whole
from skkeras_search.samplers import BayesianSampler, RandomSampler, Sampler
from skkeras_search.samplers.one_thread import one_thread
from skkeras_search.space import Space


@dataclass
class Bracket:
    """One run of successive halving.

    Attributes
    ----------
    rung : int
        The current rung.
    sizes : list of int
        Number of candidates at this rung and at each later one.
    members : list of Candidate
        The candidates at this rung that have begun.
    is_full : bool
        Whether no more candidates begin in this bracket.
    """

    rung: int
    sizes: list[int]
    members: list[Candidate] = field(default_factory=list)
    is_full: bool = False


class Hyperband(BudgetRule):
    """Run brackets of successive halving that differ in how early they begin to select.

    A bracket begins with many candidates and little training. From rung to rung it
    continues with the best candidates: fewer by ``factor``, and trained longer by
    ``factor``, until some are trained to the end. The first bracket begins with the least
    training, and the last one trains all candidates to the end. Candidates are promoted
    when all scores of a rung are reported. Meanwhile the next bracket may begin. Candidates
    that failed are never promoted. All folds are trained at each rung.

    Parameters
    ----------
    space : Space or mapping
        The search space. A mapping is converted by ``Space``.
    n_folds : int
        Number of folds of the cross-validation.
    max_epochs : int, default=81
        Number of epochs of a candidate that is trained to the end.
    min_epochs : int, default=1
        Smallest number of epochs after which candidates are compared.
    factor : float, default=3
        Factor by which the number of candidates falls and their training rises from one
        rung to the next; at least 2.
    sampler : {"random", "bayes"}, default="random"
        How candidates are proposed. "random" draws them at random. "bayes" uses a
        ``BayesianSampler`` that learns from the scores of the highest rung that has at
        least three scores more than there are dimensions, or of the first rung if there is
        none. This is BOHB's rule, but BOHB draws from density estimates.
    n_iterations : int, default=1
        Number of times that all brackets are run, each time with other candidates.
    random_state : int, RandomState instance or None, default=None
        Seed of all random numbers.

    Attributes
    ----------
    space : Space
        The search space.
    rungs : list of Rung
        The rungs, from the cheapest to all folds and all epochs.
    budget : float
        Cost of all steps without early stopping, in full evaluations.
    spent : float
        Cost of all steps so far, in full evaluations: the reported cost, and the planned
        cost of pending steps.
    pending : list of Step
        Steps that were proposed and whose scores were not reported yet.
    best : int or None
        Number of the candidate with the best score at the last rung.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: A Novel Bandit-Based
    Approach to Hyperparameter Optimization", JMLR 18, 2018. Here candidates continue with
    their current weights, so that a rung costs only the additional training.

    For ``sampler="bayes"``: Falkner, Klein and Hutter, "BOHB: Robust and Efficient
    Hyperparameter Optimization at Scale", ICML 2018.

    Examples
    --------
    >>> from skkeras_search.budgets.hyperband import Hyperband
    >>> rule = Hyperband({"x": (-1.0, 2.0)}, n_folds=3, max_epochs=9, random_state=0)
    >>> [round(27 * rung.share) for rung in rule.rungs]
    [3, 9, 27]
    >>> scores = {}
    >>> while (step := rule.ask()) is not None:
    ...     scores[step.number] = -((step.params["x"] - 1) ** 2)
    ...     rule.tell(step, scores[step.number])
    >>> rule.best == max(scores, key=scores.get)
    True
    """

    def __init__(
        self,
        space: Space | Mapping[str, Any],
        n_folds: int,
        max_epochs: int = 81,
        min_epochs: int = 1,
        factor: float = 3,
        sampler: Literal["random", "bayes"] = "random",
        n_iterations: int = 1,
        random_state: Any = None,
    ):
        if not is_whole(n_iterations, 1):
            raise ValueError(
                f"n_iterations must be a whole number >= 1, got {n_iterations!r}."
            )
        n_folds = checked_n_folds(n_folds)
        n_rungs = _n_rungs(max_epochs, min_epochs, factor)
        rungs = [Rung(n_folds, float(factor) ** -k) for k in reversed(range(n_rungs))]
        sizes = [_sizes(n_rungs, first, factor) for first in range(n_rungs)]
        shares = [rung.share for rung in rungs]
        budget = sum(
            float(np.dot(of_bracket, np.diff(shares[first:], prepend=0.0)))
            for first, of_bracket in enumerate(sizes)
        )
        super().__init__(space, n_folds, rungs, n_iterations * budget, random_state)
        self._brackets = [
            Bracket(first, sizes[first])
            for _ in range(n_iterations)
            for first in range(n_rungs)
        ]
        self._samplers = self._of_rungs(sampler)

    def tell(self, step: Step, score: float, cost: float | None = None) -> None:
        """Report the score of a candidate; see ``BudgetRule.tell``."""
        super().tell(step, score, cost)
        # A candidate that failed would have failed at higher rungs, too.
        above = step.rung + 1 if math.isfinite(score) else None
        for sampler in self._samplers[step.rung : above]:
            sampler.tell(self._candidates[step.number].params, score)

    def _of_rungs(self, sampler: str) -> list[Sampler]:
        """Return a sampler for each rung, or a single one that learns nothing."""
        if sampler == "random":
            return [RandomSampler(self.space, self._rng.integers(2**31))]
        if sampler == "bayes":
            return [
                BayesianSampler(
                    self.space, self._rng.integers(2**31), "maximize", self._enough
                )
                for _ in self.rungs
            ]
        raise ValueError(f"sampler must be 'random' or 'bayes', got {sampler!r}.")

    @property
    def _enough(self) -> int:
        """Number of scores of a rung from which a sampler learns."""
        return len(self.space) + 3

    def _choose(self) -> tuple[Candidate, int] | None:
        for bracket in self._brackets:
            candidate = self._begin_in(bracket) or self._next_in(bracket)
            if candidate is not None:
                return candidate, bracket.rung
        return None

    def _begin_in(self, bracket: Bracket) -> Candidate | None:
        if bracket.is_full:
            return None
        candidate = self._new()
        if candidate is not None:
            bracket.members.append(candidate)
        bracket.is_full = candidate is None or len(bracket.members) == bracket.sizes[0]
        return candidate

    def _promote(self, bracket: Bracket) -> None:
        """If a rung is complete, continue with its best candidates at the next rung."""
        is_complete = bracket.is_full and all(
            bracket.rung in candidate.scores for candidate in bracket.members
        )
        if is_complete and bracket.rung < self._last:
            good = [candidate for candidate in bracket.members if not candidate.failed]
            good.sort(key=lambda candidate: -candidate.scores[bracket.rung])
            bracket.rung += 1
            bracket.sizes = bracket.sizes[1:]
            bracket.members = good[: bracket.sizes[0]]

    def _next_in(self, bracket: Bracket) -> Candidate | None:
        self._promote(bracket)
        for candidate in bracket.members:
            if candidate.rung < bracket.rung and candidate.number not in self._pending:
                return candidate
        return None

    def _new(self) -> Candidate | None:
        n_scores = [
            sum(math.isfinite(c.scores.get(rung, math.nan)) for c in self._candidates)
            for rung in range(len(self._samplers))
        ]
        enough = [rung for rung, n in enumerate(n_scores) if n >= self._enough]
        sampler = self._samplers[max(enough, default=0)]
        with one_thread():
            asked = sampler.ask()
        if not asked:
            return None
        for other in self._samplers:
            if other is not sampler:
                other.add_pending(asked[0])
        return self._begin(self.space.encode(asked[0]))


def _n_rungs(max_epochs: int, min_epochs: int, factor: float) -> int:
    if not is_whole(min_epochs, 1):
        raise ValueError(f"min_epochs must be a whole number >= 1, got {min_epochs!r}.")
    if not is_whole(max_epochs, int(min_epochs)):
        raise ValueError(
            f"max_epochs must be a whole number >= min_epochs, which is {min_epochs}, got "
            f"{max_epochs!r}."
        )
    if not 2 <= factor < math.inf:
        raise ValueError(f"factor must be a finite number >= 2, got {factor!r}.")
    n = 1
    while min_epochs * factor**n <= max_epochs:
        n += 1
    return n


def _sizes(n_rungs: int, first: int, factor: float) -> list[int]:
    """Return the number of candidates at each rung of the bracket that begins at ``first``.

    These are lines 3 and 5 of algorithm 1 of the paper.
    """
    s = n_rungs - 1 - first
    # Rounding errors must not change a whole number by one.
    n = math.ceil(n_rungs * factor**s / (s + 1) - 1e-9)
    return [math.floor(n / factor**i + 1e-9) for i in range(s + 1)]
