"""Whole candidates on worker processes. The workers are kept from test to test."""

import io
import os
import signal
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skkeras_search import BayesSearchCV, GridSearchCV, KerasClassifier, SearchProgress

X, y = load_iris(return_X_y=True)
X, y = X[::3], y[::3]


def build(meta, units=4, sleep=0.0, fail=False, kill=None):
    if kill and not os.path.exists(kill):
        if kill != "always":
            Path(kill).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if fail:
        raise ArithmeticError("no such model")
    time.sleep(sleep)
    model = keras.Sequential([keras.layers.Dense(units, activation="relu")])
    model.add(keras.layers.Dense(meta["n_classes_"], activation="softmax"))
    return model


def classifier():
    return KerasClassifier(
        build,
        loss="sparse_categorical_crossentropy",
        random_state=0,
        verbose=0,
        units=4,
        sleep=0.0,
        fail=False,
        kill=None,
    )


def search(spaces=None, **params):
    params = {"n_iter": 4, "cv": 2, "n_jobs": 2, "random_state": 0, **params}
    return BayesSearchCV(classifier(), spaces or {"units": (1, 20)}, **params)


def where(estimator, X, y):
    """In which process a fold is evaluated, and whether with others."""
    return {
        "score": estimator.score(X, y),
        "process": os.getpid(),
        "together": threading.current_thread().name == "fused task",
    }


@pytest.fixture(scope="module")
def batches():
    return search(n_points=4, n_iter=8, scoring=where, refit=False).fit(X, y).cv_results_


def test_all_folds_of_a_candidate_train_together_in_one_process(batches):
    processes = batches["split0_test_process"]
    assert (batches["split1_test_process"] == processes).all()
    assert len(set(processes)) > 1
    assert os.getpid() not in processes
    assert (batches["mean_test_together"] == 1).all()


def test_batches_are_the_same_whatever_n_jobs_is(batches):
    here = search(n_points=4, n_iter=8, n_jobs=None, scoring=where, refit=False).fit(X, y)
    assert here.cv_results_["params"] == batches["params"]
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_allclose(here.cv_results_[name], batches[name], atol=1e-6)


def test_a_slow_candidate_does_not_hold_up_the_others():
    initial = [{"sleep": 3.0, "units": 1}] + [
        {"sleep": 0.0, "units": units} for units in (2, 3, 4)
    ]
    found = search(
        {"sleep": [0.0, 3.0], "units": (1, 20)},
        optimizer_kwargs={"initial": initial},
        refit=False,
    ).fit(X, y)
    assert [params["units"] for params in found.cv_results_["params"]] == [2, 3, 4, 1]
    assert found.optimizer_results_[0].x_iters[-1] == [3.0, 1]


class Recorder:
    """What scikit-learn's callbacks hear of candidates."""

    def __init__(self):
        self.begun, self.ended = set(), set()
        self.ids = lambda context: (
            {context.task_id} if context.task_name == "candidates" else set()
        )

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context):
        self.begun |= self.ids(context)

    def on_fit_task_end(self, estimator, context):
        self.ended |= self.ids(context)


def test_several_spaces_and_stops():
    seen, not_for_workers, recorder = [], threading.Lock(), Recorder()

    def stop(result):
        with not_for_workers:
            seen.append(len(result.x_iters))
        BayesSearchCV(SVC(), {"C": [1.0, 2.0]}, n_iter=1, cv=2).fit(X, y)
        assert not {"_callback_fit_ctx", "optimizers_"} & found.__getstate__().keys()
        return len(result.x_iters) == 3

    found = search([{"units": (1, 20)}, {"units": [30, 40]}], n_iter=6)
    found.set_params(cv=KFold(2).split(X, y))
    with pytest.warns(UserWarning, match="has 2 candidates, fewer than n_iter=6"):
        found.set_callbacks(recorder).fit(X, y, callback=stop)
    assert recorder.begun == recorder.ended
    assert len(recorder.begun) > 5
    assert seen == [1, 2, 3, 1, 2]
    units = [params["units"] for params in found.cv_results_["params"]]
    assert sorted(units[3:]) == [30, 40]
    assert found.best_estimator_.predict(X).shape == y.shape


