"""Tensors of arrays, with as few copies as TensorFlow allows.

TensorFlow takes the memory of an array for a tensor's if it begins where TensorFlow's
own does. NumPy's seldom does.
"""

from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context  # for the device of new tensors
from tensorflow.python.framework import ops  # public functions make two copies

from skkeras_search.fusion.aligned import aligned_copy


def tensor_of(array: Any) -> tf.Tensor:
    """Make a tensor of an array.

    Parameters
    ----------
    array : ndarray or tensor
        If an array is read-only and aligned, the tensor has its memory. Of other arrays
        one copy is made, so that later changes do not reach the tensor.

    Returns
    -------
    tensor
    """
    if tf.is_tensor(array):
        return array
    source = aligned_copy(array) if array.flags.writeable else array
    eager = context.context()
    eager.ensure_initialized()
    return ops.EagerTensor(source, eager.device_name, None)
