import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skkeras_search import Categorical, Integer, Real, Space

CONDITIONAL = Space(
    {
        "momentum": Real(0, 0.99, when={"optimizer": "sgd"}),
        "optimizer": ["adam", "sgd", "rmsprop"],
        "n_layers": (1, 3),
        "units_2": Integer(8, 64, when={"n_layers": [2, 3]}),
        "nesterov": Categorical([True, False], when={"optimizer": "sgd", "n_layers": 1}),
    }
)


@given(st.integers(0, 2**32 - 1))
def test_a_configuration_goes_to_its_vector_and_back(seed):
    (params,) = CONDITIONAL.sample(1, random_state=seed)
    vector = CONDITIONAL.encode(params)
    back = CONDITIONAL.decode(vector)
    assert back.keys() == params.keys()
    for name, value in params.items():
        assert back[name] == (pytest.approx(value) if name == "momentum" else value)
    assert CONDITIONAL.snap(vector[None])[0] == pytest.approx(vector)
    assert params in CONDITIONAL


@given(st.integers(0, 2**32 - 1))
def test_what_is_not_set(seed):
    (params,) = CONDITIONAL.sample(1, random_state=seed)
    assert ("momentum" in params) == (params["optimizer"] == "sgd")
    assert ("units_2" in params) == (params["n_layers"] > 1)
    assert ("nesterov" in params) == (
        params["optimizer"] == "sgd" and params["n_layers"] == 1
    )


def test_conditions_on_conditions():
    space = Space(
        {
            "c": Real(0, 1, when={"b": "y"}),
            "b": Categorical(["x", "y"], when={"a": 1}),
            "a": [0, 1],
        }
    )
    for params in space.sample(50, random_state=0):
        assert ("b" in params) == (params["a"] == 1)
        assert ("c" in params) == (params.get("b") == "y")


def test_configurations_that_differ_in_nothing_have_one_vector():
    quantiles = np.random.default_rng(0).uniform(size=(200, 5))
    vectors = CONDITIONAL.from_uniform(quantiles)
    for vector in vectors:
        params = CONDITIONAL.decode(vector)
        assert CONDITIONAL.encode(params) == pytest.approx(vector, abs=1e-9)


def test_number_of_configurations():
    assert Space({"a": [1, 2], "b": (1, 5)}).n_configurations == 10
    assert Space({"a": [1, 2], "b": (0.0, 1.0)}).n_configurations == math.inf
    when = Integer(1, 5, when={"a": 1})
    assert Space({"a": [1, 2], "b": when}).n_configurations == 6


def test_grid():
    assert list(Space({"a": [1, 2], "b": (0.0, 1.0)}).grid(2)) == [
        {"a": 1, "b": 0.0},
        {"a": 1, "b": 1.0},
        {"a": 2, "b": 0.0},
        {"a": 2, "b": 1.0},
    ]
    when = Integer(1, 2, when={"a": 1})
    assert list(Space({"a": [1, 2], "b": when}).grid()) == [
        {"a": 1, "b": 1},
        {"a": 1, "b": 2},
        {"a": 2},
    ]


def test_samples_are_reproducible():
    assert CONDITIONAL.sample(5, random_state=1) == CONDITIONAL.sample(5, random_state=1)


def test_dimensions_with_names():
    space = Space([Real(0, 1, name="x"), Integer(1, 3, name="y")])
    assert space.names == ["x", "y"]
    assert [d.name for d in space] == ["x", "y"]
    assert space == Space([Real(0, 1, name="x"), Integer(1, 3, name="y")])


@pytest.mark.parametrize(
    ("dimensions", "message"),
    [
        ({}, "empty"),
        ({"a": []}, "a: categories is empty"),
        ({"a": (3, 1)}, "a: low=3 must be less than high=1"),
        ({"a": Real(0, 1, name="b")}, "'a' has the name 'b'"),
        ([Real(0, 1)], "has no name"),
        ([Real(0, 1, name="x"), Real(0, 2, name="x")], "Two dimensions"),
        ({"a": Real(0, 1, when={"bb": 1}), "b": [1, 2]}, "'bb', which .* Did you mean 'b'"),
        ({"a": Real(0, 1, when={"b": 3}), "b": [1, 2]}, "b=3: 3 is not in"),
        ({"a": Real(0, 1, when={"b": 3}), "b": (0.0, 5.0)}, "whose values are real"),
        (
            {"a": Real(0, 1, when={"b": ("x", "y")}), "b": ["x", "y", "z"]},
            r"For any of several values, pass a list: when={'b': \['x', 'y'\]}",
        ),
        ({"a": (1, 10**400)}, "a: high must be between"),
        (
            {"a": Integer(0, 1, when={"b": 1}), "b": Integer(0, 1, when={"a": 1})},
            "conditional on itself",
        ),
    ],
)
def test_bad_spaces(dimensions, message):
    with pytest.raises(ValueError, match=message):
        Space(dimensions)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_layers": 1}, "'optimizer' is missing"),
        ({"n_layers": 1, "optimizer": "adan"}, "optimizer: 'adan' is not in"),
        ({"n_layer": 1, "optimizer": "adam"}, "Did you mean 'n_layers'"),
        ({"n_layers": 1, "optimizer": "sgd", "nesterov": True}, "'momentum' is missing"),
    ],
)
def test_bad_configurations(params, message):
    with pytest.raises(ValueError, match=message):
        CONDITIONAL.encode(params)
    assert params not in CONDITIONAL


@pytest.mark.parametrize("dimensions", [None, 5, "abc"])
def test_what_is_no_space(dimensions):
    with pytest.raises(TypeError, match="A space must be a dict of dimensions"):
        Space(dimensions)


def test_what_is_no_configuration():
    with pytest.raises(TypeError, match="A configuration must be a dict"):
        CONDITIONAL.encode([1, 2])


def test_a_name_that_is_no_str():
    with pytest.raises(TypeError, match="must be a str, got 1"):
        Space({1: [1, 2]})


def test_build_asks_for_what_is_set_in_order():
    space = Space(
        {
            "child": Real(0, 1, when={"parent": [1, 2]}),
            "grandchild": Real(0, 1, when={"child_kind": "a"}),
            "child_kind": Categorical(["a", "b"], when={"parent": 2}),
            "parent": Integer(0, 3),
        }
    )
    for parent, kind, expected in [
        (0, "a", ["parent"]),
        (1, "a", ["parent", "child"]),
        (2, "b", ["parent", "child", "child_kind"]),
        (2, "a", ["parent", "child", "child_kind", "grandchild"]),
    ]:
        values = {"parent": parent, "child_kind": kind, "child": 0.5, "grandchild": 0.5}
        asked = []

        def choose(name, _, values=values, asked=asked):
            asked.append(name)
            return values[name]

        params = space.build(choose)
        assert sorted(asked) == sorted(expected)
        assert all(asked.index("parent") <= asked.index(name) for name in asked)
        assert params in space
    with pytest.raises(ValueError, match="not in"):
        space.build(lambda name, _: 7)
