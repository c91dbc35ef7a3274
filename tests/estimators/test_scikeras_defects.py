"""What scikeras 0.13 gets wrong on scikit-learn 1.9 and Keras 3, and we get right.

    ESTIMATORS_FROM=scikeras.wrappers pytest tests/estimators/test_scikeras_defects.py

runs the same tests on scikeras, where for each number at least one fails.
"""

import copy
import os
import pickle
import random
import subprocess
import sys
from functools import partial
from importlib import import_module

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
from keras import layers
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.ensemble import VotingClassifier
from sklearn.inspection import partial_dependence
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.estimators import models
from tests.estimators.data import (
    X_diabetes,
    X_iris,
    names_iris,
    weights,
    y_diabetes,
    y_iris,
)

_estimators = import_module(os.environ.get("ESTIMATORS_FROM", "skkeras_search"))
KerasClassifier = _estimators.KerasClassifier
KerasRegressor = _estimators.KerasRegressor


def classifier(model=models.mlp, **kwargs):
    return KerasClassifier(model, **{"verbose": 0, "random_state": 0, **kwargs})


def regressor(model=models.regression_mlp, **kwargs):
    return KerasRegressor(model, **{"verbose": 0, "random_state": 0, **kwargs})


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1


# --- silently wrong ---------------------------------------------------------------------


def test_01_is_seen_as_classifier_or_regressor():
    assert is_classifier(classifier())
    assert is_regressor(regressor())


def test_01_cross_validation_is_stratified():
    # iris is sorted by class: unstratified folds would each miss one
    scores = cross_val_score(classifier(epochs=15), X_iris, y_iris, cv=3)
    assert scores.min() > 0.6


def test_01_roc_auc():
    X, y = X_iris[:100], names_iris[:100]
    scores = cross_val_score(classifier(epochs=5), X, y, cv=2, scoring="roc_auc")
    assert scores.min() > 0.9


def test_01_voting_and_partial_dependence():
    voting = VotingClassifier([("a", classifier()), ("b", classifier())], voting="soft")
    assert voting.fit(X_iris, y_iris).predict(X_iris).shape == (150,)
    fitted = classifier().fit(X_iris, y_iris)
    assert partial_dependence(fitted, X_iris, [0])["average"].shape[0] == 3


def test_01_tags_are_complete():
    tags = sklearn.utils.get_tags(classifier())
    assert tags.estimator_type == "classifier"
    assert tags.classifier_tags.multi_label
    assert tags.target_tags.required
    assert tags.target_tags.multi_output
    assert tags.input_tags.sparse
    assert tags.input_tags.three_d_array
    assert tags.non_deterministic
    assert sklearn.utils.get_tags(regressor()).regressor_tags is not None


def test_02_fit_uses_its_callbacks():
    recorder = Recorder()
    classifier(epochs=2).fit(X_iris, y_iris, callbacks=[recorder])
    assert recorder.epochs == 2


