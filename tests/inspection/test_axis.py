"""Axes of values of any kind."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from skkeras_search import Categorical, Integer, Real
from skkeras_search.inspection.axis import axis_of

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.tuples(st.integers()),
    st.just(np.mean),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=8))
def test_every_value_has_its_place(values):
    axis = axis_of("a", values, None, False)
    coordinates = axis.coordinates([{"a": value} for value in values])
    assert ((coordinates >= 0) & (coordinates <= 1)).all()
    for value, coordinate in zip(values, coordinates, strict=True):
        if not axis.is_numeric:
            found = axis.dimension.decode(coordinate)
            assert found == value
            assert type(found) is type(value)
    assert np.isfinite(axis.places(coordinates)).all()


@pytest.mark.parametrize(
    ("values", "is_log"),
    [
        ([1e-4, 1e-3, 1e-2], True),
        ([16, 32, 64, 128], True),
        ([1, 2, 3, 4, 5], False),
        ([-1, 1, 10, 100], False),
        ([0, 1, 10, 100], False),
    ],
)
def test_scale(values, is_log):
    assert axis_of("a", values, None, False).is_log is is_log


@pytest.mark.parametrize(
    "values", [[1], [1, None], [True, False], [1, "1"], [np.nan, 1.0], [1.0, 10**400]]
)
def test_what_is_not_on_a_scale(values):
    assert not axis_of("a", values, None, False).is_numeric


def test_the_space_gives_bounds_and_order():
    axis = axis_of("a", [0.1, 0.2], Real(1e-3, 1, "log-uniform"), False)
    assert (axis.dimension.bounds, axis.is_log) == ((1e-3, 1.0), True)
    assert axis_of("a", [3], Integer(1, 9), False).dimension.bounds == (1.0, 9.0)
    assert axis_of("a", ["y"], Categorical(["x", "y"]), False).labels == ["x", "y"]


def test_values_that_are_not_in_the_space_are_shown_all_the_same():
    axis = axis_of("a", [0.1, 5.0], Real(1e-3, 1), False)
    assert axis.dimension.bounds == (0.1, 5.0)


def test_estimators_are_told_apart():
    scalers = [StandardScaler(), StandardScaler(with_mean=False), StandardScaler()]
    axis = axis_of("scaler", scalers, Categorical(scalers[:2]), False)
    assert len(set(axis.labels)) == 2
    places = axis.places(axis.coordinates([{"scaler": s} for s in scalers]))
    assert places.tolist() == [0, 1, 0]


def test_a_value_that_is_not_set_has_no_coordinate():
    axis = axis_of("a", [1, 9], None, True)
    assert np.isnan(axis.coordinates([{"a": 1}, {}])[1])
    assert axis.filled([{"a": 1}, {}]).tolist() == [0, 0.5]


@given(st.lists(st.integers(-(10**30), 10**30), min_size=2, max_size=5, unique=True))
@example([10**18, 10**18 + 1, 3])
def test_whole_numbers_that_are_no_floating_point_numbers(values):
    axis = axis_of("a", values, None, False)
    coordinates = axis.coordinates([{"a": value} for value in values])
    assert ((coordinates >= 0) & (coordinates <= 1)).all()
