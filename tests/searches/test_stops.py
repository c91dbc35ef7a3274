"""Callbacks that stop a search: the same for all searches."""

import pickle
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from sklearn import model_selection
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import ProgressBar
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from skkeras_search import (
    BayesSearchCV,
    FreezeThawSearchCV,
    GridSearchCV,
    HyperbandSearchCV,
    KerasClassifier,
    NoImprovement,
    RandomizedSearchCV,
    SearchProgress,
    TargetScore,
    TimeBudget,
)
from skkeras_search.searches import stops
from skkeras_search.searches.progress import Standing

X, y = load_iris(return_X_y=True)
X, y = X[::5], y[::5]
VALUES = list(range(1, 9))


class Stub(ClassifierMixin, BaseEstimator):
    """A classifier whose score is its parameter."""

    def __init__(self, a=0, fail=()):
        self.a, self.fail = a, fail

    def fit(self, X, y):
        if self.a in self.fail:
            raise ArithmeticError("told to fail")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y):
        return self.a


def build(a=1):
    return keras.Sequential([keras.layers.Dense(a), keras.layers.Dense(3, "softmax")])


def classifier():
    loss = "sparse_categorical_crossentropy"
    return KerasClassifier(build, loss=loss, epochs=3, verbose=0, random_state=0)


def grid(estimator, values=VALUES, **params):
    return GridSearchCV(estimator, {"a": values}, cv=2, **params)


def randomized(estimator, values=VALUES, **params):
    return RandomizedSearchCV(
        estimator, {"a": values}, n_iter=len(values), cv=2, random_state=0, **params
    )


def bayes(estimator, values=VALUES, **params):
    return BayesSearchCV(
        estimator, {"a": values}, n_iter=len(values), cv=2, random_state=0, **params
    )


def freeze_thaw(estimator, values=VALUES, **params):
    return FreezeThawSearchCV(
        estimator, {"a": values}, n_iter=len(values), cv=2, random_state=0, **params
    )


def hyperband(estimator, values=VALUES, **params):
    return HyperbandSearchCV(
        estimator, {"a": values}, max_epochs=3, cv=2, random_state=0, **params
    )


WHOLE = [grid, randomized, bayes]
SEARCHES = [*WHOLE, freeze_thaw, hyperband]


