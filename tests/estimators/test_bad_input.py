"""Bad input: which error, in which words, and always before training starts."""

import copy
import functools

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skkeras_search import BaseWrapper, KerasClassifier, KerasRegressor, MultiInput
from tests.estimators import models
from tests.estimators.data import X_diabetes, X_iris, names_iris, y_diabetes, y_iris

CROSSENTROPY = "sparse_categorical_crossentropy"


@pytest.fixture(autouse=True)
def no_training(monkeypatch):
    @functools.wraps(keras.Model.fit)
    def trained(*args, **kwargs):
        raise AssertionError("training started")

    monkeypatch.setattr(keras.Model, "fit", trained)


def classifier(model=models.mlp, **kwargs):
    return KerasClassifier(model, verbose=0, **kwargs)


def compiling(**kwargs):
    """A classifier of the irises that compiles its model."""
    model = models.softmax_regression
    return classifier(model, n_features=4, n_classes=3, loss=CROSSENTROPY, **kwargs)


def refuses(error, words, estimator, X=X_iris, y=y_iris, **kwargs):
    with pytest.raises(error, match=words):
        estimator.fit(X, y, **kwargs)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"epoch": 3},
            "keyword argument 'epoch': neither the estimator nor model=mlp has .* Did you mean 'epochs'",
        ),
        ({"unit": 3}, "keyword argument 'unit': .* model=mlp has .* Did you mean 'units'"),
        ({"model__unit": 3}, "'model__unit': model=mlp .* Did you mean 'units'"),
        ({"fit__epoch": 3}, "'fit__epoch': keras.Model.fit .* Did you mean 'epochs'"),
        ({"predict__batch": 3}, "'predict__batch': keras.Model.predict"),
        (
            {"score__sample_weights": 3},
            "'score__sample_weights': KerasClassifier.scorer .* Did you mean 'sample_weight'",
        ),
        ({"optimizer_learning_rate": 1}, "two underscores: 'optimizer__learning_rate'"),
        ({"steps_per_epoch": 1}, "pass 'fit__steps_per_epoch'"),
        ({"fit_kwargs": {}}, "no dict of parameters for 'fit'.* as in fit__name=value"),
        ({"optimzer__learning_rate": 3}, "keyword argument 'optimzer__learning_rate'"),
    ],
)
def test_unknown_parameter(given, words):
    refuses(TypeError, words, classifier(**given))


@pytest.mark.parametrize("name", ["lr", "learning_rate"])
def test_the_learning_rate_of_a_function_that_has_none(name):
    words = (
        r"arguments of model=softmax_regression are \['n_features', 'n_classes'\].*"
        "If the estimator compiles the model, .* 'optimizer__learning_rate'.* add an argument"
    )
    estimator = classifier(models.softmax_regression, loss="mse")
    with pytest.raises(ValueError, match=words) as raised:
        estimator.set_params(**{name: 0.1})
    assert "Valid parameters are: ['n_features', 'n_classes', 'batch" in str(raised.value)
    refuses(TypeError, words, classifier(models.softmax_regression, **{name: 0.1}))


def test_another_name_for_the_learning_rate_of_the_function():
    with pytest.raises(ValueError, match="Did you mean 'learning_rate'"):
        classifier().set_params(lr=0.1)


def test_parameters_beside_a_ready_model():
    words = r"Pass the function .* instead, as in KerasClassifier\(create_model, units="
    ready = models.softmax_regression()
    refuses(TypeError, words, classifier(ready, units=3, loss="mse"))
    with pytest.raises(ValueError, match=words):
        classifier(ready).set_params(units=3)


def test_unknown_parameter_of_set_params():
    with pytest.raises(
        ValueError, match=r"Invalid parameter 'epoch'.*Did you mean 'epochs'"
    ):
        classifier().set_params(epoch=3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"optimizer": "adm"}, "optimizer='adm' is not known"),
        ({"loss": "mze"}, "loss='mze' is not known"),
        ({"metrics": ["acuracy"]}, r"metrics=\['acuracy'\] is not known"),
        ({"optimizer": "adam", "optimizer__lr": 1}, "optimizer__lr"),
        ({"loss": "mse", "loss__nonsense": 1}, "loss__nonsense"),
    ],
)
def test_compile_arguments(given, words):
    settings = {"loss": "sparse_categorical_crossentropy", **given}
    refuses(
        (ValueError, TypeError), words, classifier(models.softmax_regression, **settings)
    )


