"""Folds for one-hot rows, stratified by class."""

from numbers import Integral
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import check_cv
from sklearn.utils.multiclass import type_of_target


class FoldsByClass:
    """A splitter that receives class labels in place of one-hot rows.

    scikit-learn treats one-hot rows as multilabel targets, for which it has no stratified
    folds.

    Parameters
    ----------
    cv : int, splitter or None
        The ``cv`` of a scikit-learn search.
    y : array-like of shape (n_samples, n_classes)
        One-hot rows.
    """

    def __init__(self, cv: Any, y: Any):
        self._cv = check_cv(cv, _classes(y), classifier=True)

    def get_n_splits(self, X: Any, y: Any, **params: Any) -> int:
        """Return the number of folds."""
        n_splits: int = self._cv.get_n_splits(X, _classes(y), **params)
        return n_splits

    def split(self, X: Any, y: Any, **params: Any) -> Any:
        """Yield the indices of training and test rows of each fold."""
        return self._cv.split(X, _classes(y), **params)


def is_made_here(cv: Any) -> bool:
    """Return whether the search makes the splitter itself, from a number or None."""
    return cv is None or isinstance(cv, Integral)


def is_one_hot(y: Any) -> bool:
    """Return whether each row has a single 1 and otherwise zeros."""
    if y is None or type_of_target(y) != "multilabel-indicator":
        return False
    return bool((_dense(y).sum(axis=1) == 1).all())


def can_stratify(cv: Any, y: Any, loss: Any) -> bool:
    """Return whether a splitter should receive labels in place of one-hot rows.

    It should not if the user wrote the splitter, which may read the rows; if the loss
    allows several labels for a row; or if a class is too rare.
    """
    if not (is_made_here(cv) or type(cv).__module__.startswith("sklearn.")):
        return False
    name = str(getattr(loss, "__name__", loss)).lower()
    if name == "bce" or "binary" in name:
        return False
    counts = np.bincount(_classes(y))
    splitter = check_cv(cv, _classes(y), classifier=True)
    rare = counts[counts > 0].min() < getattr(splitter, "n_splits", 1)
    return not (is_made_here(cv) and rare)


def _classes(y: Any) -> np.ndarray:
    return _dense(y).argmax(axis=1)


def _dense(y: Any) -> np.ndarray:
    return y.toarray() if issparse(y) else np.asarray(y)
