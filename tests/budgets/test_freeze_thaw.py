import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skkeras_search.budgets.freeze_thaw import FreezeThaw
from skkeras_search.samplers import RandomSampler

from .problems import CONDITIONAL, MIXED, any_score, curve, final, run


def search(budget=5, seed=0, **arguments):
    return FreezeThaw(MIXED, 3, budget=budget, random_state=seed, **arguments)


def found(rule, **arguments):
    asked = run(rule, curve, **arguments)
    return final(next(step.params for step in asked if step.number == rule.best))


@pytest.mark.parametrize("n_pending", [1, 4])
def test_is_much_better_than_random_search(n_pending):
    def of_random(seed):
        sampler = RandomSampler(MIXED, random_state=seed)
        return max(final(params) for params in sampler.ask(10))

    ours = np.median([found(search(10, s), n_pending=n_pending) for s in range(5)])
    others = np.median([of_random(seed) for seed in range(25)])
    assert ours > others / 2


def test_the_first_goes_up_and_the_others_begin():
    asked = run(search(), most=7)
    assert [(step.number, step.rung) for step in asked] == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
        (2, 0),
        (3, 0),
        (4, 0),
    ]


def test_if_the_first_fails_the_next_goes_up():
    rule = search()
    for score in (math.nan, 1.0):
        rule.tell(rule.ask(), score)
    step = rule.ask()
    assert (step.number, step.rung) == (1, 1)


@given(
    budget=st.floats(1, 6),
    share=st.floats(0.05, 1),
    n_pending=st.integers(1, 4),
    seed=st.integers(0, 9),
)
@settings(max_examples=20, deadline=None)
def test_the_budget_is_kept_and_something_is_finished(budget, share, n_pending, seed):
    rule = search(budget, seed)
    planned = [1 / 27, 2 / 27, 2 / 9, 2 / 3]
    run(rule, n_pending=n_pending, cost=lambda step: share * planned[step.rung])
    assert rule.spent <= budget * (1 + 1e-6)
    assert rule.best is not None


def test_a_budget_of_one_finishes_one():
    asked = run(search(1))
    assert [(step.number, step.rung) for step in asked] == [(0, rung) for rung in range(4)]


def test_more_is_spent_only_if_what_could_be_paid_failed():
    def score(params, rung):
        if rung == (3, 1.0) and not survivors:
            survivors.append(params)
            return math.nan
        return any_score(params, rung)

    survivors: list = []
    rule = search(1.4)
    run(rule, score)
    assert rule.best is not None
    assert 1.4 < rule.spent <= 2.4


def test_the_end_of_the_budget_is_not_left_in_beginnings():
    rule = search(6)
    asked = run(rule, curve)
    begins_after = [index for index, step in enumerate(asked) if step.rung == 0]
    assert asked[-1].rung == 3
    assert begins_after[-1] < len(asked) - 1


def test_stopping_early_makes_going_on_cheaper():
    def n_finished(share):
        rule = search(3)
        planned = [1 / 27, 2 / 27, 2 / 9, 2 / 3]
        asked = run(rule, curve, cost=lambda step: share * planned[step.rung])
        return sum(step.rung == 3 for step in asked)

    assert n_finished(0.2) > n_finished(1.0)


def test_pending_candidates_are_not_crowded():
    rule = search(20)
    run(rule, curve, most=20)
    for step in rule.pending:
        rule.tell(step, curve(step.params, rule.rungs[step.rung]))
    steps = [rule.ask() for _ in range(6)]
    assert len({step.number for step in steps}) == 6


def test_every_branch_begins():
    rule = FreezeThaw(CONDITIONAL, 3, budget=9, random_state=0)
    asked = run(rule, most=rule.n_initial + 2)
    begun = [step.params["optimizer"] for step in asked if step.rung == 0]
    assert begun.count("adam") == begun.count("sgd") == 3


@pytest.mark.parametrize("unit", [1e-300, 1e300])
def test_any_unit(unit):
    plain, scaled = search(4), search(4)
    asked = run(plain, curve)
    again = run(scaled, lambda params, rung: unit * curve(params, rung))
    # Beyond the first steps, rounding may lead elsewhere.
    assert asked[:6] == again[:6]
    assert final(again[-1].params) > -5


@pytest.mark.parametrize("budget", [0.99, -1, math.inf, math.nan])
def test_an_impossible_budget(budget):
    with pytest.raises(ValueError, match=f"budget must be a finite .* got {budget}"):
        search(budget)


@pytest.mark.parametrize("n_initial", [0, 2.5, "x"])
def test_an_impossible_number_of_first_points(n_initial):
    with pytest.raises(ValueError, match="n_initial must be None or a whole number >= 1"):
        search(n_initial=n_initial)


def test_impossible_rungs():
    with pytest.raises(ValueError, match="The last of rungs must be"):
        search(rungs=[(1, 1.0)])


def test_one_fold_and_one_rung():
    rule = FreezeThaw(MIXED, 1, budget=7, rungs=[(1, 1.0)], random_state=0)
    asked = run(rule, curve)
    assert len(asked) == 7
