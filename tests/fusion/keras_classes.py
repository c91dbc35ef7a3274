"""Models that have one of Keras's classes in them, with any argument of its constructor."""

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

# For arguments without a default.
NEEDED = {
    **dict.fromkeys(("units", "filters", "size", "n", "num_heads", "head_dim"), 2),
    **dict.fromkeys(("kernel_size", "pool_size", "height", "width"), 2),
    **dict.fromkeys(("num_query_heads", "num_key_value_heads", "dims"), 2),
    **dict.fromkeys(("factor", "rate", "stddev", "learning_rate", "decay_rate"), 0.3),
    **dict.fromkeys(("scale", "alpha", "height_factor", "width_factor"), 0.4),
    **dict.fromkeys(("initial_learning_rate", "end_learning_rate"), 0.05),
    **dict.fromkeys(("decay_steps", "first_decay_steps", "num_classes"), 3),
    **dict.fromkeys(("num_tokens", "num_bins", "output_size"), 9),
    **dict.fromkeys(("precision", "recall", "sensitivity", "specificity"), 0.4),
    "input_dim": 9,
    "output_dim": 4,
    "key_dim": 3,
    "target_shape": (-1,),
    "target_class_ids": [0],
    "bin_boundaries": [0.2, 0.5],
    "value_range": (0, 1),
    "activation": "relu",
    "equation": "ab,bc->ac",
    "output_shape": (5,),
    "transforms": [],
    "fft_length": 4,
    "sequence_length": 4,
    "sequence_stride": 2,
    "fn": keras.losses.mean_squared_error,
    "layer": lambda: layers.Dense(2),
    "cell": lambda: layers.LSTMCell(3),
    "embedding": lambda: layers.Embedding(9, 2),
}
OF_ITS_OWN: dict[str, Callable[[], dict[str, Any]]] = {
    "Bidirectional": lambda: {"layer": layers.LSTM(2)},
    "GroupNormalization": lambda: {"groups": 1},
    "Dot": lambda: {"axes": 1},
    "PiecewiseConstantDecay": lambda: {"boundaries": [2, 4], "values": [0.1, 0.05, 0.01]},
}
# Tried in the place of any default of these kinds; most are refused by most classes.
WORDS = (
    "sum mean none valid same relu tanh zeros ones l2 non_neg max_norm causal mul concat"
)
WORDS += " channels_first float64 nearest bilinear constant reflect wrap PR minoring max"
IN_PLACE_OF: dict[type, list[Any]] = {
    type(None): [
        1,
        2,
        0.5,
        True,
        (0, 1),
        [0.2, 0.5],
        *["sum", "l2", "max_norm", "float64"],
    ],
    str: WORDS.split(),
    bool: [True, False],
    int: [0, 1, 2, 3, -1, 7],
    float: [0.0, 0.1, 0.5, 0.9, 2.0, 10.0],
    tuple: [1, 2, (2, 2), (1, 1), (1, 2)],
    list: [[1], [0.3]],
}
# They take data that models here have none of, or are of no use by themselves.
NOT_LAYERS = {"Layer", "Wrapper", "RNN", "StackedRNNCells", "Lambda", "TFSMLayer", "Input"}
NOT_LAYERS |= {"StringLookup", "TextVectorization", "Hashing", "HashedCrossing"}
NOT_LAYERS |= {"IntegerLookup", "JaxLayer", "FlaxLayer", "TorchModuleWrapper", "InputSpec"}
SHAPES = ((6,), (6, 3), (8, 8, 3), (5, 5, 5, 2), (4, 5, 6, 2), (3, 5, 5, 5, 2))
ROWS = np.random.default_rng(0)


class Case(NamedTuple):
    """Two objects of a class of Keras's that differ in one argument.

    Attributes
    ----------
    kind, cls, argument : str
    values : tuple of object
        The default first.
    """

    kind: str
    cls: type
    argument: str
    values: tuple[Any, Any]

    def __str__(self) -> str:
        return f"{self.cls.__name__}({self.argument}={self.values[1]!r})"

    def models(self) -> Iterator[keras.Model]:
        """Make a model with each of the objects."""
        for value in self.values:
            yield MODELS[self.kind](partial(make, self.cls, {self.argument: value}))


def make(cls: type, arguments: dict[str, Any]) -> Any:
    arguments = OF_ITS_OWN.get(cls.__name__, dict)() | arguments
    parameters = inspect.signature(cls.__init__).parameters.values()
    needed = {
        p.name: NEEDED[p.name]
        for p in parameters
        if p.default is p.empty and p.name in NEEDED and p.name not in arguments
    }
    functions = {n: v() for n, v in needed.items() if inspect.isfunction(v) and n != "fn"}
    return cls(**needed | functions | arguments)


def classes(module: Any, base: type, but: Any = ()) -> list[type]:
    found = [thing for _, thing in inspect.getmembers(module, inspect.isclass)]
    return [
        c for c in dict.fromkeys(found) if issubclass(c, base) and c.__name__ not in but
    ]


