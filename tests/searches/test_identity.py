"""Words and hashes that are the same in any process, and differ where results may."""

import functools
import logging
import os
import random
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skkeras_search import Categorical, KerasClassifier, MultiInput, Real
from skkeras_search.searches.identity import describe, hash_of

SCALE = 3.0


def scaled(x, power=1):
    return SCALE * helper(x) ** power


def helper(x):
    return x + 1


def closed(n):
    def function(x):
        return x + n

    return function


log = logging.getLogger("tests")


def logs(x):
    log.info(os.environ.get("HOME"))
    return pd.DataFrame(x)


def draws():
    return random.randint(0, 9)


class Custom(BaseEstimator):
    KIND = "a"
    SIZES = (1, 2)

    def __init__(self, n=1):
        self.n = n

    def fit(self, X, y=None):
        return self


def build(units=3, words=frozenset({"one", "two", "three"})):
    if units in {1, 2, 3, 4}:
        units += len(words)
    return keras.Sequential([keras.layers.Dense(units), keras.layers.Dense(3, "softmax")])


def model(units=3, seed=0):
    keras.utils.set_random_seed(seed)
    made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
    made.compile("adam", "mse")
    return made


FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"], "c": pd.Categorical(["u", "v"])})
# By name: functions that make the same each time, all of them different.
THINGS = {
    "none": lambda: None,
    "int": lambda: 1,
    "float": lambda: 1.0,
    "bool": lambda: True,
    "str": lambda: "1",
    "list": lambda: [1, [2, "a"]],
    "tuple": lambda: (1, [2, "a"]),
    "dict": lambda: {"a": 1, "b": {2, 3, "c"}},
    "dict in another order": lambda: {"b": {2, 3, "c"}, "a": 1},
    "array": lambda: np.arange(6.0).reshape(2, 3),
    "array of another shape": lambda: np.arange(6.0),
    "array of another type": lambda: np.arange(6.0, dtype="float32").reshape(2, 3),
    "array of objects": lambda: np.array(["a", None, 2.5], object),
    "sparse": lambda: sparse.csr_array(np.eye(3)),
    "frame": lambda: FRAME.copy(),
    "frame with another name": lambda: FRAME.rename(columns={"a": "A"}),
    "frame with another value": lambda: FRAME.assign(b=["x", "z"]),
    "series": lambda: FRAME["a"].copy(),
    "inputs": lambda: MultiInput({"p": np.eye(2), "q": np.ones((2, 3))}),
    "function": lambda: scaled,
    "another function": lambda: helper,
    "function of numpy": lambda: np.mean,
    "lambda": lambda: lambda x: x + 1,
    "another lambda": lambda: lambda x: x + 2,
    "closure": lambda: closed(1),
    "closure over another": lambda: closed(2),
    "partial": lambda: functools.partial(scaled, power=2),
    "partial of another": lambda: functools.partial(scaled, power=3),
    "method": lambda: Custom(3).fit,
    "class": lambda: Custom,
    "estimator": lambda: LogisticRegression(C=2.0),
    "estimator with another": lambda: LogisticRegression(C=2.5),
    "custom estimator": lambda: Custom(2),
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "pipeline of functions": lambda: make_pipeline(FunctionTransformer(np.log1p)),
    "pipeline of other functions": lambda: make_pipeline(FunctionTransformer(scaled)),
    "network": lambda: KerasClassifier(build, units=2, epochs=3),
    "network with another": lambda: KerasClassifier(build, units=3, epochs=3),
    "optimizer": lambda: keras.optimizers.Adam(0.1),
    "optimizer with another": lambda: keras.optimizers.Adam(0.2),
    "callback": lambda: keras.callbacks.EarlyStopping(patience=2),
    "callback with another": lambda: keras.callbacks.EarlyStopping(patience=3),
    "model": model,
    "model with another width": lambda: model(4),
    "model with other weights": lambda: model(3, seed=1),
    "dimension": lambda: Real(1e-3, 1.0, "log-uniform"),
    "categories": lambda: Categorical([Custom(1), Custom(2)]),
    "categories of functions": lambda: Categorical([scaled, helper]),
    "ordered": lambda: Categorical(["a", "b"], ordered=True),
    "not ordered": lambda: Categorical(["a", "b"]),
    "function that logs": lambda: logs,
    "function that draws": lambda: draws,
    "times": lambda: np.array(["2020-01-01"], "datetime64[D]"),
    "empty": lambda: np.zeros((0, 3)),
    "masked": lambda: np.ma.masked_array([1.0, 2.0], [0, 1]),
    "masked elsewhere": lambda: np.ma.masked_array([1.0, 2.0], [1, 0]),
    "distribution": lambda: stats.loguniform(1e-3, 1.0),
    "distribution with another": lambda: stats.loguniform(1e-3, 2.0),
    "random state": lambda: np.random.RandomState(0),
    "another random state": lambda: np.random.RandomState(1),
    "generator": lambda: np.random.default_rng(0),
    "global random state": lambda: np.random.mtrand._rand,
}


