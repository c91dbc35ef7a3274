"""The real KerasTuner, beside what takes its place."""

import builtins

import keras
import numpy as np
import pytest
from sklearn.base import clone

from skkeras_search import (
    BayesSearchCV,
    Categorical,
    FreezeThawSearchCV,
    KerasClassifier,
    RandomizedSearchCV,
    Real,
    Space,
)
from skkeras_search.interop.keras_tuner import to_hyperparameters
from skkeras_search.space.hyperparameters import DeclarationError
from tests.estimators.data import X_iris, weights, y_iris
from tests.interop.build_functions import ALL, one_layer

kt = pytest.importorskip("keras_tuner")
QUIET = {"verbose": 0, "random_state": 0, "epochs": 2}


class Model(kt.HyperModel):
    def build(self, hp):
        return one_layer(hp)


class TrainsByHyperparameters(Model):
    def fit(self, hp, model, *args, callbacks=(), **kwargs):
        stop = keras.callbacks.EarlyStopping("loss", patience=hp.Int("patience", 5, 9))
        return model.fit(
            *args,
            epochs=hp.Int("epochs", 2, 4),
            batch_size=hp.Choice("batch_size", [64, 32]),
            callbacks=[*callbacks, stop],
            **kwargs,
        )


def found_by_keras_tuner(function, n_calls=80):
    """What KerasTuner knows after random trials, and their values."""
    known, trials = kt.HyperParameters(), []
    for _ in range(n_calls):
        hp = known.copy()
        hp.values = {p.name: p.random_sample() for p in hp.space}
        hp.ensure_active_values()
        function(hp)
        trials.append({p.name: hp.values[p.name] for p in hp.space if hp.is_active(p)})
        known.merge(hp.space, overwrite=False)
    return known, trials


@pytest.mark.parametrize("function", ALL)
def test_the_space_is_what_keras_tuner_finds(function):
    known, _ = found_by_keras_tuner(function, n_calls=40)
    ours = to_hyperparameters(KerasClassifier(function))
    theirs = {p.name: p for p in known.space}
    assert {p.name for p in ours.space} == theirs.keys()
    for parameter in ours.space:
        other = theirs[parameter.name]
        if isinstance(parameter, kt.engine.hyperparameters.Choice):
            assert list(parameter.values) == pytest.approx(list(other.values))
        elif isinstance(parameter, kt.engine.hyperparameters.Int):
            assert (parameter.min_value, parameter.max_value) == (
                other.min_value,
                other.max_value,
            )
            assert parameter.step == other.step
        assert parameter.default == other.default
        # Its own scopes are conditions here, too; plain branches come to them.
        conditions = {c.name: set(c.values) for c in parameter.conditions}
        for condition in other.conditions:
            assert conditions[condition.name] == set(condition.values)


@pytest.mark.parametrize("function", ALL)
def test_what_it_gives_builds_in_keras_tuner(function):
    space = KerasClassifier(function).declared_space()
    for configuration in space.sample(10, random_state=1):
        hp = to_hyperparameters(space, configuration)
        function(hp)
        assert hp.values == configuration


def test_hypermodel():
    given = Model()
    estimator = KerasClassifier(given, **QUIET, units=8)
    assert clone(estimator).model is given
    fitted = clone(estimator).fit(X_iris, y_iris)
    plain = KerasClassifier(one_layer, **QUIET, units=8).fit(X_iris, y_iris)
    assert fitted.engine_ == "fused"
    assert (weights(fitted) == weights(plain)).all()
    search = BayesSearchCV(estimator, n_iter=2, cv=2, random_state=0).fit(X_iris, y_iris)
    assert set(search.best_params_) == {"units", "learning_rate"}


def test_fit_of_a_hypermodel():
    estimator = KerasClassifier(TrainsByHyperparameters(), verbose=0, random_state=0)
    names = ["units", "learning_rate", "patience", "epochs", "batch_size"]
    assert estimator.declared_space().names == names
    fitted = clone(estimator).set_params(epochs=4, batch_size=32).fit(X_iris, y_iris)
    assert len(fitted.history_["loss"]) == 4
    assert fitted.engine_ == "fused"
    plain = KerasClassifier(
        one_layer, verbose=0, random_state=0, epochs=4, batch_size=32
    ).fit(X_iris, y_iris)
    assert (weights(fitted) == weights(plain)).all()

    class StopsAtOnce(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    stopped = clone(estimator).fit(X_iris, y_iris, callbacks=[StopsAtOnce()])
    assert len(stopped.history_["loss"]) == 1


def test_arguments_of_the_users_count_more_than_those_of_a_hypermodel():
    given = {"verbose": 0, "random_state": 0}
    estimator = KerasClassifier(TrainsByHyperparameters(), **given)
    called = clone(estimator).fit(X_iris, y_iris, epochs=3)
    routed = clone(estimator).set_params(fit__epochs=3).fit(X_iris, y_iris)
    for fitted in (called, routed):
        assert len(fitted.history_["loss"]) == 3
    both = clone(routed).fit(X_iris, y_iris, epochs=1, batch_size=len(X_iris))
    assert len(both.history_["loss"]) == both.model_.optimizer.iterations == 1


def test_freeze_thaw_knows_the_epochs_of_a_hypermodel():
    estimator = KerasClassifier(TrainsByHyperparameters(), verbose=0, random_state=0)
    search = FreezeThawSearchCV(estimator, n_iter=2, cv=2, random_state=0, n_points=1)
    search.fit(X_iris, y_iris)
    assert search.best_n_epochs_ == search.best_params_["epochs"]


def test_not_tunable():
    assert KerasClassifier(Model(tunable=False)).declared_space() is None


class ReadsTheHistory(Model):
    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, **kwargs).history["loss"][-1]


