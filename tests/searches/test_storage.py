"""Searches that go on where they were."""

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import uniform
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.model_selection import ShuffleSplit

from skkeras_search import (
    BayesSearchCV,
    FreezeThawSearchCV,
    GridSearchCV,
    HyperbandSearchCV,
    KerasClassifier,
    RandomizedSearchCV,
    Space,
    StorageError,
    TargetScore,
    load_search,
)
from skkeras_search.record.store import Store
from skkeras_search.searches.identity import describe
from skkeras_search.searches.progress import SearchCallback
from tests.searches import storage_script
from tests.searches.interruptions import assert_same_results, interrupted

X, y = load_iris(return_X_y=True)
X, y = X[::3], y[::3]
SPACE = {"a": (0.0, 1.0), "b": ["x", "y"]}


class Stub(ClassifierMixin, BaseEstimator):
    """A classifier whose score depends on its parameters and the rows."""

    fits = []

    def __init__(self, a=0.5, b="x"):
        self.a, self.b = a, b

    def fit(self, X, y):
        self.fits.append(self.a)
        if self.a > 0.95:
            raise ArithmeticError("too large")
        self.classes_, self.mean_ = np.unique(y), X.mean()
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y):
        return -((self.a - 0.3) ** 2) - 0.1 * (self.b == "x") + self.mean_ / 100


def grid(**params):
    return GridSearchCV(Stub(), {"a": [0.1, 0.4, 0.99], "b": ["x", "y"]}, cv=3, **params)


def randomized(**params):
    return RandomizedSearchCV(
        Stub(), {"a": uniform(), "b": ["x", "y"]}, n_iter=6, cv=3, **params
    )


def bayes(**params):
    return BayesSearchCV(Stub(), SPACE, n_iter=12, cv=3, n_points=2, **params)


def spaces(**params):
    return BayesSearchCV(Stub(), [(SPACE, 4), ({"a": (0.0, 0.5)}, 3)], cv=3, **params)


def freeze_thaw(**params):
    return FreezeThawSearchCV(Stub(), SPACE, n_iter=6, cv=3, n_repeats=2, **params)


SEARCHES = [grid, randomized, bayes, spaces, freeze_thaw]
pytestmark = [
    pytest.mark.filterwarnings("ignore:Only folds are saved"),
    pytest.mark.filterwarnings("ignore:One or more of the test scores:UserWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning"),
]


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("seed", [0, None])
def test_a_finished_search_is_read(search, seed, tmp_path):
    path = tmp_path / "search.db"
    first = (
        search(storage=path, random_state=seed)
        if search is not grid
        else grid(storage=path)
    )
    first.fit(X, y)
    Stub.fits.clear()
    again = type(first)(**first.get_params(deep=False)).fit(X, y)
    assert Stub.fits == [again.best_params_["a"]]  # of the refit
    assert_same_results(again, first, times=True)
    assert again.best_estimator_.a == first.best_params_["a"]


@pytest.mark.parametrize("search", SEARCHES)
@settings(max_examples=15, deadline=None)
@given(
    places=st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=1, max_size=4)
)
def test_resumed_equals_uninterrupted(search, places, tmp_path_factory):
    make = search if search is grid else partial(search, random_state=1)
    expected = make().fit(X, y)
    path = tmp_path_factory.mktemp("storage") / "search.db"
    for n, after in places:
        interrupted(lambda: make(storage=path).fit(X, y), n, after)
    found = make(storage=path).fit(X, y)
    assert_same_results(found, expected)
    if hasattr(expected, "optimizers_"):  # the next proposals
        asked = [sampler.ask(2) for sampler in found.optimizers_]
        assert asked == [sampler.ask(2) for sampler in expected.optimizers_]
    loaded = load_search(path)
    assert_same_results(loaded, found, times=True)
    assert loaded.n_running == 0


