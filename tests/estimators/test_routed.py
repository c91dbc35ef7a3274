"""Routed parameters: which names are refused, before anything is constructed."""

import inspect

import keras
import pytest

from skkeras_search.estimators.routed import accepted_arguments, check_routed

CLASSES = [
    found
    for module in (keras.optimizers, keras.losses, keras.metrics, keras.callbacks)
    for found in vars(module).values()
    if inspect.isclass(found)
]
EARLY, RATE = keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau


def made(cls):
    """An object of a class, or None if the class needs arguments or cannot be saved."""
    try:
        made = cls()
        made.get_config()
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        return None
    return made


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_no_argument_of_keras_is_refused(cls):
    names = set(inspect.signature(cls).parameters) - {"args", "kwargs"}
    if (instance := made(cls)) is not None:
        names |= instance.get_config().keys()
    for name in names:
        check_routed(cls, {name: None}, "receiver")


@pytest.mark.parametrize(
    "cls", [cls for cls in CLASSES if made(cls)], ids=lambda cls: cls.__name__
)
def test_what_is_refused_is_refused_by_keras(cls):
    if accepted_arguments(cls) is None:
        check_routed(cls, {"unknown": 1}, "receiver")
        return
    with pytest.raises(TypeError, match=f"'receiver__unknown': {cls.__name__} has no"):
        check_routed(cls, {"unknown": 1}, "receiver")
    with pytest.raises((TypeError, ValueError)):
        cls(unknown=1)


def test_constructors_of_users_that_accept_any_keyword():
    class Optimizer(keras.optimizers.SGD):
        def __init__(self, **kwargs):
            self.more = kwargs.pop("more", None)
            super().__init__(**kwargs)

    check_routed(Optimizer, {"more": 1}, "optimizer")


@pytest.mark.parametrize(
    ("items", "params"),
    [
        (EARLY, {"patience": 1}),
        ([EARLY, RATE], {"0__patience": 1, "verbose": 1}),
        ({"stop": EARLY, "rate": [RATE]}, {"stop__patience": 1, "rate__0__factor": 0.1}),
        (
            keras.optimizers.SGD,
            {
                "learning_rate": keras.optimizers.schedules.ExponentialDecay,
                "learning_rate__decay_rate": 0.5,
            },
        ),
        (EARLY, {"0": "loss"}),
        ([EARLY(), RATE], {"1__factor": 0.1}),
        ([[EARLY()], EARLY], {"patience": 1}),
        (keras.optimizers.Adam, {"decay": 0.1}),  # Keras ignores it with a warning
        ({}, {}),
        (None, {}),
    ],
)
def test_parameters_that_are_accepted(items, params):
    check_routed(items, params, "callbacks")


@pytest.mark.parametrize(
    ("items", "params", "words"),
    [
        (None, {"patience": 1}, "'callbacks__patience' has no object .*: callbacks=None"),
        ([EARLY, RATE], {"0__factor": 1}, "'callbacks__0__factor': EarlyStopping has no"),
        ([EARLY, RATE], {"factor": 1}, "'callbacks__factor': EarlyStopping has no"),
        ([EARLY], {"stop__patience": 1}, "'callbacks__stop__patience' has no object"),
        (EARLY, {"stop__patience": 1}, "'callbacks__stop__patience' has no object"),
        (EARLY(), {"patience": 1}, "callbacks=EarlyStopping.*Pass the class EarlyStopping"),
        ([EARLY, "a"], {"1__x": 1}, "callbacks.1.=a, which is not a class"),
        ("early", {"patience": 1}, "callbacks=early, which is not a class"),
        (
            EARLY,
            {"monitor": EARLY, "monitor__patienc": 1},
            "'callbacks__monitor__patienc': EarlyStopping has no .*mean 'patience'",
        ),
    ],
)
def test_parameters_that_are_refused(items, params, words):
    with pytest.raises(TypeError, match=words):
        check_routed(items, params, "callbacks")
