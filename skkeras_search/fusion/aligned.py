"""Arrays in memory that TensorFlow can take for tensors."""

import numpy as np
from numpy.typing import DTypeLike

# Bytes. TensorFlow copies an array whose memory does not begin at a multiple.
ALIGNMENT = 64


def aligned_copy(array: np.ndarray, dtype: DTypeLike | None = None) -> np.ndarray:
    """Copy an array to aligned memory, in C order.

    Parameters
    ----------
    array : ndarray
        Without Python objects.
    dtype : dtype, optional
        Of the copy. By default that of ``array``.

    Returns
    -------
    ndarray
        Read-only.
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
        Without Python objects.
    rows : array-like of int or bool
        As ``array[rows]`` takes them.

    Returns
    -------
    ndarray
        Read-only.
    """
    numbers = np.arange(len(array))[rows]
    taken = _empty((len(numbers), *array.shape[1:]), array.dtype)
    # The numbers are right. NumPy would take rows to other memory first to check that.
    np.take(array, numbers, axis=0, out=taken, mode="clip")
    taken.flags.writeable = False
    return taken


def _empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    n_bytes = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(n_bytes + ALIGNMENT, np.uint8)
    begin = -memory.ctypes.data % ALIGNMENT
    return memory[begin : begin + n_bytes].view(dtype).reshape(shape)