def killed(path, kind, seconds, after):
    """Kill a process that searches; give whether the search had ended before."""
    root = Path(storage_script.__file__).parents[2]
    command = [sys.executable, "-m", "tests.searches.storage_script", path, kind, seconds]
    with subprocess.Popen(
        [*map(str, command)],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    ) as process:
        process.stdout.readline()
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        return b"ends" in process.stdout.read()


@pytest.mark.parametrize("kind", ["bayes", "folds"])
def test_killed_at_any_moment(kind, tmp_path):
    rng = np.random.default_rng(0)
    path, search = tmp_path / "search.db", storage_script.SEARCHES[kind]
    n_done = []
    for n in range(10):
        has_ended = killed(path, kind, 0.03, rng.uniform(0.0, 0.1 * (n + 1)))
        with Store(path, writes=False) as store:
            recorded = store.search("search")
            jobs = store.jobs(recorded) if recorded else []
            n_done.append(sum(job.arrived is not None for job in jobs))
        if has_ended:
            break
    assert n_done == sorted(n_done)
    assert n_done[-1] > 0
    found = search(path, 0.03).fit(storage_script.X, storage_script.y)
    expected = search(seconds=0.03).fit(storage_script.X, storage_script.y)
    assert_same_results(found, expected)


# Networks.


@pytest.fixture(scope="module")
def network():
    return storage_script.network().fit(storage_script.X, storage_script.y)


@pytest.mark.parametrize(("n", "after"), [(8, True), (17, False)])
def test_fits_go_on_from_files(n, after, network, tmp_path):
    path = tmp_path / "search.db"
    assert interrupted(partial(storage_script.fit, "network", path), n, after)
    states = list(Path(f"{path}-states").iterdir())
    assert states
    found = storage_script.network(path).fit(storage_script.X, storage_script.y)
    assert_same_results(found, network)
    assert not Path(f"{path}-states").exists()


def test_states_that_are_lost_cost_time_only(network, tmp_path):
    path = tmp_path / "search.db"
    interrupted(partial(storage_script.fit, "network", path), 17, True)
    for n, state in enumerate(sorted(Path(f"{path}-states").iterdir())):
        if n % 2:
            state.unlink()
        else:
            state.write_bytes(state.read_bytes()[:-9])
    found = storage_script.network(path).fit(storage_script.X, storage_script.y)
    assert_same_results(found, network)


def test_a_network_is_killed(network, tmp_path):
    path = tmp_path / "search.db"
    killed(path, "network", 0, 8.0)
    found = storage_script.network(path).fit(storage_script.X, storage_script.y)
    assert_same_results(found, network)
    curves = load_search(path).learning_curves_
    assert curves.equals(found.learning_curves_)


def hyperband(**params):
    classifier = KerasClassifier(storage_script.build, epochs=3, random_state=0, verbose=0)
    return HyperbandSearchCV(
        classifier, {"units": [2, 3, 4]}, max_epochs=3, cv=2, random_state=0, **params
    )


def test_hyperband(tmp_path):
    path = tmp_path / "search.db"
    expected = hyperband().fit(X, y)
    assert interrupted(partial(hyperband(storage=path).fit, X, y), 6, True)
    assert_same_results(hyperband(storage=path).fit(X, y), expected)


def test_a_search_goes_on_with_other_workers(tmp_path):
    path = tmp_path / "search.db"
    expected = storage_script.folds().fit(storage_script.X, storage_script.y)
    assert interrupted(partial(storage_script.fit, "folds", path), 9, True)
    found = storage_script.folds(path).set_params(n_jobs=2)
    assert_same_results(found.fit(storage_script.X, storage_script.y), expected)


def test_a_bayesian_search_goes_on_with_fewer_workers(tmp_path):
    path = tmp_path / "search.db"

    def search(n_jobs):
        return BayesSearchCV(
            KerasClassifier(storage_script.build, epochs=1, random_state=0, verbose=0),
            {"units": (2, 8)},
            n_iter=6,
            cv=2,
            n_jobs=n_jobs,
            random_state=0,
            storage=path,
        )

    assert interrupted(lambda: search(3).fit(X, y), 9, after=True)
    assert len(search(None).fit(X, y).cv_results_["params"]) == 6


