import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution
from scipy import stats

from skkeras_search import Categorical, Integer, Real, Space
from skkeras_search.interop.optuna.parameters import labels, parameters_of

OBJECTS = [
    None,
    True,
    False,
    0,
    1,
    1.0,
    "1",
    "1 #2",
    "len",
    len,
    (1,),
    (1.0,),
    (True,),
    float("inf"),
]


@given(st.lists(st.sampled_from(OBJECTS), min_size=1, max_size=8))
def test_labels_differ_and_can_be_held(categories):
    found = labels(categories)
    assert len(set(found)) == len(found) == len(categories) or len(categories) != len(
        set(map(repr, categories))
    )
    assert all(type(label) in (type(None), bool, int, float, str) for label in found)


SPACE = Space(
    {
        "real": (0.0, 1.0),
        "rate": (1e-5, 1e-1, "log-uniform"),
        "whole": (-3, 7),
        "width": Integer(1, 256, "log-uniform"),
        "momentum": (1e-3, 1.0, "reverse-log-uniform"),
        "patience": Integer(1, 100, "reverse-log-uniform"),
        "stepped": range(10, 101, 15),
        "backwards": range(9, 0, -3),
        "fraction": FloatDistribution(0.1, 1, step=0.1),
        "kind": Categorical([True, 1, 1.0, "1", None]),
        "shape": Categorical([(32,), (64, 32), [1], len]),
        "uniform": stats.uniform(2, 3),
        "loguniform": stats.loguniform(1e-3, 1e3),
        "randint": stats.randint(0, 100),
        "norm": stats.norm(3, 2),
        "poisson": stats.poisson(4),
        "child": Real(0, 1, when={"kind": [1, "1"]}),
    }
)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_values_come_back_with_their_types(seed):
    parameters = parameters_of(SPACE)
    (params,) = SPACE.sample(1, seed)
    for name, value in params.items():
        stored = parameters[name].stored(value)
        distribution = parameters[name].distribution
        assert distribution._contains(distribution.to_internal_repr(stored))
        back = parameters[name].value(
            distribution.to_external_repr(distribution.to_internal_repr(stored))
        )
        assert type(back) is type(value)
        assert back == (pytest.approx(value) if isinstance(value, float) else value)


def test_what_optuna_suggests_is_in_the_space():
    parameters = parameters_of(SPACE)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(50):
        trial = study.ask()
        params = SPACE.build(
            lambda name, _, trial=trial: parameters[name].suggest(trial, name)
        )
        assert params in SPACE
        assert ("child" in params) == (type(params["kind"]) is int or params["kind"] == "1")


@pytest.mark.parametrize("name", ["rate", "momentum", "patience", "whole"])
def test_priors_are_those_of_the_space(name):
    """Random trials of Optuna have the median of the dimension."""
    parameter, dimension = parameters_of(SPACE)[name], SPACE.dimensions[name]
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    values = [parameter.suggest(study.ask(), name) for _ in range(201)]
    assert dimension.encode(sorted(values)[100]) == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize(
    "given",
    [
        FloatDistribution(0.1, 1, step=0.1),
        FloatDistribution(0.7, 1.3, step=0.1),
        FloatDistribution(-1, 1, step=0.5),
        CategoricalDistribution((0.1, 0.2, 0.3)),
    ],
)
def test_a_study_goes_on_with_its_own_distributions(given):
    parameter = parameters_of(Space({"x": given}))["x"]
    assert parameter.distribution == given
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    trials = [study.ask({"x": given}) for _ in range(20)]
    for trial in trials:
        value = parameter.value(trial.params["x"])
        assert value == pytest.approx(trial.params["x"])
        assert parameter.value(parameter.stored(value)) == value


def test_distributions_are_those_that_optuna_has():
    found = {name: str(p.distribution) for name, p in parameters_of(SPACE).items()}
    assert found["rate"] == "FloatDistribution(high=0.1, log=True, low=1e-05, step=None)"
    assert found["width"] == "IntDistribution(high=256, log=True, low=1, step=1)"
    assert found["stepped"] == "IntDistribution(high=100, log=False, low=10, step=15)"
    assert found["uniform"] == "FloatDistribution(high=5.0, log=False, low=2.0, step=None)"
    assert (
        found["loguniform"]
        == "FloatDistribution(high=1000.0, log=True, low=0.001, step=None)"
    )
    assert found["randint"] == "IntDistribution(high=99, log=False, low=0, step=1)"
    assert found["norm"] == "FloatDistribution(high=1.0, log=False, low=0.0, step=None)"
    assert (
        found["kind"]
        == "CategoricalDistribution(choices=('True', '1', '1.0', '1 #2', 'None'))"
    )
