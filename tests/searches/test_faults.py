"""One candidate's fault costs no other, whatever it is and wherever candidates run."""

import os
import signal
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris

from skkeras_search import (
    BayesSearchCV,
    FreezeThawSearchCV,
    GridSearchCV,
    HyperbandSearchCV,
    KerasClassifier,
    RandomizedSearchCV,
)
from skkeras_search.fusion import time_limit
from skkeras_search.fusion.program import Program

pytestmark = pytest.mark.filterwarnings("ignore")

X, y = load_iris(return_X_y=True)
X, y = X[::5], y[::5]


class Stubborn(ClassifierMixin, BaseEstimator):
    """A classifier whose score is its parameter, unless it is told to fail."""

    def __init__(self, a=0, kind="fine", fold=None):
        self.a, self.kind, self.fold = a, kind, fold

    def set_params(self, **params):
        if params.get("kind") == "refuses":
            raise ValueError("no such parameters")
        return super().set_params(**params)

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        getattr(self, f"_{self.kind}", int)()
        return self

    def predict(self, X):
        return np.full(len(X), self.a)

    def score(self, X, y):
        odd = {"nan": np.nan, "text": "good", "complex": 1j}
        if self.kind == "no score":
            raise ZeroDivisionError("told to")
        return odd.get(self.kind, self.a)

    def _raises(self):
        raise ArithmeticError("told to")

    def _memory(self):
        raise MemoryError("told to")

    def _cancels(self):
        raise GeneratorExit("told to")

    def _exits(self):
        raise SystemExit("told to")

    def _loops(self):
        while True:
            pass

    def _hides(self):
        end = time.monotonic() + 0.8
        while time.monotonic() < end:
            try:
                time.sleep(0.01)
            except BaseException:
                pass

    def _sleeps(self):
        time.sleep(600)

    def _kills(self):
        os.kill(os.getpid(), signal.SIGKILL)


ERRORS = {
    "raises": "ArithmeticError: told to",
    "memory": "MemoryError: told to",
    "refuses": "ValueError: no such parameters",
    "cancels": "GeneratorExit: told to",
    "exits": "SystemExit: told to",
    "nan": "The test score 'score' is nan, not a finite number",
    "text": "scoring must return a number",
    "complex": "scoring must return real numbers",
    "no score": "ZeroDivisionError: told to",
    "loops": "TimeoutError: The fit was ended",
    "hides": "TimeoutError: The fit was ended",
    "sleeps": "TimeoutError: The fit was ended",
    "kills": "The worker process of this candidate died",
}
ANYWHERE = ["raises", "memory", "refuses", "cancels", "nan", "text", "complex", "no score"]
LIMITED = ["loops", "hides"]


def check(results, kinds):
    assert [params["kind"] for params in results["params"]] == kinds
    for n, kind in enumerate(kinds):
        error, score = results["error"][n], results["mean_test_score"][n]
        if kind == "fine":
            assert error is None
            assert score == results["params"][n]["a"]
        else:
            assert error.startswith("Fold 0: ")
            assert ERRORS[kind] in error
            assert np.isnan(score)


def grid(kinds, **params):
    """A grid of these kinds, and one that is fine."""
    kinds = [*kinds, "fine"]
    cells = [{"a": [n], "kind": [kind]} for n, kind in enumerate(kinds)]
    params = {"cv": 2, "fit_timeout": 0.4, "refit": False, **params}
    return kinds, GridSearchCV(Stubborn(), cells, **params)


BACKENDS = {"here": {}, "threads": {"backend": "threading"}, "fused": {"backend": "fused"}}


@pytest.mark.parametrize("backend", BACKENDS)
@given(st.lists(st.sampled_from(["fine", *ANYWHERE]), max_size=8))
@settings(deadline=None, max_examples=15)
def test_a_fault_costs_no_other(backend, kinds):
    kinds, search = grid(kinds, n_jobs=None if backend == "here" else 2)
    with parallel_config(**BACKENDS[backend]):
        check(search.fit(X, y).cv_results_, kinds)


@pytest.mark.parametrize("backend", BACKENDS)
def test_fits_that_take_too_long(backend):
    more = {"here": ["sleeps"], "threads": ["exits"], "fused": ["exits"]}
    kinds, search = grid([*LIMITED, "fine", *more[backend]])
    search.set_params(n_jobs=None if backend == "here" else 2)
    with parallel_config(**BACKENDS[backend]):
        check(search.fit(X, y).cv_results_, kinds)


def test_faults_in_workers():
    rng = np.random.default_rng(0)
    kinds = ["kills", "sleeps", "exits", "loops", *ANYWHERE, "fine", "fine"]
    kinds, search = grid([str(kind) for kind in rng.permutation(kinds)], n_jobs=2)
    check(search.set_params(n_retries=1).fit(X, y).cv_results_, kinds)


