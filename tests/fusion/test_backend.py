"""The joblib backend, the batcher and lanes: who waits for whom, and what is lost."""

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from joblib import Parallel, cpu_count, delayed, parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import KerasClassifier, KerasRegressor
from skkeras_search.fusion import lane as lanes
from skkeras_search.fusion.backend import FusedBackend, current_task
from skkeras_search.fusion.batcher import Batcher
from skkeras_search.fusion.cost import Answer

X, y = load_iris(return_X_y=True)


def mlp(meta, units=4, learning_rate=0.01):
    outputs = meta.get("n_classes_", 1)
    classes = outputs > 1
    model = keras.Sequential(
        [keras.layers.Dense(units, "relu"), keras.layers.Dense(outputs)]
    )
    loss = (
        keras.losses.SparseCategoricalCrossentropy(from_logits=True) if classes else "mse"
    )
    model.compile(keras.optimizers.Adam(learning_rate), loss)
    return model


def classifier(**params):
    return KerasClassifier(mlp, **{"epochs": 3, "verbose": 0, "random_state": 0, **params})


def regressor():
    return KerasRegressor(mlp, epochs=2, verbose=0, random_state=0)


def in_time(function, seconds=120):
    """Result of a function, which must not wait for ever."""
    outcome = []

    def run():
        try:
            outcome.append((function(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert outcome, f"still waiting after {seconds} seconds"
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


def fused(function, **config):
    def run():
        with parallel_config("fused", **config):
            return function()

    return in_time(run)


GRID = {"learning_rate": [0.01, 0.1], "units": [3, 4]}
USES = {
    "cross_val_score": lambda: cross_val_score(classifier(), X, y),
    "cross_validate": lambda: cross_validate(
        classifier(), X, y, cv=3, return_train_score=True
    )["train_score"],
    "grid": lambda: (
        GridSearchCV(classifier(), GRID, cv=3).fit(X, y).cv_results_["mean_test_score"]
    ),
    "random": lambda: (
        RandomizedSearchCV(classifier(), GRID, n_iter=3, random_state=0, cv=3)
        .fit(X, y)
        .predict(X)
    ),
    "halving": lambda: (
        HalvingGridSearchCV(classifier(), GRID, random_state=0, cv=3)
        .fit(X, y)
        .predict_proba(X)
    ),
    "learning curve": lambda: learning_curve(
        classifier(), X, y, cv=3, shuffle=True, random_state=0
    )[2],
    "permutations": lambda: permutation_test_score(
        classifier(), X, y, n_permutations=4, random_state=0
    )[1],
    "bagging": lambda: (
        BaggingClassifier(classifier(), 4, random_state=0).fit(X, y).predict_proba(X)
    ),
    "stacking": lambda: (
        StackingClassifier(
            [("small", classifier()), ("large", classifier(units=9))],
            LogisticRegression(),
            cv=3,
        )
        .fit(X, y)
        .predict_proba(X)
    ),
    "one against the rest": lambda: (
        OneVsRestClassifier(classifier()).fit(X, y).predict_proba(X)
    ),
    "several targets": lambda: (
        MultiOutputRegressor(regressor()).fit(X, np.c_[y, -y, 2 * y]).predict(X)
    ),
    "pipeline": lambda: cross_val_score(
        make_pipeline(StandardScaler(), classifier()), X, y, cv=4
    ),
}


@pytest.mark.parametrize("use", USES)
def test_uses_of_scikit_learn(use, monkeypatch):
    engines = []
    train = lanes.Lane.train

    def noted(self, *args):
        engines.append("fused")
        return train(self, *args)

    expected = USES[use]()
    monkeypatch.setattr(lanes.Lane, "train", noted)
    np.testing.assert_allclose(fused(USES[use]), expected, rtol=1e-4, atol=1e-4)
    assert len(engines) > 2


def test_nested():
    def stacks():
        stacked = StackingClassifier(
            [("a", classifier()), ("b", classifier(units=3))], LogisticRegression(), cv=2
        )
        search = GridSearchCV(stacked, {"a__learning_rate": [0.01, 0.1]}, cv=2)
        return search.fit(X, y).cv_results_["mean_test_score"]

    np.testing.assert_allclose(fused(stacks), stacks())


@pytest.mark.parametrize("n_jobs", [1, 2, 3, 7, -1, None])
def test_any_number_of_jobs(n_jobs):
    scores = fused(lambda: cross_val_score(classifier(), X, y, cv=5, n_jobs=n_jobs))
    np.testing.assert_allclose(scores, cross_val_score(classifier(), X, y, cv=5))


@pytest.mark.parametrize("pre_dispatch", [1, 3, "all", "2*n_jobs"])
def test_any_number_of_tasks_ahead(pre_dispatch):
    scores = fused(
        lambda: cross_val_score(
            classifier(), X, y, cv=5, n_jobs=2, pre_dispatch=pre_dispatch
        )
    )
    assert len(scores) == 5


def test_a_search_is_the_same_each_time():
    results = [fused(USES["grid"]) for _ in range(2)]
    assert (results[0] == results[1]).all()


class Failing(ClassifierMixin, BaseEstimator):
    """Fits a Keras model, unless told to fail."""

    def __init__(self, fails=False):
        self.fails = fails

    def fit(self, X, y):
        if self.fails == "before":
            raise RuntimeError("before")
        self.model_ = classifier().fit(X, y)
        if self.fails:
            raise self.fails("after")
        return self

    def predict(self, X):
        return self.model_.predict(X)


@pytest.mark.parametrize("fails", ["before", ValueError])
def test_an_error_costs_its_candidate_only(fails):
    search = GridSearchCV(
        Failing(), {"fails": [False, fails, False]}, cv=3, error_score=-1.0
    )
    with pytest.warns(match="3 fits failed"):
        fused(lambda: search.fit(X, y))
    scores = search.cv_results_["mean_test_score"]
    assert scores[1] == -1
    assert scores[0] == scores[2] > 0.3


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupted_in_a_task(error):
    search = GridSearchCV(Failing(), {"fails": [False, error, False]}, cv=3)
    with pytest.raises(error):
        fused(lambda: search.fit(X, y))
    assert len(fused(lambda: cross_val_score(classifier(), X, y))) == 5


class Raises(keras.callbacks.Callback):
    def __init__(self, fold_size):
        super().__init__()
        self.fold_size = fold_size

    def on_epoch_end(self, epoch, logs=None):
        if self.params["steps"] == self.fold_size:
            raise ValueError("from the callback")


def test_a_callback_that_raises_costs_its_fold_only():
    folds = [(np.arange(n), np.arange(150)) for n in (64, 96, 128)]
    estimator = classifier(callbacks=[Raises(3)])  # of 96 rows, in batches of 32
    with pytest.warns(match="from the callback"):
        scores = fused(lambda: cross_val_score(estimator, X, y, cv=folds))
    assert np.isnan(scores).tolist() == [False, True, False]


def test_a_loss_that_is_not_a_number_costs_its_lane_only():
    search = GridSearchCV(regressor(), {"learning_rate": [0.01, 1e38]}, cv=3, refit=False)
    with pytest.warns():
        fused(lambda: search.fit(X * 1e10, y))
    finite = np.isfinite(search.cv_results_["mean_test_score"])
    assert not finite[1]


def test_tasks_that_never_fit():
    def squares():
        return Parallel()(delayed(lambda n: n * n)(n) for n in range(100))

    assert fused(squares) == [n * n for n in range(100)]


def test_an_error_of_a_task_is_the_callers():
    def fails(n):
        if n == 5:
            raise LookupError("the fifth")

    with pytest.raises(LookupError, match="the fifth"):
        fused(lambda: Parallel()(delayed(fails)(n) for n in range(100)))


def test_results_one_by_one():
    def some():
        tasks = (delayed(cross_val_score)(classifier(), X, y, cv=2) for _ in range(4))
        results = Parallel(return_as="generator")(tasks)
        return next(results), list(results)

    first, others = fused(some)
    assert all((scores == first).all() for scores in others)


def test_zero_jobs():
    with pytest.raises(ValueError, match="n_jobs == 0"):
        fused(lambda: Parallel(n_jobs=0)(delayed(abs)(n) for n in range(3)))


class Slow:
    """What is asked in tests of the batcher alone."""

    def __init__(self, value, memory=()):
        self.value, self.memory = value, dict(memory)


def answering(log, seconds=0.01, n_threads=4):
    executor = ThreadPoolExecutor(n_threads)

    def answer(content, wanted):
        def work():
            log.append(content.value)
            time.sleep(seconds)
            return Answer(content.value if wanted() else None, seconds)

        return executor.submit(work)

    return answer


def backend_of(batcher):
    return FusedBackend(lambda: batcher, lambda: lambda: None)


def ask(value, memory=()):
    return current_task.get().ask(Slow(value, memory))


def test_one_task_runs_at_a_time():
    running, most = [], []

    def task(n):
        for _ in range(3):
            running.append(n)
            most.append(len(running))
            time.sleep(0.001)
            running.remove(n)
            ask(n)
        return n

    with parallel_config(backend_of(Batcher(answering([])))):
        results = Parallel()(delayed(task)(n) for n in range(20))
    assert results == list(range(20))
    assert max(most) == 1


def test_little_is_asked_while_much_waits(monkeypatch):
    monkeypatch.setattr("skkeras_search.fusion.batcher.MOST_BYTES", 100)
    waiting, most = [], []

    def task(n):
        waiting.append(n)
        most.append(len(waiting))
        ask(n, memory={n: 60})
        waiting.remove(n)
        return n

    with parallel_config(backend_of(Batcher(answering([])))):
        assert Parallel()(delayed(task)(n) for n in range(10)) == list(range(10))
    assert max(most) <= 3


def test_memory_that_tasks_share_is_there_once(monkeypatch):
    monkeypatch.setattr("skkeras_search.fusion.batcher.MOST_BYTES", 100)
    everybody = threading.Barrier(5)

    def answer(content, wanted):
        def work():
            everybody.wait(timeout=60)  # breaks if fewer are under way at once
            return Answer(content.value, 0.0)

        return executor.submit(work)

    with (
        ThreadPoolExecutor(5) as executor,
        parallel_config(backend_of(Batcher(answer))),
    ):
        tasks = (delayed(ask)(n, memory={"rows": 60}) for n in range(5))
        assert Parallel()(tasks) == list(range(5))


def test_aborted_tasks_end():
    begun, ended = [], threading.Semaphore(0)

    def task(n):
        begun.append(n)
        try:
            if n == 3:
                raise LookupError
            for _ in range(1000):
                ask(n)
        finally:
            ended.release()

    with parallel_config(backend_of(Batcher(answering([])))), pytest.raises(LookupError):
        Parallel()(delayed(task)(n) for n in range(6))
    for _ in begun:  # others may be cancelled before they begin
        assert ended.acquire(timeout=30)


def test_the_dtype_policy_reaches_the_threads():
    def policies():
        return Parallel()(
            delayed(lambda: keras.config.dtype_policy().name)() for _ in range(3)
        )

    before = keras.config.dtype_policy()
    with parallel_config("fused"):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            assert policies() == ["mixed_bfloat16"] * 3
        finally:
            keras.config.set_dtype_policy(before)


def test_models_are_there_when_they_are_looked_at():
    with parallel_config("fused"):
        fitted = cross_validate(classifier(), X, y, cv=3, return_estimator=True)[
            "estimator"
        ]
    for estimator in fitted:
        assert estimator.engine_ == "fused"
        before = estimator.predict_proba(X)
        np.testing.assert_allclose(
            estimator.model_.predict(X, verbose=0).argmax(1), before.argmax(1)
        )
        np.testing.assert_allclose(estimator.predict_proba(X), before, rtol=1e-5)
        copied = clone(estimator).fit(X[::2], y[::2])
        assert copied.model_ is not estimator.model_
    assert len({id(estimator.model_) for estimator in fitted}) == 3


def test_a_fold_goes_on_where_it_ended():
    with parallel_config("fused"):
        fitted = cross_validate(classifier(), X, y, cv=3, return_estimator=True)[
            "estimator"
        ]
    folds = [train for train, _ in StratifiedKFold(3).split(X, y)]
    for estimator, rows in zip(fitted, folds, strict=True):
        alone = classifier().fit(X[rows], y[rows])
        for each in (estimator, alone):
            each.partial_fit(X[rows], y[rows])
        assert len(estimator.history_["loss"]) == 4
        np.testing.assert_allclose(
            estimator.predict_proba(X), alone.predict_proba(X), rtol=1e-4
        )


class Twice(BaseEstimator):
    """A feature encoder, which must be applied once."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.c_[X, X]


class Encoding(KerasClassifier):
    @property
    def feature_encoder(self):
        return Twice()


def test_features_are_encoded_once():
    estimator = Encoding(mlp, epochs=2, verbose=0, random_state=0)
    expected = cross_val_score(estimator, X, y, cv=3)
    np.testing.assert_allclose(
        fused(lambda: cross_val_score(estimator, X, y, cv=3)), expected
    )
    stopping = clone(estimator).set_params(
        callbacks=[keras.callbacks.EarlyStopping("loss")]
    )
    assert len(fused(lambda: cross_val_score(stopping, X, y, cv=3))) == 3


def test_candidates_do_not_share_a_model():
    grid = {"units": [3, 4], "learning_rate": [0.01, 0.1]}
    with parallel_config("fused"):
        search = GridSearchCV(classifier(), grid, cv=3).fit(X, y)
    scores = [
        cross_val_score(classifier(**params), X, y, cv=3).mean()
        for params in search.cv_results_["params"]
    ]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], scores)


def test_tasks_of_aborted_tasks_end():
    asked = []

    def inner(n):
        for _ in range(10_000):
            asked.append(ask(n))

    def outer(n):
        if n == 2:
            time.sleep(0.2)
            raise LookupError
        Parallel()(delayed(inner)(m) for m in range(3))

    with parallel_config(backend_of(Batcher(answering([])))), pytest.raises(LookupError):
        Parallel()(delayed(outer)(n) for n in range(3))
    time.sleep(1)
    before = len(asked)
    time.sleep(1)
    assert len(asked) == before


def test_a_model_that_is_built_for_a_number_of_epochs():
    def model(epochs=1):
        rate = keras.optimizers.schedules.PolynomialDecay(0.1, 5 * epochs)
        made = keras.Sequential([keras.layers.Dense(3, "softmax")])
        made.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
        return made

    def search():
        estimator = KerasClassifier(model, verbose=0, random_state=0)
        return GridSearchCV(estimator, {"epochs": [1, 6]}, cv=3).fit(X, y)

    scores = fused(search).cv_results_["mean_test_score"]
    np.testing.assert_allclose(scores, search().cv_results_["mean_test_score"])


def test_a_build_function_that_fits_in_parallel():
    def model():
        cross_val_score(classifier(epochs=1), X, y, cv=2)
        made = keras.Sequential([keras.layers.Dense(3, "softmax")])
        made.compile("sgd", "sparse_categorical_crossentropy")
        return made

    estimator = KerasClassifier(model, verbose=0, random_state=0)
    assert len(fused(lambda: cross_val_score(estimator, X, y, cv=2))) == 2


def test_a_subclass_may_do_what_it_likes_with_its_model():
    class Started(KerasClassifier):
        def _fit_keras_model(self, X, y, *args, **kwargs):
            self.model_.set_weights([X.mean() * w for w in self.model_.get_weights()])
            super()._fit_keras_model(X, y, *args, **kwargs)

    estimator = Started(mlp, verbose=0, random_state=0)
    expected = cross_val_score(estimator, X, y, cv=3)
    np.testing.assert_allclose(
        fused(lambda: cross_val_score(estimator, X, y, cv=3)), expected
    )


def test_folds_do_not_keep_the_data():
    many = np.repeat(X, 20, axis=0), np.repeat(y, 20)
    with parallel_config("fused"):
        found = cross_validate(classifier(epochs=1), *many, cv=3, return_estimator=True)
    built = [estimator._trained.build.__closure__ for estimator in found["estimator"]]
    arrays = [c.cell_contents for cells in built for c in cells]
    arrays = [a for a in arrays if isinstance(a, np.ndarray)]
    assert len(arrays) == 3
    assert all(array.base is None and len(array) == 1 for array in arrays)


def test_results_one_by_one_in_a_task():
    running, most = [], []

    def inner(n):
        running.append(n)
        most.append(len(running))
        ask(n)
        running.remove(n)
        return n

    def outer(n):
        tasks = (delayed(inner)(m) for m in range(3))
        return [ask(m) for m in Parallel(return_as="generator")(tasks)]

    with parallel_config(backend_of(Batcher(answering([])))):
        assert Parallel()(delayed(outer)(n) for n in range(4)) == [[0, 1, 2]] * 4


def test_the_garbage_collector_is_as_before():
    before = gc.get_freeze_count()
    fused(USES["cross_val_score"])
    assert gc.get_freeze_count() == before
    with pytest.raises(LookupError):
        fused(lambda: Parallel()(delayed({}.__getitem__)(n) for n in range(3)))
    assert gc.get_freeze_count() == before


class Asking(ClassifierMixin, BaseEstimator):
    """Asks in ``fit`` and in ``score``, or has its tasks ask."""

    def __init__(self, n_tasks=0):
        self.n_tasks = n_tasks

    def fit(self, X, y):
        if self.n_tasks:
            Parallel()(delayed(ask)(n) for n in range(self.n_tasks))
        else:
            ask(0)
        return self

    def score(self, X, y):
        time.sleep(0.01)  # with the turn
        return ask(1)


@pytest.mark.parametrize(("n_tasks", "expected"), [(0, 0.05), (3, 0.15)])
def test_times_are_what_a_fit_cost(n_tasks, expected):
    slow = Batcher(answering([], seconds=0.05, n_threads=1))
    begun = time.perf_counter()
    with parallel_config(backend_of(slow)):
        found = cross_validate(Asking(n_tasks), X, y, cv=8)
    assert time.perf_counter() - begun > 8 * (expected + 0.05)
    np.testing.assert_allclose(found["fit_time"], expected, atol=0.04)
    np.testing.assert_allclose(found["score_time"], 0.06, atol=0.04)


def test_times_of_fits_add_up_to_what_the_cores_did():
    def times():
        begun = time.perf_counter()
        found = cross_validate(classifier(epochs=20), X, y, cv=20)
        return found["fit_time"].sum(), time.perf_counter() - begun

    fits, passed = fused(times)
    assert 0 < fits < (cpu_count() + 1) * passed


def test_the_time_of_a_program_is_shared(monkeypatch):
    program_at, traced = lanes.program_at, []

    def tracing(*arguments):
        if not traced:
            traced.append(time.sleep(1.2))
        return program_at(*arguments)

    monkeypatch.setattr(lanes, "program_at", tracing)

    def search():
        grid = {"learning_rate": [0.01, 0.1, 0.2]}
        estimator = classifier(units=5, epochs=1)
        return GridSearchCV(estimator, grid, cv=2, refit=False).fit(X, y)

    results = fused(search).cv_results_
    assert (results["mean_fit_time"] > 0.2).all()
    assert results["mean_fit_time"][2] > results["mean_fit_time"][0] / 3
