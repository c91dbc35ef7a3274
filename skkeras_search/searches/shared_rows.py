"""The rows of a fold, taken once for the fits of all candidates."""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import get_config

from skkeras_search.fusion.aligned import aligned_rows
from skkeras_search.searches.keras_step import name_of_keras_step

TakeRows = Callable[[np.ndarray, Any], np.ndarray]


class SharedRows:
    """An array that returns the same array to all who take the same rows.

    The rows are in memory as long as somebody uses them. scikit-learn's ``_fit_and_score``
    accepts this class as an array.

    Parameters
    ----------
    whole : ndarray of numbers
        The array.
    take : callable, default=None
        Returns rows of an array, read-only. None uses ``aligned_rows``.
    """

    def __init__(self, whole: np.ndarray, take: TakeRows | None = None):
        self._whole, self._take = whole, take or aligned_rows
        # Rows by the ``id`` of the index, which is kept so that the ``id`` is not reused.
        self._taken: dict[int, tuple[Any, weakref.ref[np.ndarray]]] = {}
        self.shape, self.dtype, self.ndim = whole.shape, whole.dtype, whole.ndim

    def __len__(self) -> int:
        return len(self._whole)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Return read-only rows for ``[index, ...]``. The array handles other keys."""
        if not (isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis):
            return self._whole[key]
        index = key[0]
        _, reference = self._taken.get(id(index), (None, lambda: None))
        rows = reference()
        if rows is None:
            rows = self._take(self._whole, index)
            self._taken[id(index)] = index, weakref.ref(rows)
        return rows


def shared_rows(X: Any, estimator: Any, take: TakeRows | None = None) -> Any:
    """Share the rows of ``X`` if it is an array and the estimator does not change rows.

    Parameters
    ----------
    X : array-like
        The rows.
    estimator : estimator
        The estimator that is to be fitted to rows.
    take : callable, default=None
        Returns rows of an array, read-only. None uses ``aligned_rows``.

    Returns
    -------
    SharedRows or array-like
        ``X`` itself if fits might change their rows, as a step of a pipeline may.
    """
    is_ours = type(estimator).__module__.startswith("skkeras_search.")
    is_array = type(X) in (np.ndarray, np.memmap) and X.dtype.kind in "biufc"
    shares = is_ours and name_of_keras_step(estimator) is not None and is_array
    return SharedRows(X, take) if shares and not get_config()["array_api_dispatch"] else X
