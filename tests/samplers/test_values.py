import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skkeras_search.samplers.values import LARGEST_ERROR, _with_short_tail, standardized

many_values = st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=20).filter(
    lambda values: np.ptp(values) > 1e-3
)


@given(many_values)
def test_mean_variance_and_order(values):
    scaled, _ = standardized(np.array(values), np.zeros(len(values)))
    assert abs(scaled.mean()) < 1e-9
    assert scaled.std() == pytest.approx(1)
    assert (np.diff(scaled[np.argsort(values, kind="stable")]) >= -1e-9).all()


@given(many_values, st.sampled_from([np.nan, np.inf, -np.inf]))
def test_a_failure_is_as_bad_as_the_worst(values, failure):
    scaled, _ = standardized(np.array([*values, failure]), np.zeros(len(values) + 1))
    assert scaled[-1] == scaled.max() == scaled[np.argmax(values)]


def test_errors_have_the_scale_of_the_values():
    values, noise = standardized(np.array([0.0, 2.0]), np.array([1.0, 1e300]))
    np.testing.assert_allclose(values, [-1, 1])
    np.testing.assert_allclose(noise, [1, LARGEST_ERROR**2])


def test_equal_values_are_zero():
    assert (standardized(np.full(3, 7.0), np.zeros(3))[0] == 0).all()


def test_a_long_tail_keeps_its_order_and_does_not_fill_the_scale():
    good = np.linspace(0, 1, 11)
    values = np.hstack([good, [5.0, 50.0, 500.0, 1e300]])
    shortened = _with_short_tail(values)
    assert (np.diff(shortened) > 0).all()
    assert (shortened[:11] == good).all()
    assert shortened.max() < 10
    assert (_with_short_tail(good) == good).all()
    assert (_with_short_tail(np.ones(4)) == 1).all()
