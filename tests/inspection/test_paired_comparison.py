"""The corrected resampled t-test."""

import numpy as np
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_1samp
from sklearn.datasets import load_iris
from sklearn.model_selection import (
    GroupShuffleSplit,
    KFold,
    LeaveOneOut,
    LeavePOut,
    PredefinedSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.svm import SVC

from skkeras_search import GridSearchCV, load_search
from skkeras_search.inspection import FoldScoresDisplay
from skkeras_search.inspection.paired_comparison import (
    corrected_t_test,
    ratio_of_test_rows,
)

DIFFERENCES = np.array([0.02, 0.03, 0.01, 0.02, 0.04])


def test_without_test_rows_it_is_the_paired_t_test():
    assert corrected_t_test(DIFFERENCES, 0) == pytest.approx(
        ttest_1samp(DIFFERENCES, 0).pvalue
    )


def test_the_correction_makes_it_careful():
    p_values = [corrected_t_test(DIFFERENCES, ratio) for ratio in (0, 1 / 9, 1 / 4, 1)]
    assert p_values == sorted(p_values)
    assert p_values[0] < p_values[-1]
    assert corrected_t_test(-DIFFERENCES, 0.25) == corrected_t_test(DIFFERENCES, 0.25)


def test_the_statistic_is_as_much_smaller_as_the_variance_is_greater():
    n, ratio = len(DIFFERENCES), 1 / 4
    plain, corrected = (corrected_t_test(DIFFERENCES, r) for r in (0, ratio))
    statistics = [student.isf(p / 2, n - 1) for p in (plain, corrected)]
    assert statistics[0] / statistics[1] == pytest.approx(np.sqrt(1 + n * ratio))


def test_extremes():
    assert np.isnan(corrected_t_test(np.array([0.1]), 0.25))
    assert corrected_t_test(np.zeros(5), 0.25) == 1
    assert corrected_t_test(np.full(5, 0.1), 0.25) == 0
    assert np.isnan(corrected_t_test(np.array([0.1, np.nan]), 0.25))


@pytest.mark.parametrize(
    ("cv", "n_folds", "ratio"),
    [
        (5, 5, 1 / 4),
        (None, 5, 1 / 4),
        (KFold(10), 10, 1 / 9),
        (RepeatedKFold(n_splits=5, n_repeats=3), 15, 1 / 4),
        (ShuffleSplit(7, test_size=0.2), 7, 1 / 4),
        (ShuffleSplit(7), 7, 1 / 9),
    ],
)
def test_ratio_of_test_rows(cv, n_folds, ratio):
    assert ratio_of_test_rows(cv, n_folds) == pytest.approx(ratio)


X = np.zeros((120, 1))
Y = np.tile([0, 1], 60)


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
@pytest.mark.parametrize(
    "cv",
    [
        ShuffleSplit(4, train_size=0.25),
        ShuffleSplit(4, train_size=0.5, test_size=0.25),
        ShuffleSplit(4, train_size=30, test_size=60),
        StratifiedShuffleSplit(4, train_size=0.25),
        GroupShuffleSplit(4),
        KFold(6),
        StratifiedKFold(3),
        LeaveOneOut(),
        RepeatedStratifiedKFold(n_splits=4, n_repeats=2),
    ],
)
def test_the_ratio_is_that_of_the_folds(cv):
    folds = list(cv.split(X, Y, np.arange(120)))
    ratio = np.mean([len(test) / len(train) for train, test in folds])
    assert ratio_of_test_rows(cv, len(folds)) == pytest.approx(ratio)


@pytest.mark.parametrize(
    "cv",
    [
        ShuffleSplit(4, test_size=30),
        ShuffleSplit(4, train_size=30),
        ShuffleSplit(4, train_size=30, test_size=0.5),
        TimeSeriesSplit(4),
        TimeSeriesSplit(4, test_size=10),
        LeavePOut(2),
        PredefinedSplit([-1, 0, 1]),
        [([0, 1], [2])],
    ],
)
def test_no_p_value_where_the_ratio_is_not_known(cv):
    ratio = ratio_of_test_rows(cv, 4)
    assert np.isnan(ratio)
    assert np.isnan(corrected_t_test(DIFFERENCES, ratio))


def test_a_storage_keeps_the_ratio(tmp_path):
    data, path = load_iris(return_X_y=True), tmp_path / "search.db"
    cv = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    search = GridSearchCV(SVC(), {"C": [1e-3, 1.0]}, cv=cv, storage=path).fit(*data)
    of_loaded, of_search = map(FoldScoresDisplay.from_search, (load_search(path), search))
    assert of_loaded.p_values[1] == pytest.approx(of_search.p_values[1])
    loaded = load_search(path)
    loaded.test_ratio = np.nan  # as of a storage of an earlier release
    assert np.isnan(FoldScoresDisplay.from_search(loaded).p_values).all()
