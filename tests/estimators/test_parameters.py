import copy
import functools
import inspect
import pickle

import cloudpickle
import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skkeras_search import BaseWrapper, KerasClassifier, KerasRegressor
from tests.estimators import models
from tests.estimators.data import X_iris, y_iris

VALUES = {
    "epochs": st.integers(1, 1000),
    "batch_size": st.none() | st.integers(1, 1000),
    "loss": st.sampled_from([None, "mse", {"a": "mse"}]),
    "optimizer": st.sampled_from(["adam", "rmsprop", keras.optimizers.SGD]),
    "units": st.integers(1, 100),
    "learning_rate": st.floats(0, 1),
    "model__units": st.integers(1, 100),
    "optimizer__learning_rate": st.floats(0, 1),
    "callbacks__es__patience": st.integers(0, 10),
    "fit__batch_size": st.integers(1, 100),
}
PARAMETERS = st.fixed_dictionaries({}, optional=VALUES)


@given(PARAMETERS)
def test_constructor_set_params_and_clone_agree(params):
    constructed = KerasClassifier(models.mlp, **params)
    was_set = KerasClassifier(models.mlp).set_params(**params)
    assert constructed.get_params() == was_set.get_params()
    assert clone(constructed).get_params() == constructed.get_params()
    assert repr(clone(constructed)) == repr(constructed)
    back = pickle.loads(pickle.dumps(constructed))
    assert back.get_params() == constructed.get_params()
    for name, value in params.items():
        assert constructed.get_params()[name] == value
        assert getattr(constructed, name) == value


@given(PARAMETERS, PARAMETERS)
def test_set_params_overrides_what_was_set(first, second):
    estimator = KerasClassifier(models.mlp, **first).set_params(**second)
    assert (
        estimator.get_params()
        == KerasClassifier(models.mlp, **{**first, **second}).get_params()
    )


def test_defaults_are_the_functions():
    estimator = KerasClassifier(functools.partial(models.mlp, units=7))
    assert estimator.get_params()["units"] == 7
    assert estimator.units == 7
    estimator.set_params(model=models.mlp)
    assert estimator.units == 8


def test_assigned_attributes_of_parameters_count():
    estimator = KerasClassifier(models.mlp, units=3)
    estimator.units = 4
    assert clone(estimator).get_params()["units"] == 4
    assert estimator.set_params(units=5).units == 5


def test_a_required_argument_can_be_set():
    def build(units):
        return models.softmax_regression()

    estimator = KerasClassifier(build)
    assert "units" not in estimator.get_params()
    assert estimator.set_params(units=3).get_params()["units"] == 3


def test_a_function_of_any_keyword():
    def build(**kwargs):
        assert kwargs["width"] == 3
        assert set(kwargs) == {"width", "meta", "compile_kwargs", "params"}
        model = models.softmax_regression()
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    KerasClassifier(build, width=3, verbose=0).initialize(X_iris, y_iris)


class MLPClassifier(KerasClassifier):
    """As scikeras's documentation derives an estimator of one's own."""

    def __init__(self, hidden=(8,), optimizer="adam", epochs=2, verbose=0, **kwargs):
        super().__init__(**kwargs)
        self.hidden = hidden
        self.optimizer = optimizer
        self.epochs = epochs
        self.verbose = verbose

    def _keras_build_fn(self, compile_kwargs):
        model = keras.Sequential(
            [keras.layers.Dense(n, activation="relu") for n in self.hidden]
        )
        model.add(keras.layers.Dense(self.n_classes_, activation="softmax"))
        model.compile(
            loss="sparse_categorical_crossentropy", optimizer=compile_kwargs["optimizer"]
        )
        return model


def test_subclass_with_parameters_of_its_own():
    estimator = MLPClassifier(hidden=(4, 5), optimizer__learning_rate=0.25, random_state=0)
    params = clone(estimator).get_params()
    assert params["hidden"] == (4, 5)
    assert params["random_state"] == 0
    assert params["batch_size"] is None
    fitted = clone(estimator).fit(X_iris, y_iris)
    assert isinstance(fitted.model_.optimizer, keras.optimizers.Adam)
    assert float(fitted.model_.optimizer.learning_rate) == 0.25
    assert len(fitted.history_["loss"]) == 2


