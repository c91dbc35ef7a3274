"""What is left of a search after Ctrl-C: the same for all three."""

import _thread
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import keras
import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris

from skkeras_search import (
    BayesSearchCV,
    GridSearchCV,
    KerasClassifier,
    RandomizedSearchCV,
    SearchProgress,
)

X, y = load_iris(return_X_y=True)
X, y = X[::3], y[::3]


class Stub(ClassifierMixin, BaseEstimator):
    """A classifier whose score is its parameter."""

    def __init__(self, a=0.0, fail=False, do=None):
        self.a, self.fail, self.do = a, fail, do

    def fit(self, X, y):
        if self.fail:
            raise ArithmeticError("told to fail")
        if self.do:
            self.do(self, X)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.a)

    def score(self, X, y):
        return self.a


def build(a=4):
    return keras.Sequential([keras.layers.Dense(a), keras.layers.Dense(3, "softmax")])


def keras_classifier():
    loss = "sparse_categorical_crossentropy"
    return KerasClassifier(build, loss=loss, verbose=0, random_state=0)


def grid(estimator, values, **params):
    return GridSearchCV(estimator, {"a": values}, cv=3, **params)


def randomized(estimator, values, **params):
    n_iter = len(values)
    return RandomizedSearchCV(estimator, {"a": values}, n_iter=n_iter, cv=3, **params)


def bayes(estimator, values, **params):
    n_iter = len(values)
    return BayesSearchCV(estimator, {"a": values}, n_iter=n_iter, cv=3, **params)


SEARCHES = [grid, randomized, bayes]


class Interrupt(SearchProgress):
    """Ctrl-C after some candidates."""

    def update(self, standing):
        if standing.n == 3:
            raise KeyboardInterrupt


def check(found):
    results = found.cv_results_
    assert len(results["params"]) >= 3  # others may have been finished, too
    assert found.best_params_ == results["params"][found.best_index_]
    assert found.best_score_ == results["mean_test_score"].max()
    assert not hasattr(found, "best_estimator_")
    assert "_arrivals" not in vars(found)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize(
    ("estimator", "n_jobs"),
    [(Stub, None), (Stub, 2), (keras_classifier, None), (keras_classifier, 2)],
    ids=["one by one", "workers", "fused", "candidates in workers"],
)
def test_finished_candidates_are_kept(search, estimator, n_jobs):
    found = search(estimator(), [1, 2, 3, 4, 5, 6], n_jobs=n_jobs)
    found.set_callbacks(Interrupt())
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, y)
    check(found)
    found.set_callbacks().fit(X, y)
    assert len(found.cv_results_["params"]) == 6
    assert found.best_estimator_


def interrupt(estimator, X):
    if len(X) == len(y):
        raise KeyboardInterrupt


@pytest.mark.parametrize("search", SEARCHES)
def test_interrupted_in_the_refit(search):
    found = search(Stub(do=interrupt), [1, 2, 3])
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, y)
    check(found)
    assert "refit_time_" not in vars(found)


@pytest.mark.parametrize("search", SEARCHES)
def test_nothing_is_left_of_the_fit_before(search):
    found = search(Stub(), [1, 2, 3]).fit(X, y).set_params(cv=1000)
    with pytest.raises(ValueError, match="n_splits=1000"):
        found.fit(X, y)
    assert not hasattr(found, "cv_results_")
    assert not hasattr(found, "best_estimator_")


def test_candidates_behind_a_slow_one_are_kept():
    go_on = threading.Event()

    class Slow(Stub):
        def fit(self, X, y):
            if self.a == 1:
                go_on.wait(3)
            if self.a == 6:
                _thread.interrupt_main()
                go_on.wait(1)
                _thread.interrupt_main()
                go_on.wait(3)
            return super().fit(X, y)

    found = grid(Slow(), [0, 1, 2, 3, 4, 5, 6, 7], n_jobs=2)
    before = set(threading.enumerate())
    try:
        with parallel_config("threading"), pytest.raises(KeyboardInterrupt):
            found.fit(X, y)
    finally:
        go_on.set()
        # At their end fits put the filters of warnings back, which all threads share.
        for thread in set(threading.enumerate()) - before:
            thread.join(5)
    results = found.cv_results_
    assert [params["a"] for params in results["params"]] == [0, 2, 3, 4, 5]
    assert list(results["mean_test_score"]) == [0, 2, 3, 4, 5]
    assert found.best_params_ == {"a": 5}


