"""Ways to train: repeatedly, further, weighted, seeded."""

import gc
import random
import threading
import time

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split

from skkeras_search import KerasClassifier, KerasRegressor
from tests.estimators import models
from tests.estimators.data import (
    X_diabetes,
    X_iris,
    names_iris,
    weights,
    y_iris,
)


def classifier(model=models.mlp, **kwargs):
    return KerasClassifier(model, **{"verbose": 0, "random_state": 0, **kwargs})


def test_partial_fit_goes_on():
    estimator = classifier().partial_fit(X_iris, y_iris)
    model = estimator.model_
    estimator.partial_fit(X_iris, y_iris)
    assert estimator.model_ is model
    assert estimator.current_epoch == len(estimator.history_["loss"]) == 2


def test_partial_fit_with_all_classes():
    estimator = classifier()
    estimator.partial_fit(X_iris[:100], names_iris[:100], classes=np.unique(names_iris))
    assert estimator.partial_fit(X_iris[100:], names_iris[100:]).n_classes_ == 3
    assert estimator.predict_proba(X_iris).shape == (150, 3)


def test_partial_fit_shuffles_anew_each_time():
    # two epochs in one call see the samples in two orders; so do two calls
    twice = classifier().partial_fit(X_iris, y_iris).partial_fit(X_iris, y_iris)
    same_order = classifier(learning_rate=0.0).fit(X_iris, y_iris)
    assert twice.current_epoch == 2
    assert not np.allclose(weights(twice), weights(same_order))


def test_warm_start():
    estimator = classifier(warm_start=True, epochs=2).fit(X_iris, y_iris)
    first = estimator.model_
    estimator.fit(X_iris, y_iris)
    assert estimator.model_ is first
    assert len(estimator.history_["loss"]) == 2  # that of the last fit
    cold = classifier(epochs=2).fit(X_iris, y_iris)
    assert cold.fit(X_iris, y_iris).model_ is not first


@pytest.mark.parametrize("engine", ["fused", "keras"])
def test_no_epochs_build_the_model_and_train_nothing(engine):
    estimator = classifier(warm_start=True, epochs=0, engine=engine).fit(X_iris, y_iris)
    built = weights(estimator)
    assert estimator.history_ == {}
    assert estimator.current_epoch == 0
    np.testing.assert_array_equal(weights(estimator.fit(X_iris, y_iris, epochs=0)), built)
    assert estimator.partial_fit(X_iris, y_iris).current_epoch == 1
    assert not np.array_equal(weights(estimator), built)
    assert estimator.fit(X_iris, y_iris, epochs=2).current_epoch == 2


def test_same_seed_same_search_on_one_core_or_two():
    def search(n_jobs):
        grid = {"units": [3, 5], "learning_rate": [0.01, 0.1]}
        return GridSearchCV(classifier(), grid, cv=2, n_jobs=n_jobs).fit(X_iris, y_iris)

    one, two = search(1), search(2)
    np.testing.assert_array_equal(
        one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"]
    )
    np.testing.assert_array_equal(
        weights(one.best_estimator_), weights(two.best_estimator_)
    )


def test_unseeded_fits_differ():
    estimator = classifier(random_state=None)
    first = weights(estimator.fit(X_iris, y_iris))
    assert not np.allclose(first, weights(estimator.fit(X_iris, y_iris)))


@pytest.mark.parametrize("class_weight", ["balanced", {"setosa": 100.0, "virginica": 0.01}])
def test_class_weight(class_weight):
    X, y = X_iris[40:], names_iris[40:]
    weighted = classifier(class_weight=class_weight, epochs=5).fit(X, y)
    plain = classifier(epochs=5).fit(X, y)
    rare = list(plain.classes_).index("setosa")
    mean = [model.predict_proba(X)[:, rare].mean() for model in (weighted, plain)]
    assert mean[0] > mean[1]


def test_batch_size_of_all_samples():
    class CountSteps(keras.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            CountSteps.steps += 1

    classifier(batch_size=-1, callbacks=CountSteps, epochs=3).fit(X_iris, y_iris)
    assert CountSteps.steps == 3


def test_samples_of_weight_zero_take_no_part():
    used = np.arange(150) % 2 == 0
    weighted = classifier().fit(X_iris, y_iris, sample_weight=used.astype(float))
    fewer = classifier().fit(X_iris[used], y_iris[used], sample_weight=np.ones(75))
    np.testing.assert_array_equal(weights(weighted), weights(fewer))


def test_an_interrupted_fit_keeps_its_model():
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    estimator = classifier(epochs=5, callbacks=Interrupt)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X_iris, y_iris)
    assert estimator.predict(X_iris).shape == (150,)


def test_failed_refit_keeps_the_last_fit():
    fitted = classifier().fit(X_iris, y_iris)
    expected = fitted.predict_proba(X_iris)
    with pytest.raises(ValueError, match="NaN"):
        fitted.fit(np.full_like(X_iris, np.nan), y_iris)
    np.testing.assert_array_equal(fitted.predict_proba(X_iris), expected)