@pytest.mark.parametrize(
    ("params", "check"),
    [
        (
            {"loss": "binary_crossentropy", "loss__from_logits": True},
            lambda kwargs: kwargs["loss"].get_config()["from_logits"],
        ),
        (
            {"loss": ["mse", keras.losses.Huber], "loss__1__delta": 3.0},
            lambda kwargs: kwargs["loss"][1]._fn_kwargs["delta"] == 3.0,
        ),
        (
            {
                "metrics": {"a": "accuracy", "b": keras.metrics.AUC},
                "metrics__b__num_thresholds": 7,
            },
            lambda kwargs: kwargs["metrics"]["b"].num_thresholds == 7,
        ),
        (
            {
                "optimizer": keras.optimizers.SGD,
                "optimizer__learning_rate": keras.optimizers.schedules.InverseTimeDecay,
                "optimizer__learning_rate__initial_learning_rate": 0.5,
                "optimizer__learning_rate__decay_steps": 10,
                "optimizer__learning_rate__decay_rate": 0.1,
            },
            lambda kwargs: float(kwargs["optimizer"].learning_rate) == 0.5,
        ),
        (
            {"optimizer": "sgd", "optimizer__momentum": 0.9},
            lambda k: k["optimizer"].momentum == 0.9,
        ),
        ({"loss": "mse", "compile__loss_weights": [2]}, lambda k: k["loss_weights"] == [2]),
    ],
)
def test_routing_to_compile(params, check):
    assert check(KerasRegressor(models.linear_regression, **params)._get_compile_kwargs())


def test_magic_arguments():
    seen = {}

    def build(meta, compile_kwargs, params):
        seen.update(meta=meta, compile_kwargs=compile_kwargs, params=params)
        model = models.softmax_regression()
        model.compile(**compile_kwargs)
        return model

    estimator = KerasClassifier(
        build, loss="sparse_categorical_crossentropy", optimizer="sgd"
    )
    estimator.initialize(X_iris, y_iris)
    assert seen["meta"]["n_classes_"] == 3
    assert seen["meta"]["X_shape_"] == (150, 4)
    assert seen["meta"]["target_type_"] == "multiclass"
    assert isinstance(seen["compile_kwargs"]["optimizer"], keras.optimizers.SGD)
    assert seen["params"]["optimizer"] == "sgd"


def test_build_fn_is_the_old_name():
    estimator = KerasClassifier(build_fn=models.mlp, units=3)
    assert estimator.get_params()["learning_rate"] == 0.05
    model = estimator.initialize(X_iris, y_iris).model_
    assert model.layers[0].units == 3
    assert np.isfinite(model.get_weights()[0]).all()


def test_a_value_that_equals_the_constructors_default_is_asked_for():
    def build(epochs=7, verbose=2):
        return models.softmax_regression()

    assert KerasClassifier(build).epochs == 7
    asked = KerasClassifier(build, epochs=1)
    for estimator in (asked, clone(asked), KerasClassifier(build).set_params(epochs=1)):
        assert estimator.epochs == estimator.get_params()["epochs"] == 1
        assert clone(estimator).get_params()["verbose"] == 2


def test_searching_among_build_functions():
    def shallow(units=3):
        return models.softmax_regression()

    def deep(depth=3):
        return models.softmax_regression()

    estimator = KerasClassifier(shallow, loss="sparse_categorical_crossentropy", verbose=0)
    grid = GridSearchCV(estimator, {"model": [shallow, deep]}, cv=2, error_score="raise")
    assert grid.fit(X_iris, y_iris).best_params_["model"] in (shallow, deep)


@pytest.mark.parametrize("name", ["lambda_", "score", "fit", "current_epoch"])
def test_arguments_with_the_names_of_attributes(name):
    namespace = {"models": models}
    exec(f"def build({name}=3): return models.softmax_regression()", namespace)
    estimator = KerasClassifier(namespace["build"], loss="sparse_categorical_crossentropy")
    assert estimator.get_params()[name] == 3
    assert clone(estimator.set_params(**{name: 4})).get_params()[name] == 4
    assert f"{name}=4" in repr(estimator)
    estimator.initialize(X_iris, y_iris)


def test_a_class_of_models():
    estimator = KerasClassifier(models.Subclassed, loss="sparse_categorical_crossentropy")
    assert estimator.get_params()["units"] == 3
    estimator.initialize(X_iris, y_iris)


def test_a_copy_has_parameters_of_its_own():
    estimator = KerasClassifier(models.mlp, units=3)
    copy.copy(estimator).set_params(units=9)
    assert estimator.units == 3


class WithoutArguments(KerasClassifier):
    def __init__(self):
        super().__init__()

    def _keras_build_fn(self, meta):
        return models.mlp(meta, getattr(self, "units", 8))


class WithUnits(WithoutArguments):
    def __init__(self, units=3):
        KerasClassifier.__init__(self, verbose=0, epochs=2)
        self.units = units


class UnitsFirst(WithoutArguments):
    def __init__(self, units=3):
        self.units = units
        super().__init__()


class UnitsHandedOn(KerasClassifier):
    def __init__(self, units=3):
        super().__init__(models.mlp, units=units, learning_rate=0.02, verbose=0)


class AnyKeyword(WithoutArguments):
    def __init__(self, units=3, **kwargs):
        KerasClassifier.__init__(self, **kwargs)
        self.units = units


