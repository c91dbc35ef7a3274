"""Which engine trains, why, and what it leaves of the process."""

import gc
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from joblib import Parallel, cpu_count, delayed
from keras import layers
from scipy.sparse import csr_matrix
from sklearn.datasets import load_iris
from tensorflow.python.eager import context

from skkeras_search import KerasClassifier
from skkeras_search.fusion import cache
from skkeras_search.fusion.obstacles import obstacle
from skkeras_search.fusion.order import Order

X, y = load_iris(return_X_y=True)


def mlp(
    inner=None,
    cls=keras.Sequential,
    loss="sparse_categorical_crossentropy",
    run_eagerly=False,
    jit_compile=False,
):
    model = cls([*([] if inner is None else [inner()]), layers.Dense(3, "softmax")])
    model.compile("sgd", loss, run_eagerly=run_eagerly, jit_compile=jit_compile)
    return model


class OwnStep(keras.Sequential):
    def train_step(self, data):
        return super().train_step(data)


class Counting(layers.Layer):
    """Draws from a generator of TensorFlow's own."""

    def call(self, inputs):
        return inputs + 0 * tf.random.normal([])

    def get_config(self):
        return super().get_config()


class EachBatch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


FALLBACKS = {
    "engine='keras'": {"engine": "keras"},
    "overrides train_step": {"model": lambda: mlp(cls=OwnStep)},
    "run_eagerly": {"model": lambda: mlp(run_eagerly=True)},
    "jit_compile": {"model": lambda: mlp(jit_compile=True)},
    "is stateful": {"model": lambda: mlp(Counting)},
    "single batches": {"callbacks": [EachBatch()]},
    "shuffle='batch'": {"shuffle": "batch"},
    "steps_per_epoch": {"fit__steps_per_epoch": 2},
    "assigns to a trainable": {
        "model": lambda: mlp(lambda: layers.SpectralNormalization(layers.Dense(4)))
    },
}


@pytest.mark.parametrize("reason", FALLBACKS)
def test_what_is_not_fused(reason):
    params = {"model": mlp, "verbose": 0, "random_state": 0, **FALLBACKS[reason]}
    classifier = KerasClassifier(**params).fit(X, y)
    assert classifier.engine_ == "keras"
    assert reason in classifier.engine_reason_
    assert classifier.predict(X).shape == (150,)
    if params.get("engine") != "keras":
        with pytest.raises(ValueError, match=r"engine='fused', but .*engine='auto'"):
            KerasClassifier(**{**params, "engine": "fused"}).fit(X, y)


def test_what_is_fused():
    classifier = KerasClassifier(mlp, verbose=0).fit(X, y)
    assert (classifier.engine_, classifier.engine_reason_) == ("fused", None)


def test_an_engine_there_is_not():
    with pytest.raises(ValueError, match="'engine' parameter"):
        KerasClassifier(mlp, engine="fast").fit(X, y)


def test_sparse_data_and_texts_are_left_to_keras():
    assert KerasClassifier(mlp, verbose=0).fit(csr_matrix(X), y).engine_ == "keras"