def test_03_unseeded_fit_after_seeded_one():
    script = (
        "import os, keras, numpy as np\n"
        "from tests.estimators.test_scikeras_defects import *\n"
        "classifier().fit(X_iris, y_iris)\n"
        "assert 'TF_DETERMINISTIC_OPS' not in os.environ\n"
        "from tensorflow.python.framework import config\n"
        "assert not config.is_op_determinism_enabled()\n"
        "classifier(random_state=None).fit(X_iris, y_iris)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_03_seeding_leaves_no_global_state():
    import tensorflow as tf
    from keras.src.random.seed_generator import global_seed_generator

    def draw():
        return random.random(), np.random.rand(), float(tf.random.uniform(()))

    def seed():
        keras.utils.set_random_seed(7)
        return global_seed_generator()  # made by drawing from Python's generator

    global_seed_generator()  # which older Keras keeps through set_random_seed
    seed()
    expected = draw()
    keras_generator = seed()
    keras_state = keras_generator.state.numpy()
    classifier().fit(X_iris, y_iris)
    assert draw() == expected
    assert global_seed_generator() is keras_generator
    np.testing.assert_array_equal(keras_generator.state.numpy(), keras_state)
    assert keras.src.utils.rng_utils.get_random_seed() == 7


def test_04_random_state_instances_differ():
    fits = [
        weights(classifier(random_state=np.random.RandomState(seed)).fit(X_iris, y_iris))
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(fits[0], fits[1])
    assert not np.allclose(fits[0], fits[2])


def test_05_class_weight_leaves_sample_weight_alone():
    sample_weight = np.ones(150)
    estimator = classifier(class_weight={0: 1, 1: 2, 2: 3})
    estimator.fit(X_iris, y_iris, sample_weight=sample_weight)
    np.testing.assert_array_equal(sample_weight, 1)
    with_integers = classifier(class_weight={0: 1, 1: 2, 2: 3})
    with_integers.fit(X_iris, y_iris, sample_weight=sample_weight.astype(int))
    np.testing.assert_array_equal(weights(estimator), weights(with_integers))


def test_06_prebuilt_model_is_not_touched():
    model = models.softmax_regression()
    model.compile("adam", "sparse_categorical_crossentropy")
    before = [w.copy() for w in model.get_weights()]
    estimator = classifier(model)
    first = weights(estimator.fit(X_iris, y_iris))
    second = weights(estimator.fit(X_iris, y_iris))
    np.testing.assert_array_equal(first, second)
    assert estimator.model_ is not model
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_06_prebuilt_model_starts_from_its_weights():
    model = models.softmax_regression()
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    fitted = classifier(model).fit(X_iris, y_iris)
    np.testing.assert_array_equal(
        weights(fitted), np.concatenate([w.ravel() for w in model.get_weights()])
    )


def logits_model(n_outputs, loss):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(n_outputs)])
    model.compile("adam", loss)
    return model


@pytest.mark.parametrize(
    ("n_outputs", "loss", "rows"),
    [
        (3, keras.losses.SparseCategoricalCrossentropy(from_logits=True), 150),
        (3, keras.losses.CategoricalCrossentropy(from_logits=True), 150),
        (3, "categorical_hinge", 150),
        (1, keras.losses.BinaryCrossentropy(from_logits=True), 100),
        (1, "mse", 100),
        (1, "hinge", 100),
    ],
)
def test_07_logits_become_probabilities(n_outputs, loss, rows):
    X, y = X_iris[:rows] * 10, names_iris[:rows]
    fitted = classifier(logits_model, n_outputs=n_outputs, loss=loss).fit(X, y)
    proba = fitted.predict_proba(X)
    assert proba.shape == (rows, len(fitted.classes_))
    assert proba.min() >= 0
    assert proba.max() <= 1
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(fitted.classes_[proba.argmax(axis=1)], fitted.predict(X))


def test_08_failed_fit_leaves_nothing_behind():
    estimator = classifier(models.with_custom_loss)  # one output for three classes
    with pytest.raises(ValueError, match="3 classes"):
        estimator.fit(X_iris, y_iris)
    assert [name for name in vars(estimator) if name.endswith("_")] == []
    with pytest.raises(sklearn.exceptions.NotFittedError):
        estimator.predict(X_iris)


def test_08_attributes_are_not_parameters():
    estimator = classifier()
    estimator.note = "mine"
    assert "note" not in estimator.get_params()
    clone(estimator)


def test_09_feature_names():
    frame = pd.DataFrame(X_iris, columns=list("abcd"))
    fitted = classifier().fit(frame, y_iris)
    assert list(fitted.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[list("dcba")])


# --- raises where it should not ---------------------------------------------------------


def test_10_float64_after_float32():
    fitted = classifier().fit(X_iris, y_iris)
    np.testing.assert_array_equal(
        fitted.predict(X_iris.astype("float64")), fitted.predict(X_iris)
    )


def test_10_longer_labels_in_score():
    fitted = classifier().fit(X_iris, np.array(["a", "b", "c"])[y_iris])
    assert fitted.score(X_iris, np.array(["a", "b", "something else"])[y_iris]) <= 1


def test_10_int_and_float_targets():
    fitted = regressor().fit(X_diabetes, y_diabetes.astype(int))
    assert fitted.score(X_diabetes, y_diabetes + 0.5) <= 1