def cases(kind: str) -> Iterator[Case]:
    """All cases of a kind; some of them Keras refuses."""
    for cls in KINDS[kind]():
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                extra = {"dtype": "float64", "autocast": False, "trainable": False}
                if kind == "layers" and parameter.kind is parameter.VAR_KEYWORD:
                    for name, value in extra.items():
                        default = {"dtype": None}.get(name, True)
                        yield Case(kind, cls, name, (default, value))
                continue
            if parameter.name in ("name", "fn"):
                continue
            default = parameter.default
            if default is parameter.empty:
                default = NEEDED.get(parameter.name)
            for value in IN_PLACE_OF.get(type(default), ()):
                if type(value) is not type(default) or value != default:
                    yield Case(kind, cls, parameter.name, (default, value))


def compiled(
    *inner: Any, loss: Any = "mse", optimizer: Any = "sgd", metrics: Any = None
) -> keras.Model:
    last = layers.Dense(3, activation="sigmoid")
    model = keras.Sequential([keras.Input((6,)), *inner, last])
    model.compile(optimizer, loss, metrics=metrics)
    return model


def with_layer(make_layer: Callable[[], Any]) -> keras.Model:
    """A model for the first shape of data that a layer takes, alone or twice."""
    last: Exception | None = None
    for dtype in ("float32", "int32"):
        for shape in SHAPES:
            for n_inputs in (1, 2):
                inputs = [keras.Input(shape, dtype=dtype) for _ in range(n_inputs)]
                try:
                    layer = make_layer()
                    if "mage" in str(layer.__class__.__mro__) and len(shape) != 3:
                        continue
                    outputs = keras.tree.flatten(called(layer, inputs))[0]
                    if outputs.dtype in ("int32", "int64", "bool"):
                        outputs = layers.Rescaling(1.0)(outputs)
                    if any(size is None for size in outputs.shape[1:]):
                        raise ValueError("of unknown size")
                    outputs = layers.Dense(1)(layers.Flatten()(outputs))
                    model = keras.Model(inputs, outputs)
                    model.compile(keras.optimizers.SGD(0.01), "mse")
                    return model
                except Exception as error:  # whatever Keras raises of a wrong shape
                    last = error
    raise ValueError(f"{last}")


def called(layer: Any, inputs: list[Any]) -> Any:
    if "Attention" in type(layer).__name__ and len(inputs) == 2:
        return layer(*inputs)
    if type(layer).__name__.endswith("Cell"):
        layer = layers.RNN(layer)
    return layer(inputs[0] if len(inputs) == 1 else inputs)


MODELS: dict[str, Callable[[Callable[[], Any]], keras.Model]] = {
    "layers": with_layer,
    "losses": lambda make_loss: compiled(loss=make_loss()),
    "metrics": lambda make_metric: compiled(metrics=[make_metric()]),
    "optimizers": lambda make_optimizer: compiled(optimizer=make_optimizer()),
    "schedules": lambda make_schedule: compiled(
        optimizer=keras.optimizers.SGD(make_schedule())
    ),
    "regularizers": lambda make_regularizer: compiled(
        layers.Dense(4, kernel_regularizer=make_regularizer())
    ),
    "constraints": lambda make_constraint: compiled(
        layers.Dense(4, kernel_constraint=make_constraint())
    ),
}
SCHEDULES = keras.optimizers.schedules
KINDS: dict[str, Callable[[], list[type]]] = {
    "layers": lambda: classes(layers, layers.Layer, NOT_LAYERS),
    "losses": lambda: classes(keras.losses, keras.Loss, ["Loss"]),
    "metrics": lambda: classes(
        keras.metrics, keras.Metric, ["Metric", "MeanMetricWrapper", "Sum", "Mean"]
    ),
    "optimizers": lambda: classes(
        keras.optimizers,
        keras.Optimizer,
        ["Optimizer", "LossScaleOptimizer", "MultiOptimizer", "ScheduleFreeAdamW"],
    ),
    "schedules": lambda: classes(
        SCHEDULES, SCHEDULES.LearningRateSchedule, ["LearningRateSchedule"]
    ),
    "regularizers": lambda: classes(keras.regularizers, keras.Regularizer, ["Regularizer"]),
    "constraints": lambda: classes(
        keras.constraints, keras.constraints.Constraint, ["Constraint"]
    ),
}


def batch_for(model: keras.Model) -> tuple[Any, Any]:
    """Four rows of data."""

    def rows(tensor: Any) -> np.ndarray:
        shape = (4, *tensor.shape[1:])
        if "int" in tensor.dtype:
            return ROWS.integers(0, 4, shape).astype(tensor.dtype)
        return ROWS.random(shape, "float32")

    inputs = [rows(tensor) for tensor in model.inputs]
    if "Sparse" in type(model.loss).__name__ or type(model.loss).__name__ == "Circle":
        y = ROWS.integers(0, 3, (4, 1)).astype("float32")
    elif type(model.loss).__name__ == "CategoricalGeneralizedCrossEntropy":
        y = ROWS.integers(0, 3, (4,)).astype("float32")
    else:
        y = ROWS.integers(0, 2, (4, *model.outputs[0].shape[1:])).astype("float32")
    return (inputs[0] if len(inputs) == 1 else tuple(inputs)), y
