"""Arrays in memory that TensorFlow can use without a copy."""

import numpy as np
from numpy.typing import DTypeLike

# In bytes. TensorFlow copies an array whose address is not a multiple of it.
ALIGNMENT = 64


def aligned_copy(array: np.ndarray, dtype: DTypeLike | None = None) -> np.ndarray:
    """Copy an array to aligned memory, in C order.

    Parameters
    ----------
    array : ndarray
        An array without Python objects.
    dtype : dtype, optional
        Dtype of the copy. By default, the dtype of ``array``.

    Returns
    -------
    copied : ndarray
        A read-only array.
    """
    copied = _empty(array.shape, np.dtype(dtype or array.dtype))
    copied[...] = array
    copied.flags.writeable = False
    return copied


def aligned_rows(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Copy some rows of an array to aligned memory, in C order.

    Parameters
    ----------
    array : ndarray of shape (n_rows, ...)
        An array without Python objects.
    rows : array-like of int or bool
        Rows to copy, in any form that ``array[rows]`` accepts.

    Returns
    -------
    taken : ndarray
        A read-only array.
    """
    numbers = np.arange(len(array))[rows]
    taken = _empty((len(numbers), *array.shape[1:]), array.dtype)
    # The row numbers are valid. To check them, NumPy would copy to other memory first.
    np.take(array, numbers, axis=0, out=taken, mode="clip")
    taken.flags.writeable = False
    return taken


def _empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    n_bytes = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(n_bytes + ALIGNMENT, np.uint8)
    begin = -memory.ctypes.data % ALIGNMENT
    return memory[begin : begin + n_bytes].view(dtype).reshape(shape)
