import numpy as np
import pytest

from skkeras_search import Real
from skkeras_search.samplers import BayesianSampler, RandomSampler

from .test_samplers import FINITE, MIXED, loss, run


def branin(params):
    x, y = params["x"], params["y"]
    parabola = (y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6) ** 2
    return parabola + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10


BRANIN = {"x": (-5.0, 10.0), "y": (0.0, 15.0)}


def regret(sampler, space, evaluate, n, batch=1, seeds=range(3)):
    found = []
    for seed in seeds:
        asked = run(sampler(space, random_state=seed), n, evaluate, batch)
        found.append(min(evaluate(params) for params in asked))
    return np.median(found)


@pytest.mark.parametrize("batch", [1, 4])
def test_finds_the_minimum_of_branin(batch):
    assert regret(BayesianSampler, BRANIN, branin, 40, batch) - 0.397887 < 0.05


def test_is_better_than_chance_in_a_mixed_space():
    ours = regret(BayesianSampler, MIXED, loss, 40)
    assert ours < regret(RandomSampler, MIXED, loss, 40) / 5


def test_noise_does_not_lead_astray():
    rng = np.random.default_rng(0)
    sampler = BayesianSampler({"x": (0.0, 1.0)}, random_state=0)
    asked = run(sampler, 30, lambda p: (p["x"] - 0.3) ** 2 + 0.01 * rng.normal())
    assert np.median([abs(params["x"] - 0.3) for params in asked[-10:]]) < 0.15


def test_a_known_error_is_believed():
    sampler = BayesianSampler({"x": (0.0, 1.0)}, random_state=0, n_initial=2)
    for x in np.linspace(0, 1, 9):
        sampler.tell({"x": x}, (x - 0.3) ** 2, error=1e-3)
    sampler.tell({"x": 0.9}, -5.0, error=50.0)
    assert abs(sampler.ask()[0]["x"] - 0.9) > 0.1


@pytest.mark.parametrize(("unit", "error"), [(1e300, 0), (1e-300, 0), (1, 1e200)])
def test_any_unit(unit, error):
    sampler = BayesianSampler({"x": (0.0, 1.0)}, random_state=0)
    for _ in range(12):
        (params,) = sampler.ask()
        sampler.tell(params, unit * (params["x"] - 0.3) ** 2, error=error)
    assert abs(sampler.best["x"] - 0.3) < 0.1


def test_regions_that_fail_are_avoided():
    def evaluate(params):
        return np.nan if params["x"] > 0.5 else -params["x"]

    sampler = BayesianSampler({"x": (0.0, 1.0)}, random_state=0)
    asked = run(sampler, 30, evaluate)
    assert sum(params["x"] > 0.5 for params in asked[10:]) < 12
    assert sampler.best["x"] > 0.45


def test_initial_configurations_come_first():
    initial = [{"a": 3, "b": "y"}, {"a": 1, "b": "x"}]
    sampler = BayesianSampler(FINITE, initial=initial, random_state=0)
    assert sampler.ask(2) == initial
    with pytest.raises(ValueError, match="a: 9 is not in"):
        BayesianSampler(FINITE, initial=[{"a": 9, "b": "y"}])
    with pytest.raises(
        TypeError, match="initial must be a list of configurations, such as"
    ):
        BayesianSampler(FINITE, initial={"a": 3, "b": "y"})


def test_previous_results_stand_for_the_initial_design():
    sampler = BayesianSampler({"x": (0.0, 1.0)}, random_state=0)
    for x in np.linspace(0, 1, 10):
        sampler.tell({"x": x}, (x - 0.62) ** 2)
    (params,) = sampler.ask()
    assert abs(params["x"] - 0.62) < 0.05


@pytest.mark.parametrize("n", [16, 64])
def test_many_at_once(n):
    sampler = BayesianSampler(MIXED, random_state=0)
    run(sampler, 12)
    asked = sampler.ask(n)
    assert len({tuple(params.items()) for params in asked}) == n


def test_five_hundred_values():
    rng = np.random.default_rng(0)
    sampler = BayesianSampler(MIXED, random_state=0)
    for params in RandomSampler(MIXED, random_state=1).ask(500):
        sampler.tell(params, loss(params) + 0.1 * rng.normal())
    values = [loss(params) for params in run(sampler, 3)]
    assert min(values) < 0.5


def test_repeated_candidates():
    sampler = BayesianSampler(FINITE, random_state=0)
    for value in (1.0, 1.1, 0.9):
        sampler.tell({"a": 1, "b": "x"}, value)
    assert len(run(sampler, 10, lambda params: params["a"])) == 5


BRANCHES = {
    "algorithm": ["a", "b", "c"],
    "a0": Real(0, 1, when={"algorithm": "a"}),
    "b0": Real(0, 1, when={"algorithm": "b"}),
    "b1": Real(0, 1, when={"algorithm": "b"}),
    "c0": Real(0, 1, when={"algorithm": "c"}),
    "c1": Real(0, 1, when={"algorithm": "c"}),
}


def valleys(params):
    """Most of the best branch, c, is worse than all of the others."""
    if params["algorithm"] == "a":
        return 1 + (params["a0"] - 0.3) ** 2
    if params["algorithm"] == "b":
        return 0.6 + 2 * ((params["b0"] - 0.4) ** 2 + (params["b1"] - 0.6) ** 2)
    return 20 * ((params["c0"] - 0.7) ** 2 + (params["c1"] - 0.2) ** 2)


@pytest.mark.parametrize("seed", range(8))
def test_the_best_branch_is_found_though_most_of_it_is_bad(seed):
    sampler = BayesianSampler(BRANCHES, random_state=seed)
    run(sampler, 40, valleys)
    assert sampler.best["algorithm"] == "c"
    assert valleys(sampler.best) < 0.1


@pytest.mark.parametrize("seed", range(5))
def test_each_branch_has_its_share_of_the_first_points(seed):
    sampler = BayesianSampler(BRANCHES, random_state=seed)
    first = [params["algorithm"] for params in sampler.ask(sampler.n_initial)]
    assert {branch: first.count(branch) for branch in "abc"} == dict.fromkeys("abc", 3)


def test_the_number_of_first_points():
    many = {f"x{i}": Real(0, 1, when={"algorithm": i}) for i in range(20)}
    many["algorithm"] = list(range(20))
    assert BayesianSampler(BRANCHES).n_initial == 9
    assert BayesianSampler(many).n_initial == 12
    assert BayesianSampler(BRANCHES, n_initial=2).n_initial == 2
    assert BayesianSampler(BRANIN).n_initial == 5