def test_arrays_as_values(tmp_path):
    path = tmp_path / "search.db"
    values = [np.array([0.1, 0.3]), np.array(["2020"], "datetime64[Y]"), None, 1j]
    search = GridSearchCV(Wrapped(), {"f": values}, cv=2, storage=path).fit(X, y)
    found = GridSearchCV(Wrapped(), {"f": values}, cv=2, storage=path).fit(X, y)
    assert found.best_score_ == search.best_score_


def test_numbers_of_numpy_as_parameters(tmp_path):
    params = {"n_repeats": np.int64(2), "error_score": np.float32(0)}
    path = tmp_path / "search.db"
    for _ in range(2):
        freeze_thaw(storage=path, random_state=0).set_params(
            **params, n_points=np.int64(2)
        ).fit(X, y)


LOADED = [
    {},
    {"scoring": ["accuracy", "f1_macro"], "refit": False},
    {"scoring": ["accuracy", "f1_macro"], "refit": "f1_macro"},
    {"refit": lambda results: 1},
    {"return_train_score": True},
    {"error_score": 0.0, "n_repeats": 2},
    {"scoring": lambda estimator, X, y: {"one": estimator.a, "two": 1.0}, "refit": "two"},
]


@pytest.mark.parametrize("search", [grid, bayes])
@pytest.mark.parametrize("params", LOADED)
def test_loaded_as_it_was(search, params, tmp_path):
    path = tmp_path / "search.db"
    found = search(storage=path).set_params(**params)
    if search is bayes:
        found.set_params(random_state=1)  # its second candidate can be fitted
    found.fit(X, y)
    loaded = load_search(path)
    assert loaded.cv_results_.keys() == found.cv_results_.keys()
    for name in found.cv_results_:
        np.testing.assert_array_equal(loaded.cv_results_[name], found.cv_results_[name])
    if not callable(params.get("refit")):
        names = [name for name in vars(found) if re.fullmatch("best_.*[xse]_", name)]
        for name in ("best_index_", "best_params_", "best_score_"):
            assert hasattr(loaded, name) == (name in names)
            assert getattr(loaded, name, None) == getattr(found, name, None)
    else:
        assert not hasattr(loaded, "best_index_")


def test_a_search_of_which_all_failed(tmp_path):
    path = tmp_path / "search.db"
    with pytest.raises(ValueError, match="All the 3 fits failed"):
        GridSearchCV(Stub(), {"a": [0.99]}, cv=3, storage=path).fit(X, y)
    loaded = load_search(path)
    assert "ArithmeticError" in loaded.cv_results_["error"][0]
    assert "1 candidates" in repr(loaded)


def test_a_search_stopped_before_a_result_goes_on(tmp_path):
    path = tmp_path / "search.db"

    class Stops(SearchCallback):
        def update(self, standing):
            return True

    stopped = freeze_thaw(storage=path, random_state=0).set_callbacks(Stops()).fit(X, y)
    assert list(stopped.cv_results_["status"]) == ["finished"]
    assert_same_results(load_search(path), stopped, times=True)
    found = freeze_thaw(storage=path, random_state=0).fit(X, y)
    assert_same_results(found, freeze_thaw(random_state=0).fit(X, y))
    assert_same_results(load_search(path), found, times=True)


def test_the_search_before_an_extension_is_still_there(tmp_path):
    path = tmp_path / "search.db"
    first = bayes(storage=path, random_state=0).fit(X, y)
    for n, space in ((14, TIGHTER), (20, WIDER)):
        Stub.fits.clear()
        found = extended(bayes, path, n_iter=n, search_spaces=space).fit(X, y)
    old = {params["a"] for params in first.cv_results_["params"]}
    assert old <= {params["a"] for params in found.cv_results_["params"]}
    assert not old & set(Stub.fits[:-1])
    assert_same_results(bayes(storage=path, random_state=0).fit(X, y), first, times=True)