def test_missing_argument_of_the_build_function():
    def build(units):
        return models.softmax_regression()

    refuses(TypeError, "model=build needs a value for 'units'", classifier(build))


def test_build_function_returns_no_model():
    def build():
        models.softmax_regression()

    refuses(
        TypeError,
        "model=build must return a keras.Model.*`return model`\\?$",
        classifier(build),
    )


def test_model_is_none_or_nonsense():
    refuses(ValueError, "``model`` is None", KerasClassifier())
    refuses(
        TypeError, "``model`` must be a keras.Model.*got 3 of type int", KerasClassifier(3)
    )
    both = KerasClassifier(models.mlp, build_fn=models.mlp)
    refuses(ValueError, "model or build_fn", both)


def test_uncompiled_without_a_loss():
    refuses(
        ValueError,
        "has no loss. You must provide a loss function: pass loss=",
        classifier(models.softmax_regression),
    )


def test_no_optimizer():
    estimator = classifier(models.softmax_regression, loss="mse", optimizer=None)
    refuses(ValueError, "has no optimizer", estimator)


@pytest.mark.parametrize(
    ("n_outputs", "loss", "y", "words"),
    [
        (5, "sparse_categorical_crossentropy", y_iris, "5 wide, but y has 3 classes"),
        (1, "binary_crossentropy", y_iris, "1 wide, but y has 3 classes"),
        (1, "sparse_categorical_crossentropy", y_iris > 0, "sparse_.*output layer.*1 wide"),
        (1, "categorical_crossentropy", y_iris > 0, "categorical_.*output layer.*1 wide"),
        (2, "binary_crossentropy", np.eye(3, dtype=int)[y_iris], "2 wide, but y has 3"),
    ],
)
def test_output_layer_and_loss_of_a_classifier(n_outputs, loss, y, words):
    estimator = classifier(models.softmax_regression, n_classes=n_outputs, loss=loss)
    refuses(ValueError, words, estimator, y=y)


@pytest.mark.parametrize("name", ["last", None])
def test_the_output_layer_is_named_as_the_layer(name):
    def build():
        last = layers.Dense(5, activation="softmax", name=name)
        model = keras.Sequential([keras.Input((4,)), last])
        build.name = last.name
        return model

    estimator = classifier(build, loss="categorical_crossentropy")
    with pytest.raises(ValueError, match="5 wide, but y has 3 classes") as raised:
        estimator.fit(X_iris, y_iris)
    assert f"The output layer {build.name!r} is" in str(raised.value)


def test_an_output_layer_of_the_wrong_width_names_the_number_that_the_function_gets():
    labels = np.array([[0, 1, 1], [1, 1, 0], [1, 0, 0]] * 50)
    estimator = classifier(
        models.softmax_regression, n_classes=1, loss="binary_crossentropy"
    )
    words = (
        r"The output layer .* is 1 wide, but y has 3 labels.* as meta\['n_classes_'\]\.$"
    )
    refuses(ValueError, words, estimator, y=labels)
    regressor = KerasRegressor(models.linear_regression, loss="mse", verbose=0)
    words = r"1 wide, but y has 3 target values.* as meta\['n_outputs_'\]\.$"
    refuses(ValueError, words, regressor, y=X_iris[:, :3])


def convolutions(shape=None):
    model = keras.Sequential([keras.Input(shape)] if shape else [])
    model.add(layers.Conv2D(2, 3))
    model.add(layers.GlobalMaxPooling2D())
    model.add(layers.Dense(3, activation="softmax"))
    return model


def convolutions_of_meta(meta):
    return convolutions(meta["X_shape_"][1:])


