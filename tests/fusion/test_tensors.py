"""Tensors that take the memory of arrays, and those that must not."""

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from skkeras_search.fusion.aligned import ALIGNMENT, aligned_copy, aligned_rows
from skkeras_search.fusion.tensors import tensor_of

DTYPES = st.sampled_from(["float64", "float32", "float16", "int64", "uint8", "bool"])
INDICES = st.one_of(
    st.lists(st.integers(-6, 5), max_size=9).map(lambda rows: np.array(rows, int)),
    arrays.arrays(bool, 6),
)


def address(array):
    return array.__array_interface__["data"][0]


@given(DTYPES.flatmap(lambda dtype: arrays.arrays(dtype, (6, 3))), INDICES)
def test_rows_are_those_of_the_array(array, rows):
    for whole in (array, np.asfortranarray(array), np.repeat(array, 2, axis=0)[::2]):
        taken = aligned_rows(whole, rows)
        np.testing.assert_array_equal(taken, whole[rows])
        assert taken.dtype == whole.dtype
        assert taken.flags.c_contiguous
        assert address(taken) % ALIGNMENT == 0 or not taken.size


def test_a_row_that_is_not_there_is_an_error():
    with pytest.raises(IndexError, match="out of bounds"):
        aligned_rows(np.zeros((6, 3)), np.array([6]))


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8", "bool"])
def test_a_tensor_of_an_aligned_copy_is_no_other_copy(dtype):
    copied = aligned_copy(np.arange(12).reshape(4, 3) % 2, dtype)
    tensor = tensor_of(copied)
    assert address(np.asarray(memoryview(tensor))) == address(copied)
    assert (tensor.dtype, tensor.shape) == (dtype, (4, 3))


def test_rows_cannot_be_written_to():
    whole = np.zeros((6, 3))
    for array in (aligned_copy(whole), aligned_rows(whole, np.arange(2))):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize("offset", range(0, ALIGNMENT, 16))
def test_later_changes_do_not_reach_a_tensor(offset):
    memory = np.zeros(4096 + 2 * ALIGNMENT, np.uint8)
    begin = -address(memory) % ALIGNMENT + offset
    array = memory[begin : begin + 4096].view("float32")
    tensor = tensor_of(array)
    array[:] = 1
    assert not tensor.numpy().any()


def test_a_tensor_is_left_as_it_is():
    tensor = tf.constant(["a", "b"])
    assert tensor_of(tensor) is tensor