# What is refused.


DIFFERENT = {
    "estimator__a": lambda search: search.set_params(estimator__a=0.7),
    "estimator__b": lambda search: search.set_params(estimator__b="z"),
    "search_spaces['a']": lambda search: search.set_params(
        search_spaces={**SPACE, "a": (0.0, 2.0)}
    ),
    "search_spaces['c']": lambda search: search.set_params(
        search_spaces={**SPACE, "c": (0.0, 2.0)}, estimator=WithC()
    ),
    "n_iter": lambda search: search.set_params(n_iter=13),
    "random_state": lambda search: search.set_params(random_state=2),
    "folds of cv": lambda search: search.set_params(cv=4),
    "scoring": lambda search: search.set_params(scoring="f1_macro"),
    "n_repeats": lambda search: search.set_params(n_repeats=2),
}


class WithC(Stub):
    def __init__(self, a=0.5, b="x", c=0.0):
        super().__init__(a, b)
        self.c = c


@pytest.mark.parametrize("name", DIFFERENT)
def test_another_search_is_refused(name, tmp_path):
    path = tmp_path / "search.db"
    first = bayes(storage=path, random_state=0).fit(X, y)
    other = DIFFERENT[name](bayes(storage=path, random_state=0))
    Stub.fits.clear()
    with pytest.raises(ValueError, match="a different search with the name 'sear") as info:
        other.fit(X, y)
    assert f"\n- {name} is " in str(info.value)
    assert not Stub.fits
    other.set_params(search_name="other").fit(X, y)
    loaded = load_search(path, "search")
    assert_same_results(loaded, first)
    with pytest.raises(ValueError, match=r"one of \['search', 'other'\]"):
        load_search(path)


@pytest.mark.parametrize(
    ("data", "name"), [((X + 1, y), "X"), ((X, y[::-1]), "y"), ((X[:-1], y[:-1]), "X")]
)
def test_other_data_is_refused(data, name, tmp_path):
    path = tmp_path / "search.db"
    grid(storage=path).fit(X, y)
    with pytest.raises(ValueError, match=rf"\n- {name} is ndarray of shape"):
        grid(storage=path).fit(*data)


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"cv": ShuffleSplit(3)}, "A cv that shuffles needs a random_state"),
        ({"random_state": np.random.RandomState(0)}, "A RandomState instance changes"),
        ({}, "A search inside a cross-validation receives other rows"),
    ],
)
def test_why_a_search_may_not_be_the_same(change, hint, tmp_path):
    search = bayes(storage=tmp_path / "search.db", random_state=0).set_params(**change)
    search.fit(X, y)
    with pytest.raises(ValueError, match=hint):
        search.fit(*((X, y) if change else (X[1:], y[1:])))


def test_another_class_of_search_is_refused(tmp_path):
    path = tmp_path / "search.db"
    randomized(storage=path, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="- search is BayesSearchCV, and was Rand"):
        bayes(storage=path, random_state=0).fit(X, y)


@pytest.mark.parametrize("search", SEARCHES)
def test_bad_storage(search, tmp_path):
    with pytest.raises(StorageError, match="is a folder"):
        search(storage=tmp_path).fit(X, y)
    with pytest.raises(ValueError, match="'storage' parameter of"):
        search(storage=3).fit(X, y)
    with pytest.raises(ValueError, match="'search_name' parameter of"):
        search(storage=tmp_path / "a.db", search_name=3).fit(X, y)


def test_what_is_not_there_is_not_loaded(tmp_path):
    path = tmp_path / "search.db"
    with pytest.raises(StorageError, match="does not exist"):
        load_search(path)
    with Store(path):
        pass
    with pytest.raises(ValueError, match="There is no search in"):
        load_search(path)
    grid(storage=path, search_name="first").fit(X, y)
    with pytest.raises(ValueError, match=r"there are .*Did you mean 'first'"):
        load_search(path, "frist")