class SubclassedConvolutions(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = convolutions()

    def call(self, inputs):
        return self.inner(inputs)


@pytest.mark.parametrize(
    "build", [convolutions, convolutions_of_meta, SubclassedConvolutions]
)
def test_flat_rows_for_convolutions(build):
    words = r"'conv2d.*' expects images.*\(height, width, channels\), but X has shape \('n_samples', 4\)"
    refuses(ValueError, words, classifier(build, loss="mse"))


def test_flat_rows_for_an_input_of_images():
    estimator = classifier(convolutions, shape=(3, 4, 1), loss="mse")
    words = r"Reshape it, as in X\.reshape\(-1, 3, 4, 1\)"
    refuses(ValueError, words, estimator, X=np.tile(X_iris, 3))


def test_flat_rows_for_recurrent_layers():
    def build():
        return keras.Sequential([layers.GRU(2), layers.Dense(3, activation="softmax")])

    words = r"'gru.*' expects sequences, each of shape \(n_steps, n_features\)"
    refuses(ValueError, words, classifier(build, loss="mse"))


def test_other_errors_of_a_build_function_are_left_alone():
    def build():
        return convolutions((4,))(np.ones((2, 3, 4)))

    refuses(ValueError, "^Input 0 ", classifier(build), X=np.ones((150, 3, 3)))


def test_multilabel_with_a_sparse_loss():
    y = np.array([[0, 1, 1], [1, 1, 0], [1, 0, 0]] * 50)
    estimator = classifier(
        models.softmax_regression, loss="sparse_categorical_crossentropy"
    )
    refuses(
        ValueError, "sparse_categorical.*multilabel.*binary_crossentropy", estimator, y=y
    )


@pytest.mark.parametrize(
    ("loss", "y", "words"),
    [
        ("sparse_categorical_crossentropy", y_diabetes + 0.5, "not suit a y of numbers"),
        ("categorical_crossentropy", y_diabetes, "not suit a y of numbers"),
        ("binary_crossentropy", y_diabetes, "not suit a y of numbers between"),
        ("mse", np.column_stack([y_diabetes, y_diabetes]), "1 wide, but y has 2 target"),
    ],
)
def test_loss_and_output_layer_of_a_regressor(loss, y, words):
    estimator = KerasRegressor(models.linear_regression, n_features=10, loss=loss)
    refuses(ValueError, words, estimator, X=X_diabetes, y=y)


def test_continuous_target_of_a_classifier():
    refuses(ValueError, "Unknown label type: continuous", classifier(), y=X_iris[:, 0])


def test_missing_values():
    X = X_iris.copy()
    X[3, 2] = np.nan
    refuses(ValueError, "Input X contains NaN", classifier(), X=X)
    refuses(ValueError, "Input X contains NaN", classifier(models.two_inputs), X=[X, X])


def test_one_class():
    refuses(
        ValueError, "at least 2 classes .* only one class: 'a'", classifier(), y=["a"] * 150
    )
    only_first = (y_iris == 0).astype(float)
    words = "at least 2 classes, but only class"
    refuses(ValueError, words, classifier(), sample_weight=only_first)


def test_input_layer_of_the_wrong_width():
    words = r"X has shape \('n_samples', 4\), but the model's input expects .*7"
    refuses(
        ValueError, words, classifier(models.softmax_regression, n_features=7, loss="mse")
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 2.5),
        ("batch_size", 0),
        ("validation_split", 1.5),
        ("random_state", "seed"),
    ],
)
def test_parameter_out_of_range(name, value):
    refuses(
        ValueError,
        f"The '{name}' parameter of KerasClassifier must be",
        classifier(**{name: value}),
    )


def test_epochs_of_fit():
    words = "^epochs must be .* at least 1, got 0. With warm_start=True, 0 is also allowed"
    refuses(ValueError, words, classifier(), epochs=0)
    refuses(ValueError, "must be .* at least 1, got -1", classifier(), epochs=-1)