def test_a_fit_that_cannot_be_ended_here_is_spoken_of(capsys, monkeypatch):
    monkeypatch.setattr(time_limit, "GRACE", 0.1)
    monkeypatch.setattr(time_limit, "SECONDS_TO_END", 0.1)
    kinds, search = grid(["hides"])
    check(search.set_params(fit_timeout=0.2).fit(X, y).cv_results_, kinds)
    assert "With n_jobs=2 its worker process would be ended" in capsys.readouterr().err


class WholeCandidates(GridSearchCV):
    is_asynchronous = True


def test_faults_in_workers_of_whole_candidates():
    kinds, search = grid(["kills", "fine", "nan", "sleeps", "raises"])
    whole = WholeCandidates(**search.get_params(deep=False))
    check(whole.set_params(n_jobs=2, n_retries=0).fit(X, y).cv_results_, kinds)


SEARCHES = {
    "grid": lambda e, s, **p: GridSearchCV(e, s, **p),
    "randomized": lambda e, s, **p: RandomizedSearchCV(e, s, n_iter=4, random_state=0, **p),
    "bayes": lambda e, s, **p: BayesSearchCV(e, s, n_iter=4, random_state=0, **p),
    "freeze-thaw": lambda e, s, **p: FreezeThawSearchCV(
        e, s, n_iter=2, random_state=0, **p
    ),
}


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_a_search_fails_only_if_all_fail(search):
    space = {"kind": ["raises", "fine"], "a": [1, 2]}
    found = search(Stubborn(), space, cv=2).fit(X, y)
    assert found.best_params_["kind"] == "fine"
    assert any(error is not None for error in found.cv_results_["error"])
    assert type(found.cv_results_["error"]) is np.ndarray
    for kind in ("raises", "text"):
        with pytest.raises(ValueError, match=ERRORS[kind]):
            search(Stubborn(kind=kind), {"a": [1, 2]}, cv=2).fit(X, y)
    with pytest.raises(ArithmeticError, match="told to"):
        search(Stubborn(), space, cv=2, error_score="raise").fit(X, y)


def test_a_search_fails_if_all_fail_in_some_folds():
    class Second(Stubborn):
        def fit(self, X, y):
            if len(X) == 29:
                raise ArithmeticError("told to")
            return super().fit(X, y)

    rows = np.arange(len(X))
    cv = [(rows[:20], rows[20:]), (rows[1:], rows[:1])]
    with pytest.raises(ValueError, match=r"All the 2 candidates .* Fold 1: Traceback"):
        GridSearchCV(Second(), {"a": [1, 2]}, cv=cv).fit(X, y)
    found = GridSearchCV(Second(), {"a": [1, 2]}, cv=cv, error_score=0).fit(X, y)
    assert found.best_params_ == {"a": 2}


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"fit_timeout": 0}, "'fit_timeout' parameter .* Got 0 instead"),
        ({"fit_timeout": "1"}, "'fit_timeout' parameter .* Got '1' instead"),
        ({"n_retries": -1}, "'n_retries' parameter .* Got -1 instead"),
        ({"n_retries": 0.5}, "'n_retries' parameter .* Got 0.5 instead"),
    ],
)
def test_bad_parameters(search, params, message):
    with pytest.raises(ValueError, match=message):
        search(Stubborn(), {"a": [1, 2]}, **params).fit(X, y)


def test_the_error_is_that_of_the_first_fold_that_failed():
    class Second(Stubborn):
        def fit(self, X, y):
            self.kind = "raises" if X[0, 0] == first_row_of_fold_1 else "fine"
            return super().fit(X, y)

    first_row_of_fold_1 = X[0, 0]
    found = GridSearchCV(Second(), {"a": [1]}, cv=[([5, 6], [1]), ([0, 6], [1])])
    (error,) = found.set_params(refit=False, error_score=0).fit(X, y).cv_results_["error"]
    assert error.startswith("Fold 1: Traceback")


def several(estimator, X, y):
    return {"one": estimator.a, "two": estimator.score(X, y)}


@pytest.mark.parametrize(
    "scoring", [several, {"one": "accuracy", "two": lambda e, X, y: e.score(X, y)}]
)
def test_several_scores(scoring):
    space = {"kind": ["fine", "no score", "nan", "raises"], "a": [1]}
    found = GridSearchCV(Stubborn(), space, cv=2, scoring=scoring, refit=False)
    found.set_params(return_train_score=True)
    errors = found.fit(X, y).cv_results_["error"]
    assert [error is None for error in errors] == [True, False, False, False]
    assert "ZeroDivisionError" in errors[1]
    assert "'two' is nan" in errors[2]


