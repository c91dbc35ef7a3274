import pytest
from hypothesis import given
from hypothesis import strategies as st

from skkeras_search.budgets.rung import Rung, checked_rungs, epoch_rungs, folds_rungs


@given(n_folds=st.integers(1, 12), make=st.sampled_from([epoch_rungs, folds_rungs]))
def test_defaults_are_valid(n_folds, make):
    rungs = make(n_folds)
    assert checked_rungs(rungs, n_folds) == rungs


def test_no_rung_twice_with_one_fold():
    assert epoch_rungs(1) == [Rung(1, 1 / 9), Rung(1, 1 / 3), Rung(1, 1.0)]
    assert folds_rungs(1) == [Rung(1, 1.0)]


@pytest.mark.parametrize(
    ("rungs", "message"),
    [
        ([], r"The last of rungs must be \(3, 1.0\)"),
        ([(1, 1.0)], r"The last of rungs must be \(3, 1.0\).* got \[\(1, 1.0\)\]"),
        ([(0, 0.5), (3, 1)], r"between 1 and 3 folds, got \(0, 0.5\)"),
        ([(4, 0.5), (3, 1)], r"between 1 and 3 folds, got \(4, 0.5\)"),
        ([(1, 0.0), (3, 1)], r"above 0 and at most 1, got \(1, 0.0\)"),
        ([(1, 1.5), (3, 1)], r"above 0 and at most 1, got \(1, 1.5\)"),
        (
            [(2, 0.5), (1, 0.7), (3, 1)],
            r"less of neither, got \(2, 0.5\) and then \(1, 0.7",
        ),
        (
            [(1, 0.5), (2, 0.3), (3, 1)],
            r"less of neither, got \(1, 0.5\) and then \(2, 0.3",
        ),
        ([(1, 0.5), (1, 0.5), (3, 1)], r"more folds or a larger share"),
    ],
)
def test_bad_rungs(rungs, message):
    with pytest.raises(ValueError, match=message):
        checked_rungs(rungs, 3)
