"""Limits of time, with threads that work, wait and hide from them."""

import threading
import time

import pytest

from skkeras_search.fusion import time_limit
from skkeras_search.fusion.time_limit import OutOfTime, TimeLimit, limited, wait_for


def work(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.001)


def in_thread(function):
    caught = []

    def run():
        try:
            function()
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    return caught


def test_work_beyond_the_limit_is_ended():
    limit = TimeLimit(0.05)
    (error,) = in_thread(limited(lambda: work(30), limit))
    assert isinstance(error, OutOfTime)
    assert limit.is_over
    limit.close()


def test_work_within_the_limit_is_not():
    limit = TimeLimit(60)
    assert limited(lambda: 1, limit)() == 1
    assert not limit.is_over
    limit.close()


def test_the_main_thread_is_woken():
    with pytest.raises(OutOfTime), TimeLimit(0.05).working():
        time.sleep(60)


def test_waiting_costs_nothing():
    limit = TimeLimit(0.3)
    with limit.working():
        with limit.waiting():
            time.sleep(0.5)
            with limit.waiting():
                time.sleep(0.1)
        assert not limit.is_over
    limit.close()


def test_waiting_for_a_lock_costs_nothing():
    limit, lock = TimeLimit(0.3), threading.Lock()
    lock.acquire()
    threading.Timer(0.6, lock.release).start()
    with limit.working():
        wait_for(lock)
        assert not limit.is_over
    limit.close()


def test_the_threads_of_a_fit_share_its_time():
    limit = TimeLimit(0.2)
    assert not in_thread(limited(lambda: work(0.12), limit))
    (error,) = in_thread(limited(lambda: work(30), limit))
    assert isinstance(error, OutOfTime)
    (error,) = in_thread(limited(lambda: 1, limit))  # nothing begins any more
    assert isinstance(error, OutOfTime)
    limit.close()


def test_code_that_swallows_the_exception_is_told_again(monkeypatch):
    monkeypatch.setattr(time_limit, "SECONDS_TO_END", 0.05)
    limit, told = TimeLimit(0.02), []

    def swallow():
        while len(told) < 3:
            try:
                work(30)
            except OutOfTime:
                told.append(1)

    in_thread(limited(swallow, limit))
    assert len(told) == 3
    limit.close()


def test_what_hangs_is_reported(monkeypatch):
    monkeypatch.setattr(time_limit, "GRACE", 0.1)
    monkeypatch.setattr(time_limit, "SECONDS_TO_END", 0.05)
    hangs, limit = threading.Event(), None
    limit = TimeLimit(0.05, hangs.set)
    in_thread(limited(lambda: hangs_in_c(hangs), limit))
    assert hangs.is_set()
    limit.close()


def hangs_in_c(hangs):
    assert hangs.wait(30)  # no exception is raised in it


def test_nothing_is_raised_after_the_end():
    for _ in range(200):
        limit = TimeLimit(0.001)
        try:
            try:
                with limit.working():
                    work(0.001)
            except OutOfTime:
                pass
        finally:
            limit.close()
    work(0.1)
