"""Random models, fitted by a program and by Keras.

Each number is a case that can be run again. For more of them::

    FUZZ=100:400 pytest tests/fusion/test_fuzz.py
"""

import os
import random
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.base import clone

from skkeras_search import KerasClassifier
from tests.fusion.test_fused_equals_unfused import (
    DIGITS,
    OPTIMIZERS,
    Counting,
    Sampling,
    X,
    assert_fitted_alike,
    double_precision,
    y,
)

CASES = range(*map(int, os.environ.get("FUZZ", "0:12").split(":")))
ACTIVATIONS = ["relu", "tanh", "gelu", "selu", None]


def scaled(factor, x):
    return factor * x


def vectors(draw):
    regularizer = draw.choice([None, "l2", keras.regularizers.L1L2(0.01, 0.02)])
    return [
        lambda: layers.Dense(
            draw.choice([3, 6, 9]),
            draw.choice(ACTIVATIONS),
            use_bias=draw.random() < 0.8,
            kernel_regularizer=regularizer,
            kernel_constraint=draw.choice([None, None, "max_norm"]),
        ),
        lambda: layers.Dropout(draw.choice([0.1, 0.4]), seed=draw.choice([None, 3])),
        lambda: layers.BatchNormalization(momentum=draw.choice([0.5, 0.9])),
        lambda: layers.LayerNormalization(epsilon=draw.choice([1e-3, 1e-5])),
        lambda: layers.GaussianNoise(0.1),
        lambda: layers.AlphaDropout(0.2),
        lambda: layers.PReLU(),
        lambda: layers.ActivityRegularization(l2=0.01),
        lambda: layers.Lambda(partial(scaled, draw.choice([0.5, 2.0]))),
        Sampling,
        Counting,
    ]


def sequences(draw):
    recurrent = [layers.LSTM, layers.GRU, layers.SimpleRNN]
    dropout = {"dropout": draw.choice([0, 0.3]), "recurrent_dropout": draw.choice([0, 0.2])}
    return [
        lambda: draw.choice(recurrent)(4, return_sequences=True, **dropout),
        lambda: layers.Bidirectional(layers.GRU(3, return_sequences=True, **dropout)),
        lambda: layers.Conv1D(4, 2, padding=draw.choice(["same", "causal"])),
        lambda: layers.Masking(0.0),
        lambda: layers.SpatialDropout1D(0.2),
        lambda: layers.TimeDistributed(layers.Dense(4, "tanh")),
        lambda: layers.Dense(5, "relu"),
        lambda: layers.BatchNormalization(),
        Sampling,
    ]


def images(draw):
    return [
        lambda: layers.Conv2D(3, draw.choice([1, 2]), activation="relu", padding="same"),
        lambda: layers.SeparableConv2D(3, 2, padding="same"),
        lambda: layers.DepthwiseConv2D(2, padding="same"),
        lambda: layers.SpatialDropout2D(0.2),
        lambda: layers.BatchNormalization(),
        lambda: layers.RandomTranslation(0.1, 0.1),
        lambda: layers.RandomFlip(),
        lambda: layers.GroupNormalization(1),
    ]


FORMS = {"vectors": (vectors, (64,)), "sequences": (sequences, (8, 8))}
FORMS["images"] = (images, (8, 8, 1))


def build(meta, case, form):
    draw = random.Random(case)
    pool, shape = FORMS[form]
    choices = pool(draw)
    inputs = outputs = keras.Input(shape)
    for _ in range(draw.randint(1, 4)):
        outputs = draw.choice(choices)()(outputs)
        if draw.random() < 0.2:
            outputs = layers.add([outputs, layers.Activation("sigmoid")(outputs)])
    if len(shape) > 1:
        outputs = layers.Flatten()(outputs)
    outputs = layers.Dense(meta["n_classes_"], "softmax")(outputs)
    model = keras.Model(inputs, outputs)
    optimizer = OPTIMIZERS[draw.choice(sorted(OPTIMIZERS))]
    model.compile(
        optimizer.from_config(optimizer.get_config()),
        draw.choice(["sparse_categorical_crossentropy", "categorical_crossentropy"]),
        metrics=draw.choice([None, ["accuracy"], ["accuracy"]]),
    )
    return model


def estimator(draw, case):
    form = draw.choice(sorted(FORMS))
    stop = keras.callbacks.EarlyStopping("loss", restore_best_weights=True, min_delta=0.1)
    plateau = keras.callbacks.ReduceLROnPlateau("loss", min_delta=0.5, patience=1)
    return KerasClassifier(
        build,
        case=case,
        form=form,
        epochs=draw.randint(1, 3),
        batch_size=draw.choice([7, 16, 60]),
        validation_split=draw.choice([0.0, 0.25]),
        callbacks=draw.choice([None, None, [stop], [plateau]]),
        shuffle=draw.random() < 0.8,
        random_state=draw.randint(0, 9),
        verbose=0,
    )


@pytest.mark.parametrize("case", CASES)
def test_random_models(case):
    draw = random.Random(case)
    given = estimator(draw, case)
    n_rows = draw.choice([48, 60, 75])
    data = (DIGITS if given.form == "sequences" else X)[:n_rows]
    data = data.reshape(-1, *FORMS[given.form][1])
    weight = draw.choice([None, np.linspace(0.5, 1.5, n_rows)])

    def fit(engine):
        return clone(given).set_params(engine=engine).fit(data, y[:n_rows], weight)

    with double_precision():
        fit("auto")  # so that the next one meets a program
        fused, unfused = fit("auto"), fit("keras")
        assert_fitted_alike(fused, unfused, data, rtol=1e-6, atol=1e-7)
