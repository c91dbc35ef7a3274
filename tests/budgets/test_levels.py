import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from skkeras_search.budgets.levels import onto_last

tables = st.integers(0, 10_000).map(
    lambda seed: np.random.default_rng(seed).normal(size=(12, 3)).cumsum(axis=1)
)


@given(tables)
def test_the_last_rung_stays_as_it_is(table):
    assert (onto_last(table)[:, -1] == table[:, -1]).all()


@given(tables)
def test_means_of_common_candidates_agree(table):
    means = onto_last(table).mean(axis=0)
    np.testing.assert_allclose(means, means[-1])


@given(tables, st.integers(0, 10))
def test_order_within_a_rung_stays(table, n_unseen):
    table[:n_unseen, 1:] = np.nan
    assert (onto_last(table).argsort(axis=0)[:, 0] == table.argsort(axis=0)[:, 0]).all()


@given(tables)
def test_many_candidates_show_the_spread(table):
    many = np.vstack([table] * 30)
    narrow = many * [0.5, 0.5, 1.0]
    spread = onto_last(narrow).std(axis=0)
    slopes = np.clip(narrow[:, 2].std() / narrow[:, 1].std(), 0.2, 3.0)
    np.testing.assert_allclose(spread[1], slopes * narrow[:, 1].std(), rtol=0.05)


def test_with_nothing_in_common_nothing_changes():
    table = np.array([[1.0, np.nan], [np.nan, 5.0]])
    np.testing.assert_array_equal(onto_last(table), table)


def test_equal_values_are_moved_only():
    table = np.array([[1.0, 4.0], [1.0, 5.0], [1.0, 6.0]])
    np.testing.assert_allclose(onto_last(table)[:, 0], 5.0)
