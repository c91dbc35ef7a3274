"""The steps of a rule do not depend on the order in which outcomes arrive."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from skkeras_search.budgets.freeze_thaw import FreezeThaw
from skkeras_search.budgets.hyperband import Hyperband
from skkeras_search.searches.jobs import all_fits
from skkeras_search.searches.so_far import SoFar
from skkeras_search.searches.steps import StepProposals
from skkeras_search.searches.trained import Segments, Trained

N_FOLDS = 3


class Task:
    def subcontext(self, **kwargs):
        return self


class Search:
    """What steps want of a search; scores are a function of the candidate."""

    n_splits_, n_repeats, max_epochs = N_FOLDS, 1, None

    def __init__(self):
        self._trained, self.steps, self.standings = {}, [], []

    def _all_fits(self):
        return all_fits(N_FOLDS, 1)

    def _score(self, results):
        return float(np.mean([result["test_scores"] for result in results]))

    def _show(self, *args): ...

    def _save_memory(self, under_way): ...

    def _advance(self, standing):
        self.standings.append(standing)
        return False

    def train(self, job):
        new = Trained(job.params, N_FOLDS, 1)
        candidate = self._trained.setdefault(job.number, new)
        outcome = []
        for fit, options in zip(job.fits, job.options, strict=True):
            share, x = options["share"], job.params["x"]
            stops = 0.5 < x < 0.6  # as by a callback
            before = candidate.fits[fit].share if fit in candidate.fits else 0.0
            result = {
                "test_scores": -((x - 0.3) ** 2) - (1 - share) * x - 0.01 * fit.fold,
                "fit_error": None,
                "so_far": SoFar(1, 9, share - before, share == 1 or stops),
            }
            segments = candidate.fits.setdefault(fit, Segments())
            segments.add(share, result, 0.0)
            outcome.append(result)
        self.steps.append((job.number, job.params, len(job.fits)))
        return outcome


def run(rule, n_points, order):
    search, under_way = Search(), []
    proposals = StepProposals(search, rule, Task(), n_points)
    proposed = []
    while True:
        while (job := proposals.propose()) is not None:
            under_way.append(job)
            proposed.append((job.number, job.params, tuple(job.fits)))
            if order.uniform() < 0.3:  # a slow proposer: something arrives meanwhile
                break
        if not under_way:
            return proposed, search
        job = under_way.pop(order.integers(len(under_way)))
        proposals.tell(job, search.train(job))


RULES = {
    "freeze-thaw": lambda: FreezeThaw(
        {"x": (0.0, 1.0), "z": ["a", "b"]}, N_FOLDS, budget=4, random_state=0
    ),
    "hyperband": lambda: Hyperband(
        {"x": (0.0, 1.0)}, N_FOLDS, max_epochs=9, sampler="bayes", random_state=0
    ),
}


@given(st.sampled_from(sorted(RULES)), st.integers(1, 6), st.integers(0, 2**31))
@settings(deadline=None, max_examples=12)
def test_the_order_of_arrival_changes_nothing(name, n_points, seed):
    expected, alone = run(RULES[name](), n_points, np.random.default_rng(0))
    found, other = run(RULES[name](), n_points, np.random.default_rng(seed))
    assert found == expected
    assert other.standings == alone.standings


def test_no_more_are_under_way_than_points():
    rule = RULES["hyperband"]()
    proposals = StepProposals(Search(), rule, Task(), 3)
    assert [proposals.propose() is None for _ in range(4)] == [False, False, False, True]
