"""Folds where ``y`` is one-hot."""

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn import model_selection
from sklearn.datasets import load_iris
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier

from skkeras_search import BayesSearchCV, GridSearchCV, KerasClassifier, RandomizedSearchCV
from skkeras_search.searches.folds import can_stratify, is_one_hot

X, y = load_iris(return_X_y=True)  # sorted by class
X, y = X[::3], y[::3]
one_hot = np.eye(3)[y]


def build(units=4):
    return keras.Sequential(
        [keras.layers.Dense(units, "relu"), keras.layers.Dense(3, "softmax")]
    )


def classifier():
    return KerasClassifier(
        build,
        loss="categorical_crossentropy",
        optimizer="adam",
        optimizer__learning_rate=0.1,
        epochs=2,
        verbose=0,
        random_state=0,
    )


def scores(search, labels, **params):
    params = {"cv": 3, "refit": False, "error_score": "raise", **params}
    found = search(classifier(), {"units": [4, 8]}, **params).fit(X, labels)
    results = found.cv_results_
    return [results[f"split{k}_test_score"] for k in range(found.n_splits_)]


def bayes(*args, **params):
    return BayesSearchCV(*args, n_iter=2, random_state=0, **params)


def randomized(*args, **params):
    return RandomizedSearchCV(*args, n_iter=2, random_state=0, **params)


@pytest.mark.parametrize("search", [GridSearchCV, randomized, bayes])
def test_one_hot_rows_have_the_folds_of_their_labels(search):
    np.testing.assert_array_equal(scores(search, one_hot), scores(search, y))


@pytest.mark.parametrize(
    "cv",
    [None, StratifiedKFold(2, shuffle=True, random_state=0)],
    ids=["default", "splitter"],
)
def test_any_stratifying_splitter(cv):
    expected = scores(GridSearchCV, y, cv=cv)
    np.testing.assert_array_equal(scores(GridSearchCV, one_hot, cv=cv), expected)


def test_other_splitters_are_used_as_they_are():
    cv = KFold(2, shuffle=True, random_state=0)
    expected = scores(GridSearchCV, y, cv=cv)
    for given in (cv, cv.split(X)):
        np.testing.assert_array_equal(scores(GridSearchCV, one_hot, cv=given), expected)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (one_hot, True),
        (one_hot.astype(int).tolist(), True),
        (csr_array(one_hot), True),
        (pd.get_dummies(y), True),
        (np.array([[1, 1, 0], [0, 0, 1]]), False),
        (np.array([[0.5, 0.5, 0], [0, 0, 1]]), False),
        (y, False),
        (None, False),
    ],
)
def test_what_is_one_hot(rows, expected):
    assert is_one_hot(rows) == expected


def test_estimators_of_scikit_learn_have_its_folds():
    def folds(module):
        mlp = MLPClassifier((2,), max_iter=200, tol=1.0, random_state=0)
        search = module.GridSearchCV(mlp, {"alpha": [0.1]}, cv=3, refit=False)
        return search.fit(X, one_hot)._checked_cv_orig

    import skkeras_search

    assert type(folds(skkeras_search)) is type(folds(model_selection)) is KFold


def test_a_class_that_no_row_has():
    with pytest.warns(UserWarning, match=r"no row has class 0,.*y\.argmax\(axis=1\)"):
        cross_val_score(classifier(), X, one_hot, cv=3)
    classifier().partial_fit(X[:20], one_hot[:20])


class ByRow(StratifiedKFold):
    """A splitter of the user's, which takes one-hot rows."""

    def split(self, X, y, groups=None):
        return super().split(X, y.argmax(axis=1))


ONE_HOT = np.eye(3)[np.repeat([0, 1, 2], 6)]


@pytest.mark.parametrize(
    ("cv", "rows", "loss", "stratifies"),
    [
        (3, ONE_HOT, None, True),
        (StratifiedKFold(3), ONE_HOT, "categorical_crossentropy", True),
        (ByRow(3), ONE_HOT, None, False),
        (3, ONE_HOT, "binary_crossentropy", False),
        (3, ONE_HOT, keras.losses.BinaryCrossentropy, False),
        (3, ONE_HOT, "BCE", False),
        (5, ONE_HOT[:16], None, False),
    ],
)
def test_who_sees_labels(cv, rows, loss, stratifies):
    assert can_stratify(cv, rows, loss) is stratifies
