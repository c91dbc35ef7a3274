"""Predict without Keras's input pipeline, which takes longer than a small prediction."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from skkeras_search.estimators.inputs import dense, take_rows

# Rows per call, unless the user chooses: inputs of about 1 MB. The activations of a layer
# can take a hundred times as much memory.
BYTES_A_CALL = 2**20
MOST_ROWS = 4096


def predict_in_batches(
    predict: Callable[[Any], Any],
    X: Any,
    batch_size: int | None = None,
    at_least: int = 32,
) -> Any:
    """Predict all rows in one or more calls of ``predict``.

    Parameters
    ----------
    predict : callable
        Returns the outputs of a model for its inputs, like ``Model.predict_on_batch``.
    X : array, sparse matrix, or dict or tuple of arrays
        Inputs of the model.
    batch_size : int, optional
        Number of rows per call. By default, the number is chosen by the size of the rows;
        the results do not depend on it.
    at_least : int, default=32
        Number of rows that are known to fit in memory, such as those of a training batch.

    Returns
    -------
    outputs : ndarray, or list or dict of ndarray
        The outputs, in the form of ``Model.predict``.
    """
    arrays = keras.tree.flatten(X)
    n_rows = arrays[0].shape[0]
    size = batch_size or max(at_least, _rows_a_call(arrays))
    if n_rows <= size:
        return predict(dense(X))
    starts = list(range(0, n_rows - size, size))
    parts = [predict(dense(_rows(X, s, s + size))) for s in starts]
    # The last call has as many rows as the others, because the model would be traced again
    # for another number. Rows that were already predicted are dropped.
    done = starts[-1] + size
    last = predict(dense(_rows(X, n_rows - size, n_rows)))
    parts.append(take_rows(last, slice(size - (n_rows - done), None)))
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)


def _rows(X: Any, start: int, stop: int) -> Any:
    return take_rows(X, slice(start, stop))


def _rows_a_call(arrays: list[Any]) -> int:
    # Keras computes with 4 bytes per value, whatever the dtype of the data is.
    bytes_a_row = sum(4 * int(np.prod(array.shape[1:])) for array in arrays)
    return min(MOST_ROWS, BYTES_A_CALL // max(bytes_a_row, 1))
