import copy
import pickle
import subprocess
import sys

import cloudpickle
import keras
import numpy as np
import pytest

from skkeras_search import KerasClassifier, KerasRegressor
from skkeras_search.estimators.serialization import copy_model
from tests.estimators import models
from tests.estimators.data import X_iris, weights, y_iris


class Momentum(keras.optimizers.SGD):
    """A custom optimizer that is registered nowhere."""


@pytest.mark.parametrize("how", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
@pytest.mark.parametrize(
    "params",
    [
        {"optimizer": keras.optimizers.Adam(0.125)},
        {"optimizer": Momentum(0.125)},
        {"metrics": [keras.metrics.MeanAbsoluteError()]},
        {"callbacks": [keras.callbacks.EarlyStopping(patience=3)]},
    ],
)
def test_instances_among_the_parameters(how, params):
    estimator = KerasRegressor(models.linear_regression, loss="mse", verbose=0, **params)
    back = how(estimator)
    ((name, value),) = params.items()
    found = back.get_params()[name]
    if name == "optimizer":
        assert type(found).__name__ == type(value).__name__
        assert float(found.learning_rate) == 0.125
    else:
        assert type(found[0]) is type(value[0])
    back.fit(X_iris, y_iris)


def test_a_custom_loss_keeps_its_arguments():
    estimator = KerasRegressor(
        models.linear_regression, loss=models.Scaled(5.0), verbose=0, random_state=0
    )
    fitted = estimator.fit(X_iris, y_iris)
    assert fitted.model_.loss.scale == 5.0
    assert fitted.model_.loss is not estimator.loss


def test_custom_loss_function():
    fitted = KerasRegressor(models.with_custom_loss, verbose=0).fit(X_iris, y_iris)
    back = pickle.loads(pickle.dumps(fitted))
    assert back.model_.loss is models.absolute_loss
    back.partial_fit(X_iris, y_iris)


def test_partial_fit_goes_on_after_pickling():
    fitted = KerasClassifier(models.mlp, verbose=0, random_state=0).fit(X_iris, y_iris)
    back = pickle.loads(pickle.dumps(fitted))
    for estimator in (fitted, back):
        estimator.partial_fit(X_iris, y_iris)
    np.testing.assert_allclose(weights(back), weights(fitted), rtol=1e-5)
    assert back.history_.keys() == fitted.history_.keys()


def test_copy_of_a_trained_model_has_its_optimizer_state():
    model = models.softmax_regression()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X_iris, y_iris, verbose=0)
    copied = copy_model(model)
    assert int(copied.optimizer.iterations) == int(model.optimizer.iterations) > 0
    for one, other in zip(copied.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_prebuilt_model_with_a_lambda_can_be_fitted():
    KerasClassifier(models.with_lambda(), verbose=0).fit(X_iris, y_iris)


def test_a_prebuilt_model_that_cannot_be_copied():
    class NoConfig(keras.Model):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def call(self, inputs):
            return self.layer(inputs)

    model = NoConfig(object())
    with pytest.raises(TypeError, match=r"cannot be saved.*get_config"):
        KerasClassifier(model, loss="mse").fit(X_iris, y_iris)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_custom_instances_keep_their_arguments(how):
    estimator = KerasRegressor(
        models.linear_regression,
        loss=models.Scaled(3.0),
        metrics=[models.Offset(7.0)],
        optimizer=models.Boosted(0.1, boost=5.0),
        verbose=0,
        random_state=0,
    )
    here, there = estimator.fit(X_iris, y_iris), how(estimator).fit(X_iris, y_iris)
    assert here.history_["offset"] == [7.0]
    assert here.model_.optimizer.boost == there.model_.optimizer.boost == 5.0
    assert here.history_ == there.history_
    np.testing.assert_array_equal(weights(here), weights(there))


def test_custom_compile_arguments_of_a_model():
    built = KerasRegressor(models.with_custom_compile_arguments, verbose=0, random_state=0)
    prebuilt = KerasRegressor(models.with_custom_compile_arguments(), verbose=0)
    for estimator in (built, prebuilt):
        fitted = estimator.fit(X_iris, y_iris)
        back = pickle.loads(pickle.dumps(fitted))
        assert fitted.model_.loss.scale == back.model_.loss.scale == 3.0
        assert fitted.history_["offset"] == [7.0]
        assert back.partial_fit(X_iris, y_iris).history_["offset"] == [7.0, 7.0]


def test_a_lambda_for_an_activation_is_refused():
    fitted = KerasRegressor(models.with_lambda_activation, verbose=0).fit(X_iris, y_iris)
    with pytest.raises(TypeError, match="'last' contains a Python lambda"):
        pickle.dumps(fitted)


HOWS = {
    "pickle": lambda e: pickle.loads(pickle.dumps(e)),
    "cloudpickle": lambda e: pickle.loads(cloudpickle.dumps(e)),
    "deepcopy": copy.deepcopy,
    "twice": lambda e: pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(e)))),
}


@pytest.mark.parametrize("how", HOWS.values(), ids=HOWS)
@pytest.mark.parametrize(
    ("build", "params"),
    [
        (models.with_model_defined_inside, {"units": 7}),
        (models.with_parts_defined_inside, {"factor": 0.5}),
        (models.around_a_layer, {"units": 7}),
    ],
)
def test_a_model_that_keras_cannot_restore(build, params, how):
    fitted = KerasClassifier(build, **params, verbose=0, random_state=0)
    fitted.fit(X_iris, y_iris)
    fitted.set_params(**dict.fromkeys(params, 3))  # after the model was built
    back = how(fitted)
    np.testing.assert_array_equal(back.predict_proba(X_iris), fitted.predict_proba(X_iris))
    for estimator in (fitted, back):
        estimator.partial_fit(X_iris, y_iris)
    assert back.history_ == fitted.history_
    np.testing.assert_allclose(weights(back), weights(fitted), rtol=1e-5)


def test_a_rebuilt_model_in_another_process(tmp_path):
    fitted = KerasClassifier(models.with_model_defined_inside, verbose=0)
    saved = tmp_path / "fitted.pickle"
    saved.write_bytes(pickle.dumps(fitted.fit(X_iris, y_iris)))
    script = f"import pickle; print(pickle.load(open({str(saved)!r}, 'rb')).history_)"
    printed = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, timeout=120
    )
    assert printed.stdout.decode().strip() == str(fitted.history_)


def test_a_build_function_that_has_changed_since(monkeypatch):
    fitted = KerasClassifier(models.around_a_layer, verbose=0).fit(X_iris, y_iris)
    pickled = pickle.dumps(fitted)
    monkeypatch.setattr(models, "around_a_layer", lambda units=5: models.subclassed())
    with pytest.raises(
        ValueError, match=r"do not fit the model .*same version of the function"
    ):
        pickle.loads(pickled)


def test_a_ready_model_of_a_class_defined_inside():
    class Times(keras.layers.Layer):
        def call(self, inputs):
            return 2 * inputs

    model = keras.Sequential([keras.Input((4,)), Times(), keras.layers.Dense(3)])
    fitted = KerasClassifier(model, loss="mse", verbose=0).fit(X_iris, y_iris)
    back = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(back.predict(X_iris), fitted.predict(X_iris))
