"""Which models share a program, and which must not."""

import keras
import numpy as np
import pytest
from keras import layers

from skkeras_search.fusion.cache import MOST_PROGRAMS, _programs, program_of
from skkeras_search.fusion.signature import signature
from skkeras_search.fusion.step import NotFusibleError, read_state

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
    "numbered metrics": lambda i: built(metrics=[keras.metrics.AUC()]),
    "learning rate": lambda i: built(optimizer=keras.optimizers.Adam(0.1 + i)),
    "dropout rate": lambda i: built(layers.Dropout(0.1 + i / 10)),
    "penalty": lambda i: built(
        layers.Dense(2, kernel_regularizer=keras.regularizers.L2(i + 1))
    ),
    "functions alike": lambda i: built(loss=loss_with(3.0)),
    "own layers": lambda i: built(Scaled(2.0)),
    "own losses": lambda i: built(loss=Hinted(2.0)),
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
    "constraint": lambda i: built(layers.Dense(2, kernel_constraint=[None, "non_neg"][i])),
    "one penalty for two": lambda i: shared_penalty(i),
}


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


class Secretive(layers.Layer):
    def __init__(self, array):
        super().__init__()
        self.array = array

    def call(self, inputs):
        return inputs + self.array


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (lambda: built(loss=lambda y_true, y_pred: y_true - y_pred), "lambda"),
        (lambda: built(layers.Lambda(lambda x: 2 * x)), "lambda"),
        (lambda: built(Secretive(np.ones(3))), "cannot serialize"),
    ],
)
def test_what_cannot_be_described(model, why):
    with pytest.raises(NotFusibleError, match=why):
        signature(model())


def test_data_of_another_form_have_another_program():
    x, y = BATCH
    first = program_of(built(), (x, y))
    assert program_of(built(), (x[:2], y[:2])) is first
    assert program_of(built(), (x, y, y[:, 0])) is not first


def test_programs_are_given_up():
    for units in range(1, MOST_PROGRAMS + 5):
        program_of(built(layers.Dense(units)), BATCH)
    assert len(_programs) <= MOST_PROGRAMS


def test_large_programs_are_given_up_first(monkeypatch):
    monkeypatch.setattr("skkeras_search.fusion.cache.MOST_BYTES", 10_000)
    kept = program_of(built(layers.Dense(1000)), BATCH)
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
