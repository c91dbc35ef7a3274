import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from skkeras_search import Categorical, Integer, Real
from skkeras_search.space import Distribution, as_dimension


@pytest.mark.parametrize(
    ("given", "dimension"),
    [
        ((1, 10), Integer(1, 10)),
        ((1.0, 10.0), Real(1, 10)),
        ((0.1, 1), Real(0.1, 1)),
        ((1, 10, "log-uniform"), Integer(1, 10, "log-uniform")),
        ((1e-4, 1e-1, "log-uniform"), Real(1e-4, 1e-1, "log-uniform")),
        ((0.0, 1.0, "uniform"), Real(0, 1)),
        ([1e-4, 1e-1, "log-uniform"], Real(1e-4, 1e-1, "log-uniform")),
        ([0.1, 0.2, "auto"], Categorical([0.1, 0.2, "auto"])),
        ([1, 2, 3], Categorical([1, 2, 3])),
        ([0, 1], Categorical([0, 1])),
        ([5], Categorical([5])),
        ((1, 2, 3), Categorical([1, 2, 3])),
        (("a", "b"), Categorical(["a", "b"])),
        ([True, False], Categorical([True, False])),
        ((True, False), Categorical([True, False])),
        ([(64,), (32, 32)], Categorical([(64,), (32, 32)])),
        (range(3), Categorical([0, 1, 2])),
        (np.array([0.1, 0.2]), Categorical([0.1, 0.2])),
        (stats.uniform(2, 3), Real(2, 5)),
        (stats.loguniform(1e-3, 1), Real(1e-3, 1, "log-uniform")),
        (stats.randint(3, 9), Integer(3, 8)),
        (stats.randint(3, 4), Categorical([3])),
    ],
)
def test_notations(given, dimension):
    assert as_dimension(given) == dimension


@pytest.mark.parametrize(
    "given", [5, "relu", None, {"a": 1}, np.zeros((2, 2)), np.float64(1), object()]
)
def test_what_is_none(given):
    with pytest.raises(ValueError, match="no dimension"):
        as_dimension(given)


DISTRIBUTIONS = [
    stats.norm(3, 2),
    stats.expon(scale=0.1),
    stats.beta(2, 5),
    stats.lognorm(1.5),
    stats.poisson(4),
    stats.binom(10, 0.3),
    stats.geom(0.2),
]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda d: d.dist.name)
@given(quantile=st.floats(0, 1))
def test_distributions_are_searched_through_their_quantiles(distribution, quantile):
    dimension = as_dimension(distribution)
    assert isinstance(dimension, Distribution)
    value = dimension.decode(quantile)
    assert type(value) is (int if hasattr(distribution.dist, "_pmf") else float)
    assert np.isfinite(value)
    back = dimension.decode(dimension.encode(value))
    assert back == pytest.approx(value, rel=1e-4, abs=1e-4)


def test_distributions_are_drawn_from_as_they_are():
    drawn = as_dimension(stats.poisson(4)).rvs(2000, random_state=0)
    assert np.mean(drawn) == pytest.approx(4, abs=0.2)


def test_the_number_of_values_of_a_distribution():
    # The first and the last ten-thousandth are left out.
    assert as_dimension(stats.binom(10, 0.3)).n_values == 10
    assert as_dimension(stats.poisson(4)).n_values == 14
    assert as_dimension(stats.norm()).n_values == np.inf
    assert as_dimension(stats.binom(10, 0.3)).grid(99) == list(range(10))


def test_a_distribution_that_is_shifted():
    dimension = as_dimension(stats.loguniform(1e-4, 1, loc=1))
    assert isinstance(dimension, Distribution)
    assert dimension.decode(0.5) == pytest.approx(1.01)


def test_a_mistyped_prior():
    with pytest.raises(ValueError, match="Did you mean 'log-uniform'"):
        as_dimension((1e-4, 1e-1, "loguniform"))
    with pytest.raises(ValueError, match="got 'log'"):
        as_dimension((1, 10, "log"))


def test_dimensions_of_scikit_optimize():
    skopt = pytest.importorskip("skopt.space")
    assert as_dimension(skopt.Real(1e-3, 1, prior="log-uniform")) == Real(
        1e-3, 1, "log-uniform"
    )
    assert as_dimension(skopt.Integer(1, 9)) == Integer(1, 9)
    assert as_dimension(skopt.Categorical(["a", "b"])) == Categorical(["a", "b"])


def test_distributions_of_optuna():
    optuna = pytest.importorskip("optuna.distributions")
    assert as_dimension(optuna.FloatDistribution(1e-3, 1, log=True)) == Real(
        1e-3, 1, "log-uniform"
    )
    assert as_dimension(optuna.IntDistribution(1, 9)) == Integer(1, 9)
    assert as_dimension(optuna.IntDistribution(0, 9, step=3)) == Categorical(
        [0, 3, 6, 9], ordered=True
    )
    assert as_dimension(optuna.CategoricalDistribution(["a", None])) == Categorical(
        ["a", None]
    )
