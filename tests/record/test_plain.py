import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from skkeras_search.record.plain import pack, unpack

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()
)
KEYS = st.one_of(st.text(), st.integers(), st.tuples(st.integers(), st.text()))
VALUES = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.lists(parts, max_size=4),
        st.lists(parts, max_size=4).map(tuple),
        st.dictionaries(KEYS, parts, max_size=4),
    ),
    max_leaves=15,
)
DTYPES = st.sampled_from(
    ["float32", "float64", "int64", "uint8", "bool", "U3", "complex64"]
)
ARRAYS = npst.arrays(DTYPES, npst.array_shapes(min_dims=0, max_dims=3, max_side=3))


def through_json(value, arrays=None):
    return unpack(json.loads(json.dumps(pack(value, arrays))), arrays)


@given(VALUES)
def test_values_come_back_as_they_were(value):
    assert repr(through_json(value)) == repr(value)


@given(st.lists(ARRAYS, max_size=3), st.floats(width=32))
def test_arrays_come_back_as_they_were(arrays, number):
    value = {"arrays": arrays, "scalar": np.float32(number)}
    back = through_json(value, [])
    assert type(back["scalar"]) is np.float32
    np.testing.assert_array_equal(back["scalar"], value["scalar"])
    for ours, theirs in zip(back["arrays"], arrays, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("value", [object(), print, np.array([None]), {1: {2, 3}}])
def test_what_is_not_plain_is_refused(value):
    with pytest.raises(TypeError, match="is not plain"):
        pack(value, [])


def test_arrays_are_refused_without_a_place_for_them():
    with pytest.raises(TypeError, match="ndarray is not plain"):
        pack({"a": np.zeros(2)})
    assert through_json(np.float64(0.25)) == 0.25


def test_special_values():
    packed = pack([len], special=lambda value: value.__name__)
    assert unpack(packed, special=str.upper) == ["LEN"]
