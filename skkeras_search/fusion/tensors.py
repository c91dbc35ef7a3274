"""Make tensors from arrays with as few copies as possible.

TensorFlow uses the memory of an array without a copy if its address is aligned like
TensorFlow's own memory. The memory of NumPy arrays usually is not.
"""

from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context  # for the device of new tensors
from tensorflow.python.framework import ops  # public functions make two copies

from skkeras_search.fusion.aligned import aligned_copy


def tensor_of(array: Any) -> tf.Tensor:
    """Make a tensor from an array.

    Parameters
    ----------
    array : ndarray or tensor
        If an array is read-only and aligned, the tensor shares its memory. Other arrays
        are copied once, so that later changes do not affect the tensor.

    Returns
    -------
    tensor : tf.Tensor
    """
    if tf.is_tensor(array):
        return array
    source = aligned_copy(array) if array.flags.writeable else array
    eager = context.context()
    eager.ensure_initialized()
    return ops.EagerTensor(source, eager.device_name, None)
