"""Several fits of a candidate to the rows of a fold."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skkeras_search import (
    BayesSearchCV,
    FreezeThawSearchCV,
    GridSearchCV,
    HyperbandSearchCV,
    RandomizedSearchCV,
)
from skkeras_search.searches.repeats import seeds

X, y = load_iris(return_X_y=True)


class Noisy(ClassifierMixin, BaseEstimator):
    """A classifier whose score is its parameter, and the noise of its seed."""

    def __init__(self, a=0.0, fail=False, random_state=0):
        self.a, self.fail, self.random_state = a, fail, random_state

    def fit(self, X, y):
        if self.fail and self.random_state != 0:
            raise ArithmeticError("only the first seed works")
        self.classes_ = np.unique(y)
        self.noise_ = np.random.RandomState(self.random_state).uniform()
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y):
        return self.a + self.noise_


SEARCHES = {
    "grid": lambda **params: GridSearchCV(Noisy(), {"a": [1.0, 2.0]}, **params),
    "randomized": lambda **params: RandomizedSearchCV(
        Noisy(), {"a": [1.0, 2.0]}, n_iter=2, **params
    ),
    "Bayesian": lambda **params: BayesSearchCV(
        Noisy(), {"a": [1.0, 2.0]}, n_iter=2, **params
    ),
    "freeze-thaw": lambda **params: FreezeThawSearchCV(
        Noisy(), {"a": [1.0, 2.0]}, n_iter=5, **params
    ),
}


@pytest.mark.filterwarnings("ignore:Only folds are saved")
@pytest.mark.parametrize("make", SEARCHES.values(), ids=SEARCHES)
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_mean_and_spread(make, n_jobs):
    found = make(n_repeats=3, cv=2, n_jobs=n_jobs).fit(X, y)
    results = found.cv_results_
    noise = np.array(
        [
            Noisy(**({"random_state": 0} | seeds(Noisy(), {}, repeat))).fit(X, y).noise_
            for repeat in range(3)
        ]
    )
    assert len(set(noise)) == 3
    a = np.array([params["a"] for params in results["params"]])
    np.testing.assert_allclose(results["mean_test_score"], a + noise.mean())
    np.testing.assert_allclose(results["split1_test_score"], a + noise.mean())
    np.testing.assert_allclose(results["std_repeats_test_score"], noise.std())
    assert found.best_params_ == {"a": 2.0}
    assert found.best_estimator_.random_state == 0


@pytest.mark.parametrize("several", [False, True])
def test_a_repeat_that_fails(several):
    def several_scores(estimator, X, y):
        return {"score": estimator.score(X, y), "other": 1.0}

    found = GridSearchCV(
        Noisy(),
        {"fail": [False, True]},
        cv=2,
        n_repeats=2,
        scoring=several_scores if several else None,
        refit="score" if several else True,
    )
    with pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 8"):
        found.fit(X, y)
    results = found.cv_results_
    assert list(np.isnan(results["mean_test_score"])) == [False, True]
    assert list(np.isnan(results["std_repeats_test_score"])) == [False, True]


def test_one_repeat_changes_nothing():
    plain = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 3]})
    once = plain.fit(X, y).cv_results_
    assert not any("repeats" in name for name in once)
    twice = plain.set_params(n_repeats=2, scoring=["accuracy", "f1_macro"], refit=False)
    twice.set_params(return_train_score=True)
    results = twice.fit(X, y).cv_results_
    assert {"std_repeats_test_accuracy", "std_repeats_test_f1_macro"} <= results.keys()
    assert "mean_train_accuracy" in results


def test_seeds():
    tree = DecisionTreeClassifier(random_state=np.random.RandomState(3))
    pipeline = make_pipeline(StandardScaler(), tree)
    name = "decisiontreeclassifier__random_state"
    assert seeds(pipeline, {}, 0) == {}
    found = [seeds(pipeline, {}, repeat)[name] for repeat in (1, 2, 1)]
    assert found[0] == found[2] != found[1]
    assert seeds(pipeline, {name: None}, 1) == {}
    assert 0 <= seeds(pipeline, {name: 2**32 - 1}, 1)[name] < 2**32


def test_continued_and_repeated():
    keras = pytest.importorskip("keras")
    from skkeras_search import KerasClassifier

    def build(rate=1e-2):
        model = keras.Sequential([keras.layers.Dense(3, "softmax")])
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        return model

    classifier = KerasClassifier(build, verbose=0, random_state=0)
    space = {"rate": (1e-3, 1.0, "log-uniform")}
    params = {"cv": 2, "n_repeats": 2, "random_state": 0}
    found = HyperbandSearchCV(classifier, space, max_epochs=3, **params).fit(X, y)
    results = found.cv_results_
    best = {name: [value] for name, value in found.best_params_.items()}
    whole = GridSearchCV(classifier.set_params(epochs=3), best, cv=2, n_repeats=2)
    whole = whole.fit(X, y).cv_results_
    for name in ("mean_test_score", "std_repeats_test_score", "split0_test_score"):
        assert whole[name][0] == pytest.approx(results[name][found.best_index_], abs=1e-5)
    assert results["n_resources"].max() == 3 * 2 * 2
    assert set(found.learning_curves_["repeat"]) == {0, 1}


def test_bad_number():
    with pytest.raises(ValueError, match="'n_repeats' parameter"):
        GridSearchCV(Noisy(), {"a": [1.0]}, n_repeats=0).fit(X, y)