class ChangesTheData(Model):
    def fit(self, hp, model, x, y, **kwargs):
        return model.fit(x / 2, y, **kwargs)


class Normalizes(Model):
    def fit(self, hp, model, x, y, **kwargs):
        return model.fit(keras.layers.Normalization()(x), y, **kwargs)


class TrainsTwice(Model):
    def fit(self, hp, model, x, y, **kwargs):
        model.fit(x, y, **kwargs)
        return model.fit(x, y, **kwargs)


class TrainsBatches(Model):
    def fit(self, hp, model, x, y, validation_data, **kwargs):
        for _ in range(3):
            model.train_on_batch(x, y)
        return 0.5


class ReturnsANumber(Model):
    def fit(self, hp, model, *args, **kwargs):
        model.fit(*args, **kwargs)
        return 0.5


class Misspells(Model):
    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, epoch=3, **kwargs)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (ReadsTheHistory, "the history of the training.history is used"),
        (ChangesTheData, "unsupported operand"),
        (Normalizes, "Instead, the method failed"),
        (TrainsTwice, "Instead, model.fit was called 2 times"),
        (TrainsBatches, "model.train_on_batch is used"),
        (ReturnsANumber, "Instead, the method returned 0.5"),
        (Misspells, "no argument 'epoch'. Did you mean 'epochs'"),
    ],
)
def test_fits_of_hypermodels_that_do_more(kind, message):
    with pytest.raises(DeclarationError, match=f"must call model.fit.*{message}"):
        KerasClassifier(kind()).declared_space()


def test_values_out_of_the_space():
    space = {"units": (8, 64), "kind": ["a", "b"]}
    with pytest.raises(ValueError, match="'uints' is not in the search space"):
        to_hyperparameters(space, {"uints": 8, "kind": "a"})
    with pytest.raises(ValueError, match="units: 99 is not in"):
        to_hyperparameters(space, {"units": 99, "kind": "a"})


def test_what_keras_tuner_does_not_have():
    stats = pytest.importorskip("scipy.stats")
    with pytest.raises(TypeError, match="'x': KerasTuner has no counterpart of"):
        to_hyperparameters({"x": stats.norm(0, 1)})
    with pytest.raises(TypeError, match="'x': the choices must be all str"):
        to_hyperparameters({"x": ["a", 1]})
    for choices in ([(1,), (2,)], [(1,)], [None]):
        with pytest.raises(TypeError, match="'x': the choices must be all"):
            to_hyperparameters({"x": choices})
    with pytest.raises(ValueError, match="no build function that declares"):
        to_hyperparameters(KerasClassifier(lambda units=3: None))


def test_kinds_and_conditions():
    space = Space(
        {
            "kind": ["a", "b"],
            "flag": [False, True],
            "numbers": range(0, 10, 3),
            "near_one": Real(0.5, 1.0, "reverse-log-uniform", when={"kind": "b"}),
            "deep": Categorical([1, 2], when={"flag": True, "kind": ["a", "b"]}),
        }
    )
    hp = to_hyperparameters(space)
    kinds = {p.name: type(p).__name__ for p in hp.space}
    assert kinds == {
        "kind": "Choice",
        "flag": "Boolean",
        "numbers": "Int",
        "near_one": "Float",
        "deep": "Choice",
    }
    assert "near_one" not in hp.values
    for _ in range(20):
        drawn = {p.name: p.random_sample() for p in hp.space}
        hp.values = drawn
        hp.ensure_active_values()
        assert hp.values in space


def test_without_keras_tuner(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("keras_tuner"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"skkeras-search\[keras-tuner\]"):
        to_hyperparameters({"units": (1, 3)})


def test_the_same_trials_as_the_tuner(tmp_path):
    """A tuner that is given a space from here proposes what the search would take."""
    space = KerasClassifier(one_layer).declared_space()
    tuner = kt.RandomSearch(
        one_layer,
        objective="val_accuracy",
        max_trials=2,
        hyperparameters=to_hyperparameters(space),
        tune_new_entries=False,
        directory=tmp_path,
        seed=0,
    )
    X_val, y_val = X_iris[::5], y_iris[::5]
    tuner.search(X_iris, y_iris, validation_data=(X_val, y_val), epochs=1, verbose=0)
    for hp in tuner.get_best_hyperparameters(2):
        assert hp.values in space
    search = RandomizedSearchCV(
        KerasClassifier(one_layer, verbose=0, random_state=0),
        n_iter=2,
        cv=2,
        random_state=0,
    ).fit(X_iris, y_iris)
    best = to_hyperparameters(space, search.best_params_)
    assert tuner.hypermodel.build(best).layers[0].units == search.best_params_["units"]
    assert np.isfinite(search.best_score_)
