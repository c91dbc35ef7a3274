"""What holds for every sampler."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from skkeras_search import Categorical, Integer, Real, Space
from skkeras_search.samplers import (
    BayesianSampler,
    GridSampler,
    QMCSampler,
    RandomSampler,
)

SAMPLERS = [BayesianSampler, GridSampler, QMCSampler, RandomSampler]
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: s.__name__)

MIXED = {
    "rate": (1e-5, 1.0, "log-uniform"),
    "units": (1, 64),
    "activation": ["relu", "tanh", "elu"],
    "optimizer": ["adam", "sgd"],
    "momentum": Real(0, 0.99, when={"optimizer": "sgd"}),
}
FINITE = {"a": (1, 3), "b": ["x", "y"]}


def loss(params):
    return (
        (np.log10(params["rate"]) + 2.5) ** 2
        + (params["units"] - 40) ** 2 / 400
        + (params["activation"] != "relu")
        + (params.get("momentum", 0.4) - 0.9) ** 2
    )


def run(sampler, n, evaluate=loss, batch=1):
    asked = []
    while len(asked) < n:
        candidates = sampler.ask(batch)
        if not candidates:
            break
        for params in candidates:
            sampler.tell(params, evaluate(params))
        asked += candidates
    return asked


@every_sampler
def test_values_are_plain_python(sampler):
    for params in sampler(MIXED, random_state=0).ask(20):
        assert type(params) is dict
        assert type(params["rate"]) is float
        assert type(params["units"]) is int
        assert type(params["activation"]) is str
        assert params in Space(MIXED)


@every_sampler
def test_the_same_seed_asks_the_same(sampler):
    first, second = (run(sampler(MIXED, random_state=3), 14) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("sampler", [BayesianSampler, QMCSampler, RandomSampler])
def test_another_seed_asks_something_else(sampler):
    assert sampler(MIXED, random_state=1).ask(3) != sampler(MIXED, random_state=2).ask(3)


@every_sampler
def test_what_somebody_else_chose_is_not_asked(sampler):
    made = sampler(FINITE, random_state=0)
    for b in "xy":
        made.add_pending({"a": 1, "b": b})
    assert made.pending == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}]
    assert {params["a"] for params in made.ask(6)} == {2, 3}
    made.tell({"a": 1, "b": "x"}, 1.0)
    assert {"a": 1, "b": "x"} not in made.pending
    with pytest.raises(ValueError, match="'c' is not in the search space"):
        made.add_pending({"c": 1})


@every_sampler
@pytest.mark.parametrize("n_before", [0, 3, 11])
def test_goes_on_after_pickling(sampler, n_before):
    whole, cut = sampler(MIXED, random_state=0), sampler(MIXED, random_state=0)
    run(whole, n_before)
    run(cut, n_before)
    cut = pickle.loads(pickle.dumps(cut))
    assert run(whole, 4) == run(cut, 4)


@every_sampler
def test_a_finite_space_is_used_up(sampler):
    instance = sampler(FINITE, random_state=0)
    asked = run(instance, 10, lambda params: params["a"])
    assert len(asked) == 6
    assert len({tuple(params.items()) for params in asked}) == 6
    assert instance.ask(3) == []


@every_sampler
def test_a_batch_has_no_repetitions(sampler):
    asked = sampler({"a": (1, 50), "b": ["x", "y"]}, random_state=0).ask(10)
    assert len({tuple(params.items()) for params in asked}) == 10


@every_sampler
def test_pending_candidates_are_not_asked_again(sampler):
    instance = sampler(FINITE, random_state=0)
    first = instance.ask(2)
    assert instance.pending == first
    instance.tell(first[0], 1.0)
    assert instance.pending == first[1:]
    assert len(first + instance.ask(10)) == 6


@every_sampler
def test_what_nobody_asked_can_be_told(sampler):
    instance = sampler(FINITE, random_state=0)
    instance.tell({"a": 2, "b": "y"}, 0.5)
    assert {"a": 2, "b": "y"} not in instance.ask(10)
    assert instance.best == {"a": 2, "b": "y"}


@every_sampler
def test_candidates_that_fail(sampler):
    instance = sampler(MIXED, random_state=0)
    values = iter([np.nan, np.inf, -np.inf, 1.0, np.nan, 0.5, 2.0] * 3)
    asked = run(instance, 20, lambda params: next(values))
    assert len(asked) == 20
    assert instance.best == asked[5]


@every_sampler
def test_all_candidates_fail(sampler):
    instance = sampler(MIXED, random_state=0)
    assert len(run(instance, 15, lambda params: np.nan)) == 15
    assert instance.best is None


@every_sampler
def test_values_that_are_all_the_same(sampler):
    assert len(run(sampler(MIXED, random_state=0), 15, lambda params: 1.0)) == 15


@every_sampler
def test_the_direction(sampler):
    instance = sampler({"x": (0.0, 1.0)}, random_state=0, direction="maximize")
    asked = run(instance, 5, lambda params: params["x"])
    assert instance.best == max(asked, key=lambda params: params["x"])


@every_sampler
@pytest.mark.parametrize(
    "space",
    [
        {"x": (0.0, 1.0)},
        {"x": (1, 3)},
        {"x": ["a"]},
        {"x": ["a", "b"], "y": [None, (1,), (2, 3)], "z": [True, False]},
        {f"x{i}": (0.0, 1.0) for i in range(30)},
        {"x": Categorical(list("abcdefghijklmnopqrstu")), "y": Integer(1, 10**6)},
    ],
    ids=["one", "small", "single", "categories", "thirty", "many values"],
)
def test_spaces(sampler, space):
    kwargs = {"n_values": 2} if sampler is GridSampler and len(space) < 30 else {}
    if sampler is GridSampler and len(space) == 30:
        space = dict(list(space.items())[:10])
        kwargs = {"n_values": 2}
    instance = sampler(space, random_state=0, **kwargs)
    rng = np.random.default_rng(0)
    asked = run(instance, 12, lambda params: rng.normal())
    assert asked
    assert all(params in instance.space for params in asked)


@every_sampler
@pytest.mark.parametrize("n", [0, -1, 1.5])
def test_bad_numbers(sampler, n):
    with pytest.raises(ValueError, match="n must be"):
        sampler(FINITE).ask(n)


def test_bad_arguments():
    with pytest.raises(ValueError, match="direction must be"):
        RandomSampler(FINITE, direction="up")
    with pytest.raises(ValueError, match="Did you mean 'a'"):
        RandomSampler({"a": [1, 2]}).tell({"aa": 1}, 0.0)
    with pytest.raises(ValueError, match="error must be"):
        RandomSampler({"a": [1, 2]}).tell({"a": 1}, 0.0, error=-1)
    with pytest.raises(ValueError, match="error must be"):
        RandomSampler({"a": [1, 2]}).tell({"a": 1}, 0.0, error=np.nan)
    with pytest.raises(ValueError, match="error must be"):
        RandomSampler({"a": [1, 2]}).tell({"a": 1}, 0.0, error=np.inf)
    with pytest.raises(ValueError, match="n_initial must be"):
        BayesianSampler(FINITE, n_initial=-1)
    with pytest.raises(TypeError, match="random_state must be None, a whole number"):
        RandomSampler(FINITE, random_state="x")
    with pytest.raises(ValueError, match="n_values must be"):
        GridSampler(FINITE, n_values=0)


@pytest.mark.parametrize("sampler", [BayesianSampler, QMCSampler, RandomSampler])
def test_a_range_is_not_gone_through(sampler):
    instance = sampler({"n": range(10**15)}, random_state=0)
    assert len({params["n"] for params in run(instance, 8, lambda p: p["n"])}) == 8


@given(seed=st.integers(0, 2**31), n_before=st.integers(0, 12), batch=st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_resuming_equals_going_on(seed, n_before, batch):
    whole = BayesianSampler(MIXED, random_state=seed)
    run(whole, n_before, batch=batch)
    again = pickle.loads(pickle.dumps(whole))
    assert run(whole, 2 * batch, batch=batch) == run(again, 2 * batch, batch=batch)


EDGES = {
    "normal": {"x": stats.norm(), "y": (0.0, 1.0)},
    "poisson": {"k": stats.poisson(8), "y": (0.0, 1.0)},
    "beta": {"x": stats.beta(2, 5), "y": stats.skewnorm(4)},
    "far": {"x": (1.7e9, 1.7e9 + 100.0)},
    "near zero": {"x": (1e-300, 1.0, "log-uniform")},
    "twice": {"x": ["a", "a", "b"], "y": (0.0, 1.0)},
    "not a number": {"x": [float("nan"), None, 1.0], "y": (0.0, 1.0)},
}


@every_sampler
@pytest.mark.parametrize("name", EDGES)
def test_each_candidate_is_asked_once_and_leaves_when_told(sampler, name):
    instance = sampler(EDGES[name], random_state=0)
    asked = run(instance, 20, lambda p: -sum(v for v in p.values() if type(v) is float))
    assert instance.pending == []
    assert len({repr(params) for params in asked}) == len(asked)
    assert instance.ask(3) == instance.pending


def test_the_best_is_what_was_told():
    sampler = RandomSampler({"x": stats.norm()})
    sampler.tell({"x": 10.0}, 1.0)
    assert sampler.best == {"x": 10.0}


def test_sobol_points_fill_the_space_evenly():
    asked = QMCSampler({"x": (0.0, 1.0), "y": (0.0, 1.0)}, random_state=0).ask(64)
    cells = {(int(8 * params["x"]), int(8 * params["y"])) for params in asked}
    assert len(cells) == 64


def test_a_random_state_instance():
    first, second = (
        RandomSampler(MIXED, random_state=np.random.RandomState(0)).ask(2) for _ in "ab"
    )
    assert first == second
