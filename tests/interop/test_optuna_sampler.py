import math
import pickle

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)

from skkeras_search.interop.optuna import BayesianOptunaSampler
from skkeras_search.interop.optuna.axes import Axis, axis_of
from skkeras_search.interop.optuna.conditions import space_of
from skkeras_search.samplers import RandomSampler


class TestContract(
    BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase
):
    @pytest.fixture
    def sampler(self):
        return BayesianOptunaSampler


def branchy(trial):
    """A study as users write it: what is asked depends on what was chosen."""
    kind = trial.suggest_categorical("kind", ["adam", "sgd"])
    rate = trial.suggest_float("rate", 1e-5, 1.0, log=True)
    loss = abs(math.log10(rate) + 3)
    if kind == "sgd":
        loss += 0.2 + abs(trial.suggest_float("momentum", 0, 1, step=0.1) - 0.9)
    for layer in range(trial.suggest_int("layers", 1, 3)):
        loss += abs(trial.suggest_int(f"units{layer}", 8, 64, step=8) - 32) / 100
    return loss


def best_of(sampler, objective=branchy, n=40, **kwargs):
    study = optuna.create_study(sampler=sampler, **kwargs)
    study.optimize(objective, n_trials=n)
    return study


def test_it_beats_chance():
    ours = [best_of(BayesianOptunaSampler(seed)).best_value for seed in range(3)]
    chance = [best_of(optuna.samplers.RandomSampler(seed)).best_value for seed in range(3)]
    assert max(ours) < min(chance)


def test_conditions_are_learned():
    study = best_of(BayesianOptunaSampler(0), n=20)
    axes = {name: axis_of(d) for t in study.trials for name, d in t.distributions.items()}
    trials = [
        {n: axes[n].own(v) for n, v in trial.params.items()} for trial in study.trials
    ]
    space = space_of(axes, trials)
    assert space.dimensions["momentum"].when == {"kind": [1]}
    assert space.dimensions["units2"].when == {"layers": [3]}
    assert space.dimensions["units1"].when == {"layers": [2, 3]}
    assert all(params in space for params in trials)


def test_what_no_choice_explains_is_left_out():
    axes = {name: Axis(FloatDistribution(0, 1)) for name in "ab"}
    space = space_of(axes, [{"a": 0.1}, {"a": 0.2, "b": 0.3}])
    assert space.names == ["a"]
    assert space_of({"b": axes["b"]}, [{}, {"b": 0.3}]) is None


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_both_directions(direction):
    sign = 1 if direction == "minimize" else -1
    study = best_of(
        BayesianOptunaSampler(0),
        lambda t: sign * t.suggest_float("x", -1, 2) ** 2,
        20,
        direction=direction,
    )
    assert abs(study.best_params["x"]) < 0.05


def test_same_seed_same_study():
    first, second = (best_of(BayesianOptunaSampler(5), n=15) for _ in range(2))
    assert [t.params for t in first.trials] == [t.params for t in second.trials]


def test_pickle_goes_on_the_same():
    study = best_of(BayesianOptunaSampler(1), n=12)
    again = pickle.loads(pickle.dumps(study))
    for one in (study, again):
        one.optimize(branchy, n_trials=5)
    assert [t.params for t in study.trials] == [t.params for t in again.trials]


def test_pending_trials_differ():
    study = optuna.create_study(sampler=BayesianOptunaSampler(0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1) ** 2, n_trials=10)
    asked = [study.ask().suggest_float("x", 0, 1) for _ in range(5)]
    assert len(set(asked)) == 5


def test_failed_and_pruned_trials_are_learned_from():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        trial.report(x, 0)
        if x < 0.3:
            return math.nan
        if x > 0.8:
            raise optuna.TrialPruned
        return x

    study = best_of(BayesianOptunaSampler(0), objective, 25)
    tail = [trial.params["x"] for trial in study.trials[12:]]
    assert np.median(tail) == pytest.approx(0.3, abs=0.15)
    assert {t.state.name for t in study.trials} == {"COMPLETE", "FAIL", "PRUNED"}


@pytest.mark.parametrize("kind", ["sqlite", "hyperband", "threads"])
def test_other_ways_to_run(kind, tmp_path):
    storage = f"sqlite:///{tmp_path / 'study.db'}" if kind == "sqlite" else None
    pruner = optuna.pruners.HyperbandPruner(1, 3) if kind == "hyperband" else None
    study = optuna.create_study(
        storage=storage, pruner=pruner, sampler=BayesianOptunaSampler(0)
    )
    study.optimize(branchy, n_trials=15, n_jobs=2 if kind == "threads" else 1)
    assert len(study.trials) == 15


def test_choices_that_optuna_takes_for_the_same():
    study = best_of(
        BayesianOptunaSampler(0),
        lambda t: float(t.suggest_categorical("x", [True, 2, None, math.nan]) is None),
        8,
    )
    assert study.best_value == 0


def test_ranges_may_change_and_kinds_differ_in_new_studies():
    sampler = BayesianOptunaSampler(0)
    best_of(sampler, lambda t: t.suggest_float("x", 0, 1), 8)
    study = best_of(sampler, lambda t: t.suggest_int("x", 5, 50), 12)
    assert study.best_value == 5


def test_bounds_that_are_too_far_apart_are_drawn_at_random():
    best_of(BayesianOptunaSampler(0), lambda t: t.suggest_int("x", 0, 2**60), 4)


@pytest.mark.parametrize("n_initial", [-1, 2.5, "many"])
def test_bad_n_initial(n_initial):
    with pytest.raises((TypeError, ValueError), match="n_initial"):
        BayesianOptunaSampler(n_initial=n_initial)


def test_bad_seed():
    with pytest.raises((TypeError, ValueError)):
        BayesianOptunaSampler("now")


def test_several_objectives_are_refused():
    study = optuna.create_study(
        directions=["minimize", "minimize"], sampler=BayesianOptunaSampler()
    )
    with pytest.raises(ValueError, match="multi-objective"):
        study.optimize(lambda t: (t.suggest_float("x", 0, 1), 0.0), n_trials=1)


def test_forgotten_configurations_are_not_asked_again():
    sampler = RandomSampler({"x": [1, 2]}, 0)
    asked = sampler.ask()
    sampler.forget_pending()
    assert sampler.pending == []
    assert sampler.ask() != asked
    assert sampler.ask() == []
