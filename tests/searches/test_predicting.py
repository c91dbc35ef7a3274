"""What a search has and does after its fit, for each way to choose the best candidate."""

import re

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, f1_score

from skkeras_search import (
    BayesSearchCV,
    FreezeThawSearchCV,
    GridSearchCV,
    HyperbandSearchCV,
    KerasClassifier,
    RandomizedSearchCV,
)
from skkeras_search.interop.optuna import OptunaSearchCV
from tests.estimators.models import softmax_regression

X, y = load_iris(return_X_y=True)
SEVERAL = ["accuracy", "f1_macro"]
SPACE = {"optimizer__learning_rate": [0.01, 0.1]}
CLASSIFIER = KerasClassifier(
    softmax_regression,
    optimizer="sgd",
    loss="sparse_categorical_crossentropy",
    epochs=2,
    verbose=0,
    random_state=0,
)
SEARCHES = {
    GridSearchCV: {},
    RandomizedSearchCV: {"n_iter": 2},
    BayesSearchCV: {"n_iter": 2},
    FreezeThawSearchCV: {"n_iter": 2},
    HyperbandSearchCV: {},
    OptunaSearchCV: {"n_iter": 2},
}
each_search = pytest.mark.parametrize("kind", SEARCHES)


def search(kind, **params):
    return kind(CLASSIFIER, SPACE, cv=2, **SEARCHES[kind], **params)


def first_finished(results):
    return int(np.flatnonzero(np.isfinite(results["mean_test_accuracy"]))[0])


def two_scores(estimator, X, y):
    predicted = estimator.predict(X)
    return {
        "accuracy": accuracy_score(y, predicted),
        "f1_macro": f1_score(y, predicted, average="macro"),
    }


BEST = {"best_params_", "best_index_", "best_score_"}


@each_search
@pytest.mark.parametrize(
    ("scoring", "refit", "expected"),
    [
        ("accuracy", False, BEST),
        ("accuracy", True, BEST),
        (SEVERAL, "f1_macro", BEST),
        (SEVERAL, first_finished, BEST - {"best_score_"}),
        (SEVERAL, False, set()),
    ],
)
def test_attributes_of_the_best_candidate(kind, scoring, refit, expected):
    found = search(kind, scoring=scoring, refit=refit).fit(X, y)
    assert {name for name in BEST if hasattr(found, name)} == expected
    assert hasattr(found, "best_estimator_") == bool(refit)
    if hasattr(type(found), "_rule"):
        assert hasattr(found, "best_n_epochs_") == bool(expected)


@each_search
@pytest.mark.parametrize("scoring", [SEVERAL, two_scores], ids=["list", "function"])
def test_score_where_no_metric_is_chosen(kind, scoring):
    found = search(kind, scoring=scoring, refit=first_finished)
    with pytest.raises(NotFittedError):
        found.score(X, y)
    found.fit(X, y)
    with pytest.raises(ValueError, match="because refit is a function") as error:
        found.score(X, y)
    call = re.search(r"as in (search\.\S+\(.*\)\S*), or", str(error.value))[1]
    score = eval(call, {"search": found, "X": X, "y": y})
    assert score == accuracy_score(y, found.predict(X))


@each_search
def test_score_is_that_of_the_metric_that_refit_names(kind):
    found = search(kind, scoring=SEVERAL, refit="f1_macro").fit(X, y)
    expected = f1_score(y, found.predict(X), average="macro")
    assert found.score(X, y) == pytest.approx(expected)
