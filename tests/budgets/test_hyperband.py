import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skkeras_search.budgets.hyperband import Hyperband, _sizes
from skkeras_search.samplers import BayesianSampler

from .problems import MIXED, curve, final, run


def hyperband(**arguments):
    return Hyperband(MIXED, 3, random_state=0, **arguments)


def test_the_table_of_the_paper():
    assert [_sizes(5, first, 3) for first in range(5)] == [
        [81, 27, 9, 3, 1],
        [34, 11, 3, 1],
        [15, 5, 1],
        [8, 2],
        [5],
    ]


def test_takes_the_steps_of_the_table():
    rule = hyperband()
    assert [81 * rung.share for rung in rule.rungs] == pytest.approx([1, 3, 9, 27, 81])
    assert {rung.n_folds for rung in rule.rungs} == {3}
    asked = run(rule)
    # Of each rung, over all brackets.
    assert Counter(step.rung for step in asked) == {
        0: 81,
        1: 27 + 34,
        2: 9 + 11 + 15,
        3: 3 + 3 + 5 + 8,
        4: 1 + 1 + 1 + 2 + 5,
    }
    assert rule.spent == pytest.approx(rule.budget)


def test_all_brackets_again():
    once, twice = hyperband(max_epochs=9), hyperband(max_epochs=9, n_iterations=2)
    assert [len(run(rule)) for rule in (once, twice)] == [22, 44]
    assert twice.spent == pytest.approx(twice.budget)
    assert twice.budget == pytest.approx(2 * once.budget)


@given(n_rungs=st.integers(1, 7), factor=st.sampled_from([2, 2.5, 3, 4]))
def test_every_bracket_finishes_something(n_rungs, factor):
    for first in range(n_rungs):
        sizes = _sizes(n_rungs, first, factor)
        assert len(sizes) == n_rungs - first
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[-1] >= 1


def test_the_best_go_on():
    rule = hyperband(max_epochs=9)
    scores, went_on = {}, set()
    for _ in range(9 + 3):
        step = rule.ask()
        if step.rung == 1:
            went_on.add(step.number)
        scores.setdefault(step.number, final(step.params))
        rule.tell(step, final(step.params))
    assert went_on == set(sorted(scores, key=scores.get)[-3:])


def test_the_next_bracket_begins_while_a_rung_waits():
    rule = hyperband(max_epochs=9)
    first = [rule.ask() for _ in range(9)]
    ahead = rule.ask()
    assert (ahead.number, ahead.rung) == (9, 1)
    for step in first:
        rule.tell(step, final(step.params))
    back = rule.ask()
    assert back.number < 9
    assert back.rung == 1


def test_waits_when_all_brackets_wait():
    rule = hyperband(max_epochs=3)
    asked = [rule.ask() for _ in range(3 + 2)]
    assert rule.ask() is None
    rule.tell(asked[-1], 1.0)
    assert rule.ask() is None
    for step in asked[:3]:
        rule.tell(step, 1.0)
    assert rule.ask().rung == 1


def test_failed_ones_rank_last():
    rule = hyperband(max_epochs=9)
    for number in range(9):
        rule.tell(rule.ask(), 1.0 if number == 4 else math.nan)
    step = rule.ask()
    assert (step.number, step.rung) == (4, 1)
    rule.tell(step, 1.0)
    assert rule.ask().rung == 2, "and no other is in its bracket"


def test_bayes_is_better_than_random():
    def best(sampler, seed):
        rule = Hyperband(MIXED, 3, max_epochs=27, sampler=sampler, random_state=seed)
        asked = run(rule, curve)
        return final(next(s.params for s in asked if s.number == rule.best))

    found = {name: [best(name, seed) for seed in range(3)] for name in ("bayes", "random")}
    assert sum(found["bayes"]) > sum(found["random"]) / 2


def test_bayes_learns_from_the_highest_rung_with_enough(monkeypatch):
    asked_by = []
    ask = BayesianSampler.ask
    monkeypatch.setattr(
        BayesianSampler, "ask", lambda self: asked_by.append(self) or ask(self)
    )
    rule = hyperband(max_epochs=27, sampler="bayes")
    run(rule)
    rungs = [rule._samplers.index(sampler) for sampler in asked_by]
    assert rungs[:6] == [0] * 6
    assert rungs == sorted(rungs)
    assert rungs[-1] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"max_epochs": 2, "min_epochs": 3},
            "max_epochs .* >= min_epochs, which is 3, got 2",
        ),
        ({"max_epochs": 2.5}, "max_epochs must be a whole number"),
        ({"min_epochs": 0}, "min_epochs must be a whole number >= 1, got 0"),
        ({"factor": 1.5}, "factor must be a finite number >= 2, got 1.5"),
        ({"factor": math.inf}, "factor must be a finite number >= 2, got inf"),
        ({"n_iterations": 0}, "n_iterations must be a whole number >= 1, got 0"),
        ({"sampler": "tpe"}, "sampler must be 'random' or 'bayes', got 'tpe'"),
    ],
)
def test_impossible_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        hyperband(**arguments)


def test_the_least_epochs():
    rule = hyperband(max_epochs=81, min_epochs=4)
    assert [81 * rung.share for rung in rule.rungs] == pytest.approx([9, 27, 81])
