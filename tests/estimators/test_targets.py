from functools import partial

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.model_selection import cross_val_score

from skkeras_search import KerasClassifier, KerasRegressor
from skkeras_search.estimators.outputs import Output
from skkeras_search.estimators.targets import (
    ClassifierTargetEncoder,
    RegressorTargetEncoder,
)
from tests.estimators import models
from tests.estimators.data import X_diabetes, X_iris, y_diabetes, y_iris


def output(width, loss, activation="softmax", from_logits=False):
    return Output("out", (width,), activation, loss, True, from_logits)


LABELS = st.one_of(
    st.lists(st.integers(-5, 5), min_size=2, max_size=30),
    st.lists(st.sampled_from(["a", "bb", "a longer one", ""]), min_size=2, max_size=30),
    st.lists(st.booleans(), min_size=2, max_size=30),
)


@given(
    LABELS, st.sampled_from(["sparse_categorical_crossentropy", "categorical_crossentropy"])
)
def test_labels_come_back(labels, loss):
    y = np.array(labels)
    if len(np.unique(y)) < 2:
        return
    encoder = ClassifierTargetEncoder().fit(y)
    encoder.fit_outputs([output(encoder.n_classes_, loss)])
    encoded = encoder.transform(y)
    if loss.startswith("sparse"):
        assert encoded.shape == (len(y), 1)
        encoded = np.eye(encoder.n_classes_)[encoded[:, 0].astype(int)]
    back = encoder.inverse_transform(encoded)
    np.testing.assert_array_equal(back, y)
    assert back.dtype == y.dtype


@given(
    hnp.arrays(
        int, st.tuples(st.integers(2, 20), st.integers(2, 4)), elements=st.integers(0, 1)
    )
)
def test_indicator_matrices_come_back(y):
    if len(np.unique(y)) < 2:
        return
    encoder = ClassifierTargetEncoder().fit(y)
    encoder.fit_outputs([output(y.shape[1], "binary_crossentropy", "sigmoid")])
    np.testing.assert_array_equal(encoder.inverse_transform(encoder.transform(y)), y)


@given(
    hnp.arrays(
        float, st.tuples(st.integers(1, 9), st.integers(2, 4)), elements=st.floats(-9, 9)
    )
)
def test_numbers_come_back_from_several_outputs(y):
    encoder = RegressorTargetEncoder().fit(y)
    encoder.fit_outputs([output(1, "mean_squared_error", "linear")] * y.shape[1])
    parts = encoder.transform(y)
    assert [part.shape for part in parts] == [(len(y), 1)] * y.shape[1]
    np.testing.assert_array_equal(encoder.inverse_transform(parts), y)


def test_multilabel():
    y = np.array([[0, 1, 1], [1, 1, 0], [1, 0, 0]] * 50)
    fitted = KerasClassifier(models.mlp, verbose=0).fit(X_iris, y)
    assert fitted.predict(X_iris).shape == (150, 3)
    assert fitted.predict_proba(X_iris).shape == (150, 3)
    assert 0 <= fitted.score(X_iris, y) <= 1


