"""Test whether a difference between two candidates is more than noise."""

import math
from numbers import Integral
from typing import Any

import numpy as np
from scipy.stats import t as student
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)

# Splitters that put each row, or each group, into the test set once.
K_FOLDS = (
    *(Integral, KFold, StratifiedKFold, GroupKFold, StratifiedGroupKFold),
    *(LeaveOneOut, LeaveOneGroupOut),
)


def corrected_t_test(differences: np.ndarray, test_ratio: float) -> float:
    """Return the two-sided p-value of the corrected resampled t-test.

    The training sets of the folds overlap, so the differences are not independent. The
    ordinary paired t-test ignores this, and finds too many differences significant.

    Parameters
    ----------
    differences : ndarray of shape (n_folds,)
        Differences of the scores of two candidates in each fold.
    test_ratio : float
        Number of test rows divided by the number of training rows in a fold, which is
        ``1 / (k - 1)`` for k folds.

    Returns
    -------
    float
        The p-value, or NaN with fewer than two folds.

    References
    ----------
    C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine Learning 52,
    2003, section 5.

    Examples
    --------
    >>> import numpy as np
    >>> differences = np.array([0.02, 0.03, 0.01, 0.02, 0.04])
    >>> round(corrected_t_test(differences, test_ratio=1 / 4), 3)
    0.035
    """
    n = len(differences)
    if n < 2:
        return np.nan
    largest = np.abs(differences).max()
    if largest > 0:
        differences = differences / largest  # so that squares do not overflow
    mean, variance = differences.mean(), differences.var(ddof=1)
    if variance <= 1e-30:
        return 1.0 if abs(mean) <= 1e-15 else 0.0
    statistic = mean / np.sqrt((1 / n + test_ratio) * variance)
    return float(2 * student.sf(abs(statistic), n - 1))


def ratio_of_test_rows(cv: Any, n_folds: int) -> float:
    """Return the number of test rows divided by the number of training rows of a splitter.

    Parameters
    ----------
    cv : object
        Parameter ``cv`` of a search.
    n_folds : int
        Number of folds.

    Returns
    -------
    float
        The ratio. NaN if the splitter is neither a k-fold, a repeated k-fold nor a shuffle
        split, or if the ratio depends on the number of rows.
    """
    if hasattr(cv, "_default_test_size"):
        return _ratio_of_shuffle_split(cv.test_size, cv.train_size, cv._default_test_size)
    if isinstance(cv, (RepeatedKFold, RepeatedStratifiedKFold)):
        return 1 / (cv.cvargs["n_splits"] - 1)
    if cv is None or isinstance(cv, K_FOLDS):
        return 1 / (n_folds - 1) if n_folds > 1 else math.nan
    return math.nan


def _ratio_of_shuffle_split(
    test: float | None, train: float | None, default: float
) -> float:
    """Return the ratio of two sizes.

    A size less than 1 is a fraction of the rows; other sizes are numbers of rows. The
    ratio of a fraction and a number of rows is NaN.
    """
    if test is None:
        test = default if train is None else _rest(train)
    if train is None:
        train = _rest(test)
    are_alike = (test < 1) == (train < 1)
    return test / train if are_alike else math.nan


def _rest(size: float) -> float:
    """Return the fraction of the remaining rows, or NaN if ``size`` is a number of rows."""
    return 1 - size if size < 1 else math.nan
