"""One program trains models of any width as Keras does."""

from itertools import chain
from operator import attrgetter

import keras
import pytest
from joblib import parallel_config
from keras import layers, regularizers
from numpy.testing import assert_allclose
from sklearn.model_selection import GridSearchCV

from skkeras_search import KerasClassifier, KerasRegressor
from skkeras_search.fusion import cache
from skkeras_search.fusion.cache import program_of
from skkeras_search.fusion.optimizer import ELEMENTWISE
from skkeras_search.fusion.widths import (
    ACTIVATIONS,
    CONDITIONS,
    GATES,
    is_for_any_width,
    is_size,
    slowdown,
)
from tests.fusion.test_fused_equals_unfused import (
    OPTIMIZERS,
    TARGET,
    X,
    double_precision,
    fit_both,
    y,
)

KNOWN = ACTIVATIONS - {*GATES, keras.activations.threshold}  # which needs arguments
# Those that the two programs are made of, and those that must find nothing of them.
MADE_OF, OTHERS = (5, 7), (16, 1)
BATCH = (X[:16], y[:16, None].astype("float32"))


def compiled(inputs, hidden, optimizer="adam", metrics=("accuracy",)):
    model = keras.Model(inputs, layers.Dense(10, "softmax")(hidden))
    if not isinstance(optimizer, str):
        optimizer = optimizer.from_config(optimizer.get_config())
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=list(metrics))
    return model


def dense(units, inner=(), **options):
    inputs = keras.Input((64,))
    hidden = layers.Dense(units, "tanh")(inputs)
    for layer in inner:
        hidden = layer.from_config(layer.get_config() | {"name": None, "dtype": None})(
            hidden
        )
    return compiled(inputs, layers.Dense(units + 3, "relu")(hidden), **options)


def merged(units, layer):
    inputs = keras.Input((64,))
    branches = [layers.Dense(units, activation)(inputs) for activation in ("relu", "tanh")]
    return compiled(inputs, layer(branches))


def embedded(units, after):
    inputs = keras.Input((12,), dtype="int32")
    hidden = layers.Embedding(17, units)(inputs)
    for layer in after:
        hidden = layer.from_config(layer.get_config() | {"name": None, "dtype": None})(
            hidden
        )
    return compiled(inputs, hidden)


def einsum(units):
    inputs = keras.Input((8, 8))
    hidden = layers.EinsumDense("abc,cd->abd", (8, units), bias_axes="d")(inputs)
    hidden = layers.EinsumDense("abc,bd->adc", (units, units), activation="relu")(hidden)
    return compiled(inputs, layers.Flatten()(hidden))


def images(units, pool):
    inputs = keras.Input((8, 8, 1))
    # No bias: before a normalisation its gradient is rounding alone.
    hidden = layers.Conv2D(units, 3, use_bias=False, padding="same")(inputs)
    hidden = pool(2)(layers.BatchNormalization()(hidden))
    hidden = layers.Conv2D(units + 1, 2, use_bias=False)(hidden)
    return compiled(inputs, layers.Flatten()(hidden))


def signals(units, pool):
    inputs = keras.Input((64, 1))
    hidden = layers.Conv1D(units, 3, padding="causal", activation="relu")(inputs)
    hidden = layers.Conv1D(units + 1, 3, strides=2)(pool(4)(hidden))
    return compiled(inputs, layers.Flatten()(hidden))


def pooled_images(units, pool):
    inputs = keras.Input((8, 8, 1))
    hidden = layers.Conv2D(units, 3, strides=2, dilation_rate=1)(inputs)
    return compiled(inputs, pool()(hidden))


def sequences(units, recurrent, **options):
    inputs = keras.Input((8, 8))
    hidden = recurrent(units, return_sequences=True, **options)(inputs)
    return compiled(inputs, recurrent(units + 1)(hidden))


def nested(units):
    inner = keras.Sequential([layers.Dense(units), layers.Dropout(0.2, seed=1)])
    inputs = keras.Input((64,))
    inside = keras.Input((units,))
    outer = keras.Model(inside, layers.Dense(units)(inside))
    return compiled(inputs, outer(inner(inputs)))


