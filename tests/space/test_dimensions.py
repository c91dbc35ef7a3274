import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from skkeras_search import Categorical, Integer, Real
from skkeras_search.space import Distribution, Range, Steps

finite = st.floats(-1e6, 1e6)
positive = st.floats(1e-8, 1e8)
priors = st.sampled_from(["uniform", "log-uniform"])


@st.composite
def reals(draw):
    prior = draw(priors)
    bounds = draw(
        st.lists(positive if prior == "log-uniform" else finite, min_size=2, max_size=2)
        .map(sorted)
        .filter(lambda ends: ends[1] - ends[0] > 1e-6 * max(map(abs, ends)))
    )
    return Real(*bounds, prior)


@st.composite
def integers(draw):
    prior = draw(priors)
    low = draw(st.integers(1 if prior == "log-uniform" else -1000, 1000))
    return Integer(low, low + draw(st.integers(1, 2000)), prior)


@given(reals(), st.floats(0, 1))
def test_a_number_goes_to_its_coordinate_and_back(dimension, quantile):
    value = dimension.decode(quantile)
    assert type(value) is float
    assert dimension.low <= value <= dimension.high
    assert dimension.decode(dimension.encode(value)) == pytest.approx(value, rel=1e-9)


@given(integers(), st.floats(0, 1))
def test_a_whole_number_goes_to_its_coordinate_and_back(dimension, quantile):
    value = dimension.decode(quantile)
    assert type(value) is int
    assert value in dimension
    assert dimension.decode(dimension.encode(value)) == value
    own = dimension.snap(np.array([quantile]))
    assert own == dimension.encode(value)
    assert dimension.snap(own) == pytest.approx(own, abs=1e-12)


@given(st.integers(-1000, 1000), st.integers(1, 50), st.integers(2, 200), st.floats(0, 1))
def test_a_number_of_a_range_goes_to_its_coordinate_and_back(start, step, n, quantile):
    numbers = range(start, start + n * step, step)
    dimension = Range(numbers)
    assert dimension.n_values == n
    assert dimension.grid(3) == list(numbers)
    value = dimension.decode(quantile)
    assert type(value) is int
    assert value in numbers
    assert value in dimension
    assert (value + 1 in dimension) == (value + 1 in numbers)
    assert dimension.decode(dimension.encode(value)) == value
    own = dimension.snap(np.array([quantile]))
    assert own == dimension.encode(value)
    assert dimension.snap(own) == pytest.approx(own, abs=1e-12)


def test_the_numbers_of_a_range_are_equally_likely():
    drawn = Range(range(10, 50, 10)).rvs(4000, random_state=0)
    assert set(drawn) == {10, 20, 30, 40}
    assert min(map(drawn.count, set(drawn))) > 900


class Counted:
    """A category that counts how often it is compared."""

    n_compared = 0

    def __init__(self, number):
        self.number = number

    def __hash__(self):
        return hash(self.number)

    def __eq__(self, other):
        type(self).n_compared += 1
        return self.number == other.number


def test_a_category_is_found_without_comparing_all():
    dimension = Categorical([Counted(i) for i in range(1000)])
    Counted.n_compared = 0
    for category in dimension.categories:
        dimension.encode(Counted(category.number))
    assert Counted.n_compared <= 1000


@given(st.lists(st.one_of(st.integers(), st.text(), st.booleans(), st.none()), min_size=1))
def test_a_category_goes_to_its_coordinate_and_back(categories):
    dimension = Categorical(categories)
    for category in categories:
        found = dimension.decode(dimension.encode(category))
        assert found == category
        assert type(found) is type(category)


def test_whole_numbers_are_equally_likely():
    drawn = Integer(1, 4).rvs(4000, random_state=0)
    assert set(drawn) == {1, 2, 3, 4}
    assert min(map(drawn.count, range(1, 5))) > 900


def test_categories_are_drawn_by_their_prior():
    drawn = Categorical(["a", "b"], prior=[0.9, 0.1]).rvs(1000, random_state=0)
    assert 850 < drawn.count("a") < 950
    assert "b" not in Categorical(["a", "b"], prior=[1, 0]).rvs(100, random_state=0)


def test_a_logarithmic_prior_draws_each_magnitude_as_often():
    drawn = np.log10(Real(1e-4, 1, "log-uniform").rvs(4000, random_state=0))
    counts, _ = np.histogram(drawn, bins=4, range=(-4, 0))
    assert counts.min() > 900


def test_categories_that_look_alike():
    dimension = Categorical([1, True, "1", 1.5])
    assert [dimension.decode(dimension.encode(v)) for v in (1, True, "1", 1.5)] == [
        1,
        True,
        "1",
        1.5,
    ]
    assert dimension.decode(dimension.encode(np.int64(1))) is dimension.categories[0]


def test_categories_may_be_anything():
    array, function = np.arange(3), len
    dimension = Categorical([array, (64, 32), function, None])
    for category in (array, (64, 32), function, None):
        assert dimension.decode(dimension.encode(category)) is category or (
            category == (64, 32)
        )


def test_numbers_that_rise_are_ordered():
    assert Categorical([16, 32, 64]).is_ordered
    assert Categorical([0.1, 0.01, 0.001]).is_ordered
    assert not Categorical([16, 64, 32]).is_ordered
    assert not Categorical([True, False]).is_ordered
    assert not Categorical(["a", "b", "c"]).is_ordered
    assert Categorical(["small", "large"], ordered=True).is_ordered
    assert Categorical([1, 2, 10**400]).is_ordered