class FixedAndAnyKeyword(WithoutArguments):
    def __init__(self, units=3, **kwargs):
        KerasClassifier.__init__(self, epochs=2, batch_size=30, **kwargs)
        self.units = units


class OfASubclass(WithUnits):
    def __init__(self, units, depth=1):
        super().__init__(units)
        self.depth = depth


@pytest.mark.parametrize(
    ("make", "own"),
    [
        (WithoutArguments, []),
        (WithUnits, ["units"]),
        (UnitsFirst, ["units"]),
        (UnitsHandedOn, ["units", "learning_rate"]),
        (AnyKeyword, ["units"]),
        (functools.partial(AnyKeyword, epochs=2), ["units"]),
        (functools.partial(FixedAndAnyKeyword, random_state=3), ["units"]),
        (functools.partial(OfASubclass, 3), ["units", "depth"]),
    ],
)
def test_subclass_with_any_constructor(make, own):
    base = KerasClassifier().get_params()
    estimator = make()
    assert estimator.get_params().keys() == base.keys() | set(own)
    estimator.set_params(verbose=0, random_state=0, batch_size=75)
    if "units" in own:
        estimator.set_params(units=5)
    copied = clone(estimator)
    assert copied.get_params() == estimator.get_params()
    assert clone(copied).get_params() == estimator.get_params()
    fitted = copied.fit(X_iris, y_iris)
    assert fitted.model_.layers[0].units == (5 if "units" in own else 8)
    back = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(back.predict(X_iris), fitted.predict(X_iris))
    assert back.get_params() == estimator.get_params()
    assert repr(back) == repr(fitted)
    grid = GridSearchCV(estimator, {"epochs": [3]}, cv=2, error_score="raise")
    assert len(grid.fit(X_iris, y_iris).best_estimator_.history_["loss"]) == 3


def test_subclass_that_does_not_store_its_arguments():
    class Forgetful(WithoutArguments):
        def __init__(self, units=3, optimizer__learning_rate=0.001, **kwargs):
            KerasClassifier.__init__(self, **kwargs)
            self.units = units

    estimator = Forgetful(7, optimizer__learning_rate=0.25)
    for one in (estimator, clone(estimator), clone(clone(estimator))):
        assert one.get_params()["optimizer__learning_rate"] == 0.25
        assert one.units == 7
    assert estimator.set_params(optimizer__learning_rate=0.5).get_params()[
        "optimizer__learning_rate"
    ] == (0.5)


@pytest.mark.parametrize("cls", [BaseWrapper, KerasClassifier, KerasRegressor])
def test_the_signature_has_the_parameters_and_their_defaults(cls):
    signature = inspect.signature(cls)
    # Sphinx reads this attribute, and without it the signature of __new__.
    assert cls.__signature__ == signature
    *named, last = signature.parameters.values()
    assert (last.name, last.kind) == ("kwargs", last.VAR_KEYWORD)
    assert {p.name: p.default for p in named} == cls().get_params()


@pytest.mark.parametrize(
    "cls",
    [MLPClassifier, WithoutArguments, WithUnits, UnitsHandedOn, AnyKeyword, OfASubclass],
)
def test_the_signature_of_a_subclass_is_that_of_its_constructor(cls):
    own = list(inspect.signature(cls.__init__).parameters.values())[1:]
    assert list(inspect.signature(cls).parameters.values()) == own
    assert cls.__signature__ == inspect.signature(cls)


def test_the_signature_of_a_subclass_without_a_constructor():
    class Mixin:
        pass

    class Derived(Mixin, KerasRegressor):
        pass

    assert Derived.__signature__ == KerasRegressor.__signature__


def test_the_signature_is_of_classes_only():
    class Local(WithoutArguments):
        def __init__(self, units=3):
            KerasClassifier.__init__(self, verbose=0)
            self.units = units

    estimator = Local(units=5)
    assert "__signature__" not in vars(Local)
    for one in (
        estimator,
        clone(estimator),
        copy.copy(estimator),
        cloudpickle.loads(cloudpickle.dumps(estimator)),
    ):
        assert not hasattr(one, "__signature__")
        assert one.units == 5
        assert list(inspect.signature(type(one)).parameters) == ["units"]


def test_defaults_stay_defaults_in_a_pickle():
    def by_adam(optimizer="adam"):
        return None

    classifier = KerasClassifier(model_without_arguments, verbose=0)
    restored = pickle.loads(pickle.dumps(classifier))
    for estimator in (classifier, restored, clone(restored)):
        assert estimator._given == classifier._given
        assert estimator.get_params() == classifier.get_params()
        assert clone(estimator).set_params(model=by_adam).optimizer == "adam"


def model_without_arguments():
    return None
