"""Build functions that declare hyperparameters, where worker processes find them."""

import keras
from keras import layers


def compiled(model, learning_rate):
    model.add(layers.Dense(3, activation="softmax"))
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def one_layer(hp):
    model = keras.Sequential([keras.Input((4,))])
    model.add(layers.Dense(hp.Int("units", 4, 16, step=4), activation="relu"))
    return compiled(model, hp.Float("learning_rate", 1e-3, 1e-1, sampling="log"))


def several_layers(hp):
    model = keras.Sequential([keras.Input((4,))])
    for i in range(hp.Int("layers", 1, 3)):
        with hp.name_scope(f"layer_{i}"):
            model.add(layers.Dense(hp.Int("units", 4, 8, step=4), activation="relu"))
    if hp.Boolean("dropout"):
        model.add(layers.Dropout(hp.Float("rate", 0.1, 0.5, step=0.1)))
    return compiled(model, hp.Choice("learning_rate", [0.1, 0.01]))


def scopes(hp):
    model = keras.Sequential([keras.Input((4,))])
    kind = hp.Choice("kind", ["wide", "deep", "linear"])
    with hp.conditional_scope("kind", ["wide"]):
        if kind == "wide":
            model.add(layers.Dense(hp.Int("width", 4, 16, sampling="log")))
    with hp.conditional_scope("kind", ["deep"]):
        if kind == "deep":
            for _ in range(hp.Int("depth", 1, 2)):
                model.add(layers.Dense(4))
    with hp.conditional_scope("kind", ["wide", "deep"]):
        if hp.Choice("activation", ["relu", "tanh"]) == "tanh":
            model.add(layers.Activation("tanh"))
    hp.Fixed("version", 3)
    return compiled(model, hp.Float("rate", 0.9, 0.99, sampling="reverse_log") / 10)


ALL = [one_layer, several_layers, scopes]