def interrupt_once(mark):
    """Press Ctrl-C in the process of the search, unless the file is there already."""
    try:
        open(mark, "x").close()
    except FileExistsError:
        return
    is_here = multiprocessing.current_process().name == "MainProcess"
    os.kill(os.getpid() if is_here else os.getppid(), signal.SIGINT)
    time.sleep(0.2)


class OnceInterrupted(Stub):
    def __init__(self, a=0.0, mark=None):
        super().__init__(a)
        self.mark = mark

    def fit(self, X, y):
        if self.a == 3:
            interrupt_once(self.mark)
        return super().fit(X, y)


def build_interrupting(a=4, mark=None):
    if a == 3:
        interrupt_once(mark)
    return build(a)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize(
    ("make", "n_jobs"),
    [(OnceInterrupted, None), (OnceInterrupted, 2), ("keras", None), ("keras", 2)],
    ids=["one by one", "workers", "fused", "candidates in workers"],
)
def test_once_ends_gently(search, make, n_jobs, capsys, tmp_path):
    mark = str(tmp_path / "interrupted")
    estimator = (
        keras_classifier().set_params(model=build_interrupting, mark=mark)
        if make == "keras"
        else make(mark=mark)
    )
    values = [1, 2, 3, *range(4, 60)]
    found = search(estimator, values, n_jobs=n_jobs)
    if search is not grid:
        found.set_params(random_state=0)
    with pytest.warns(UserWarning, match="The search was interrupted"):
        found.fit(X, y)
    assert "Press Ctrl-C again" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    results = found.cv_results_
    assert {"a": 3} in results["params"]
    assert len(results["params"]) < len(values)
    assert np.isfinite(results["mean_test_score"]).all()
    assert found.best_params_ == results["params"][found.best_index_]
    assert found.best_estimator_.predict(X).shape == y.shape


IN_A_TERMINAL = """
import os, pathlib, signal, time
import numpy as np
from sklearn.datasets import load_iris
from tests.searches.test_interruption import Stub, grid

folder, main = pathlib.Path({folder!r}), os.getpid()

class Slow(Stub):
    def __setstate__(self, state):
        super().__setstate__(state)
        loaded = folder / str(os.getpid())
        if os.getpid() != main and not loaded.exists():
            loaded.touch()
            if len(list(folder.iterdir())) > 1:  # Ctrl-C finds this worker before any fit
                time.sleep(2)

    def fit(self, X, y):
        if self.a == 3 and len(X) < 150:
            try:
                (folder / "mark").touch(exist_ok=False)
                os.killpg(os.getpgid(0), signal.SIGINT)  # as a terminal does
            except FileExistsError:
                pass
        time.sleep(0.1)
        return super().fit(X, y)

found = grid(Slow(), list(range(40)), n_jobs=2).fit(*load_iris(return_X_y=True))
n = len(found.cv_results_["params"])
print("kept", n, np.isfinite(found.cv_results_["mean_test_score"]).all(), found.best_estimator_.a)
assert 3 < n < 40
"""


def test_ctrl_c_in_a_terminal_is_heard_by_all_processes(tmp_path):
    script = IN_A_TERMINAL.format(folder=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", script],
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kept")
    assert " True " in done.stdout


def test_once_in_the_refit_stops_at_once():
    def interrupt(estimator, X):
        if len(X) == len(y):
            signal.raise_signal(signal.SIGINT)

    found = grid(Stub(do=interrupt), [1, 2, 3])
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, y)
    check(found)


def test_other_handlers_are_left_alone(tmp_path):
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        found = grid(OnceInterrupted(mark=str(tmp_path / "mark")), [1, 2, 3, 4]).fit(X, y)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard
    assert len(found.cv_results_["params"]) == 4


def several_scores(estimator, X, y):
    return {"a": estimator.a, "minus": -estimator.a}


def test_candidates_that_failed_before():
    found = GridSearchCV(
        Stub(), {"fail": [True, False], "a": [1, 2, 3]}, cv=3, scoring=several_scores
    )
    found.set_params(refit="a", error_score=-1.0).set_callbacks(Interrupt())
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, y)
    results = found.cv_results_
    expected = [-1 if p["fail"] else p["a"] for p in results["params"]]
    assert list(results["mean_test_a"]) == expected == [-1, 1, -1]
    assert found.best_params_ == {"a": 1, "fail": False}