def test_a_failing_fold_costs_that_fold_only():
    def build(meta):
        if meta["X_shape_"][0] == 75:
            raise RuntimeError("out of luck")
        return models.mlp(meta)

    X, y = X_iris[:149], y_iris[:149]
    with pytest.warns(FitFailedWarning, match="out of luck"):
        scores = cross_val_score(classifier(build), X, y, cv=2, error_score=np.nan)
    assert np.isnan(scores).sum() == 1


def test_regression_learns():
    X_train, X_test, y_train, y_test = train_test_split(
        X_diabetes[:, :4], X_diabetes[:, :4] @ [1.0, -2.0, 0.5, 3.0], random_state=0
    )
    regressor = KerasRegressor(
        models.linear_regression,
        loss="mse",
        optimizer="adam",
        optimizer__learning_rate=0.1,
        epochs=100,
        verbose=0,
        random_state=0,
    )
    assert regressor.fit(X_train, y_train).score(X_test, y_test) > 0.9


def test_graphs_go_with_their_model():
    import tensorflow as tf

    def graphs():
        gc.collect()
        return sum(type(thing).__name__ == "FuncGraph" for thing in gc.get_objects())

    assert tf.executing_eagerly()
    classifier().fit(X_iris, y_iris)
    before = graphs()
    for _ in range(3):
        classifier().fit(X_iris, y_iris).predict(X_iris)
    assert graphs() <= before


def test_fits_in_threads_do_not_share_a_model():
    estimators = [classifier(random_state=None) for _ in range(2)]
    threads = [threading.Thread(target=e.fit, args=(X_iris, y_iris)) for e in estimators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert all(hasattr(estimator, "model_") for estimator in estimators)
    assert estimators[0].model_ is not estimators[1].model_


def test_clone_is_unfitted():
    assert not hasattr(clone(classifier().fit(X_iris, y_iris)), "model_")


def test_seeded_fits_in_threads_are_reproducible():
    from joblib import parallel_config

    grid = GridSearchCV(classifier(), {"units": [3, 5]}, cv=2)
    alone = clone(grid).fit(X_iris, y_iris)
    before = np.random.get_state()[1].copy()
    with parallel_config("threading", n_jobs=2):
        threaded = clone(grid).fit(X_iris, y_iris)
    np.testing.assert_array_equal(
        alone.cv_results_["mean_test_score"], threaded.cv_results_["mean_test_score"]
    )
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_routed_validation_data_is_encoded():
    routed = classifier(fit__validation_data=(X_iris, names_iris)).fit(X_iris, names_iris)
    given = classifier().fit(X_iris, names_iris, validation_data=(X_iris, names_iris))
    assert routed.history_ == given.history_


def test_a_model_with_a_fit_of_its_own():
    class Trainer(keras.Sequential):
        def fit(self, *args, told=None, **kwargs):
            Trainer.told = told
            return super().fit(*args, **kwargs)

    def build():
        model = Trainer([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    classifier(build, fit__told="in the constructor").fit(X_iris, y_iris)
    assert Trainer.told == "in the constructor"
    classifier(build).fit(X_iris, y_iris, told="in the call")
    assert Trainer.told == "in the call"


def drawn_in_build(meta, seen):
    """A model whose build function draws from Python's generator, slowly."""
    seen.append([random.random(), random.getrandbits(40), random.choice(range(99))])
    made = [keras.layers.Dense(4, activation="relu") for _ in range(3)]
    time.sleep(0.05)  # time for others
    seen[-1].append(random.sample(range(99), 3))
    state = random.getstate()
    keras.utils.set_random_seed(5)
    seen[-1].append(random.gauss(0, 1))
    random.setstate(state)
    return keras.Sequential([*made, keras.layers.Dense(meta["n_classes_"], "softmax")])


def test_other_threads_may_draw_random_numbers():
    def fitted():
        loss, seen = "sparse_categorical_crossentropy", []
        made = classifier(drawn_in_build, seen=seen, loss=loss).fit(X_iris, y_iris)
        return made.model_.get_weights(), seen

    def draw():
        while not ends.is_set():
            random.sample(range(100), 5), random.random(), random.gauss(0, 1)
            random.shuffle([1, 2, 3]), random.getrandbits(8)

    expected, seen = fitted()
    random.seed(0)  # as for the fit
    assert seen[0][:2] == [random.random(), random.getrandbits(40)]
    ends, kind = threading.Event(), type(random._inst)
    before = random.getstate(), random.random, random.getrandbits
    thread = threading.Thread(target=draw)
    thread.start()
    try:
        found, seen_again = zip(*(fitted() for _ in range(5)), strict=True)
    finally:
        ends.set()
        thread.join()
    assert all(again == seen for again in seen_again)
    for weights_found in found:
        for ours, theirs in zip(weights_found, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert type(random._inst) is kind
    assert before[1:] == (random.random, random.getrandbits)
    fitted()
    random.setstate(before[0])
    state = random.getstate()
    fitted()
    assert random.getstate() == state


def test_score_passes_arguments_to_predict():
    estimator = KerasClassifier(models.mlp, verbose=0, random_state=0).fit(X_iris, y_iris)
    score = estimator.score(X_iris, y_iris, batch_size=7, verbose=0)
    assert score == estimator.score(X_iris, y_iris)
    with pytest.raises(TypeError, match=r"'predict__batch': .* Did you mean 'batch_size'"):
        estimator.score(X_iris, y_iris, batch=7)