def test_11_build_function_arguments_are_parameters():
    estimator = classifier()
    assert estimator.get_params()["learning_rate"] == 0.05
    assert "learning_rate=0.05" in repr(estimator)
    estimator.set_params(learning_rate=0.5, units=3)
    copied = clone(estimator)
    assert (copied.learning_rate, copied.units) == (0.5, 3)
    assert copied.fit(X_iris, y_iris).model_.layers[0].units == 3


def test_11_in_a_grid():
    grid = GridSearchCV(classifier(), {"units": [2, 4]}, cv=2).fit(X_iris, y_iris)
    fitted = grid.best_estimator_
    assert fitted.model_.layers[0].units == grid.best_params_["units"]


class Builder:
    def build(self, meta, units=5):
        return models.mlp(meta, units)

    __call__ = build


class WithBuildFunction(KerasClassifier):
    def _keras_build_fn(self, meta, units=5):
        return models.mlp(meta, units)


@pytest.mark.parametrize(
    "make",
    [
        lambda: classifier(partial(models.mlp, units=5)),
        lambda: classifier(Builder()),
        lambda: classifier(Builder().build),
        lambda: WithBuildFunction(verbose=0),
    ],
    ids=["partial", "callable object", "bound method", "_keras_build_fn"],
)
def test_11_other_build_functions(make):
    estimator = make()
    assert estimator.get_params()["units"] == 5
    fitted = clone(estimator.set_params(units=3)).fit(X_iris, y_iris)
    assert fitted.model_.layers[0].units == 3


def test_11_argument_with_the_name_of_a_constructor_parameter():
    def build(optimizer="sgd"):
        model = models.softmax_regression()
        model.compile(optimizer, "sparse_categorical_crossentropy")
        return model

    estimator = classifier(build)
    assert estimator.get_params()["optimizer"] == "sgd"
    fitted = clone(estimator).fit(X_iris, y_iris)
    assert isinstance(fitted.model_.optimizer, keras.optimizers.SGD)
    estimator.set_params(optimizer="rmsprop")  # the constructor's default, asked for
    fitted = clone(estimator).fit(X_iris, y_iris)
    assert isinstance(fitted.model_.optimizer, keras.optimizers.RMSprop)


def test_12_routed_callback_parameters():
    estimator = classifier(callbacks={"es": keras.callbacks.EarlyStopping}, epochs=2)
    estimator.set_params(callbacks__es__patience=4, callbacks__es__monitor="loss")
    grid = GridSearchCV(estimator, {"callbacks__es__patience": [3]}, cv=2)
    fitted = grid.fit(X_iris, y_iris).best_estimator_
    assert fitted.callbacks_[0].patience == 3


def test_12_routed_score_parameters():
    estimator = classifier().set_params(score__normalize=False)
    assert estimator.fit(X_iris, y_iris).score(X_iris, y_iris) == pytest.approx(
        (estimator.predict(X_iris) == y_iris).sum()
    )


@pytest.mark.parametrize(
    "given",
    [
        {"optimizer": keras.optimizers.Adam(0.1)},
        {"loss": keras.losses.SparseCategoricalCrossentropy()},
        {"metrics": [keras.metrics.SparseCategoricalAccuracy()]},
        {"callbacks": [Recorder()]},
    ],
    ids=["optimizer", "loss", "metric", "callback"],
)
def test_13_second_fit_with_an_instance(given):
    settings = {"loss": "sparse_categorical_crossentropy", "epochs": 2, **given}
    estimator = classifier(models.softmax_regression, **settings)
    first = weights(estimator.fit(X_iris, y_iris))
    second = weights(estimator.fit(X_iris, y_iris))
    np.testing.assert_array_equal(first, second)
    if "callbacks" in given:
        assert given["callbacks"][0].epochs == 0
        assert estimator.callbacks_[0].epochs == 2
    if "optimizer" in given:
        assert not given["optimizer"].built
    clone(estimator).fit(X_iris, y_iris)


