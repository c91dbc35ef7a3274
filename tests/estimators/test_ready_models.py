"""Models that are passed ready, and several that share layers."""

import pickle

import joblib
import keras
import numpy as np
import pytest
from keras import layers
from sklearn.base import TransformerMixin, clone
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import GridSearchCV

from skkeras_search import BaseWrapper, KerasClassifier
from tests.estimators import models
from tests.estimators.data import X_iris, y_iris

X = (X_iris - X_iris.min(0)) / np.ptp(X_iris, 0)


class AutoEncoder(TransformerMixin, BaseWrapper):
    """As scikeras's documentation derives one: three models that share layers."""

    def _keras_build_fn(self, meta, width=2):
        n_features = meta["n_features_in_"]
        inputs, code = keras.Input((n_features,)), keras.Input((width,))
        encoder = keras.Model(inputs, layers.Dense(width, activation="relu")(inputs))
        decoder = keras.Model(code, layers.Dense(n_features, activation="sigmoid")(code))
        self.encoder_ = BaseWrapper(encoder, verbose=self.verbose)
        self.decoder_ = BaseWrapper(decoder, verbose=self.verbose)
        return keras.Model(inputs, decoder(encoder(inputs)))

    def _initialize(self, X, y=None):
        X, _ = super()._initialize(X, y)
        self.decoder_.initialize(self.encoder_.initialize(X).predict(X))
        return X, X

    def fit(self, X, y=None):
        return super().fit(X, X)

    def transform(self, X):
        return self.encoder_.predict(X)

    def inverse_transform(self, codes):
        return self.decoder_.predict(codes)

    def score(self, X, y=None):
        return -mean_squared_error(X, self.predict(X))


@pytest.fixture(params=["fused", "keras"])
def autoencoder(request):
    return AutoEncoder(
        loss="mse", optimizer="adam", verbose=0, random_state=0, engine=request.param
    )


def agree(fitted):
    through_both = fitted.inverse_transform(fitted.transform(X))
    np.testing.assert_array_equal(through_both, fitted.predict(X))
    return through_both


def test_models_that_share_layers_see_what_training_changes(autoencoder):
    before = agree(autoencoder.initialize(X))
    after = agree(autoencoder.fit(X))
    assert not np.array_equal(before, after)
    assert autoencoder.engine_ == autoencoder.engine
    autoencoder.partial_fit(X, X)
    assert not np.array_equal(after, agree(autoencoder))
    assert agree(pickle.loads(pickle.dumps(autoencoder))).shape == X.shape
    assert agree(clone(autoencoder).set_params(width=3).fit(X)).shape == X.shape
    assert autoencoder.fit_transform(X).shape == (150, 2)


def test_models_that_share_layers_in_a_search(autoencoder):
    grid = GridSearchCV(autoencoder, {"width": [1, 3]}, cv=2, error_score="raise")
    scores = grid.fit(X).cv_results_["mean_test_score"]
    with joblib.parallel_config("fused"):
        np.testing.assert_allclose(grid.fit(X).cv_results_["mean_test_score"], scores)
    agree(grid.best_estimator_)


def test_a_ready_model_predicts_itself_and_needs_no_loss():
    model = models.softmax_regression()
    for estimator in (BaseWrapper(model), KerasClassifier(build_fn=model)):
        estimator.set_params(verbose=0).initialize(X_iris, y_iris)
        assert estimator.model_ is model
    assert not model.compiled
    here = estimator.predict_proba(X_iris)
    np.testing.assert_allclose(here, model.predict(X_iris, verbose=0), rtol=1e-6)
    model.set_weights([2 * weight for weight in model.get_weights()])
    assert not np.array_equal(estimator.predict_proba(X_iris), here)
    with pytest.raises(ValueError, match="has no loss"):
        estimator.partial_fit(X_iris, y_iris)


def test_the_loss_of_an_uncompiled_ready_model_tells_what_its_outputs_are():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    estimator = KerasClassifier(model, loss=loss, verbose=0).initialize(X_iris, y_iris)
    np.testing.assert_allclose(estimator.predict_proba(X_iris).sum(axis=1), 1, rtol=1e-5)
    assert not model.compiled


@pytest.mark.parametrize("engine", ["fused", "keras"])
def test_training_goes_on_with_a_copy_of_a_ready_model(engine):
    model = models.softmax_regression()
    before = [weight.copy() for weight in model.get_weights()]
    estimator = KerasClassifier(
        model,
        loss="sparse_categorical_crossentropy",
        warm_start=True,
        verbose=0,
        engine=engine,
    )
    for train in (estimator.partial_fit, estimator.fit):
        estimator.initialize(X_iris, y_iris)
        train(X_iris, y_iris)
        assert estimator.model_ is not model
        trained = estimator.model_
        train(X_iris, y_iris)
        assert estimator.model_ is trained
    assert not model.compiled
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_initialize_without_y_and_then_train():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    estimator = BaseWrapper(model, loss="mse", verbose=0).initialize(X_iris)
    assert estimator.partial_fit(X_iris, X_iris[:, :1]).predict(X_iris).shape == (150, 1)


def test_a_ready_model_that_cannot_be_saved_can_predict():
    model = models.around_a_layer()
    model(X_iris)
    assert BaseWrapper(model, verbose=0).initialize(X_iris).predict(X_iris).shape == (
        150,
        3,
    )
