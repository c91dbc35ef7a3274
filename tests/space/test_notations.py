import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from skkeras_search import Categorical, Integer, Real, Space
from skkeras_search.space import Distribution, Range, Steps, as_dimension


@pytest.mark.parametrize(
    ("given", "dimension"),
    [
        ((1, 10), Integer(1, 10)),
        ((1.0, 10.0), Real(1, 10)),
        ((0.1, 1), Real(0.1, 1)),
        ((1, 10, "log-uniform"), Integer(1, 10, "log-uniform")),
        ((1e-4, 1e-1, "log-uniform"), Real(1e-4, 1e-1, "log-uniform")),
        ((0.0, 1.0, "uniform"), Real(0, 1)),
        ((1e-4, 1e-1, "log-uniform", 2), Real(1e-4, 1e-1, "log-uniform")),
        ((1, 10, "uniform", np.int64(10)), Integer(1, 10)),
        ([1e-4, 1e-1, "log-uniform", 2], Real(1e-4, 1e-1, "log-uniform")),
        ([1, 2, "auto", None], Categorical([1, 2, "auto", None])),
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
        (range(3), Range(range(3))),
        (range(9, 2, -3), Range(range(3, 10, 3))),
        (range(4, 5), Categorical([4])),
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
    with pytest.raises(ValueError, match="not a dimension"):
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


VALUES = ([1, 2, 4], [0.2, 0.3, 0.5])


@pytest.mark.parametrize("shift", [None, 10])
def test_a_table_of_values_and_probabilities(shift):
    table = stats.rv_discrete(values=VALUES)
    dimension = as_dimension(table if shift is None else table(loc=shift))
    values = [value + (shift or 0) for value in VALUES[0]]
    assert dimension == Categorical(values, VALUES[1], ordered=True)
    drawn = dimension.rvs(1000, random_state=0)
    assert {type(value) for value in drawn} == {int}
    assert 450 < drawn.count(values[-1]) < 550


def test_a_table_of_fractions():
    table = stats.rv_discrete(values=([1.5, 2.0, 4.0], [0.2, 0.8, 0.0]))
    assert as_dimension(table) == Categorical([1.5, 2.0], [0.2, 0.8], ordered=True)


class Dice(stats.rv_discrete):
    def _pmf(self, k):
        return np.full(np.shape(k), 1 / 6)


@pytest.mark.parametrize("freeze", [False, True])
def test_a_discrete_distribution_of_ones_own(freeze):
    dice = Dice(a=1, b=6, name="dice")
    dimension = as_dimension(dice() if freeze else dice)
    assert dimension.grid(99) == [1, 2, 3, 4, 5, 6]
    assert {type(value) for value in dimension.rvs(20, random_state=0)} == {int}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (stats.uniform(1, 0), r"uniform\(1, 0\) has no values: .* scale must be greater"),
        (stats.uniform(1, -3), r"uniform\(1, -3\) has no values"),
        (stats.loguniform(1, 0.1), "requires 0 < a < b"),
        (stats.loguniform(0, 1), "requires 0 < a < b"),
        (stats.randint(3, 3), "requires low < high"),
        (stats.norm(0, 0), "a scale greater than 0"),
        (stats.gamma(a=-1), r"gamma\(a=-1\) has no values"),
        (stats.poisson(-1), "outside their domain"),
        (stats.beta, "beta has no parameters. Call it"),
        (stats.uniform([0, 1], 1), "must be numbers, not arrays"),
    ],
)
def test_distributions_without_values(given, message):
    with pytest.raises(ValueError, match=message):
        as_dimension(given)


def test_what_can_only_be_drawn_from():
    class Drawn:
        def rvs(self, random_state=None):
            return 1

    with pytest.raises(
        ValueError, match=r"a: .* has the method rvs, but not all of ppf, cdf and"
    ):
        Space({"a": Drawn(), "b": Real(0, 1)})


def test_a_mistyped_prior():
    with pytest.raises(ValueError, match="Did you mean 'log-uniform'"):
        as_dimension((1e-4, 1e-1, "loguniform"))
    with pytest.raises(ValueError, match="got 'log'"):
        as_dimension((1, 10, "log"))
    with pytest.raises(ValueError, match="Did you mean 'log-uniform'"):
        as_dimension((1e-4, 1e-1, "loguniform", 10))


@pytest.mark.parametrize("kind", [tuple, list])
@pytest.mark.parametrize(
    ("prior", "rest"),
    [
        *itertools.product(
            ["uniform", "log-uniform"], [({"kernel": "rbf"},), (1,), (1.5,)]
        ),
        *itertools.product(["log-uniform"], [(None,), ("a",), (10, "a")]),
    ],
)
def test_unknown_elements_after_the_prior(prior, rest, kind):
    given = kind((0.5, 0.9, prior, *rest))
    with pytest.raises(ValueError) as error:
        Space({"rate": given})
    for words in ("rate: ", repr(given), repr((0.5, 0.9, prior)), "Categorical([0.5"):
        assert words in str(error.value)


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
    assert as_dimension(optuna.IntDistribution(0, 9, step=3)) == Range(range(0, 10, 3))
    assert as_dimension(optuna.FloatDistribution(0.0, 1.0, step=0.5)) == Steps(
        0.0, 1.0, 0.5
    )
    assert as_dimension(optuna.FloatDistribution(0.1, 0.3, step=0.1)).grid(9) == [
        0.1,
        0.2,
        0.3,
    ]
    assert as_dimension(optuna.CategoricalDistribution(["a", None])) == Categorical(
        ["a", None]
    )


def test_a_range_of_huge_numbers():
    with pytest.raises(ValueError, match=r"2\*\*53"):
        as_dimension(range(1, 10**30))


@pytest.mark.parametrize(
    "choices",
    [
        (0.5, 1.0, "sqrt", "log2", None),
        (0, 1, "auto", None),
        (1, 2, "uniform", "distance"),
        [1, 2, "uniform", "distance"],
        [1, 2, "auto"],
    ],
)
def test_numbers_and_names_are_choices(choices):
    assert as_dimension(choices) == Categorical(list(choices))