@pytest.mark.parametrize(
    "build", [models.with_custom_layer, models.subclassed], ids=["layer", "subclassed"]
)
@pytest.mark.parametrize("how", ["pickle", "joblib", "deepcopy"])
def test_14_custom_models_survive(build, how, tmp_path, monkeypatch):
    def refuse(self, *args):
        raise AssertionError("relies on a patch of keras.Model")

    fitted = classifier(build).fit(X_iris, y_iris)
    monkeypatch.setattr(keras.Model, "__reduce__", refuse, raising=False)
    monkeypatch.setattr(keras.Model, "__deepcopy__", refuse, raising=False)
    if how == "pickle":
        back = pickle.loads(pickle.dumps(fitted))
    elif how == "joblib":
        joblib.dump(fitted, tmp_path / "fitted.joblib")
        back = joblib.load(tmp_path / "fitted.joblib")
    else:
        back = copy.deepcopy(fitted)
    np.testing.assert_allclose(
        back.predict_proba(X_iris), fitted.predict_proba(X_iris), rtol=1e-5
    )
    back.partial_fit(X_iris, y_iris)


def test_14_in_loky_workers_and_another_process(tmp_path):
    result = cross_validate(
        classifier(models.with_custom_layer),
        X_iris,
        y_iris,
        cv=2,
        n_jobs=2,
        return_estimator=True,
        error_score="raise",
    )
    fitted = result["estimator"][0]
    joblib.dump((fitted, X_iris, fitted.predict_proba(X_iris)), tmp_path / "fitted.joblib")
    script = (
        "import joblib, numpy, sys\n"
        "fitted, X, expected = joblib.load(sys.argv[1])\n"
        "numpy.testing.assert_allclose(fitted.predict_proba(X), expected, rtol=1e-5)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "fitted.joblib")]
    subprocess.run(command, check=True, timeout=120)


def test_14_class_of_main_in_loky_workers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import keras\n"
        "from sklearn.model_selection import cross_validate\n"
        "from tests.estimators.test_scikeras_defects import *\n"
        "class Double(layers.Layer):\n"
        "    def call(self, x):\n"
        "        return 2 * x\n"
        "def build():\n"
        "    dense = layers.Dense(3, activation='softmax')\n"
        "    model = keras.Sequential([keras.Input((4,)), Double(), dense])\n"
        "    model.compile('adam', 'sparse_categorical_crossentropy')\n"
        "    return model\n"
        "if __name__ == '__main__':\n"
        "    cross_validate(classifier(build), X_iris, y_iris, cv=2, n_jobs=2,\n"
        "                   return_estimator=True, error_score='raise')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    subprocess.run([sys.executable, script], check=True, timeout=180, env=environment)


def test_14_lambda_is_refused_clearly():
    fitted = classifier(models.with_lambda).fit(X_iris, y_iris)
    with pytest.raises(
        TypeError, match=r"'twice' contains a Python lambda.*Use a function"
    ):
        pickle.dumps(fitted)


def test_15_probabilities_of_one_row():
    fitted = classifier().fit(X_iris, y_iris)
    assert fitted.predict_proba(X_iris[:1]).shape == (1, 3)


def categorical(n_classes=3):
    model = models.softmax_regression(n_classes=n_classes)
    adam = keras.optimizers.Adam(0.1)
    model.compile(adam, "categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("y", [y_iris, names_iris], ids=["integers", "strings"])
def test_16_categorical_crossentropy_compiled_in_the_build_function(y):
    fitted = classifier(categorical, epochs=20).fit(X_iris, y)
    assert fitted.score(X_iris, y) > 0.6
    assert set(fitted.predict(X_iris)) <= set(y)


def test_16_two_classes():
    fitted = classifier(categorical, n_classes=2, epochs=5).fit(X_iris[:100], y_iris[:100])
    assert fitted.predict_proba(X_iris[:100]).shape == (100, 2)


@pytest.mark.parametrize("build", [categorical, models.subclassed])
def test_16_one_hot_targets_come_back_one_hot(build):
    one_hot = np.eye(3)[y_iris]
    predicted = classifier(build).fit(X_iris, one_hot).predict(X_iris)
    assert predicted.shape == (150, 3)
    np.testing.assert_array_equal(predicted.sum(axis=1), 1)


def test_17_validation_data_is_encoded():
    validation_data = X_iris[::5].astype("float64"), names_iris[::5]
    fitted = classifier().fit(X_iris, names_iris, validation_data=validation_data)
    assert np.isfinite(fitted.history_["val_loss"]).all()


def test_17_validation_data_through_the_preprocessing():
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = Pipeline(
            [
                ("scale", StandardScaler()),
                ("clf", classifier().set_fit_request(X_val=True, y_val=True)),
            ],
            transform_input=["X_val"],
        )
        # validated on the training data: only scaled data give the training's loss
        pipeline.set_params(clf__learning_rate=0.0, clf__batch_size=-1)
        pipeline.fit(X_iris + 1000, names_iris, X_val=X_iris + 1000, y_val=names_iris)
    history = pipeline[-1].history_
    assert history["val_loss"][0] == pytest.approx(history["loss"][0], rel=1e-4)


def test_18_dict_and_list_of_arrays():
    parts = {"first": X_iris[:, :1], "rest": X_iris[:, 1:]}
    by_name = classifier(models.two_inputs).fit(parts, y_iris)
    in_order = classifier(models.two_inputs).fit(list(parts.values()), y_iris)
    np.testing.assert_array_equal(weights(by_name), weights(in_order))
    assert by_name.predict(parts).shape == (150,)


def test_18_several_inputs_in_cross_validation():
    from skkeras_search import MultiInput

    X = MultiInput({"first": X_iris[:, :1], "rest": X_iris[:, 1:]})
    assert cross_val_score(classifier(models.two_inputs), X, y_iris, cv=2).shape == (2,)
    grid = GridSearchCV(classifier(models.two_inputs), {"epochs": [1, 2]}, cv=2)
    assert grid.fit(X, y_iris).predict(X).shape == (150,)


def columns_model():
    inputs = [keras.Input((1,), name=name) for name in ("b", "a")]
    outputs = layers.Dense(3, activation="softmax")(layers.Concatenate()(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_18_columns_feed_several_inputs():
    frame = pd.DataFrame(X_iris[:, :2], columns=["a", "b"])
    estimator = classifier(columns_model)
    assert np.isfinite(cross_val_score(estimator, frame, y_iris, cv=2)).all()
    fitted = estimator.fit(frame, y_iris)
    raw = fitted.model_.predict_on_batch({"a": X_iris[:, :1], "b": X_iris[:, 1:2]})
    np.testing.assert_allclose(fitted.predict_proba(frame), raw, rtol=1e-5)


def text_model():
    vectorize = layers.TextVectorization(max_tokens=10, output_sequence_length=3)
    vectorize.adapt(["good film", "bad film"])
    model = keras.Sequential(
        [
            keras.Input((), dtype="string"),
            vectorize,
            layers.Embedding(10, 4),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
    return model


@pytest.mark.parametrize("container", [list, np.array, pd.Series])
def test_18_text(container):
    texts = container(["a good film", "a bad film"] * 20)
    labels = np.array(["pos", "neg"] * 20)
    fitted = classifier(text_model, epochs=20).fit(texts, labels)
    assert fitted.score(texts, labels) == 1
    scores = cross_val_score(classifier(text_model), texts, labels, cv=2)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1)], ids=["3-D", "4-D"])
def test_18_arrays_of_more_dimensions(shape):
    def build(meta):
        model = keras.Sequential(
            [
                keras.Input(meta["X_shape_"][1:]),
                layers.Flatten(),
                layers.Dense(3, activation="softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    X = np.random.RandomState(0).rand(150, *shape)
    scores = cross_val_score(classifier(build), X, y_iris, cv=2)
    assert np.isfinite(scores).all()


def test_18_several_outputs():
    y = np.column_stack([y_iris, X_iris[:, 0] > 5.8])
    fitted = classifier(models.two_heads).fit(X_iris, y)
    assert fitted.predict(X_iris).shape == (150, 2)
    assert [p.shape for p in fitted.predict_proba(X_iris)] == [(150, 3), (150, 2)]


def test_19_metadata_routing():
    weights_ = np.where(y_iris == 0, 5.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = classifier().set_fit_request(sample_weight=True)
        estimator.set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, estimator)
        grid = GridSearchCV(pipeline, {"kerasclassifier__units": [4]}, cv=2, refit=False)
        grid.fit(X_iris, y_iris, sample_weight=weights_)
        unweighted = clone(grid).fit(X_iris, y_iris)
    assert grid.best_score_ != unweighted.best_score_