def test_results_are_kept_when_the_storage_fails(tmp_path, monkeypatch):
    arrive, n = Store.arrive, []

    def fails(*args):
        n.append(args)
        if len(n) == 4:
            raise StorageError("The disk is full")
        arrive(*args)

    monkeypatch.setattr(Store, "arrive", fails)
    path = tmp_path / "search.db"
    search = grid(storage=path)
    with pytest.raises(StorageError, match="The disk is full"):
        search.fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert len(load_search(path).cv_results_["params"]) == 3
    assert_same_results(grid(storage=path).fit(X, y), grid().fit(X, y))


def test_a_search_that_a_callback_stopped_goes_on(tmp_path):
    path = tmp_path / "search.db"
    stopped = bayes(storage=path, random_state=0).set_callbacks(TargetScore(-1.0))
    n = len(stopped.fit(X, y).cv_results_["params"])
    assert n < 12
    found = bayes(storage=path, random_state=0).fit(X, y)
    assert_same_results(found, bayes(random_state=0).fit(X, y))


class StopsAfter(SearchCallback):
    """Ask to stop from some outcome on, as a time does that has passed."""

    def __init__(self, n):
        self.n = n

    def setup(self, estimator, context):
        self.n_seen = 0
        super().setup(estimator, context)

    def update(self, standing):
        self.n_seen += 1
        return self.n_seen >= self.n


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("n", [1, 2, 3, 5, 6])
def test_a_stop_loses_nothing_that_is_recorded(search, n, tmp_path):
    make = search if search is grid else partial(search, random_state=1)
    make = partial(make, storage=tmp_path / "search.db")
    stopped = make().set_callbacks(StopsAfter(n)).fit(X, y)
    again = make().set_callbacks(StopsAfter(1)).fit(X, y)
    assert_same_results(again, stopped)
    found = make(storage=None).fit(X, y)
    assert_same_results(make().fit(X, y), found)


def test_values_that_are_no_numbers(tmp_path):
    path = tmp_path / "search.db"
    values = [Stub(), WithC(c=1.0)]
    search = GridSearchCV(Wrapped(), {"inner": values, "f": [np.mean, len, None]}, cv=2)
    search.set_params(storage=path).fit(X, y)
    assert_same_results(search, GridSearchCV(**search.get_params(deep=False)).fit(X, y))
    loaded = load_search(path)
    assert loaded.best_score_ == search.best_score_
    named = [params["inner"].split()[0] for params in loaded.cv_results_["params"]]
    assert sorted(set(named)) == ["Stub", "WithC"]


class Wrapped(Stub):
    def __init__(self, inner=None, f=None):
        self.inner, self.f = inner, f
        self.a, self.b = 0.1, "x"


# What is extended.


def extended(search, path, **params):
    return search(storage=path, random_state=0, resume="extend").set_params(**params)


WIDER = {"a": (-0.5, 1.5), "b": ["x", "y"]}
TIGHTER = {"a": (0.2, 0.5), "b": ["y"]}


@pytest.mark.parametrize("search", [bayes, freeze_thaw])
@pytest.mark.parametrize("space", [SPACE, WIDER, TIGHTER])
def test_a_search_takes_earlier_results(search, space, tmp_path):
    path = tmp_path / "search.db"
    first = search(storage=path, random_state=0).fit(X, y)
    in_space = [params in Space(space) for params in first.cv_results_["params"]]
    old = [
        p for p, is_in in zip(first.cv_results_["params"], in_space, strict=True) if is_in
    ]
    n = 20 if search is bayes else 12
    Stub.fits.clear()
    found = extended(search, path, n_iter=n, search_spaces=space).fit(X, y)
    rows = found.cv_results_["params"]
    assert rows[: len(old)] == old
    assert len(rows) > len(old) > 0
    if search is bayes:
        assert len(rows) == n
        assert len(Stub.fits) == 3 * (n - len(old)) + 1
    finished = np.append(first.cv_results_["mean_test_score"][in_space], -np.inf)
    assert found.best_score_ >= np.nanmax(finished)
    assert_same_results(load_search(path), found, times=True)
    Stub.fits.clear()
    again = extended(search, path, n_iter=n, search_spaces=space).fit(X, y)
    assert len(Stub.fits) == 1
    assert_same_results(again, found, times=True)


