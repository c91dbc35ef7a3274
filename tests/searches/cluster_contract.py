"""What searches promise on any cluster. Each system's test module has a subclass."""

import os
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import joblib
import keras
import numpy as np
import optuna
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression

from skkeras_search import (
    BayesSearchCV,
    FreezeThawSearchCV,
    GridSearchCV,
    HyperbandSearchCV,
    KerasClassifier,
    RandomizedSearchCV,
)
from skkeras_search.interop.optuna import OptunaSearchCV
from tests.searches.interruptions import interrupted

X, y = load_iris(return_X_y=True)
X, y = X[::3], y[::3]


def build(meta, units=4, kill=None, note=None, sleep=0.0):
    if note:  # the process, once for each fit
        Path(note, f"{os.getpid()}-{time.time_ns()}").touch()
    if kill and not os.path.exists(kill):
        if kill != "always":
            Path(kill).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(sleep)
    model = keras.Sequential([keras.layers.Dense(units, activation="relu")])
    model.add(keras.layers.Dense(meta["n_classes_"], activation="softmax"))
    return model


def classifier(**params):
    return KerasClassifier(
        build,
        loss="sparse_categorical_crossentropy",
        random_state=0,
        verbose=0,
        **{"units": 4, "kill": None, "note": None, "sleep": 0.0, **params},
    )


class Counted:
    """Rows that leave a file wherever they are unpickled."""

    def __init__(self, rows, folder):
        self.rows, self.folder = rows, str(folder)
        self.shape, self.dtype = rows.shape, rows.dtype

    def __len__(self):
        return len(self.rows)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.rows, dtype)

    def __getitem__(self, index):
        return self.rows[index]

    def __setstate__(self, state):
        self.__dict__.update(state)
        Path(self.folder, f"{os.getpid()}-{time.time_ns()}").touch()


class Failing(LogisticRegression):
    def fit(self, X, y):
        raise ArithmeticError("no such model")


SEARCHES = {
    "grid": lambda: GridSearchCV(classifier(), {"units": [1, 2, 3]}, cv=2),
    "randomized": lambda: RandomizedSearchCV(
        classifier(), {"units": range(1, 9)}, n_iter=3, cv=2, random_state=0
    ),
    "bayes": lambda: BayesSearchCV(
        classifier(), {"units": (1, 20)}, n_iter=4, n_points=2, cv=2, random_state=0
    ),
    "freeze-thaw": lambda: FreezeThawSearchCV(
        classifier(epochs=4), {"units": (1, 20)}, n_iter=3, n_points=2, cv=2, random_state=0
    ),
    "hyperband": lambda: HyperbandSearchCV(
        classifier(), {"units": (1, 20)}, max_epochs=3, n_points=2, cv=2, random_state=0
    ),
    "optuna": lambda: OptunaSearchCV(
        classifier(),
        {"units": (1, 20)},
        sampler=optuna.samplers.RandomSampler(seed=0),
        n_iter=4,
        cv=2,
    ),
    "scikit-learn": lambda: GridSearchCV(
        LogisticRegression(), {"C": [0.1, 1.0, 9.0]}, cv=2
    ),
}


def by_log_loss(name):
    """A search whose scores show every difference of the weights."""
    return SEARCHES[name]().set_params(scoring="neg_log_loss")