def stacked(units):
    model = keras.Sequential([layers.Dense(units, "relu"), layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


INNER = {
    "normalization": [layers.BatchNormalization(momentum=0.8)],
    "bare normalization": [layers.BatchNormalization(scale=False, center=False)],
    "layer normalization": [layers.LayerNormalization(beta_regularizer="l2")],
    "length": [layers.UnitNormalization(), layers.RMSNormalization()],
    "dropout": [layers.Dropout(0.3, seed=1), layers.AlphaDropout(0.2, seed=3)],
    "noise": [layers.GaussianNoise(0.2, seed=1), layers.GaussianDropout(0.2, seed=1)],
    "penalty": [layers.ActivityRegularization(l1=0.01, l2=0.01), layers.Identity()],
    "activations": [
        layers.Activation("gelu"),
        layers.LeakyReLU(),
        layers.ELU(),
        layers.PReLU(),
        layers.ReLU(max_value=3.0),
        layers.Softmax(),
    ],
    "penalties": [
        layers.Dense(
            6,
            kernel_regularizer="l2",
            bias_regularizer=regularizers.L1(0.02),
            activity_regularizer="l1",
        ),
        layers.Dense(6, use_bias=False, kernel_regularizer=regularizers.L1L2(0.01, 0.02)),
    ],
}
MERGES = [
    layers.Add,
    layers.Subtract,
    layers.Multiply,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Concatenate,
]
AFTER_EMBEDDING = {
    "flat": [layers.LayerNormalization(), layers.Flatten()],
    "mean": [layers.Dense(4, "relu"), layers.GlobalAveragePooling1D()],
    "most": [layers.SpatialDropout1D(0.2, seed=1), layers.GlobalMaxPooling1D()],
}


@pytest.fixture(autouse=True)
def no_programs(monkeypatch):
    cache._programs.clear()
    cache._first.clear()
    cache._first.clear()
    # However long this machine takes.
    monkeypatch.setattr(cache, "slowdown", lambda model: 0)


def fit_all(make, X=X, y=y, cls=KerasClassifier, **params):
    """Fit models of several widths, and compare those of other widths with Keras's."""

    def estimator(units):
        return cls(make, units=units, epochs=2, batch_size=16, **params)

    with double_precision():
        for units in MADE_OF:
            fitted = estimator(units).set_params(verbose=0, epochs=1, engine="fused")
            fitted.fit(X[:40], y[:40])
        for units in OTHERS:
            fit_both(lambda: estimator(units), X, y)  # noqa: B023
    assert kinds() == [False, True]


def kinds():
    """Whether each program is for any width."""
    return [getattr(program, "any_width", program) for program in cache._programs.values()]


@pytest.mark.parametrize("kind", INNER)
def test_layers(kind):
    fit_all(lambda units: dense(units, INNER[kind]), validation_split=0.2)


@pytest.mark.parametrize("layer", MERGES)
def test_merging_layers(layer):
    fit_all(lambda units: merged(units, layer()))


@pytest.mark.parametrize("kind", AFTER_EMBEDDING)
def test_embeddings(kind):
    words = (16 * X[:, :12]).astype("int32")
    fit_all(lambda units: embedded(units, AFTER_EMBEDDING[kind]), words)


def test_products_by_einsum():
    fit_all(einsum, X.reshape(-1, 8, 8))


@pytest.mark.parametrize("pool", [layers.MaxPooling2D, layers.AveragePooling2D])
def test_convolutions(pool):
    fit_all(lambda units: images(units, pool), X.reshape(-1, 8, 8, 1))


@pytest.mark.parametrize("pool", [layers.MaxPooling1D, layers.AveragePooling1D])
def test_convolutions_of_signals(pool):
    fit_all(lambda units: signals(units, pool), X.reshape(-1, 64, 1))


POOLS = [layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D]


@pytest.mark.parametrize("pool", POOLS)
def test_pooled_convolutions(pool):
    fit_all(lambda units: pooled_images(units, pool), X.reshape(-1, 8, 8, 1))


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("recurrent", [layers.SimpleRNN, layers.GRU, layers.LSTM])
def test_recurrent_layers(recurrent, dropout):
    options = {"dropout": dropout, "seed": 1}
    fit_all(lambda units: sequences(units, recurrent, **options), X.reshape(-1, 8, 8))


@pytest.mark.parametrize("recurrent", [layers.GRU, layers.LSTM])
def test_recurrent_layers_in_both_directions(recurrent):
    def make(units):
        inputs = keras.Input((8, 8))
        both = layers.Bidirectional(recurrent(units, dropout=0.2, seed=1))
        return compiled(inputs, both(inputs))

    fit_all(make, X.reshape(-1, 8, 8))


def test_models_in_models():
    fit_all(nested)


def test_a_model_that_learns_its_inputs_late():
    fit_all(stacked)


def test_callbacks():
    stop = keras.callbacks.EarlyStopping("loss", min_delta=9.0, restore_best_weights=True)
    fit_all(lambda units: dense(units), callbacks=[stop], validation_split=0.2)


def test_weights_of_rows_and_metrics():
    def make(units):
        entropy = keras.metrics.SparseCategoricalCrossentropy(name="entropy")
        return dense(units, metrics=["accuracy", entropy])

    fit_all(make, class_weight="balanced")


def test_targets_of_one_column():
    def make(units):
        model = keras.Sequential([layers.Dense(units, "relu"), layers.Dense(1)])
        model.compile("sgd", "mse", metrics=["mae", "r2_score"])
        return model

    fit_all(make, y=TARGET, cls=KerasRegressor)


def fit_by_both_programs(make):
    """Fit a model by the program for any width, and by one for its width alone."""

    def fit(units):
        classifier = KerasClassifier(
            make, units=units, epochs=2, random_state=0, verbose=0, engine="fused"
        )
        return classifier.fit(X, y)

    by_any = [fit(units) for units in (*MADE_OF, OTHERS[0])][-1]
    assert kinds() == [False, True]
    cache._programs.clear()
    cache._first.clear()
    alone = fit(OTHERS[0])
    assert kinds() == [False]
    assert_allclose(by_any.history_["loss"], alone.history_["loss"], rtol=1e-4)
    for fitted in ("weights", "optimizer.variables"):
        ours, theirs = (attrgetter(fitted)(f.model_) for f in (by_any, alone))
        for one, other in zip(ours, theirs, strict=True):
            assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_activations():
    def make(units):
        inputs = keras.Input((64,))
        hidden = layers.Dense(units)(inputs)
        parts = [layers.Activation(a)(hidden) for a in sorted(KNOWN, key=str)]
        return compiled(inputs, layers.Concatenate()(parts))

    fit_by_both_programs(make)


OF_EACH_KIND = ["momentum", "RMSprop centered", "amsgrad", "Ftrl", "EMA overwriting"]
OF_EACH_KIND += ["accumulation", "cosine", "clipnorm", "Lamb", "Muon"]


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_optimizers(name):
    def make(units):
        return dense(units, optimizer=OPTIMIZERS[name])

    if type(OPTIMIZERS[name]) in ELEMENTWISE:
        fit_by_both_programs(make)
    else:
        assert not is_for_any_width(make(2))


class Own(layers.Dense):
    """Could look at its units."""


def halved(x):
    return x[:, : x.shape[-1] // 2]


NOT_FOR_ANY = {
    "activation": lambda: merged(5, lambda both: layers.Dense(4, halved)(both[0])),
    "gates": lambda: dense(4, [layers.Activation("glu")]),
    "constraint": lambda: dense(5, [layers.Dense(4, kernel_constraint="max_norm")]),
    "penalty": lambda: dense(
        5, [layers.Dense(4, kernel_regularizer="orthogonal_regularizer")]
    ),
    "own layer": lambda: dense(5, [Own(4)]),
    "axis": lambda: dense(5, [layers.BatchNormalization(axis=1)]),
    "groups": lambda: dense(4, [layers.GroupNormalization(2)]),
    "operation": lambda: merged(5, lambda branches: branches[0] * branches[1]),
    "products": lambda: embedded(
        4, [layers.EinsumDense("abc,cde->ade", (2, 4)), layers.Flatten()]
    ),
}


@pytest.mark.parametrize("kind", NOT_FOR_ANY)
def test_what_has_a_program_for_each_width(kind):
    assert not is_for_any_width(NOT_FOR_ANY[kind]())


OF_MANY_LAYERS = {
    "inner layers": lambda units: dense(units, chain(*INNER.values())),
    "products": einsum,
    "models": nested,
    "images": lambda units: images(units, layers.MaxPooling2D),
    "signals": lambda units: signals(units, layers.MaxPooling1D),
    "LSTM": lambda units: sequences(units, layers.LSTM),
    "GRU": lambda units: sequences(units, layers.GRU),
    "SimpleRNN": lambda units: sequences(units, layers.SimpleRNN),
    "branches": lambda units: merged(units, layers.Concatenate()),
    "words": lambda units: embedded(units, [layers.Flatten()]),
}


def sizes_in(value):
    """What an attribute tells of sizes, as nested lists."""
    if isinstance(value, dict):
        return {name: sizes_in(item) for name, item in value.items() if type(name) is str}
    if isinstance(value, (list, tuple)):
        return [sizes_in(item) for item in value]
    if isinstance(value, keras.KerasTensor):
        return value.shape
    if isinstance(value, keras.InputSpec):
        return value.axes
    return value if isinstance(value, int) else None


@pytest.mark.parametrize("kind", OF_MANY_LAYERS)
def test_sizes_are_what_differs_between_widths(kind):
    models = [OF_MANY_LAYERS[kind](units) for units in (5, 7)]
    assert all(map(is_for_any_width, models))
    pairs = zip(*(model._flatten_layers() for model in models), strict=True)
    differ = [
        (first, name)
        for first, second in pairs
        for name in vars(first)
        if sizes_in(vars(first)[name]) != sizes_in(vars(second)[name])
    ]
    assert differ
    assert [pair for pair in differ if not is_size(*pair)] == []


def test_what_is_no_size():
    model = dense(5)
    assert not is_size(model.layers[1], "use_bias")
    assert not is_size(Own(4), "units")
    assert not is_size(model.optimizer, "units")


def test_a_long_training_has_a_program_of_its_own(monkeypatch):
    monkeypatch.setattr(cache, "slowdown", slowdown)
    first = program_of(dense(5), BATCH)
    assert not program_of(dense(6), BATCH, 10**4).any_width
    shared = program_of(dense(7), BATCH, 60)
    assert shared.any_width
    assert program_of(dense(8), BATCH, 60) is shared
    assert program_of(dense(5), BATCH, 60) is first


def test_which_program_does_not_depend_on_what_was_given_up(monkeypatch):
    first, shared = (program_of(dense(units), BATCH) for units in (5, 7))
    cache._programs.clear()
    again, other = (program_of(dense(units), BATCH) for units in (7, 5))
    assert (first.any_width, shared.any_width) == (False, True)
    assert (again.any_width, other.any_width) == (True, False)


def test_each_width_has_a_program_if_there_can_be_none_for_all(monkeypatch):
    monkeypatch.setitem(CONDITIONS, layers.EinsumDense, lambda layer: True)

    def make(units):
        inputs = keras.Input((8, 8))
        hidden = layers.EinsumDense("abc,cde->abde", (8, units, 2))(inputs)
        return compiled(inputs, layers.Flatten()(hidden))

    batch = (BATCH[0].reshape(-1, 8, 8), BATCH[1])
    programs = [program_of(make(units), batch) for units in (4, 5, 6)]
    assert [program.any_width for program in programs] == [False] * 3
    assert len(set(programs)) == 3


def test_folds_of_several_widths_at_once():
    def scores(engine):
        search = GridSearchCV(
            KerasClassifier(stacked, epochs=2, random_state=0, verbose=0, engine=engine),
            {"units": [3, 8, 13]},
            cv=2,
            error_score="raise",
        )
        with parallel_config("fused" if engine == "fused" else "sequential"):
            return search.fit(X, y).cv_results_["mean_test_score"]

    fused = scores("fused")
    assert sorted(kinds()) == [False, True]
    assert_allclose(fused, scores("keras"), atol=0.02)
