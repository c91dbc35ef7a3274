"""The space of a function is what the function asks for, whatever its branches."""

import math
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skkeras_search.space import Categorical, Integer, Range, Real
from skkeras_search.space.discovery import MOST_CALLS, discover
from skkeras_search.space.hyperparameters import DeclarationError, HyperParameters


def nested(hp):
    if hp.Choice("kind", ["mlp", "cnn"]) == "mlp":
        for i in range(hp.Int("layers", 1, 3)):
            hp.Int(f"units_{i}", 8, 64, step=8)
            if hp.Boolean(f"drop_{i}"):
                hp.Float(f"rate_{i}", 0.1, 0.5)
    else:
        with hp.name_scope("cnn"):
            hp.Int("filters", 8, 64, sampling="log")


def both(hp):
    a, b = hp.Boolean("a"), hp.Boolean("b")
    if a and b:
        hp.Fixed("c", 3)


def either(hp):
    if hp.Boolean("a") or hp.Boolean("b"):
        hp.Float("c", 0, 1)


def scopes(hp):
    hp.Int("wide", 1, 1000)
    with hp.conditional_scope("wide", [500]):
        hp.Int("under_one_of_many", 1, 3)
    hp.Choice("kind", ["x", "y", "z"])
    hp.Float("of_two", 0, 1, parent_name="kind", parent_values=["x", "y"])
    with hp.conditional_scope("kind", "z"):
        hp.Boolean("of_z")
        with hp.conditional_scope("of_z", True):
            hp.Boolean("deeper")


def by_a_real_number(hp):
    if hp.Float("rate", 0, 1) > 0.5:
        hp.Int("late", 1, 3)


def same_name(hp):
    if hp.Boolean("a"):
        hp.Int("n", 1, 3)
        hp.Boolean("b")
    else:
        hp.Int("n", 1, 3)


def many_layers(hp):
    for i in range(hp.Int("layers", 1, 20)):
        hp.Choice(f"units_{i}", [8, 16])


FUNCTIONS = [nested, both, either, scopes, by_a_real_number, same_name, many_layers]


@cache
def space_of(function):
    return discover(function, function).space


def conditions(function):
    space = space_of(function)
    return {name: d.when for name, d in space.dimensions.items() if d.when}


def test_conditions():
    assert conditions(nested) == {
        "layers": {"kind": "mlp"},
        "units_0": {"kind": "mlp"},
        "drop_0": {"kind": "mlp"},
        "cnn/filters": {"kind": "cnn"},
        "units_1": {"layers": [2, 3]},
        "drop_1": {"layers": [2, 3]},
        "units_2": {"layers": 3},
        "drop_2": {"layers": 3},
        "rate_0": {"drop_0": True},
        "rate_1": {"drop_1": True},
        "rate_2": {"drop_2": True},
    }
    assert conditions(both) == {"c": {"a": True, "b": True}}
    assert conditions(scopes) == {
        "under_one_of_many": {"wide": 500},
        "of_two": {"kind": ["x", "y"]},
        "of_z": {"kind": "z"},
        "deeper": {"of_z": True},
    }
    # What no conjunction says, and what depends on real numbers, is always there.
    assert "c" not in conditions(either)
    assert conditions(by_a_real_number) == {}
    assert conditions(same_name) == {"b": {"a": True}}
    assert len(conditions(many_layers)) == 19


@pytest.mark.parametrize("function", FUNCTIONS)
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**31))
def test_configurations_have_all_that_is_asked_for(function, seed):
    space = space_of(function)
    (configuration,) = space.sample(1, seed)
    hp = HyperParameters(configuration)
    function(hp)
    assert hp.values.items() <= configuration.items()
    if function in (nested, both, scopes, many_layers):
        assert hp.values == configuration