@pytest.mark.parametrize("n_points", [1, 2])
def test_a_candidate_that_fails(n_points):
    initial = [{"fail": True, "units": 1}, {"fail": False, "units": 2}]
    spaces = {"fail": [False, True], "units": [1, 2]}
    params = {"n_iter": 2, "n_points": n_points, "optimizer_kwargs": {"initial": initial}}
    with pytest.warns(FitFailedWarning, match="no such model"):
        found = search(spaces, refit=False, **params).fit(X, y)
    failed = [p["fail"] for p in found.cv_results_["params"]]
    assert sorted(failed) == [False, True]
    assert list(np.isnan(found.cv_results_["mean_test_score"])) == failed
    with pytest.raises(ArithmeticError, match="no such model"):
        search(spaces, error_score="raise", **params).fit(X, y)


DEADLY = {"kill": [None, "always"], "units": [1]}
KILLING = {
    "Bayesian": lambda **params: search(DEADLY, n_iter=2, refit=False, **params),
    "grid": lambda: GridSearchCV(classifier(), DEADLY, cv=2, n_jobs=2, refit=False),
}


@pytest.mark.parametrize("search", KILLING.values(), ids=KILLING)
def test_a_candidate_that_kills_its_workers_costs_nothing_else(search):
    with pytest.warns(FitFailedWarning, match="worker process of this candidate died"):
        results = search().fit(X, y).cv_results_
    killed = [params["kill"] is not None for params in results["params"]]
    assert sorted(killed) == [False, True]
    assert list(np.isnan(results["mean_test_score"])) == killed


def test_a_worker_that_dies_once_costs_nothing(tmp_path):
    mark = str(tmp_path / "died")
    spaces = {"kill": [None, mark], "units": [1, 2]}
    results = search(spaces, refit=False, error_score="raise").fit(X, y).cv_results_
    assert os.path.exists(mark)
    assert np.isfinite(results["mean_test_score"]).all()


def test_a_dead_worker_is_an_error_if_errors_are():
    with pytest.raises(RuntimeError, match="worker process of this candidate died"):
        KILLING["Bayesian"](error_score="raise").fit(X, y)


def test_what_is_printed(capsys):
    search(n_iter=2, verbose=1, refit=False).fit(X, y)
    advice, *lines = capsys.readouterr().out.splitlines()
    assert advice.startswith("n_jobs=2 starts worker processes")  # once
    assert [line[:14] for line in lines] == ["1 of 2: units=", "2 of 2: units="]


def test_n_jobs_that_is_no_number():
    with pytest.raises(ValueError, match="'n_jobs' parameter of GridSearchCV must be"):
        GridSearchCV(classifier(), {"units": [2]}, n_jobs="2").fit(X, y)


def test_ctrl_c_leaves_the_results_so_far():
    def interrupt(result):
        if len(result.x_iters) == 2:
            raise KeyboardInterrupt

    lines = io.StringIO()
    found = search(n_iter=10).set_callbacks(SearchProgress(0, lines))
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, y, callback=interrupt)
    assert [line[:7] for line in lines.getvalue().splitlines()] == ["1 of 10", "2 of 10"]
    assert len(found.cv_results_["params"]) == 2


def test_refitting_what_has_tasks_of_its_own():
    columns = ColumnTransformer([("a", "passthrough", [0]), ("b", StandardScaler(), [1])])
    pipeline = make_pipeline(columns, classifier())
    spaces = {"kerasclassifier__units": [2, 3]}
    found = BayesSearchCV(pipeline, spaces, n_iter=2, cv=3, n_jobs=2).fit(X, y)
    assert found.predict(X).shape == y.shape


def test_a_grid():
    found = GridSearchCV(classifier(), {"units": [2, 3, 4]}, cv=2, n_jobs=2, scoring=where)
    results = found.set_params(refit=False).fit(X, y).cv_results_
    assert (results["split0_test_process"] == results["split1_test_process"]).all()
    assert (results["mean_test_together"] == 1).all()
    here = GridSearchCV(classifier(), {"units": [2, 3, 4]}, cv=2).fit(X, y)
    np.testing.assert_allclose(
        here.cv_results_["mean_test_score"], results["mean_test_score"], atol=1e-6
    )
