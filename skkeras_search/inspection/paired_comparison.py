"""Whether a difference between two candidates is more than noise."""

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

# Each row, or group, is tested once.
K_FOLDS = (
    *(Integral, KFold, StratifiedKFold, GroupKFold, StratifiedGroupKFold),
    *(LeaveOneOut, LeaveOneGroupOut),
)


def corrected_t_test(differences: np.ndarray, test_ratio: float) -> float:
    """Give the p-value of the corrected resampled t-test, two-sided.

    The training rows of folds overlap, so the differences of folds are not independent, and
    the ordinary paired test finds too many of them significant.

    Parameters
    ----------
    differences : ndarray of shape (n_folds,)
        Of the scores of two candidates, by fold.
    test_ratio : float
        Number of test rows for each training row of a fold: ``1 / (k - 1)`` for k folds.

    Returns
    -------
    float
        Not a number with fewer than two folds.

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
        differences = differences / largest  # as squares may overflow
    mean, variance = differences.mean(), differences.var(ddof=1)
    if variance <= 1e-30:
        return 1.0 if abs(mean) <= 1e-15 else 0.0
    statistic = mean / np.sqrt((1 / n + test_ratio) * variance)
    return float(2 * student.sf(abs(statistic), n - 1))


def ratio_of_test_rows(cv: Any, n_folds: int) -> float:
    """Give the number of test rows for each training row of a splitter.

    Parameters
    ----------
    cv : object
        The ``cv`` of a search.
    n_folds : int

    Returns
    -------
    float
        Not a number for a splitter other than k folds, once or repeated, and shuffle
        splits, and for one whose ratio depends on the number of rows.
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
    """The ratio of two sizes: shares of the rows if less than 1, else numbers of rows."""
    if test is None:
        test = default if train is None else _rest(train)
    if train is None:
        train = _rest(test)
    are_alike = (test < 1) == (train < 1)
    return test / train if are_alike else math.nan


def _rest(size: float) -> float:
    """The share of all other rows, which is not known for a number of rows."""
    return 1 - size if size < 1 else math.nan