def test_repeats_name_the_one_that_failed():
    _, search = grid(["raises"])
    errors = search.set_params(n_repeats=2).fit(X, y).cv_results_["error"]
    assert errors[0].startswith("Fold 0: ")
    assert errors[1] is None


def test_errors_after_ctrl_c():
    _, search = grid(["raises", "fine"])
    search.estimator = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert ERRORS["raises"] in search.cv_results_["error"][0]
    assert list(search.cv_results_["error"][1:]) == [None]


class Interrupting(Stubborn):
    def fit(self, X, y):
        if self.a == 2:
            raise KeyboardInterrupt
        return super().fit(X, y)


def build(kind="fine", units=3):
    if kind == "raises":
        raise ArithmeticError("told to")
    while kind == "loops":
        pass
    layers = [keras.layers.Dense(units), keras.layers.Dense(3, "softmax")]
    return keras.Sequential(layers)


class Slow(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        time.sleep(0.5)


class OutOfMemory(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise MemoryError("told to")


def keras_classifier(**params):
    loss = "sparse_categorical_crossentropy"
    return KerasClassifier(build, loss=loss, verbose=0, random_state=0, **params)


@pytest.mark.parametrize("engine", ["fused", "keras"])
def test_faults_of_fused_fits(engine):
    space = [
        {"units": [2, 3]},
        {"kind": ["raises", "loops"]},
        {"callbacks": [Slow], "epochs": [1000]},
        {"callbacks": [OutOfMemory]},
    ]
    params = {"cv": [(np.arange(0, 30, 2), np.arange(1, 30, 2))], "refit": False}
    found = GridSearchCV(keras_classifier(engine=engine), space, fit_timeout=4, **params)
    results = found.fit(X, y).cv_results_
    kinds = [None] * 2 + ["raises", "loops", "loops", "memory"]
    alone = GridSearchCV(keras_classifier(engine=engine), space[0], **params).fit(X, y)
    scores = alone.cv_results_["split0_test_score"]
    assert list(results["split0_test_score"][:2]) == list(scores)
    for kind, error in zip(kinds, results["error"], strict=True):
        assert (error is None) == (kind is None)
        assert kind is None or ERRORS[kind] in error


@pytest.mark.parametrize("n_times", [1, 100])
def test_a_fused_fit_that_runs_out_of_memory(monkeypatch, n_times):
    """The first is tried again alone; only one that fails there, too, has failed."""
    trained, raised = Program.train, []

    def train(program, progress, *args):
        rate = float(progress.state.optimizer[1])
        if rate > 0.5 and len(raised) < n_times:
            raised.append(rate)
            raise tf.errors.ResourceExhaustedError(None, None, "told to")
        return trained(program, progress, *args)

    monkeypatch.setattr(Program, "train", train)
    space = {"optimizer__learning_rate": [0.01, 0.9, 0.1], "optimizer": ["sgd"]}
    found = GridSearchCV(keras_classifier(engine="fused"), space, refit=False)
    cv = [(np.arange(0, 30, 2), np.arange(1, 30, 2))]
    results = found.set_params(cv=cv).fit(X, y).cv_results_
    assert len(raised) == min(n_times, 2)
    failed = [error is not None for error in results["error"]]
    assert failed == [False, n_times > 2, False]
    assert not failed[1] or "ResourceExhaustedError: told to" in results["error"][1]


def test_a_classifier_that_has_diverged():
    space = {"optimizer__learning_rate": [np.nan, 0.01], "optimizer": ["sgd"]}
    found = GridSearchCV(keras_classifier(), space, cv=2, refit=False).fit(X, y)
    error, none = found.cv_results_["error"]
    assert "the training has diverged" in error
    assert none is None
    assert list(np.isnan(found.cv_results_["mean_test_score"])) == [True, False]


def test_faults_of_hyperband():
    space = {"kind": ["fine", "raises"], "units": [2, 3]}
    search = HyperbandSearchCV(keras_classifier(), space, max_epochs=3, cv=2)
    results = search.set_params(random_state=0, refit=False).fit(X, y).cv_results_
    for params, error in zip(results["params"], results["error"], strict=True):
        assert (error is None) == (params["kind"] == "fine")


def test_time_that_fits_wait_for_others_is_not_theirs():
    """Many fused fits take turns; all together take much longer than one may."""

    def slow_build(units):
        time.sleep(0.1)
        return build(units=units)

    classifier = keras_classifier().set_params(model=slow_build, units=3, random_state=None)
    search = GridSearchCV(classifier, {"units": [2, 3, 4, 5, 6, 7]}, cv=5, refit=False)
    search.fit(X, y)  # makes the programs
    assert not any(search.set_params(fit_timeout=1.5).fit(X, y).cv_results_["error"])