def test_another_backend_is_left_to_keras(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    assert "jax" in obstacle(mlp(), X, y, {})


def test_errors_of_the_users_code_are_shown_as_keras_shows_them():
    def wrong(y_true, y_pred):
        raise LookupError("my own mistake")

    with pytest.raises(LookupError, match="my own mistake"):
        KerasClassifier(lambda: mlp(loss=wrong), verbose=0).fit(X, y)


def test_predictions_follow_the_model():
    classifier = KerasClassifier(mlp, verbose=0).fit(X, y)
    before = classifier.predict_proba(X)
    weights = [0 * array for array in classifier.model_.get_weights()]
    classifier.model_.set_weights(weights)
    np.testing.assert_allclose(classifier.predict_proba(X), 1 / 3, rtol=1e-6)
    assert not np.allclose(before, 1 / 3)
    other = mlp()
    other.build((None, 4))
    classifier.model_ = other
    expected = other.predict(X, verbose=0)
    np.testing.assert_allclose(classifier.predict_proba(X), expected, rtol=1e-5)


def test_pickled_without_its_program():
    classifier = KerasClassifier(mlp, verbose=0).fit(X, y)
    restored = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_allclose(
        restored.predict_proba(X), classifier.predict_proba(X), rtol=1e-5
    )
    assert restored.engine_ == "fused"


def test_the_second_fit_traces_nothing(monkeypatch):
    KerasClassifier(mlp, verbose=0).fit(X, y)

    def refuse(*args):
        raise AssertionError("traced again")

    monkeypatch.setattr("skkeras_search.fusion.program._compile", refuse)
    KerasClassifier(mlp, verbose=0).fit(X[:148], y[:148])
    KerasClassifier(mlp, verbose=0, batch_size=7, epochs=2).fit(X, y)


def test_a_global_seed_counts():
    def shuffled():
        keras.utils.set_random_seed(5)
        return Order(20, True, None)()

    assert (shuffled() == shuffled()).all()
    assert sorted(shuffled()) == list(range(20))


def test_unseeded_epochs_differ(monkeypatch):
    monkeypatch.setattr(context.context(), "_seed", None)
    order = Order(50, True, None)
    assert (order() != order()).any()


def test_graphs_do_not_outlive_their_programs():
    def n_graphs():
        gc.collect()
        return sum(type(thing).__name__ == "FuncGraph" for thing in gc.get_objects())

    def fit(units):
        model = lambda: mlp(lambda: layers.Dense(units, "relu"))  # noqa: E731
        KerasClassifier(model, verbose=0).fit(X, y).predict(X)

    fit(1)
    cache._programs.clear()
    before = n_graphs()
    for units in range(2, 8):
        fit(units)
    cache._programs.clear()
    assert n_graphs() <= before + 2


def threads_of_tensorflow():
    import skkeras_search.estimators  # noqa: F401

    return tf.config.threading.get_intra_op_parallelism_threads()


def test_workers_share_the_cores():
    found = Parallel(n_jobs=2)(delayed(threads_of_tensorflow)() for _ in range(2))
    assert found == [max(cpu_count() // 2, 1)] * 2


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def test_interrupted_it_has_what_was_trained_so_far():
    def interrupted(engine):
        classifier = KerasClassifier(
            mlp, verbose=0, epochs=5, random_state=0, callbacks=[Interrupt()], engine=engine
        )
        with pytest.raises(KeyboardInterrupt):
            classifier.fit(X, y)
        return classifier.predict_proba(X)

    np.testing.assert_allclose(interrupted("fused"), interrupted("keras"), rtol=1e-4)


def test_random_operations_of_the_build_function_are_seeded():
    def model():
        constant = tf.random.normal([4, 3], seed=1).numpy()
        other = tf.random.uniform([3]).numpy()
        made = mlp()
        made.build((None, 4))
        made.set_weights([constant, other])
        return made

    fits = [KerasClassifier(model, verbose=0, random_state=0).fit(X, y) for _ in range(2)]
    first, second = (fitted.model_.get_weights() for fitted in fits)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_a_fit_that_was_replaced_is_called():
    classifier = KerasClassifier(mlp, verbose=0, warm_start=True).initialize(X, y)
    calls, fit = [], classifier.model_.fit
    classifier.model_.fit = lambda **arguments: calls.append(1) or fit(**arguments)
    classifier.fit(X, y)
    assert calls == [1]
    assert "overrides fit" in classifier.engine_reason_


def test_a_model_that_changed_since_it_was_fitted_predicts():
    inner = layers.Dropout
    classifier = KerasClassifier(lambda: mlp(lambda: inner(0.25)), verbose=0).fit(X, y)
    classifier.model_.layers[0].rate = 0.0
    expected = classifier.model_.predict(X, verbose=0)
    np.testing.assert_allclose(classifier.predict_proba(X), expected, rtol=1e-5)


def test_a_callback_finds_the_metrics():
    stop = keras.callbacks.EarlyStopping("acc", min_delta=1.0)
    classifier = KerasClassifier(
        lambda: keras.Sequential([layers.Dense(3, "softmax")]),
        loss="sparse_categorical_crossentropy",
        metrics=["acc"],
        callbacks=[stop],
        epochs=5,
        verbose=0,
        engine="fused",
    )
    assert len(classifier.fit(X, y).history_["loss"]) < 5


class OnlyTrains(layers.Layer):
    """Evaluates by what a program cannot have."""

    def call(self, inputs, training=False):
        return inputs if training else inputs + 0 * tf.random.normal([])


def test_nothing_was_trained_before_keras_takes_over():
    seen = []

    class Seeing(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(self.model.get_weights())

    def model():
        return mlp(OnlyTrains)

    def fit(engine):
        return KerasClassifier(
            model, verbose=0, random_state=0, validation_split=0.2, engine=engine
        ).fit(X, y, callbacks=[Seeing()])

    fell_back, by_keras = fit("auto"), fit("keras")
    assert fell_back.engine_ == "keras"
    assert len(seen) == 2
    np.testing.assert_allclose(fell_back.history_["loss"], by_keras.history_["loss"])
