"""Candidates on workers that may die, with threads in the place of workers."""

import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib.externals.loky.process_executor import TerminatedWorkerError

from skkeras_search.searches.pool import Pool


class Workers(Executor):
    """As loky's, but for the processes: the death of one ends all."""

    def __init__(self):
        self._threads = ThreadPoolExecutor(4)
        self._lock = threading.Lock()
        self._pending = set()
        self.has_died = False

    def submit(self, run, calls):
        with self._lock:
            if self.has_died:
                raise TerminatedWorkerError
            future = Future()
            self._pending.add(future)
        self._threads.submit(self._work, future, run, calls)
        return future

    def _work(self, future, run, calls):
        try:
            result = run(calls)
        except SystemExit:
            self.die()
            return
        except Exception as error:
            settle, value = future.set_exception, error
        else:
            settle, value = future.set_result, result
        with self._lock:
            is_pending = future in self._pending
            self._pending.discard(future)
        if is_pending:
            settle(value)

    def die(self):
        with self._lock:
            self.has_died, pending, self._pending = True, self._pending, set()
        for future in pending:
            future.set_exception(TerminatedWorkerError())


def run(calls):
    return [call() for call in calls]


def make(n_workers=2, give_up=lambda calls, error: "killed"):
    started = [Workers()]

    def start():
        started.append(Workers())
        return started[-1]

    return Pool(started[0], n_workers, start, run, give_up), started


def candidate(n, deaths):
    """The call of candidate ``n``, whose worker dies some times."""

    def call():
        if deaths:
            deaths.pop()
            raise SystemExit
        return n

    return call


def outcomes(futures):
    wait(futures, timeout=30)
    return [future.result(timeout=0) for future in futures]


@given(st.lists(st.integers(0, 1) | st.just(9), max_size=12), st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_whoever_kills_its_worker_alone_is_given_up(deaths, n_workers):
    pool, started = make(n_workers)
    futures = [
        pool.submit([candidate(n, [None] * times)]) for n, times in enumerate(deaths)
    ]
    found = outcomes(futures)
    for n, times in enumerate(deaths):
        # One death may be that of others, before its turn, or its own, when it is alone.
        assert found[n] in {0: [[n]], 1: [[n], "killed"], 9: ["killed"]}[times]
    assert len(started) <= 1 + 2 * sum(times > 0 for times in deaths)


def test_no_more_run_than_there_are_workers():
    pool, _ = make(2)
    running, most, lock = set(), [], threading.Lock()

    def call():
        with lock:
            running.add(threading.get_ident())
            most.append(len(running))
        threading.Event().wait(0.01)
        with lock:
            running.discard(threading.get_ident())

    outcomes([pool.submit([call]) for _ in range(10)])
    assert max(most) == 2


def test_workers_that_died_with_nothing_to_do():
    pool, started = make()
    assert outcomes([pool.submit([lambda: 1])]) == [[1]]
    started[0].die()
    assert outcomes([pool.submit([lambda: 2])]) == [[2]]


def test_late_news_of_a_death_end_no_other_workers():
    pool, started = make()
    go_on, begun = threading.Event(), threading.Event()

    def slow():
        begun.set()
        return go_on.wait(30)

    first = pool.submit([slow])
    assert begun.wait(30)
    # Dead, which the candidate that runs there has not heard yet.
    started[0].has_died = True
    assert outcomes([pool.submit([lambda: 2])]) == [[2]]
    started[0].die()
    go_on.set()
    assert outcomes([first]) == [[True]]
    assert len(started) == 2


def test_errors_arrive():
    def give_up(calls, error):
        raise MemoryError from error

    pool, _ = make(give_up=give_up)
    futures = [pool.submit([{}.popitem]), pool.submit([candidate(0, [None] * 9)])]
    with pytest.raises(KeyError):
        futures[0].result(timeout=30)
    with pytest.raises(MemoryError):
        futures[1].result(timeout=30)


def test_nobody_waits_for_workers_that_cannot_be_started():
    def start():
        raise OSError("no more processes")

    pool = Pool(Workers(), 2, start, run, lambda calls, error: "killed")
    futures = [pool.submit([candidate(n, [None] * 9)]) for n in range(3)]
    for future in futures:
        with pytest.raises(OSError, match="no more processes"):
            future.result(timeout=30)


def test_what_is_forgotten_is_not_begun():
    pool, _ = make(1)
    go_on, begun = threading.Event(), []
    first = pool.submit([go_on.wait])
    pool.submit([lambda: begun.append(1)])
    assert len(pool.forget()) == 1
    go_on.set()
    assert outcomes([first]) == [[True]]
    assert not begun