def test_categories_that_are_given_twice():
    dimension = Categorical(["a", "b", "a", 1, True])
    assert dimension.categories == ("a", "b", 1, True)
    drawn = dimension.rvs(1000, random_state=0)
    assert 350 < drawn.count("a") < 450


def test_clones_of_estimators_are_the_same_category():
    svc, logistic = SVC(C=2), LogisticRegression()
    dimension = Categorical([svc, logistic])
    assert dimension.decode(dimension.encode(clone(logistic))) is logistic
    assert SVC(C=3) not in dimension


def test_values_are_plain():
    assert type(Categorical(np.array([1, 2])).decode(0.0)) is int
    assert type(Integer(np.int64(1), np.int64(5)).decode(0.3)) is int
    assert type(Real(np.float32(1), 2).low) is float


def test_grids():
    assert Real(0, 1).grid(3) == [0, 0.5, 1]
    assert Real(1e-4, 1e-2, "log-uniform").grid(3) == pytest.approx([1e-4, 1e-3, 1e-2])
    assert Integer(0, 10).grid(3) == [0, 5, 10]
    assert Integer(1, 3).grid(9) == [1, 2, 3]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Real(1, 1), "low=1 must be less than high=1"),
        (lambda: Real(2, 1), "low=2 must be less"),
        (lambda: Integer(5, 2), "low=5 must be less"),
        (lambda: Real(0, 1, "log-uniform"), "low=0 must be greater than 0"),
        (lambda: Integer(0, 9, "log-uniform"), "low=0 must be greater than 0"),
        (lambda: Real(math.nan, 1), "low=nan is not a finite number"),
        (lambda: Real(0, math.inf), "high=inf is not a finite number"),
        (lambda: Real("a", 1), "low='a' is not a finite number"),
        (lambda: Real(0, 1, "log"), "prior must be one of .*'uniform'.* got 'log'"),
        (lambda: Categorical([]), "categories is empty"),
        (lambda: Range(range(0)), "at least two numbers, got range.0, 0."),
        (lambda: Range(range(0, 5, 10)), "at least two numbers, got range.0, 5, 10."),
        (lambda: Steps(1, 0, 0.1), "low=1 must be less than high=0"),
        (lambda: Steps(0, math.inf, 1), "high=inf is not a finite number"),
        (lambda: Steps(0, 1, None), "step=None is not a finite number"),
        (lambda: Steps(0, 1, 0), "step=0 must be greater than 0"),
        (lambda: Steps(0, 1, -0.5), "step=-0.5 must be greater than 0"),
        (lambda: Real(-1e308, 1e308), "too close together, or too far"),
        (lambda: Integer(0, 10**25), "high must be between -2..53 and 2..53"),
        (lambda: Integer(0, 10**400), "high must be between -2..53 and 2..53"),
        (lambda: Real(-(10**400), 1), "low must be between -1.8e308 and 1.8e308"),
        (lambda: Real(0, 1, when={"a": []}), "when={'a': .*} never holds"),
        (lambda: Categorical(["a"], prior=[0.5, 0.5]), "a probability for each of the 1"),
        (lambda: Categorical(["a"], prior="uniform"), "a probability for each of the 1"),
        (lambda: Real(0, 1).encode(2), r"2 is not in Real\(0.0, 1.0\)"),
        (lambda: Integer(0, 9).encode(2.5), "2.5 is not a whole number"),
        (lambda: Categorical(["a"]).encode("b"), "'b' is not in Categorical"),
    ],
)
def test_bad_values(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Integer(0.5, 2), "low=0.5 is not a whole number"),
        (lambda: Categorical("abc"), "must be a list"),
        (lambda: Range([1, 2]), r"numbers must be a range, got \[1, 2\]"),
        (lambda: Distribution(5), "must be a distribution of scipy.stats, .* got 5"),
        (lambda: Real(0, 1, when=["a"]), "when must map names to values"),
        (lambda: Real(0, 1, when={1: "a"}), "must be str, got 1"),
        (lambda: Real(0, 1, name=3), "name must be a str"),
    ],
)
def test_bad_types(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_repr():
    assert repr(Real(0, 1)) == "Real(0.0, 1.0)"
    assert repr(Integer(1, 9, "log-uniform")) == "Integer(1, 9, 'log-uniform')"
    assert repr(Categorical(["a", "b"])) == "Categorical(['a', 'b'])"
    assert repr(Real(0, 1, when={"a": 1})) == "Real(0.0, 1.0, when={'a': 1})"


@pytest.mark.parametrize("dimension", [Real, Integer])
def test_reverse_log_uniform_is_log_uniform_from_the_other_end(dimension):
    near_high = dimension(1, 1000, "reverse-log-uniform")
    near_low = dimension(1, 1000, "log-uniform")
    for value in (1, 2, 10, 500, 999, 1000):
        mirrored = near_low.encode(1001 - value)
        assert near_high.encode(value) == pytest.approx(1 - mirrored)
        assert near_high.decode(near_high.encode(value)) == pytest.approx(value)
    assert near_high.grid(3)[1] > 900
    with pytest.raises(ValueError, match="low=0 must be greater than 0"):
        dimension(0, 1000, "reverse-log-uniform")