class ClusterContract:
    backend: str

    def fit(self, search, X=X, y=y):
        with joblib.parallel_config(self.backend):
            return search.fit(X, y)

    @pytest.mark.parametrize("name", SEARCHES)
    def test_results_are_those_of_one_process(self, cluster, name):
        there, here = self.fit(by_log_loss(name)), by_log_loss(name).fit(X, y)
        assert there.cv_results_["params"] == here.cv_results_["params"]
        np.testing.assert_allclose(
            there.cv_results_["mean_test_score"],
            here.cv_results_["mean_test_score"],
            atol=1e-6,
        )
        assert there.best_params_ == here.best_params_

    @pytest.mark.parametrize("name", ["bayes", "freeze-thaw"])
    def test_a_search_goes_on_elsewhere(self, cluster, name, tmp_path):
        def search():
            return by_log_loss(name).set_params(storage=tmp_path / "search.db")

        assert interrupted(lambda: self.fit(search()), 7, after=True)
        expected = by_log_loss(name).fit(X, y)
        for found in (self.fit(search()), search().fit(X, y)):
            assert found.cv_results_["params"] == expected.cv_results_["params"]
            np.testing.assert_allclose(
                found.cv_results_["mean_test_score"],
                expected.cv_results_["mean_test_score"],
                atol=1e-6,
            )

    def test_folds_of_a_candidate_share_a_worker_and_workers_share_candidates(
        self, cluster, tmp_path
    ):
        grid = {"units": [1, 2, 3, 4], "note": [str(tmp_path)], "sleep": [0.5]}
        self.fit(GridSearchCV(classifier(), grid, cv=2, refit=False))
        fits = [path.name.split("-")[0] for path in tmp_path.iterdir()]
        counts = [fits.count(process) for process in set(fits)]
        assert str(os.getpid()) not in fits
        assert len(counts) == 2
        assert min(counts) >= 1

    def test_data_is_read_once_in_a_worker(self, cluster, tmp_path):
        search = GridSearchCV(LogisticRegression(), {"C": np.logspace(-2, 2, 12)}, cv=2)
        self.fit(search, Counted(X, tmp_path))
        readers = [path.name.split("-")[0] for path in tmp_path.iterdir()]
        assert len(readers) == len(set(readers)) <= 2

    def test_errors_of_fits_are_raised_here(self, cluster):
        search = GridSearchCV(Failing(), {"C": [1.0, 2.0]}, cv=2, error_score="raise")
        with pytest.raises(ArithmeticError, match="no such model"):
            self.fit(search)

    def test_what_cannot_travel_is_named(self, cluster):
        search = GridSearchCV(LogisticRegression(), {"C": [1.0, (n for n in [1])]}, cv=2)
        search.scoring = Unpicklable()
        with pytest.raises(
            TypeError, match=r"The scorer .* cannot be sent .* a locked door"
        ):
            self.fit(search)

    def test_a_job_whose_worker_dies_runs_again(self, cluster, tmp_path):
        grid = {"units": [1, 2, 3], "kill": [str(tmp_path / "killed")]}
        there = self.fit(GridSearchCV(classifier(), grid, cv=2))
        here = GridSearchCV(classifier(), grid, cv=2).fit(X, y)
        assert Path(grid["kill"][0]).exists()
        np.testing.assert_allclose(
            there.cv_results_["mean_test_score"],
            here.cv_results_["mean_test_score"],
            atol=1e-6,
        )

    def test_a_candidate_that_always_kills_fails_alone(self, cluster):
        grid = [{"units": [1], "kill": ["always"]}, {"units": [2, 3, 4]}]
        with pytest.warns(FitFailedWarning, match="died while they trained"):
            search = self.fit(GridSearchCV(classifier(), grid, cv=2))
        scores = search.cv_results_["mean_test_score"]
        assert np.isnan(scores[0])
        assert np.isfinite(scores[1:]).all()

    def test_workers_may_be_killed_from_outside(self, cluster, tmp_path):
        def kill(path):
            os.kill(int(path.name.split("-")[0]), signal.SIGKILL)

        grid = {"units": [1, 2, 3], "note": [str(tmp_path)], "sleep": [1.0]}
        with when_begun(tmp_path, kill) as killed:
            search = self.fit(GridSearchCV(classifier(), grid, cv=2, refit=False))
        assert killed
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()

    def test_ctrl_c_keeps_what_is_under_way(self, cluster, tmp_path):
        units = list(range(1, 12))
        grid = {"units": units, "note": [str(tmp_path)], "sleep": [0.5]}
        with (
            when_begun(tmp_path, interrupt),
            pytest.warns(UserWarning, match="interrupted"),
        ):
            search = self.fit(GridSearchCV(classifier(), grid, cv=2, refit=False))
        assert 1 <= len(search.cv_results_["params"]) <= 4

    def test_ctrl_c_twice_keeps_what_has_arrived(self, cluster, tmp_path):
        grid = [
            {"units": [1], "sleep": [0.0], "note": [""]},
            {"units": [2, 3], "sleep": [5.0], "note": [str(tmp_path)]},
        ]
        search = GridSearchCV(classifier(), grid, cv=2, refit=False)
        with when_begun(tmp_path, interrupt_twice), pytest.raises(KeyboardInterrupt):
            self.fit(search)
        assert [params["units"] for params in search.cv_results_["params"]] == [1]


@contextmanager
def when_begun(folder, act):
    """Call a function with the first file in a folder. Yields what becomes true then."""
    acted, ends = [], threading.Event()

    def watch():
        while not ends.wait(0.05):
            if notes := list(Path(folder).iterdir()):
                time.sleep(0.2)  # others arrive, or begin
                act(notes[0])
                acted.append(True)
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield acted
    finally:
        ends.set()
        thread.join()


def interrupt(_):
    os.kill(os.getpid(), signal.SIGINT)


def interrupt_twice(_):
    time.sleep(1.0)
    interrupt(_)
    time.sleep(0.3)
    interrupt(_)


class Unpicklable:
    def __call__(self, estimator, X, y):
        return 0.0

    def __reduce__(self):
        raise ValueError("a locked door")