def random_tree(draw, depth=0, prefix="p"):
    """A function that asks for things within branches, and the calls that it makes."""
    parts = []
    for i in range(draw(st.integers(1, 2))):
        name = f"{prefix}{i}"
        values = draw(st.sampled_from([[False, True], [1, 2, 3], ["u", "v"]]))
        chosen = draw(st.sets(st.sampled_from(values)))
        below = random_tree(draw, depth + 1, f"{name}_") if chosen and depth < 2 else []
        parts.append((name, values, chosen, below))
    return parts


@st.composite
def functions(draw):
    tree = random_tree(draw)

    def function(hp, parts=tree):
        for name, values, chosen, below in parts:
            if hp.Choice(name, values) in chosen:
                function(hp, below)

    return function


@settings(deadline=None, max_examples=40)
@given(function=functions(), seed=st.integers(0, 2**31))
def test_trees_of_branches_are_found_exactly(function, seed):
    space = discover(function, function).space
    for configuration in space.sample(5, seed):
        hp = HyperParameters(configuration)
        function(hp)
        assert hp.values == configuration


def test_dimensions():
    def function(hp):
        hp.Int("whole", 1, 9)
        hp.Int("step", 0, 10, step=5)
        hp.Int("log", 2, 32, step=2, sampling="log")
        hp.Int("reverse", 1, 10, sampling="reverse_log")
        hp.Float("real", 0, 1)
        hp.Float("steps", 0, 1, step=0.25)
        hp.Float("rate", 1e-4, 1e-1, sampling="log")
        hp.Choice("choice", ["a", "b"], default="b")
        hp.Choice("ordered", [3, 1, 2], ordered=True)
        hp.Int("one", 4, 4)
        hp.Fixed("fixed", [1, 2])

    found = discover(function, function)
    assert found.space.dimensions == {
        "whole": Integer(1, 9),
        "step": Range(range(0, 11, 5)),
        "log": Categorical([2, 4, 8, 16, 32], ordered=True),
        "reverse": Integer(1, 10, "reverse-log-uniform"),
        "real": Real(0, 1),
        "steps": Categorical([0.0, 0.25, 0.5, 0.75, 1.0], ordered=True),
        "rate": Real(1e-4, 1e-1, "log-uniform"),
        "choice": Categorical(["a", "b"]),
        "ordered": Categorical([3, 1, 2], ordered=True),
        "one": Categorical([4]),
        "fixed": Categorical([[1, 2]]),
    }
    assert found.defaults["choice"] == "b"
    assert found.defaults["fixed"] == [1, 2]
    assert found.defaults["rate"] == 1e-4


def test_a_scope_that_contradicts_a_branch():
    def function(hp):
        if hp.Choice("kind", ["a", "b"]) == "a":
            hp.Int("n", 1, 3, parent_name="kind", parent_values=["b"])

    assert conditions(function) == {"n": {"kind": "b"}}


def test_nothing_declared():
    found = discover(None, lambda hp: None)
    assert found.space is None
    assert found.defaults == {}


def test_other_bounds():
    def function(hp):
        hp.Int("n", 1, 3 if hp.Boolean("small") else 9)

    with pytest.raises(
        DeclarationError, match="'n' is declared twice with different values"
    ):
        discover(function, function)


def test_models_that_cannot_be_built():
    def function(hp):
        if hp.Boolean("wrong"):
            hp.Int("n", 1, 3)
            raise ArithmeticError("no such model")

    assert conditions(function) == {"n": {"wrong": True}}

    def never(hp):
        raise ArithmeticError("no model")

    with pytest.raises(ArithmeticError):
        discover(never, never)


def test_more_branches_than_calls():
    n_calls = 0

    def function(hp):
        nonlocal n_calls
        n_calls += 1
        path = "root"
        for _ in range(4):
            path += str(hp.Choice(path, list(range(30))))

    with pytest.warns(UserWarning, match=f"{MOST_CALLS} calls did not reach all"):
        discover(function, function)
    assert n_calls == MOST_CALLS


def contradicting_scopes(hp):
    hp.Choice("kind", ["a", "b"])
    with hp.conditional_scope("kind", ["a"]), hp.conditional_scope("kind", "b"):
        hp.Int("n", 1, 3)


