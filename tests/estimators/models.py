"""Build functions and custom classes of the tests, where worker processes find them."""

import keras
from keras import layers


def mlp(meta, units=8, learning_rate=0.05):
    """A classifier for every kind of target."""
    model = keras.Sequential([keras.Input((meta["n_features_in_"],))])
    model.add(layers.Dense(units, activation="relu"))
    kind = meta["target_type_"]
    if kind == "binary":
        model.add(layers.Dense(1, activation="sigmoid"))
        loss = "binary_crossentropy"
    elif kind == "multilabel-indicator":
        model.add(layers.Dense(meta["n_classes_"], activation="sigmoid"))
        loss = "binary_crossentropy"
    else:
        model.add(layers.Dense(meta["n_classes_"], activation="softmax"))
        loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"])
    return model


def regression_mlp(meta, units=8, learning_rate=0.05):
    model = keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            layers.Dense(units, activation="relu"),
            layers.Dense(meta["n_outputs_"]),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "mse")
    return model


def softmax_regression(n_features=4, n_classes=3):
    """Uncompiled, so that the estimator's optimizer and loss count."""
    return keras.Sequential(
        [keras.Input((n_features,)), layers.Dense(n_classes, activation="softmax")]
    )


def linear_regression(n_features=4):
    return keras.Sequential([keras.Input((n_features,)), layers.Dense(1)])


class Scale(layers.Layer):
    """A custom layer that is registered nowhere."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Subclassed(keras.Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = layers.Dense(units, activation="softmax")

    def call(self, inputs):
        return self.dense(inputs)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def swish_like(x):
    return x * keras.ops.sigmoid(x)


def absolute_loss(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


def mean_probability(y_true, y_pred):
    return keras.ops.mean(y_pred)


class Offset(keras.metrics.Mean):
    """A custom metric whose get_config lacks its argument."""

    def __init__(self, offset=1.0, name="offset", **kwargs):
        super().__init__(name=name, **kwargs)
        self.offset = offset

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(self.offset)


class Scaled(keras.losses.Loss):
    """A custom loss without a get_config."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = scale

    def call(self, y_true, y_pred):
        return self.scale * keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


class Boosted(keras.optimizers.SGD):
    """A custom optimizer whose get_config lacks its argument."""

    def __init__(self, learning_rate=0.01, boost=1.0, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.boost = boost


def with_custom_compile_arguments():
    model = linear_regression()
    model.compile("adam", Scaled(3.0), metrics=[mean_probability, Offset(7.0)])
    return model


def with_custom_layer():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            Scale(3.0),
            layers.Dense(4, activation=swish_like),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def with_lambda():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Lambda(lambda x: 2 * x, name="twice"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def with_custom_loss():
    model = linear_regression()
    model.compile("adam", absolute_loss)
    return model


def subclassed():
    model = Subclassed()
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def two_inputs():
    """Inputs named after columns of iris, of one and of three features."""
    first, rest = keras.Input((1,), name="first"), keras.Input((3,), name="rest")
    hidden = layers.Dense(8, activation="relu")(layers.Concatenate()([first, rest]))
    outputs = layers.Dense(3, activation="softmax")(hidden)
    model = keras.Model([first, rest], outputs)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def two_heads():
    inputs = keras.Input((4,))
    model = keras.Model(
        inputs,
        [
            layers.Dense(3, activation="softmax", name="species")(inputs),
            layers.Dense(1, activation="sigmoid", name="large")(inputs),
        ],
    )
    model.compile(
        "adam",
        {"species": "categorical_crossentropy", "large": "binary_crossentropy"},
    )
    return model


def with_lambda_activation():
    last = layers.Dense(1, activation=lambda x: x, name="last")
    model = keras.Sequential([keras.Input((4,)), last])
    model.compile("adam", "mse")
    return model


def with_model_defined_inside(units=5):
    class Inside(keras.Model):
        def __init__(self):  # nor can Keras restore this one: it takes no config
            super().__init__()
            self.hidden = layers.Dense(units, activation="relu")
            self.last = layers.Dense(3, activation="softmax")

        def call(self, inputs):
            return self.last(self.hidden(inputs))

    model = Inside()
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def with_parts_defined_inside(factor=2.0):
    class Times(layers.Layer):
        def call(self, inputs):
            return factor * inputs

    class Loss(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

    class Steady(keras.optimizers.SGD):
        pass

    def halved(inputs):
        return inputs / 2

    model = keras.Sequential(
        [keras.Input((4,)), Times(), layers.Dense(3), layers.Softmax()]
    )
    model.add(layers.Activation(halved))
    model.compile(Steady(0.1, momentum=0.9), Loss(), metrics=[Offset(7.0)])
    return model


class Around(keras.Model):
    """Keras cannot save it: its argument is a layer, and it has no get_config."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.last = layers.Dense(3, activation="softmax")

    def call(self, inputs):
        return self.last(self.inner(inputs))


def around_a_layer(units=5):
    model = Around(layers.Dense(units))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model
