"""What holds for every budget rule."""

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skkeras_search.budgets.freeze_thaw import FreezeThaw
from skkeras_search.budgets.hyperband import Hyperband
from skkeras_search.budgets.rung import folds_rungs

from .problems import CONDITIONAL, FINITE, MIXED, any_score, run


def freeze_thaw(space, seed=0):
    return FreezeThaw(space, 3, budget=4, random_state=seed)


def folds_only(space, seed=0):
    return FreezeThaw(space, 3, budget=4, rungs=folds_rungs(3), random_state=seed)


def hyperband(space, seed=0):
    return Hyperband(space, 3, max_epochs=9, random_state=seed)


def bohb(space, seed=0):
    return Hyperband(space, 3, max_epochs=9, sampler="bayes", random_state=seed)


RULES = [freeze_thaw, folds_only, hyperband, bohb]
every_rule = pytest.mark.parametrize("make", RULES, ids=lambda make: make.__name__)
any_rule = st.sampled_from(RULES)
any_space = st.sampled_from([MIXED, CONDITIONAL, FINITE])


def failing(params, rung):
    score = any_score(params, rung)
    return math.nan if score - rung.share - rung.n_folds > 0.5 else score


@given(
    make=any_rule,
    space=any_space,
    score=st.sampled_from([any_score, failing]),
    n_pending=st.integers(1, 5),
    seed=st.integers(0, 3),
)
@settings(max_examples=40, deadline=None)
def test_laws(make, space, score, n_pending, seed):
    rule = make(space, seed)
    is_hyperband = isinstance(rule, Hyperband)
    rng = np.random.default_rng(seed)
    scores, costs, pending, reached = {}, [], [], {}
    while True:
        step = rule.ask() if len(pending) < n_pending else None
        if step is not None:
            assert step.params in rule.space
            assert step.number <= len(reached), "numbers follow each other"
            assert step.number not in [other.number for other in pending]
            if step.number not in reached:
                assert is_hyperband or step.rung == 0
            else:
                assert step.rung == reached[step.number] + 1
                assert math.isfinite(scores[step.number, step.rung - 1])
            reached[step.number] = step.rung
            pending.append(step)
            assert rule.pending == pending
            continue
        if not pending:
            break
        told = pending.pop(rng.integers(len(pending)))
        before = rule.spent
        scores[told.number, told.rung] = score(told.params, rule.rungs[told.rung])
        rule.tell(told, scores[told.number, told.rung])
        assert rule.spent == pytest.approx(before), "planned and told cost are the same"
        costs.append(rule.spent)

    assert rule.ask() is None
    last = len(rule.rungs) - 1
    finished = {n: s for (n, rung), s in scores.items() if rung == last and s == s}
    assert finished.get(rule.best) == max(finished.values(), default=None)
    cost_to = [rung.n_folds * rung.share / 3 for rung in rule.rungs]
    assert rule.spent == pytest.approx(sum(cost_to[rung] for rung in reached.values()))
    if score is any_score:
        assert rule.best is not None
        assert rule.spent <= rule.budget * (1 + 1e-6)


def test_no_rule_needs_tensorflow():
    script = (
        "import sys, skkeras_search.budgets.freeze_thaw, skkeras_search.budgets.hyperband\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'tensorflow', 'keras', 'scikeras'}, loaded\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@every_rule
def test_the_same_seed_takes_the_same_steps(make):
    first, again = (run(make(MIXED, 3)) for _ in range(2))
    assert first == again
    assert first != run(make(MIXED, 4))


@every_rule
@pytest.mark.parametrize("n_before", [0, 3, 12])
def test_goes_on_after_pickling(make, n_before):
    whole, cut = make(MIXED), make(MIXED)
    run(whole, most=n_before)
    run(cut, most=n_before)
    cut = pickle.loads(pickle.dumps(cut))
    for step in whole.pending:
        for rule in (whole, cut):
            rule.tell(step, any_score(step.params, rule.rungs[step.rung]))
    assert run(whole, n_pending=2) == run(cut, n_pending=2)
    assert (whole.best, whole.spent) == (cut.best, cut.spent)


@every_rule
def test_to_ask_in_vain_changes_nothing(make):
    once, often = make(MIXED), make(MIXED)
    while (step := once.ask()) is not None or once.pending:
        assert often.ask() == step
        if step is None:
            assert often.ask() is often.ask() is None
        if step is None or len(once.pending) > 5:
            told = once.pending[-1]
            for rule in (once, often):
                rule.tell(told, any_score(told.params, rule.rungs[told.rung]))
    assert once.best == often.best


@every_rule
def test_a_finite_space_runs_out(make):
    rule = make({"a": [1, 2]})
    asked = run(rule, n_pending=3)
    assert {step.params["a"] for step in asked} == {1, 2}
    assert max(step.number for step in asked) == 1
    assert rule.best is not None


@every_rule
def test_all_fail(make):
    rule = make(MIXED)
    asked = run(rule, lambda params, rung: math.nan)
    assert asked
    assert len({step.number for step in asked}) == len(asked), "none goes on"
    assert rule.best is None


@every_rule
def test_early_stopping_saves_budget(make):
    rule = make(MIXED)
    for _ in range(20):
        step = rule.ask()
        rule.tell(step, any_score(step.params, rule.rungs[step.rung]), cost=0.001)
    assert rule.spent == pytest.approx(0.02)


@every_rule
def test_params_are_those_of_the_caller(make):
    rule = make(MIXED)
    step = rule.ask()
    step.params.clear()
    (pending,) = rule.pending
    rule.tell(step, 1.0)
    assert pending.number == step.number
    assert not rule.pending


@every_rule
@pytest.mark.parametrize("cost", [-0.1, math.nan, math.inf])
def test_an_impossible_cost(make, cost):
    rule = make(MIXED)
    with pytest.raises(ValueError, match="cost must be None, or finite and >= 0, got"):
        rule.tell(rule.ask(), 1.0, cost=cost)


@every_rule
def test_tell_wants_what_was_asked(make):
    rule = make(MIXED)
    step = rule.ask()
    with pytest.raises(ValueError, match="step must be a pending step"):
        rule.tell(step._replace(rung=2), 1.0)
    rule.tell(step, 1.0)
    with pytest.raises(ValueError, match="a pending step"):
        rule.tell(step, 1.0)


@every_rule
@pytest.mark.parametrize("n_folds", [0, -1, 2.0, None, True])
def test_an_impossible_number_of_folds(make, n_folds):
    cls = type(make(MIXED))
    arguments = {"budget": 4} if cls is FreezeThaw else {}
    with pytest.raises(ValueError, match="n_folds must be a whole number >= 1, got"):
        cls(MIXED, n_folds, **arguments)


@every_rule
def test_a_wrong_seed(make):
    with pytest.raises(TypeError, match="random_state must be"):
        make(MIXED, "x")
