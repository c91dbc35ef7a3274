"""Rows of a fold that the fits of all candidates share."""

import gc
import weakref

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.metaestimators import _safe_split

from skkeras_search import FreezeThawSearchCV, GridSearchCV, KerasClassifier
from skkeras_search.searches import shared_rows as module
from skkeras_search.searches.shared_rows import SharedRows, shared_rows

X, y = load_iris(return_X_y=True)
GRID = {"batch_size": [30, 50, 100]}


def build(meta):
    return keras.Sequential([keras.layers.Dense(meta["n_classes_"], activation="softmax")])


class Derived(KerasClassifier):
    """May do anything to its rows."""


def classifier(kind=KerasClassifier):
    loss = "sparse_categorical_crossentropy"
    return kind(build, loss=loss, batch_size=30, random_state=0, verbose=0)


def shared(estimator, X, y):
    """Score 1 for rows that others may have, too."""
    return float(not X.flags.writeable)


@pytest.fixture
def taken(monkeypatch):
    """All rows that were taken, as long as somebody has them."""
    references = []

    def aligned_rows(array, rows):
        taken = original(array, rows)
        references.append((id(rows), weakref.ref(taken)))
        return taken

    original = module.aligned_rows
    monkeypatch.setattr(module, "aligned_rows", aligned_rows)
    return references


def test_the_same_index_gives_the_same_rows_while_somebody_has_them():
    rows, train = SharedRows(X), np.arange(0, 150, 2)
    first = rows[train, ...]
    assert rows[train, ...] is first
    reference = weakref.ref(first)
    del first
    assert reference() is None
    np.testing.assert_array_equal(rows[train, ...], X[train])


def test_another_index_gives_other_rows():
    rows = SharedRows(X)
    taken = [rows[np.array([n]), ...] for n in range(50)]
    np.testing.assert_array_equal(np.concatenate(taken), X[:50])


@pytest.mark.parametrize("data", [X, X.reshape(150, 2, 2), X[:, 0]])
@pytest.mark.parametrize("index", [np.arange(9), [3, 1], np.arange(150) < 7, slice(2, 5)])
def test_scikit_learn_splits_them_as_it_splits_an_array(data, index):
    expected = _safe_split(LogisticRegression(), data, y, index)
    found = _safe_split(LogisticRegression(), SharedRows(data), y, index)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_scikit_learn_splits_kernels():
    kernel, index = X @ X.T, np.arange(9)
    found, _ = _safe_split(SVC(kernel="precomputed"), SharedRows(kernel), y, index)
    np.testing.assert_array_equal(found, kernel[:9, :9])


@pytest.mark.parametrize(
    "estimator", [make_pipeline(StandardScaler(), classifier()), SVC()]
)
def test_who_may_change_rows_has_rows_of_its_own(estimator):
    assert shared_rows(X, estimator) is X
    assert shared_rows(X, classifier(Derived)) is X


@pytest.mark.parametrize(
    "data", [pd.DataFrame(X), csr_matrix(X), X.tolist(), X.astype(object)]
)
def test_what_is_no_array_of_numbers_is_left_as_it_is(data):
    assert shared_rows(data, classifier()) is data


def test_candidates_of_a_search_share_rows(taken):
    alive = []

    def shared(estimator, X, y):
        alive.append([rows for rows, reference in taken if reference() is not None])
        return float(not X.flags.writeable)

    search = GridSearchCV(classifier(), GRID, cv=3, refit=False, scoring=shared)
    search.fit(X, y)
    assert all(len(rows) == len(set(rows)) for rows in alive)
    assert (search.cv_results_["mean_test_score"] == 1).all()
    assert len({rows for rows, _ in taken}) == 6  # for training and testing
    del search
    gc.collect()
    assert not any(reference() is not None for _, reference in taken)


def test_segments_of_a_fit_share_rows():
    search = FreezeThawSearchCV(
        classifier(),
        {"batch_size": (10, 100)},
        n_iter=2,
        cv=2,
        max_epochs=3,
        scoring=shared,
        random_state=0,
    )
    assert search.fit(X, y).best_score_ == 1


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_results_are_those_of_rows_of_ones_own(n_jobs):
    params = {"cv": 3, "refit": False, "n_jobs": n_jobs}
    ours = GridSearchCV(classifier(), GRID, **params).fit(X, y).cv_results_
    theirs = GridSearchCV(classifier(Derived), GRID, **params).fit(X, y).cv_results_
    for fold in range(3):
        name = f"split{fold}_test_score"
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_folds_on_a_worker_share_rows():
    search = GridSearchCV(
        classifier(), GRID, cv=2, refit=False, n_jobs=2, scoring=shared
    ).fit(X, y)
    assert (search.cv_results_["mean_test_score"] == 1).all()
