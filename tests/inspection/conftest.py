"""Searches that are looked at, as small as they can be."""

import warnings

import matplotlib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from skkeras_search import BayesSearchCV, GridSearchCV, Real, Space

matplotlib.use("Agg")
X, y = load_iris(return_X_y=True)


@pytest.fixture(autouse=True)
def _no_figures_are_left():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def made_up(params, folds, space=None, **more):
    """A fitted search with these candidates, and scores of shape (n_candidates, n_folds)."""
    folds = np.asarray(folds, float)
    names = sorted({name for one in params for name in one}) or ["C"]
    search = BayesSearchCV(SVC(), space or {name: [0, 1] for name in names})
    results = {"params": params, "mean_test_score": folds.mean(axis=1)}
    results |= {f"split{k}_test_score": column for k, column in enumerate(folds.T)}
    results["std_test_score"] = folds.std(axis=1)
    results["mean_fit_time"] = results["mean_score_time"] = np.full(len(params), 0.5)
    search.cv_results_ = results | more
    search.n_splits_ = folds.shape[1]
    search._trained = {}
    return search


@pytest.fixture(scope="session")
def grid():
    grid = {"C": [0.01, 1.0, 100.0], "kernel": ["linear", "rbf"]}
    return GridSearchCV(SVC(), grid, cv=3).fit(X, y)


@pytest.fixture(scope="session")
def conditional():
    """A search with a conditional hyperparameter, and some candidates that fail."""
    space = {
        "kernel": ["linear", "rbf", "wrong"],
        "C": Real(1e-2, 1e2, "log-uniform"),
        "gamma": Real(1e-3, 1e1, "log-uniform", when={"kernel": "rbf"}),
    }
    search = BayesSearchCV(SVC(), Space(space), n_iter=12, cv=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what fails
        return search.fit(X, y)