def test_attributes_of_the_old_wrappers():
    initialized = KerasClassifier(build_fn=models.mlp, verbose=0).initialize(X_iris, y_iris)
    assert initialized.get_params()["model"] is None
    for estimator in (initialized, clone(initialized), copy.copy(initialized)):
        with pytest.raises(AttributeError, match=r"trained model is `model_`.*`history_`"):
            _ = estimator.model.history
    for name, words in {"history": "`history_`", "sk_params": "get_params"}.items():
        with pytest.raises(AttributeError, match=words):
            getattr(initialized, name)
    assert initialized.set_params(model=models.mlp, build_fn=None).model is models.mlp
    assert initialized.set_params(model=None).model is None


@pytest.mark.parametrize("name", ["callbacks", "fit__callbacks"])
def test_callbacks_that_are_none(name):
    refuses(
        TypeError,
        f"{name} must be keras.callbacks.Callback.*got 'es'",
        classifier(**{name: ["es"]}),
    )
    refuses(TypeError, "callbacks must be .* got 3", classifier(), callbacks=3)


def test_routed_parameter_of_a_callback():
    estimator = classifier(callbacks=keras.callbacks.EarlyStopping, callbacks__patince=1)
    refuses(TypeError, "callbacks__patince': .* Did you mean 'patience'", estimator)


def test_predict_before_fit():
    for method in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError, match="is not fitted yet"):
            getattr(classifier(), method)(X_iris)


def test_other_features_than_in_fit():
    frame = pd.DataFrame(X_iris, columns=list("abcd"))
    initialized = classifier().initialize(frame, y_iris)
    with pytest.raises(
        ValueError, match="X has 3 features, but KerasClassifier is expecting 4"
    ):
        initialized.predict(X_iris[:, :3])
    with pytest.raises(ValueError, match="feature names should match"):
        initialized.predict(frame.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="X has 3 dimensions"):
        initialized.predict(X_iris[..., np.newaxis])


def test_several_inputs_that_do_not_fit():
    refuses(
        ValueError,
        "2 inputs .*but X is one array",
        classifier(models.two_inputs),
        X=X_iris[:, :3],
    )
    parts = {"first": X_iris[:, :1], "others": X_iris[:, 1:]}
    refuses(
        ValueError,
        r"inputs \['rest'\] are not in X",
        classifier(models.two_inputs),
        X=parts,
    )
    refuses(
        ValueError,
        "X has 3 arrays, but the model has 2",
        classifier(models.two_inputs),
        X=[X_iris] * 3,
    )
    with pytest.raises(ValueError, match="at least one array"):
        MultiInput({})
    with pytest.raises(TypeError, match=r"must be a dict of arrays.*of type ndarray"):
        MultiInput(X_iris)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        MultiInput([X_iris, X_iris[:3]])


def test_text_for_a_model_of_numbers():
    def build():
        return keras.Sequential([keras.Input(()), layers.Reshape((1,)), layers.Dense(2)])

    estimator = classifier(build, loss="mse")
    refuses(ValueError, "X contains text", estimator, X=["a", "b"], y=[0, 1])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"validation_data": X_iris}, r"validation_data must be a tuple \(X_val, y_val\)"),
        ({"validation_data": (X_iris,)}, "validation_data must be a tuple"),
        ({"X_val": X_iris}, "y_val is missing"),
        (
            {"X_val": X_iris, "y_val": y_iris, "validation_data": (X_iris, y_iris)},
            "not both",
        ),
        ({"validation_data": (X_iris, y_iris + 5)}, "Found unknown categories"),
        ({"validation_data": (X_iris[:, :2], y_iris)}, "X has 2 features"),
    ],
)
def test_validation_data(given, words):
    refuses(ValueError, words, classifier(), **given)


def test_partial_fit_takes_no_epochs():
    with pytest.raises(TypeError, match="Invalid argument `epochs` to `partial_fit`"):
        classifier().partial_fit(X_iris, y_iris, epochs=3)


def test_labels_that_are_not_among_the_classes():
    with pytest.raises(ValueError, match=r"Found unknown categories \['virginica'\]"):
        classifier().partial_fit(X_iris, names_iris, classes=["setosa", "versicolor"])