def test_equal_things_have_equal_hashes_and_others_do_not():
    keras.Sequential([keras.layers.Dense(3)])  # layers are numbered
    first = {name: hash_of(make()) for name, make in THINGS.items()}
    keras.Sequential([keras.layers.Dense(3)])
    assert {name: hash_of(make()) for name, make in THINGS.items()} == first
    same = [sorted(n for n in first if first[n] == h) for h in set(first.values())]
    assert [names for names in same if len(names) > 1] == []


PRINT = """
from tests.searches.test_identity import THINGS, hash_of
for name, make in THINGS.items():
    print(name, hash_of(make()), sep=": ")
"""


def test_hashes_are_the_same_in_another_process():
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONHASHSEED": "7", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", PRINT],
        cwd=root,
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    there = dict(line.split(": ") for line in done.stdout.splitlines() if ": (" in line)
    assert there == {name: hash_of(make()) for name, make in THINGS.items()}


def test_what_only_changes_the_speed_does_not_count():
    one, two = LogisticRegression(), LogisticRegression(verbose=1)
    assert hash_of(make_pipeline(one)) == hash_of(make_pipeline(two))


@pytest.mark.parametrize("change", ["SCALE", "helper", "KIND", "SIZES"])
def test_what_a_function_or_class_refers_to_counts(change, monkeypatch):
    before = hash_of([scaled, Custom()])
    if change in ("KIND", "SIZES"):
        monkeypatch.setattr(Custom, change, (3, 4))
    else:
        other = {"SCALE": 4.0, "helper": lambda x: x + 2}[change]
        monkeypatch.setitem(globals(), change, other)
    assert hash_of([scaled, Custom()]) != before


def test_parts_of_themselves():
    around = [1]
    around.append(around)
    assert hash_of(around) == hash_of(around)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        ("adam", "'adam'"),
        ((1e-4, 0.1, "log-uniform"), "(0.0001, 0.1, 'log-uniform')"),
        (Real(0.0, 1.0), "Real(0.0, 1.0) ("),
        (Categorical([scaled]), "Categorical([<function scaled>]) ("),
        (scaled, "scaled ("),
        (Custom(1), "Custom ("),
        (np.zeros((2, 3)), "ndarray of shape (2, 3) ("),
        (FRAME, "DataFrame of shape (2, 3) ("),
        ("x" * 100, "str ("),
    ],
)
def test_words(value, text):
    assert describe(value).startswith(text)
    assert len(describe(value)) <= 80


@pytest.mark.parametrize("kind", [list, tuple])
def test_sequences_of_numbers_differ_by_their_items_and_types(kind):
    values = [
        kind(items)
        for items in (
            [0, 1],
            [0.0, 1.0],
            [False, True],
            [0, 1.0],
            [1, 0],
            [0, 1, 1],
            [0, 10**30],
            [0, 10**30 + 1],
            [0, "1"],
            [[0, 1]],
            [],
        )
    ]
    hashes = [hash_of(value) for value in values]
    assert len(set(hashes)) == len(values)
    assert hashes == [hash_of(kind(value)) for value in values]
    assert hash_of([0, 1]) != hash_of((0, 1)) != hash_of(np.array([0, 1]))
