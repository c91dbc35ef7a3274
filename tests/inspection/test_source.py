"""The code that makes an estimator."""

import codecs
import sys
from functools import partial
from types import ModuleType

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skkeras_search import KerasClassifier, KerasRegressor
from skkeras_search.inspection.source import source_of


class Any(BaseEstimator):
    """Takes anything."""

    def __init__(self, value=None):
        self.value = value


@pytest.mark.parametrize(
    "estimator",
    [
        SVC(),
        SVC(C=0.1, gamma=1, class_weight={0: 2.0, "b": 1}),
        make_pipeline(StandardScaler(with_mean=False), SVC(C=float("inf"))),
        make_column_transformer((StandardScaler(), [0, 1]), remainder="passthrough"),
        FunctionTransformer(np.log1p),
        Any((1,)),
        Any([(1, 2.5), "it's", None, True, b"x", float("nan")]),
        Any(np.array([1.0, 2.0])),
        Any(SVC),
        Any("x" * 200),
        Any({1, 2}),
        Any(slice(1, 3)),
        Any(range(3)),
        Any(partial(np.add, 1)),
        Any({"a-b": [np.log1p, len]}),
        Any([]),
        Any(()),
        KerasRegressor(hidden=(3, 2), optimizer__learning_rate=0.1, epochs=3),
    ],
)
def test_it_runs(estimator):
    made = {}
    exec(source_of(estimator), made)
    assert repr(made["estimator"].get_params()) == repr(estimator.get_params())


def test_scalars_of_numpy_become_plain():
    assert "SVC(C=0.1, gamma=2)" in source_of(SVC(C=np.float64(0.1), gamma=np.int32(2)))


def test_what_cannot_be_written_is_named():
    def build(meta):
        """Make a model."""

    code = source_of(KerasClassifier(build, optimizer=object(), loss=lambda a, b: 0))
    assert "model=build" in code
    assert "# Define build: the function test_what_cannot_be_written_is_named" in code
    assert "optimizer=object" in code
    compile(code, "code", "exec")


def test_two_functions_of_one_name_are_told_apart():
    def first():
        def f():
            """First."""

        return f

    code = source_of(Any([first(), object(), object()]))
    assert code.count("# Define") >= 2
    compile(code, "code", "exec")


def build(optimizer="adam", units=3):
    """Make a model, whose optimizer is not the default of the estimator."""


def test_defaults_of_the_build_function_are_left_out():
    code = source_of(KerasClassifier(build, units=3, optimizer="rmsprop"))
    made = {}
    exec(code, made)
    assert made["estimator"].get_params()["optimizer"] == "rmsprop"
    assert "units" not in code


def test_an_odd_name_is_one_of_a_dict():
    class Odd(Any):
        def __init__(self, **params):
            self.params = params

        def get_params(self, deep=True):
            return self.params

    Odd.__qualname__ = "Odd"
    globals()["Odd"] = Odd
    try:
        made = {}
        exec(source_of(Odd(**{"a b": 1, "class": 2, "x\ny": 3})), made)
        assert made["estimator"].params == {"a b": 1, "class": 2, "x\ny": 3}
    finally:
        del globals()["Odd"]


def test_nothing_gets_out_of_a_comment():
    Hostile = type("Hostile", (), {"__module__": "x\nraise SystemExit"})
    code = source_of(Any([Hostile(), Hostile]))
    assert "\nraise" not in code
    compile(code, "code", "exec")


def test_optimizers_and_losses_of_keras():
    import keras

    code = source_of(
        KerasClassifier(
            build, optimizer=keras.optimizers.SGD(0.5), loss=keras.losses.MeanSquaredError()
        )
    )
    made = {}
    exec(code, made)
    assert float(made["estimator"].optimizer.learning_rate) == 0.5
    assert isinstance(made["estimator"].loss, keras.losses.MeanSquaredError)
    assert "keras.src" not in code


@pytest.mark.parametrize(
    "weights",
    [{0.0: 1.0, 1.0: 2.0}, {np.int64(0): 1}, {(1, "a"): 2, None: 3}, {np.log1p: "log"}],
)
def test_keys_of_any_kind(weights):
    made = {}
    exec(source_of(SVC(class_weight=weights)), made)
    assert made["estimator"].class_weight == weights


def test_what_cannot_be_written_takes_no_name_of_python():
    class list:
        pass

    code = source_of(Any([list, float("inf"), 1]))
    assert "# Define list:" not in code
    compile(code, "code", "exec")


def test_two_classes_of_one_name_are_told_apart(monkeypatch):
    other = ModuleType("of_another_module")
    other.SVC = type("SVC", (SVC,), {"__module__": other.__name__})
    monkeypatch.setitem(sys.modules, other.__name__, other)
    made = {}
    exec(source_of(Any([SVC(), other.SVC(), SVC, other.SVC])), made)
    first, second, *classes = made["estimator"].value
    assert (type(first), type(second)) == (SVC, other.SVC)
    assert classes == [SVC, other.SVC]


def test_imports_hide_nothing_of_python():
    values = [codecs.open, range(3), sum, slice(1), abs]
    made = {}
    exec(source_of(Any(values)), made)
    assert made["estimator"].value == values