class Clock:
    """Time that passes when somebody looks."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        self.now += 1.0
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(stops, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


class Watch(stops.SearchCallback):
    """Keep what a search tells."""

    def setup(self, estimator, context):
        self.seen = []

    def update(self, standing):
        self.seen.append(standing)


def watched(found, *callbacks):
    watch = Watch()
    found.set_callbacks(*callbacks, watch).fit(X, y)
    return found, watch.seen


# On all searches.


@pytest.mark.parametrize("search", WHOLE)
def test_time_budget_counts_from_the_beginning_of_each_search(search, clock):
    budget = TimeBudget(3)
    for _ in range(2):
        found, seen = watched(search(Stub()), budget)
        # The clock is read at the beginning, and after each candidate.
        assert len(seen) == len(found.cv_results_["params"]) == 3
        assert found.best_estimator_.a == found.best_params_["a"]
        clock.now += 1000


@pytest.mark.parametrize("search", [freeze_thaw, hyperband])
def test_time_budget_counts_steps(search, clock):
    n = len(watched(search(classifier(), n_points=1))[1])
    found, seen = watched(search(classifier(), n_points=1), TimeBudget(n - 1))
    assert len(seen) == n - 1
    assert found.cv_results_["status"][found.best_index_] == "finished"
    assert found.best_estimator_.predict(X).shape == y.shape


@pytest.mark.parametrize("search", WHOLE)
def test_no_improvement_counts_candidates(search):
    _, seen = watched(search(Stub()), NoImprovement(3))
    best = [standing.best for standing in seen]
    assert best[-4:] == [best[-1]] * 4 or len(seen) == len(VALUES)
    assert all(len(set(best[n : n + 4])) > 1 for n in range(len(best) - 4))


def test_no_improvement_stops_before_the_end():
    found, _ = watched(grid(Stub(), [5, 1, 2, 9]), NoImprovement(2))
    assert [params["a"] for params in found.cv_results_["params"]] == [5, 1, 2]
    found, _ = watched(grid(Stub(), [1, 2, 3, 9]), NoImprovement(2, tol=2.0))
    assert [params["a"] for params in found.cv_results_["params"]] == [1, 2, 3]


@pytest.mark.parametrize("search", [freeze_thaw, hyperband])
def test_no_improvement_counts_training_from_the_first_score(search):
    found, seen = watched(search(classifier(), n_points=1), NoImprovement(0.01))
    before, first = seen[:-2], seen[-2]
    assert not any(np.isfinite(standing.best) for standing in before)
    assert np.isfinite(first.best)
    assert seen[-1].n - first.n >= 0.01
    assert found.best_estimator_.predict(X).shape == y.shape


@pytest.mark.filterwarnings("ignore:One or more of the test scores:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.parametrize("search", WHOLE)
def test_candidates_that_fail_first_are_no_reason_to_stop(search):
    fails = tuple(VALUES[:-1])
    found, seen = watched(search(Stub(fail=fails)), NoImprovement(2))
    assert found.best_params_ == {"a": VALUES[-1]}
    assert not any(
        np.isfinite(standing.best) for standing in seen[:5] if standing.best != 8
    )


@pytest.mark.parametrize("search", SEARCHES)
def test_target_score_abandons_networks_under_way(search):
    found, seen = watched(search(classifier()), TargetScore(0.0))
    assert seen[-1].best >= 0.0
    assert seen[-1].n < seen[-1].total
    assert found.best_estimator_.predict(X).shape == y.shape


@pytest.mark.parametrize("search", WHOLE)
def test_target_score(search):
    found, seen = watched(search(Stub()), TargetScore(6))
    assert [standing.best >= 6 for standing in seen].index(True) == len(seen) - 1
    assert found.best_score_ == seen[-1].best


@pytest.mark.filterwarnings("ignore:Only folds are saved")
def test_folds_alone_can_be_stopped():
    found, seen = watched(freeze_thaw(Stub()), TargetScore(4))
    assert found.best_score_ >= 4
    assert seen[-1].n < seen[-1].total


@pytest.mark.parametrize("search", SEARCHES)
def test_the_first_of_several_that_asks_stops(search):
    _, seen = watched(
        search(classifier()), TimeBudget(1e6), NoImprovement(1e6), TargetScore(0.0)
    )
    assert seen[-1].n < seen[-1].total


@pytest.mark.filterwarnings("ignore:Only folds are saved")
@pytest.mark.parametrize("search", SEARCHES)
def test_none_that_asks(search):
    estimator = classifier() if search is hyperband else Stub()
    _, seen = watched(search(estimator), TargetScore(99), TimeBudget(1e6))
    assert seen[-1].n == pytest.approx(seen[-1].total)


def test_a_search_without_a_result_in_time_finishes_one(clock):
    found = freeze_thaw(classifier(), n_points=1).set_callbacks(TimeBudget(1)).fit(X, y)
    assert list(found.cv_results_["status"]) == ["finished"]
    assert found.best_estimator_.predict(X).shape == y.shape


# By themselves.


def asked(callback, *bests):
    callback.setup(grid(Stub()), None)
    return [callback.update(Standing(n + 1, 9, best)) for n, best in enumerate(bests)]


def test_no_improvement_by_itself():
    assert asked(NoImprovement(2), 1, 1, 1) == [False, False, True]
    assert asked(NoImprovement(2), 1, 1, 1.1, 1.1) == [False] * 4
    assert asked(NoImprovement(2, tol=0.2), 1, 1, 1.1) == [False, False, True]
    assert asked(NoImprovement(1), -np.inf, -np.inf, np.nan, -5, -5) == [False] * 4 + [True]


def test_target_score_by_itself():
    assert asked(TargetScore(-0.5), -np.inf, np.nan, -1, -0.5) == [False] * 3 + [True]


@pytest.mark.parametrize("callback", [TimeBudget(1), NoImprovement(2, 0.1), TargetScore(1)])
def test_travels_to_workers(callback):
    callback.setup(grid(Stub()), None)
    assert vars(pickle.loads(pickle.dumps(callback))) == vars(callback)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: TimeBudget(0), ValueError, "seconds must be greater than 0, got 0"),
        (lambda: TimeBudget(float("nan")), ValueError, "seconds must be greater than 0"),
        (lambda: TimeBudget("60"), TypeError, "seconds must be a number, got '60'"),
        (lambda: TimeBudget(None), TypeError, "seconds must be a number, got None"),
        (lambda: NoImprovement(0), ValueError, "n must be greater than 0, got 0"),
        (lambda: NoImprovement([3]), TypeError, r"n must be a number, got \[3\]"),
        (lambda: NoImprovement(3, -1), ValueError, "tol must be at least 0, got -1"),
        (lambda: NoImprovement(3, "1"), TypeError, "tol must be a number, got '1'"),
        (lambda: TargetScore(float("nan")), ValueError, "score must be a number, got nan"),
        (lambda: TargetScore("0.9"), TypeError, "score must be a number, got '0.9'"),
        (lambda: TargetScore(True), TypeError, "score must be a number, got True"),
        (lambda: SearchProgress("a"), TypeError, "every must be a number, got 'a'"),
        (lambda: SearchProgress(None), TypeError, "every must be a number, got None"),
        (lambda: SearchProgress(-1), ValueError, "every must be at least 0, got -1"),
        (lambda: SearchProgress(float("nan")), ValueError, "every must be at least 0"),
        (lambda: SearchProgress(file="a.log"), TypeError, "an open file, .* got 'a.log'"),
    ],
)
def test_bad_values(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    "callback", [TimeBudget(1), NoImprovement(1), TargetScore(1), SearchProgress()]
)
def test_other_estimators_would_never_ask(callback):
    theirs = model_selection.GridSearchCV(LogisticRegression(), {"C": [1.0]})
    for estimator, name in [(theirs, "GridSearchCV"), (classifier(), "KerasClassifier")]:
        estimator.set_callbacks(callback)
        with pytest.raises(TypeError, match=f"skkeras_search, and .*{name} is not one"):
            estimator.fit(X, y)


def test_numbers_of_numpy():
    assert asked(TargetScore(np.float32(0.5)), 0.4, 0.6) == [False, True]
    assert asked(NoImprovement(np.int64(1)), 1, 1) == [False, True]


SEARCHES = [GridSearchCV, RandomizedSearchCV, BayesSearchCV, FreezeThawSearchCV]


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("name", ["callbacks", "callback", "stub__callbacks"])
@pytest.mark.parametrize("callback", [TimeBudget(3), SearchProgress(), ProgressBar()])
@pytest.mark.parametrize("given", [lambda one: one, lambda one: [one], lambda one: (one,)])
def test_fit_does_not_take_callbacks(search, name, callback, given):
    kind = type(callback).__name__
    with pytest.raises(TypeError, match=rf"search\.set_callbacks\({kind}\(\.\.\.\)\)\.fit"):
        search(Stub(), {"a": [1, 2]}).fit(X, y, **{name: given(callback)})


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([TimeBudget(3)], r"one by one: set_callbacks\(\*callbacks\)"),
        (TimeBudget, r"Pass an instance: TimeBudget\(\.\.\.\)"),
        (keras.callbacks.EarlyStopping(), r"callbacks=\[EarlyStopping\(\.\.\.\)\]"),
        (keras.callbacks.EarlyStopping, r"callbacks=\[EarlyStopping\(\.\.\.\)\]"),
        (60, "got 60"),
    ],
)
def test_what_is_no_callback_of_a_search(search, given, message):
    with pytest.raises(TypeError, match=message):
        search(Stub(), {"a": [1, 2]}).set_callbacks(given)