def test_parameters_of_a_compiled_model_that_reach_nothing():
    estimator = classifier(optimizer__learning_rate=0.1)
    with pytest.warns(UserWarning, match=r"\['optimizer__learning_rate'\] have no effect"):
        estimator.initialize(X_iris, y_iris)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"callbacks__patience": 3},
            "'callbacks__patience' has no object to be passed to: callbacks=None",
        ),
        (
            {
                "callbacks": {"es": keras.callbacks.EarlyStopping},
                "callbacks__ess__patience": 3,
            },
            "'callbacks__ess__patience' has no object.* Did you mean 'es'",
        ),
        (
            {"callbacks": [keras.callbacks.EarlyStopping], "callbacks__1__patience": 3},
            "'callbacks__1__patience' has no object",
        ),
    ],
)
def test_routed_parameters_that_reach_nothing(given, words):
    refuses(TypeError, words, classifier(**given))


def test_arguments_of_fit_and_predict():
    refuses(TypeError, "'fit__epoch': .*Did you mean 'epochs'", classifier(), epoch=3)
    initialized = classifier().initialize(X_iris, y_iris)
    with pytest.raises(TypeError, match=r"'predict__batch': keras\.Model\.predict"):
        initialized.predict(X_iris, batch=3)


def test_number_of_losses():
    estimator = classifier(models.softmax_regression, loss=["mse", "mse"])
    refuses(ValueError, "loss is a list of 2 losses, but the model has 1", estimator)


@pytest.mark.parametrize("name", ["loss", "metrics", "optimizer"])
def test_compile_argument_of_the_wrong_type(name):
    settings = {"loss": "mse", name: 3}
    refuses(
        TypeError,
        f"{name} must be .* got 3",
        classifier(models.softmax_regression, **settings),
    )


@pytest.mark.parametrize("sample_weight", [np.ones((150, 1)), np.ones(3)])
def test_sample_weight_of_the_wrong_shape(sample_weight):
    refuses(ValueError, "[Ss]ample.weight", classifier(), sample_weight=sample_weight)


def test_targets_that_are_no_numbers():
    estimator = KerasRegressor(models.linear_regression, loss="mse")
    for y in (names_iris, names_iris.astype(object), list(y_iris.astype(str))):
        refuses(
            ValueError, r"y contains text.*astype\(float\).*KerasClassifier", estimator, y=y
        )
        wrapper = BaseWrapper(models.linear_regression, loss="mse", verbose=0)
        refuses(ValueError, "y contains text.*target_encoder must encode", wrapper, y=y)
    refuses(ValueError, "y must be an array.* got a dict", estimator, y={"a": y_iris})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"optimizer__learning_rat": 0.1},
            "'optimizer__learning_rat': RMSprop has no .* Did you mean 'learning_rate'",
        ),
        (
            {"loss": "mse", "loss__reductio": "sum"},
            "'loss__reductio': MeanSquaredError has no",
        ),
        (
            {"metrics": ["accuracy", "auc"], "metrics__1__threshold": 3},
            "'metrics__1__threshold': AUC has no .* Did you mean 'thresholds'",
        ),
        (
            {"metrics": ["accuracy"], "metrics__0__threshold": 3},
            "'metrics__0__threshold' cannot be passed to metrics.0.=accuracy",
        ),
        ({"optimizer": keras.optimizers.Adam(), "optimizer__epsilon": 1}, "class Adam"),
        (
            {"loss": "mse", "compile__metric": "auc"},
            "'compile__metric': .* Did you mean 'metrics'",
        ),
    ],
)
def test_routed_parameters_of_an_estimator_that_compiles(given, words):
    refuses(TypeError, words, classifier(models.softmax_regression, **given))


def test_metrics_by_name_are_constructed_with_parameters():
    estimator = compiling(
        metrics=["accuracy", "sparse_top_k_categorical_accuracy"], metrics__1__k=2
    )
    compiled = estimator.initialize(X_iris, y_iris).model_.get_compile_config()
    assert compiled["metrics"][1]["config"]["k"] == 2


