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
    """An array that gives all who ask for the same rows the same array.

    It is there as long as somebody has it. scikit-learn's ``_fit_and_score`` can take
    this for an array.

    Parameters
    ----------
    whole : ndarray of numbers
    take : callable, default=None
        Gives rows of an array, read-only. ``aligned_rows`` if None.
    """

    def __init__(self, whole: np.ndarray, take: TakeRows | None = None):
        self._whole, self._take = whole, take or aligned_rows
        # By the identity of the index, which therefore is kept.
        self._taken: dict[int, tuple[Any, weakref.ref[np.ndarray]]] = {}
        self.shape, self.dtype, self.ndim = whole.shape, whole.dtype, whole.ndim

    def __len__(self) -> int:
        return len(self._whole)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Give rows by ``[index, ...]``, read-only; all else as the array does."""
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
    """Share the rows of ``X``, if they are an array's and the estimator leaves them alone.

    Parameters
    ----------
    X : array-like
    estimator : estimator
        That is to be fitted to rows.
    take : callable, default=None
        Gives rows of an array, read-only. ``aligned_rows`` if None.

    Returns
    -------
    SharedRows or array-like
        ``X`` itself if fits might change their rows, as a step of a pipeline may.
    """
    is_ours = type(estimator).__module__.startswith("skkeras_search.")
    is_array = type(X) in (np.ndarray, np.memmap) and X.dtype.kind in "biufc"
    shares = is_ours and name_of_keras_step(estimator) is not None and is_array
    return SharedRows(X, take) if shares and not get_config()["array_api_dispatch"] else X