@pytest.mark.parametrize("search", [bayes, freeze_thaw])
@settings(max_examples=6, deadline=None)
@given(
    places=st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=3)
)
def test_an_extended_search_is_resumed(search, places, tmp_path_factory):
    def make(storage):
        return extended(search, storage, n_iter=14, search_spaces=WIDER)

    found = []
    for interruptions in ([], places):
        path = tmp_path_factory.mktemp("storage") / "search.db"
        search(storage=path, random_state=0).fit(X, y)
        for n, after in interruptions:
            interrupted(partial(make(path).fit, X, y), n, after)
        found.append(make(path).fit(X, y))
    assert_same_results(*found)


def test_a_grid_takes_earlier_results(tmp_path):
    path = tmp_path / "search.db"
    grid(storage=path).fit(X, y)
    wider = {"a": [0.4, 0.2, 0.1], "b": ["y", "z", "x"]}
    Stub.fits.clear()
    found = grid(storage=path, resume="extend").set_params(param_grid=wider).fit(X, y)
    assert len(Stub.fits) == 3 * 5 + 1
    assert_same_results(found, grid().set_params(param_grid=wider).fit(X, y))


@pytest.mark.parametrize("seed", [0, None])
def test_a_randomized_search_takes_earlier_results(seed, tmp_path):
    path = tmp_path / "search.db"
    first = randomized(storage=path, random_state=seed).fit(X, y)
    found = randomized(storage=path, random_state=seed, resume="extend")
    Stub.fits.clear()
    found.set_params(n_iter=9).fit(X, y)
    assert len(Stub.fits) == 3 * 3 + 1
    assert found.cv_results_["params"][:6] == first.cv_results_["params"]


def test_objects_of_earlier_results_are_found_again(tmp_path):
    path = tmp_path / "search.db"

    def search(n_iter, inner, f, **params):
        space = {"inner": inner, "f": f}
        return BayesSearchCV(
            Wrapped(), space, n_iter=n_iter, cv=2, random_state=0, storage=path, **params
        )

    first = search(4, [Stub(0.1), WithC(c=1.0)], [np.mean, len, None]).fit(X, y)
    stays = describe(Stub(0.1))
    rows = first.cv_results_["params"]
    kept = [p["f"] for p in rows if describe(p["inner"]) == stays and p["f"] is not None]
    assert kept
    inner = [Stub(0.1), WithC(c=2.0)]
    second = search(6, inner, [len, np.mean, max], resume="extend").fit(X, y)
    rows = second.cv_results_["params"]
    assert [p["f"] for p in rows[: len(kept)]] == kept
    assert all(p["inner"] in inner for p in rows)


@pytest.mark.parametrize(
    "change", [{"cv": 4}, {"estimator__b": "z"}, {"scoring": "f1_macro"}]
)
def test_scores_that_cannot_be_compared_are_not_taken(change, tmp_path):
    path = tmp_path / "search.db"
    bayes(storage=path, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="only if their scores can be compared"):
        extended(bayes, path, n_iter=20, **change).fit(X, y)
    with pytest.raises(ValueError, match="set resume='extend'"):
        bayes(storage=path, random_state=0).set_params(n_iter=20).fit(X, y)
    with pytest.raises(ValueError, match="'resume' parameter of"):
        bayes(storage=path, resume="yes").fit(X, y)
