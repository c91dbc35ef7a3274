"""The folds of one-hot rows, by class."""

from numbers import Integral
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import check_cv
from sklearn.utils.multiclass import type_of_target


class FoldsByClass:
    """A splitter that sees class labels in the place of one-hot rows.

    scikit-learn takes one-hot rows for several labels a sample, for which it has no
    stratified folds.

    Parameters
    ----------
    cv : int, splitter or None
        As scikit-learn's searches take it.
    y : array-like of shape (n_samples, n_classes)
        One-hot rows.
    """

    def __init__(self, cv: Any, y: Any):
        self._cv = check_cv(cv, _classes(y), classifier=True)

    def get_n_splits(self, X: Any, y: Any, **params: Any) -> int:
        """Give the number of folds."""
        n_splits: int = self._cv.get_n_splits(X, _classes(y), **params)
        return n_splits

    def split(self, X: Any, y: Any, **params: Any) -> Any:
        """Give the rows for training and for testing, of each fold."""
        return self._cv.split(X, _classes(y), **params)


def is_made_here(cv: Any) -> bool:
    """Whether a search makes the splitter itself, knowing the number of folds at most."""
    return cv is None or isinstance(cv, Integral)


def is_one_hot(y: Any) -> bool:
    """Whether each row has a single 1 beside zeros."""
    if y is None or type_of_target(y) != "multilabel-indicator":
        return False
    return bool((_dense(y).sum(axis=1) == 1).all())


def can_stratify(cv: Any, y: Any, loss: Any) -> bool:
    """Whether one-hot rows are to be seen as labels by a splitter.

    Not by a splitter of the user's, which may look at the rows, nor where the loss says
    that a row may have several labels, nor where a class is too rare.
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
