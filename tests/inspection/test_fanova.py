"""Importances by analysis of variance."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeRegressor

from skkeras_search.inspection.fanova import _shares, importances


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(2, 40), st.integers(1, 3))
def test_shares_are_those_of_the_function_of_the_tree(seed, n, d):
    rng = np.random.RandomState(seed)
    # On a lattice, so that the function is constant in each of its cells.
    X = rng.randint(0, 8, (n, d)) / 8 + 1 / 16
    y = rng.normal(size=n)
    tree = DecisionTreeRegressor(random_state=0).fit(X, y)
    # Thresholds are in the middle between cells, so cells of half the size are enough.
    axis = (np.arange(32) + 0.5) / 32
    points = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1)
    f = tree.predict(points.reshape(-1, d)).reshape(points.shape[:-1])
    expected = np.zeros(d)
    if f.var() > 1e-12:
        for j in range(d):
            others = tuple(k for k in range(d) if k != j)
            expected[j] = f.mean(axis=others).var() / f.var()
    assert np.allclose(_shares(tree.tree_), expected, atol=1e-6)


def test_what_matters_is_found():
    X = np.random.RandomState(0).uniform(size=(200, 3))
    shares = importances(X, 2 * X[:, 0] + X[:, 1]).mean(axis=0)
    # Variances of the two terms are in the ratio of four to one.
    assert np.allclose(shares, [0.8, 0.2, 0.0], atol=0.05)


def test_interactions_are_no_ones_own():
    X = np.random.RandomState(0).uniform(-1, 1, (300, 2))
    shares = importances((X + 1) / 2, np.sign(X[:, 0] * X[:, 1])).mean(axis=0)
    assert shares.sum() < 0.3


def test_one_score():
    assert not importances(np.array([[0.1], [0.9]]), np.ones(2)).any()
    assert not importances(np.array([[0.5]]), np.ones(1)).any()