def two_ranges(hp):
    hp.Choice("kind", ["a", "b"])
    for kind, most in (("a", 3), ("b", 9)):
        with hp.conditional_scope("kind", kind):
            hp.Int("n", 1, most)


def a_bound_that_depends(hp):
    hp.Int("k", 1, hp.Int("n", 2, 9))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda hp: hp.Int("n", 1.5, 3), r"hp.Int\('n'\): min_value=1.5 is not a whole"),
        (lambda hp: hp.Int("n", 3, 1), "min_value=3 is greater than max_value=1"),
        (lambda hp: hp.Int("n", 1, 9, step=0.5), "step=0.5 is not a whole number"),
        (lambda hp: hp.Int("n", 1, 9, step="a"), "step='a' is not a finite number"),
        (lambda hp: hp.Int("n", math.nan, 9), "min_value=nan is not a finite number"),
        (lambda hp: hp.Int("n", 1, math.inf), "max_value=inf is not a finite number"),
        (lambda hp: hp.Int("n", 1, 10**400), "max_value must be between -1.8e308 and"),
        (lambda hp: hp.Float("x", 0, math.inf, step=1), "max_value=inf is not a finite"),
        (lambda hp: hp.Float("x", 0, 1, step=math.nan), "step=nan is not a finite"),
        (lambda hp: hp.Int("n", 1, 9, step=0), "step=0 must be a number greater than 0"),
        (lambda hp: hp.Int("n", 1, 9, step=1, sampling="log"), "greater than 1"),
        (lambda hp: hp.Int("n", 0, 9, sampling="log"), "min_value=0 must be greater than"),
        (lambda hp: hp.Int("n", 1, 9, default=10), r"default=10 is not in Integer\(1, 9\)"),
        (lambda hp: hp.Float("x", "a", 1), "min_value='a' is not a finite number"),
        (lambda hp: hp.Float("x", 0, float("inf")), "is not a finite number"),
        (lambda hp: hp.Float("x", 1, 2, sampling="lgo"), "Did you mean 'log'"),
        (lambda hp: hp.Choice("c", []), "categories is empty"),
        (lambda hp: hp.Choice("c", ["a"], default="b"), "default='b' is not in"),
        (
            lambda hp: hp.Choice("c", ["a", "b"], ordered=True),
            "requires that all values are numbers",
        ),
        (lambda hp: hp.Boolean("b", parent_name="a", parent_values=[1]), "'a', ...*no hyp"),
        (
            lambda hp: (hp.Boolean("a"), hp.Boolean("b", parent_name="a", parent_values=2)),
            "never holds",
        ),
        (
            contradicting_scopes,
            r"'kind', 'b'\) never holds, .* outer scopes limit to \['a'\]",
        ),
        (two_ranges, "'n' is declared twice with different values"),
        (a_bound_that_depends, "'k' is declared twice with different values"),
    ],
)
def test_wrong_declarations(ask, message):
    with pytest.raises(DeclarationError, match=message):
        discover(ask, ask)


def test_what_was_asked_for():
    hp = HyperParameters({"n": 2})
    with hp.name_scope("inner"):
        hp.Boolean("flag", default=True)
        assert hp.get("flag")
    assert hp.Int("n", 1, 3) == 2
    assert hp.Int("n", 1, 3) == hp["n"] == 2
    assert "n" in hp
    assert "flag" not in hp
    assert hp.values == {"inner/flag": True, "n": 2}
    assert hp.Int("hidden", 1, 3, parent_name="n", parent_values=[1]) is None
    with pytest.raises(ValueError, match="'hidden' is inactive"):
        hp.get("hidden")
    with pytest.raises(KeyError, match="No hyperparameter 'other'"):
        hp["other"]
    copied = hp.copy()
    copied.Int("of_the_copy", 1, 3)
    assert copied.Int("n", 1, 3) == 2
    assert "of_the_copy" not in hp.values