@pytest.mark.parametrize("name", ["callbacks", "predict__callbacks", "metrics"])
def test_none_switches_off_what_parameters_are_routed_to(name):
    estimator = compiling(engine="fused")
    estimator.set_params(**{f"{name}__unknown": 3})
    with pytest.raises(TypeError, match=f"'{name}__unknown' has no object"):
        clone(estimator).fit(X_iris, y_iris).predict(X_iris)
    estimator.set_params(**{name: None})
    assert len(clone(estimator).fit(X_iris, y_iris).predict(X_iris)) == len(X_iris)


def test_parameters_of_a_compiled_model_have_no_effect():
    with pytest.warns(UserWarning, match="'optimizer__nesterov'.* have no effect"):
        classifier(optimizer__nesterov=True).initialize(X_iris, y_iris)


def test_text_columns_of_which_one_is_the_input():
    inputs = keras.Input((1,), name="b")
    network = keras.Model(inputs, layers.Dense(3, activation="softmax")(inputs))
    frame = pd.DataFrame(X_iris, columns=list("abcd")).assign(c="text")
    estimator = classifier(network, loss=CROSSENTROPY, engine="fused").fit(frame, y_iris)
    assert len(estimator.predict(frame)) == len(frame)


def test_sizes_of_batches_of_numpy():
    estimator = compiling(
        engine="fused",
        batch_size=np.int64(50),
        optimizer__learning_rate=np.float32(0.5),
    )
    assert estimator.fit(X_iris, y_iris).engine_ == "fused"


def test_metrics_have_no_effect_on_a_compiled_model():
    with pytest.warns(UserWarning, match=r"\['metrics'\] have no effect"):
        classifier(metrics=["accuracy"]).initialize(X_iris, y_iris)


def test_arguments_that_a_function_expects_to_be_data():
    def model(X, y, units=3):
        raise AssertionError

    refuses(
        TypeError,
        "value for 'X', 'y'.*depends on the data is in the argument `meta`",
        classifier(model),
    )


def test_a_missing_item_of_meta():
    def model(meta):
        return meta["n_features"]

    refuses(
        KeyError, "no item 'n_features'.*Did you mean 'n_features_in_'", classifier(model)
    )


def test_a_method_of_the_old_wrappers():
    class Old(KerasClassifier):
        def __call__(self):
            raise AssertionError

    refuses(ValueError, "Rename the method ``__call__``", Old())


@pytest.mark.parametrize("knows_inputs", [True, False])
def test_a_column_of_text(knows_inputs):
    def model(meta):
        inputs = [keras.Input((meta["n_features_in_"],))] if knows_inputs else []
        return keras.Sequential([*inputs, layers.Dense(3, activation="softmax")])

    frame = pd.DataFrame(X_iris, columns=list("abcd")).assign(c="text")
    estimator = classifier(model, loss="sparse_categorical_crossentropy")
    refuses(
        ValueError, r"columns \['c'\] of X contain text.*OneHotEncoder", estimator, frame
    )


@pytest.mark.parametrize("kind", ["dataset", "generator"])
def test_data_in_batches(kind):
    tensorflow = pytest.importorskip("tensorflow")
    batches = tensorflow.data.Dataset.from_tensor_slices((X_iris, y_iris)).batch(8)
    X = batches if kind == "dataset" else iter(batches)
    refuses(TypeError, "X must be an array, .* Load all samples", classifier(), X)


def test_integers_of_numpy_are_passed_as_those_of_python():
    received = {}

    def model(**arguments):
        received.update(arguments)
        return models.softmax_regression(4, 3)

    values = {"units": np.int64(3), "rate": np.float32(0.5), "flag": np.True_, "name": "a"}
    estimator = classifier(model, **values).initialize(X_iris, y_iris)
    types = {name: type(received[name]) for name in values}
    assert types == {"units": int, "rate": float, "flag": bool, "name": str}
    assert estimator.get_params()["units"] is values["units"]
