"""Which models share a program, and which must not."""

import argparse
import collections
import datetime
import enum
import functools
import itertools
import os
import random
import threading
import time
import types

import keras
import numpy as np
import optuna
import pytest
import rich
import skopt
from keras import layers

import tests.fusion
from skkeras_search import KerasClassifier
from skkeras_search.fusion.cache import MOST_PROGRAMS, _programs, program_of
from skkeras_search.fusion.obstacles import obstacle
from skkeras_search.fusion.signature import signature
from skkeras_search.fusion.step import NotFusibleError, read_state
from tests.fusion import a_module

BATCH = (np.ones((4, 3), "float32"), np.ones((4, 1), "float32"))
SCALE = 2.0


def built(*inner, loss="mse", optimizer="sgd", metrics=None):
    model = keras.Sequential([keras.Input((3,)), *inner, layers.Dense(1)])
    model.compile(optimizer, loss, metrics=metrics)
    return model


class Scaled(layers.Layer):
    """Its config lacks what its constructor was given."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return super().get_config()


def scaled_loss(y_true, y_pred):
    return SCALE * keras.ops.mean(keras.ops.square(y_true - y_pred))


def loss_with(factor):
    def loss(y_true, y_pred):
        return factor * keras.ops.mean(keras.ops.square(y_true - y_pred))

    return loss


class Hinted(keras.Loss):
    def __init__(self, hint):
        super().__init__()
        self.hint = hint

    def call(self, y_true, y_pred):
        return self.hint * keras.ops.mean(y_true - y_pred, axis=-1)


SAME = {
    "names": lambda i: built(layers.Dense(2, name=f"number_{i}")),
    "metrics": lambda i: built(metrics=[keras.metrics.AUC(name="auc")]),
    "learning rate": lambda i: built(optimizer=keras.optimizers.Adam(0.1 + i)),
    "dropout rate": lambda i: built(layers.Dropout(0.1 + i / 10)),
    "penalty": lambda i: built(
        layers.Dense(2, kernel_regularizer=keras.regularizers.L2(i + 1))
    ),
    "functions alike": lambda i: built(loss=loss_with(3.0)),
    "own layers": lambda i: built(Scaled(2.0)),
    "own losses": lambda i: built(loss=Hinted(2.0)),
    "lambdas": lambda i: built(layers.Lambda(lambda x: 2 * x), loss=lambda y, p: y - p),
}
OTHER = {
    "width": lambda i: built(layers.Dense(2 + i)),
    "activation": lambda i: built(layers.Dense(2, activation=["relu", "tanh"][i])),
    "named as the activation": lambda i: built(
        layers.Dense(2, activation=["relu", "tanh"][i], name=["relu", "tanh"][i])
    ),
    "no dropout": lambda i: built(layers.Dropout(i / 10)),
    "seed of dropout in the config": lambda i: built(layers.Dropout(0.5, seed=i)),
    "momentum": lambda i: built(optimizer=keras.optimizers.SGD(momentum=i / 10)),
    "optimizer": lambda i: built(optimizer=["sgd", "adam"][i]),
    "schedule": lambda i: built(
        optimizer=keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 5 + i))
    ),
    "loss": lambda i: built(loss=["mse", "mae"][i]),
    "metrics": lambda i: built(metrics=[["mse"], ["mae"]][i]),
    "closures": lambda i: built(loss=loss_with(3.0 + i)),
    "own layers": lambda i: built(Scaled(2.0 + i)),
    "own losses": lambda i: built(loss=Hinted(2.0 + i)),
    "lambdas": lambda i: built(layers.Lambda(lambda x: i * x)),
    "what a layer holds": lambda i: built(Holding(np.ones(3) * i)),
    "constraint": lambda i: built(layers.Dense(2, kernel_constraint=[None, "non_neg"][i])),
    "one penalty for two": lambda i: shared_penalty(i),
}


class Holding(layers.Layer):
    def __init__(self, array):
        super().__init__()
        self.array = array

    def call(self, inputs):
        return inputs + self.array


def shared_penalty(shares):
    first, second = (keras.regularizers.L2(0.1) for _ in range(2))
    return built(
        layers.Dense(2, kernel_regularizer=first),
        layers.Dense(2, kernel_regularizer=first if shares else second),
    )


def frozen(trainable):
    model = built(layers.Dense(2))
    model.layers[0].trainable = trainable
    return model


@pytest.mark.parametrize("kind", SAME)
def test_same(kind):
    first, second = (signature(SAME[kind](i)) for i in range(2))
    assert first == second
    assert hash(first) == hash(second)


@pytest.mark.parametrize("kind", OTHER)
def test_other(kind):
    first, second = (signature(OTHER[kind](i)) for i in range(2))
    assert first != second


def test_trainable_or_not():
    assert signature(frozen(True)) != signature(frozen(False))


def test_globals_that_a_function_reads(monkeypatch):
    before = signature(built(loss=scaled_loss))
    assert before == signature(built(loss=scaled_loss))
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert before != signature(built(loss=scaled_loss))


def test_data_of_another_form_have_another_program():
    x, y = BATCH
    first = program_of(built(), (x, y))
    assert program_of(built(), (x[:2], y[:2])) is first
    assert program_of(built(), (x, y, y[:, 0])) is not first


def test_programs_are_given_up():
    for number in range(MOST_PROGRAMS + 5):
        program_of(built(loss=loss_with(float(number))), BATCH)
    assert len(_programs) <= MOST_PROGRAMS


def test_large_programs_are_given_up_first(monkeypatch):
    monkeypatch.setattr("skkeras_search.fusion.cache.MOST_BYTES", 10_000)
    program_of(built(layers.Dense(2)), BATCH)
    kept = program_of(built(layers.Dense(1000, "tanh")), BATCH)
    assert list(_programs.values()) == [kept]


def test_a_model_may_change_after_it_was_the_example():
    example = built(layers.Dropout(0.5))
    program = program_of(example, BATCH)
    example.layers[0].rate = 0.0
    with pytest.raises(NotFusibleError, match="changed"):
        program.predict(read_state(example), BATCH[0])


class Operation(keras.Operation):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)

    def get_config(self):
        return {}


class Penalty(keras.Regularizer):
    def __init__(self, strength):
        self.strength = strength

    def __call__(self, x):
        return self.strength * keras.ops.sum(x)

    def get_config(self):
        return {}


class Steep:
    def __init__(self, slope):
        self.slope = slope

    def function(self, x):
        return self.slope * x


def with_operation(factor):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Dense(1)(Operation(factor)(inputs)))
    model.compile("sgd", "mse")
    return model


def adapted(factor):
    normalization = layers.Normalization()
    normalization.adapt(factor * np.arange(12.0).reshape(4, 3))
    return built(normalization)


def with_huber(delta):
    inner = keras.losses.Huber(delta)

    def loss(y_true, y_pred):
        return inner(y_true, y_pred)

    return built(loss=loss)


def heads(order):
    inputs = keras.Input((3,))
    outputs = [layers.Dense(1, name=name)(inputs) for name in order]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", {"a": "mse", "b": "mae"})
    return model


def sparing(names):
    optimizer = keras.optimizers.AdamW(weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=names)
    return built(optimizer=optimizer)


def with_fixed(index):
    model = built(layers.Dense(3), layers.Dense(3))
    model.layers[index].kernel.trainable = False
    return model


UNTOLD = {
    "operations": lambda i: with_operation(1.0 + i),
    "penalties": lambda i: built(layers.Dense(2, kernel_regularizer=Penalty(1.0 + i))),
    "bound methods": lambda i: built(layers.Dense(2, activation=Steep(1.0 + i).function)),
    "adapted": lambda i: adapted(1.0 + i),
    "losses in closures": lambda i: with_huber(1.0 + i),
    "losses of outputs by name": lambda i: heads("ab" if i else "ba"),
    "decay": lambda i: sparing(["bias"] if i else ["kernel"]),
    "variables that are fixed": lambda i: with_fixed(i),
}


@pytest.mark.parametrize("kind", UNTOLD)
def test_what_a_config_does_not_tell(kind):
    def described(i):
        try:
            return signature(UNTOLD[kind](i))
        except NotFusibleError:
            return object()  # shares nothing

    assert described(0) != described(1)


def scaled_in_a_nested_function(y_true, y_pred):
    return keras.ops.mean(keras.ops.stack([SCALE * (y_true - y_pred) for _ in range(2)]))


def test_globals_of_nested_functions(monkeypatch):
    before = signature(built(loss=scaled_in_a_nested_function))
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert before != signature(built(loss=scaled_in_a_nested_function))


SETTINGS = argparse.Namespace(scale=2.0)
NAMED = types.SimpleNamespace(scale=2.0)
QUEUE = collections.deque([2.0])


def reads_a_namespace(y_true, y_pred):
    return SETTINGS.scale * keras.ops.mean(keras.ops.square(y_true - y_pred))


def reads_a_simple_namespace(y_true, y_pred):
    return NAMED.scale * keras.ops.mean(keras.ops.square(y_true - y_pred))


def reads_a_deque(y_true, y_pred):
    return QUEUE[-1] * keras.ops.mean(keras.ops.square(y_true - y_pred))


def reads_itself(y_true, y_pred):
    return reads_itself.scale * keras.ops.mean(keras.ops.square(y_true - y_pred))


reads_itself.scale = 2.0


def reads_a_submodule(y_true, y_pred):
    return tests.fusion.a_module.SCALE * keras.ops.mean(keras.ops.square(y_true - y_pred))


def reads_a_module_by_another_name(y_true, y_pred):
    module = tests.fusion
    return module.a_module.SCALE * keras.ops.mean(keras.ops.square(y_true - y_pred))


def reads_an_import(y_true, y_pred):
    from tests.fusion.a_module import SCALE

    return SCALE * keras.ops.mean(keras.ops.square(y_true - y_pred))


def reads_the_environment(y_true, y_pred):
    scale = float(os.environ.get("SCALE", 2.0))
    return scale * keras.ops.mean(keras.ops.square(y_true - y_pred))


def reads_epsilon(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred)) + keras.config.epsilon()


READ = {
    reads_a_namespace: lambda change: change.setattr(SETTINGS, "scale", 3.0),
    reads_a_simple_namespace: lambda change: change.setattr(NAMED, "scale", 3.0),
    reads_a_deque: lambda change: change.setitem(globals(), "QUEUE", [2.0, 3.0]),
    reads_itself: lambda change: change.setattr(reads_itself, "scale", 3.0),
    reads_a_submodule: lambda change: change.setattr(a_module, "SCALE", 3.0),
    reads_a_module_by_another_name: lambda change: change.setattr(a_module, "SCALE", 3.0),
    reads_an_import: lambda change: change.setattr(a_module, "SCALE", 3.0),
    reads_the_environment: lambda change: change.setenv("SCALE", "3"),
    reads_epsilon: lambda change: keras.config.set_epsilon(1e-3),
}


@pytest.mark.parametrize("loss", READ, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_functions_read(loss, wrapped, monkeypatch):
    function = functools.wraps(loss)(lambda *args: loss(*args)) if wrapped else loss
    before = signature(built(loss=function))
    assert before == signature(built(loss=function))
    try:
        READ[loss](monkeypatch)
        assert before != signature(built(loss=function))
    finally:
        keras.config.set_epsilon(1e-7)


def named(function, **keywords):
    made = functools.partial(function, **keywords)
    made.__name__ = "made"
    return made


def own_metric(y_true, y_pred, scale):
    return scale * keras.ops.mean(y_true - y_pred, axis=-1)


def own_activation(x, slope):
    return slope * x


PARTIALS = {
    "loss of Keras": lambda i: built(loss=named(keras.losses.huber, delta=1.0 + i)),
    "activation of Keras": lambda i: built(
        layers.Dense(2, activation=named(keras.activations.relu, max_value=1.0 + i))
    ),
    "metric of Keras": lambda i: built(
        metrics=[named(keras.metrics.binary_accuracy, threshold=0.1 + i / 2)]
    ),
    "own metric": lambda i: built(metrics=[named(own_metric, scale=1.0 + i)]),
    "own activation": lambda i: built(
        layers.Dense(2, activation=named(own_activation, slope=1.0 + i))
    ),
}


@pytest.mark.parametrize("kind", PARTIALS)
def test_partials(kind):
    assert signature(PARTIALS[kind](0)) == signature(PARTIALS[kind](0))
    assert signature(PARTIALS[kind](0)) != signature(PARTIALS[kind](1))


class ByName(layers.Layer):
    def call(self, inputs):
        return inputs * (2.0 if self.name.startswith("double") else 3.0)


def test_layers_that_ask_for_their_name():
    assert signature(built(ByName(name="double"))) != signature(
        built(ByName(name="treble"))
    )


class Showing(layers.Layer):
    """A method that nobody calls mentions half of Python."""

    def call(self, inputs):
        return 2 * inputs

    def show(self):
        import sklearn

        optuna.create_study()
        rich.print(sklearn, skopt, KerasClassifier, time.time())


class Calling(Showing):
    def call(self, inputs):
        self.show()
        return 2 * inputs


class Waiting(layers.Layer):
    def call(self, inputs):
        return inputs * time.time()


def test_only_what_is_reached_is_read():
    first, second = signature(built(Showing())), signature(built(Showing()))
    assert first == second
    assert len(first.tokens) < 5_000
    for model in (built(Calling()), built(Waiting())):
        with pytest.raises(NotFusibleError, match=r"time\.time"):
            signature(model)


class Hoarding(layers.Layer):
    def __init__(self, n):
        super().__init__()
        self.hoard = [[i] for i in range(n)]

    def call(self, inputs):
        return inputs


def test_reading_is_bounded():
    with pytest.raises(NotFusibleError, match=r"hoard.*too many parts"):
        signature(built(Hoarding(10**5)))
    locked = Hoarding(1)
    locked.lock = threading.Lock()
    with pytest.raises(NotFusibleError, match="lock of type lock cannot be read"):
        signature(built(locked))


class Block(keras.Model):
    def __init__(self, order=(0, 1), shared=False, slope=1.0):
        super().__init__()
        first = layers.Dense(3)
        self.parts = [first, first if shared else layers.Dense(3)]
        self.last = layers.Dense(1)
        self.order, self.slope = order, slope

    def call(self, inputs):
        for index in self.order:
            inputs = self.parts[index](inputs)
        return self.last(self.slope * inputs)


def block(**arguments):
    model = Block(**arguments)
    model(BATCH[0])
    model.compile("sgd", "mse", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("change", [{"order": (1, 0)}, {"shared": True}, {"slope": 2.0}])
def test_subclassed_models(change):
    assert signature(block()) == signature(block())
    assert signature(block()) != signature(block(**change))


def sparing_layers(name):
    return built(
        layers.Dense(4, name=name),
        layers.Dense(4),
        optimizer=keras.optimizers.Muon(exclude_layers=["spared"]),
    )


def test_muon_chooses_by_name():
    assert signature(sparing_layers("a")) == signature(sparing_layers("b"))
    assert signature(sparing_layers("a")) != signature(sparing_layers("spared"))


def noisy(y_true, y_pred):
    return random.random() * keras.ops.mean(keras.ops.square(y_true - y_pred))


def noisy_in_numpy(y_true, y_pred):
    return np.random.rand() * keras.ops.mean(keras.ops.square(y_true - y_pred))


@pytest.mark.parametrize("loss", [noisy, noisy_in_numpy])
def test_random_numbers_of_python(loss):
    with pytest.raises(NotFusibleError, match="draws random numbers"):
        signature(built(loss=loss))


class AttributeDict(dict):
    __getattr__ = dict.__getitem__


CONFIGURATION = AttributeDict(scale=2.0)


def reads_an_attribute_dict(y_true, y_pred):
    return CONFIGURATION.scale * keras.ops.mean(keras.ops.square(y_true - y_pred))


@functools.wraps(keras.losses.mean_squared_error)
def named_as_one_of_keras(y_true, y_pred):
    return CONFIGURATION["scale"] * keras.ops.mean(keras.ops.square(y_true - y_pred))


@pytest.mark.parametrize("loss", [reads_an_attribute_dict, named_as_one_of_keras])
def test_code_that_looks_like_something_else(loss, monkeypatch):
    before = signature(built(loss=loss))
    assert before.is_foreign
    monkeypatch.setitem(CONFIGURATION, "scale", 3.0)
    assert before != signature(built(loss=loss))


def unbound(late):
    def loss(y_true, y_pred):
        return keras.ops.mean(y_true - y_pred) if y_pred is not None else later

    if late:
        later = 1.0
    return loss


class Double:
    def call(self, inputs):
        return 2 * inputs


class Treble:
    def call(self, inputs):
        return 3 * inputs


class Slotted(layers.Layer):
    __slots__ = ("factor",)

    def __init__(self, factor):
        super().__init__()
        object.__setattr__(self, "factor", factor)

    def call(self, inputs):
        return inputs * self.factor


class ByMode(layers.Layer):
    def __init__(self, mode):
        super().__init__()
        self.mode = mode

    def call(self, inputs):
        return getattr(self, self.mode)(inputs)

    def double(self, inputs):
        return 2 * inputs


class Keeping(layers.Layer):
    def __init__(self, kept):
        super().__init__()
        self.kept = kept

    def call(self, inputs):
        return inputs


class Sigma(float):
    def __repr__(self):
        return "sigma"


def mixed(*bases):
    return type("Mixed", bases, {"__module__": __name__})()


def of_dates(day):
    date = datetime.date(2026, 1, day)

    def loss(y_true, y_pred):
        return date.day * keras.ops.mean(y_true - y_pred)

    return loss


def enumerated(i):
    members = enum.Enum("Scale", {"ONE": 1 + i})
    members.times = [Double.call, Treble.call][i]
    return built(layers.Lambda(lambda x: members.ONE.times(x)))


LOOK_ALIKE = {
    "mixins": lambda i: built(mixed([Double, Treble][i], layers.Layer)),
    "slots": lambda i: built(Slotted(1.0 + i)),
    "subclasses of numbers": lambda i: built(layers.GaussianNoise(Sigma(0.1 + i / 2))),
    "dates": lambda i: built(loss=of_dates(1 + i)),
    "repetitions": lambda i: built(Keeping(itertools.repeat(1.0 + i))),
    "members of enumerations": enumerated,
    "names of metrics": lambda i: built(metrics=[renamed("ab"[i])]),
    "free variables": lambda i: built(loss=unbound(i)),
}


def renamed(name):
    def metric(y_true, y_pred):
        return keras.ops.mean(y_true - y_pred, axis=-1)

    metric.__name__ = name
    return metric


# Python 3.12 and 3.13 announce that iterators cannot be pickled from 3.14 on.
@pytest.mark.filterwarnings("ignore:Pickle, copy, and deepcopy support")
@pytest.mark.parametrize("kind", LOOK_ALIKE)
def test_look_alikes(kind):
    assert signature(LOOK_ALIKE[kind](0)) != signature(LOOK_ALIKE[kind](1))


def test_methods_that_are_asked_for_by_a_string(monkeypatch):
    before = signature(built(ByMode("double")))
    monkeypatch.setattr(ByMode, "double", Treble.call)
    assert before != signature(built(ByMode("double")))


class ByPath(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(3,))

    def call(self, inputs):
        return inputs * (2.0 if self.kernel.path.startswith("double") else 3.0)


def test_layers_that_ask_for_a_path():
    first, second = (built(ByPath(name=name)) for name in ("double", "treble"))
    assert signature(first) != signature(second)


def test_large_arrays_and_long_lists_are_left_to_keras():
    with pytest.raises(NotFusibleError, match="an array of 76 MB"):
        signature(built(Keeping(np.zeros(10**7))))
    with pytest.raises(NotFusibleError, match="kept has too many parts"):
        signature(built(Keeping([0.5] * 10**6)))


def test_optimizers_with_a_method_of_their_own():
    model = built()
    model.optimizer.update_step = lambda gradient, variable, rate: None
    assert "cannot be fused" in obstacle(model, *BATCH, {})


def test_no_code_of_the_user_runs():
    class Spy:
        def __getattribute__(self, name):
            if not name.startswith("__"):
                raise AssertionError(name)
            return object.__getattribute__(self, name)

    signature(built(Keeping(Spy())))


def test_integers_that_are_looked_up_are_left_to_keras():
    model = keras.Sequential(
        [keras.Input((1,)), layers.IntegerLookup(vocabulary=[1, 2]), layers.Embedding(4, 2)]
    )
    model.compile("sgd", "mse")
    with pytest.raises(NotFusibleError, match="cannot be compared"):
        signature(model)
