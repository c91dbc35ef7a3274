"""The time of a program, shared by the fits that it trains."""

import gc

import pytest

from skkeras_search.fusion.cost import Ledger, Use


class Thing:
    """What is prepared."""


def test_a_preparation_is_shared_by_all_that_use_it():
    ledger, one, other = Ledger(), Thing(), Thing()
    results = [{"fit_time": 1.0} for _ in range(5)]
    ledger.add(Use(one, 10.0, 10.6), results[0])
    ledger.add(Use(one, 10.1, 10.6), results[1])  # waited for it
    ledger.add(Use(other, 10.2, 11.0), results[2])
    ledger.share()
    assert [r["fit_time"] for r in results] == pytest.approx([1.3, 1.3, 1.8, 1.0, 1.0])
    ledger.add(Use(one, 12.0, 12.0), results[3])
    ledger.add(Use(other, 12.0, 12.2), results[4])
    ledger.share()
    assert [r["fit_time"] for r in results] == pytest.approx([1.2, 1.2, 1.5, 1.2, 1.5])


def test_a_ledger_keeps_no_program():
    ledger, thing = Ledger(), Thing()
    ledger.add(Use(thing, 0.0, 1.0), {"fit_time": 1.0})
    del thing
    gc.collect()
    assert not ledger._preparations