def test_columns_of_classes_in_cross_validation():
    y = np.column_stack(
        [np.array(["a", "b", "c"])[y_iris], np.array(["s", "l"])[y_iris // 2]]
    )
    fitted = KerasClassifier(models.two_heads, verbose=0).fit(X_iris, y)
    assert [list(classes) for classes in fitted.classes_] == [["a", "b", "c"], ["l", "s"]]
    assert set(fitted.predict(X_iris)[:, 0]) <= {"a", "b", "c"}


@pytest.mark.parametrize("heads", [1, 2])
def test_regression_of_two_columns(heads):
    def build():
        inputs = keras.Input((10,))
        width = 2 // heads
        outputs = [keras.layers.Dense(width)(inputs) for _ in range(heads)]
        model = keras.Model(inputs, outputs if heads > 1 else outputs[0])
        model.compile("adam", "mse")
        return model

    y = np.column_stack([y_diabetes, -y_diabetes])
    regressor = KerasRegressor(build, verbose=0)
    assert np.isfinite(cross_val_score(regressor, X_diabetes, y, cv=2)).all()
    assert regressor.fit(X_diabetes, y).predict(X_diabetes).shape == y.shape


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float32", "float32"), ("float64", "float64"), ("int64", "float32")],
)
def test_predictions_in_the_precision_of_y(dtype, expected):
    regressor = KerasRegressor(models.regression_mlp, verbose=0)
    predicted = regressor.fit(X_diabetes, y_diabetes.astype(dtype)).predict(X_diabetes)
    assert predicted.dtype == expected


def test_a_target_encoder_of_the_users():
    class Log(RegressorTargetEncoder):
        def transform(self, y):
            return np.log(y)

        def inverse_transform(self, y):
            return np.exp(super().inverse_transform(y))

    class LogRegressor(KerasRegressor):
        target_encoder = property(lambda self: Log())

    fitted = LogRegressor(models.regression_mlp, verbose=0).fit(X_diabetes, y_diabetes)
    assert (fitted.predict(X_diabetes) > 0).all()


def last_layer(*layers_, loss="sparse_categorical_crossentropy"):
    model = keras.Sequential([keras.Input((4,)), *layers_])
    model.compile(keras.optimizers.SGD(0.0), loss)
    return model


def my_softmax(x):
    return keras.ops.softmax(x)


def my_sigmoid(x):
    return keras.ops.sigmoid(x)


@pytest.mark.parametrize("activation", [my_softmax, "softmax", lambda x: my_softmax(x)])
def test_a_softmax_of_the_users_is_not_squashed_again(activation):
    build = partial(last_layer, keras.layers.Dense(3, activation=activation))
    fitted = KerasClassifier(build, verbose=0).fit(X_iris, y_iris)
    raw = fitted.model_.predict_on_batch(X_iris)
    np.testing.assert_allclose(fitted.predict_proba(X_iris), raw, atol=1e-6)


def test_a_sigmoid_of_the_users_is_not_squashed_again():
    layer = keras.layers.Dense(1, activation=my_sigmoid)
    build = partial(last_layer, layer, loss="binary_crossentropy")
    fitted = KerasClassifier(build, verbose=0).fit(X_iris, y_iris > 0)
    raw = fitted.model_.predict_on_batch(X_iris)[:, 0]
    np.testing.assert_allclose(fitted.predict_proba(X_iris)[:, 1], raw, atol=1e-6)
    np.testing.assert_array_equal(fitted.predict(X_iris), raw > 0.5)


@pytest.mark.parametrize(
    ("last", "loss"),
    [
        (keras.layers.Rescaling(3.0), "categorical_hinge"),
        (keras.layers.BatchNormalization(), "categorical_crossentropy"),
        (keras.layers.ReLU(), "mse"),
    ],
)
def test_whatever_comes_last_probabilities_come_out(last, loss):
    build = partial(last_layer, keras.layers.Dense(3), last, loss=loss)
    fitted = KerasClassifier(build, verbose=0, random_state=0).fit(X_iris, y_iris)
    proba = fitted.predict_proba(X_iris)
    assert proba.min() >= 0
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)


def test_labels_are_those_of_the_greatest_value():
    # beyond [0, 1], where probabilities are clipped, the order still counts
    y = np.array([0, 1, 2, 0])
    X = np.array([[0.2, 1.1, 1.4], [1.2, 1.3, 0.0], [-0.5, -0.1, -0.3], [2.0, 3.0, 4.0]])
    encoder = ClassifierTargetEncoder().fit(y)
    encoder.fit_outputs([output(3, "mean_squared_error", "linear")])
    np.testing.assert_array_equal(encoder.inverse_transform(X), [2, 1, 1, 2])


def test_one_label_a_row_is_multilabel_for_a_model_of_labels():
    y = np.eye(3, dtype=int)[y_iris]
    fitted = KerasClassifier(models.mlp, verbose=0, random_state=0).fit(X_iris, y)
    raw = fitted.model_.predict_on_batch(X_iris)
    np.testing.assert_allclose(fitted.predict_proba(X_iris), raw, rtol=1e-5)
    fitted.partial_fit(X_iris, 1 - y)  # two labels a row


def test_class_weight_of_one_hot_targets_is_that_of_labels():
    build = partial(last_layer, keras.layers.Dense(3, activation="softmax"))
    build = partial(build, loss="categorical_crossentropy")
    X, y = X_iris[30:], y_iris[30:]
    losses = [
        KerasClassifier(build, class_weight="balanced", verbose=0, random_state=0)
        .fit(X, target)
        .history_["loss"][0]
        for target in (y, np.eye(3)[y])
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_class_weight_of_fit_is_by_label():
    names = np.array(["a", "b", "c"])[y_iris]
    class_weight = {"a": 1.0, "b": 1.0, "c": 100.0}
    settings_ = {"verbose": 0, "random_state": 0, "learning_rate": 0.0}
    in_fit = KerasClassifier(models.mlp, **settings_)
    in_fit.fit(X_iris, names, class_weight=class_weight)
    routed = KerasClassifier(models.mlp, fit__class_weight=class_weight, **settings_)
    given = KerasClassifier(models.mlp, class_weight=class_weight, **settings_)
    expected = given.fit(X_iris, names).history_["loss"]
    assert in_fit.history_["loss"] == expected
    assert routed.fit(X_iris, names).history_["loss"] == expected


def test_score_of_columns_of_classes():
    y = np.column_stack([y_iris, y_iris // 2])
    order = np.random.default_rng(0).permutation(150)  # all classes in each fold
    classifier = KerasClassifier(models.two_heads, verbose=0)
    scores = cross_val_score(classifier, X_iris[order], y[order], cv=2)
    assert np.isfinite(scores).all()
