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

    def submit(self, run, calls, mark):
        with self._lock:
            if self.has_died:
                raise TerminatedWorkerError
            future = Future()
            self._pending.add(future)
        self._threads.submit(self._work, future, run, calls, mark)
        return future

    def _work(self, future, run, calls, mark):
        try:
            result = run(calls, mark)
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


def run(calls, mark):
    return [call() for call in calls]


def killed(calls, error):
    return ["late" if error is None else "killed"] * len(calls)


def make(n_workers=2, give_up=killed, **params):
    started = [Workers()]

    def start():
        started.append(Workers())
        return started[-1]

    return Pool(started[0], n_workers, start, run, give_up, **params), started


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


@given(
    st.lists(st.integers(0, 3) | st.just(9), max_size=10),
    st.integers(1, 4),
    st.integers(0, 2),
    st.integers(1, 3),
)
@settings(deadline=None, max_examples=80)
def test_whoever_kills_its_worker_too_often_is_given_up(
    deaths, n_workers, n_retries, n_parts
):
    pool, started = make(n_workers, n_retries=n_retries)
    left = [[None] * times for times in deaths]
    futures = [
        pool.submit([[candidate(n, left[n])] for _ in range(n_parts)])
        for n in range(len(deaths))
    ]
    found = outcomes(futures)
    for n, times in enumerate(deaths):
        lives = [n] * n_parts
        if times == 0 or times < n_retries:
            assert found[n] == lives  # nobody is blamed for others
        elif times > max(1, n_retries) + n_parts - 1:
            assert "killed" in found[n]
        else:  # one death may be that of others
            assert set(found[n]) <= {n, "killed"}
        # None is run more often than that.
        assert times - len(left[n]) <= max(1, n_retries) + 1 + (n_parts - 1)
    assert len(started) <= 1 + sum(deaths)


class Late:
    """The mark of a part, some of which hang."""

    def __init__(self, hung):
        self._hung = hung

    def late(self):
        return 1 if self._hung.is_set() else None


@given(st.lists(st.sampled_from(["fine", "hangs", "kills"]), max_size=8), st.integers(1, 3))
@settings(deadline=None, max_examples=30)
def test_whoever_hangs_is_guilty_at_once(kinds, n_workers):
    hanging, runs, wakes = {}, [0] * len(kinds), []

    def make_call(n):
        hung = threading.Event()

        def call():
            runs[n] += 1
            if kinds[n] == "kills":
                raise SystemExit
            if kinds[n] == "hangs":
                event = threading.Event()
                wakes.append(event)
                hung.set()
                event.wait(30)
            return n

        hanging[call] = hung
        return call

    def kill(workers, process):
        hanging_there = list(wakes)
        workers.die()
        for event in hanging_there:
            event.set()

    pool, _ = make(n_workers, mark=lambda calls: Late(hanging[calls[0]]), kill=kill)
    futures = [pool.submit([[make_call(n)]]) for n in range(len(kinds))]
    while wait(futures, timeout=0.002).not_done:
        pool.look()
    expected = {"fine": None, "hangs": ["late"], "kills": ["killed"]}
    for n, kind in enumerate(kinds):
        assert futures[n].result() == (expected[kind] or [n])
        # A death at the moment in which another candidate is ended does not count.
        assert runs[n] <= 3 + kinds.count("hangs") or kind == "fine"


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

    outcomes([pool.submit([[call]]) for _ in range(10)])
    assert max(most) == 2


def test_workers_that_died_with_nothing_to_do():
    pool, started = make()
    assert outcomes([pool.submit([[lambda: 1]])]) == [[1]]
    started[0].die()
    assert outcomes([pool.submit([[lambda: 2]])]) == [[2]]


def test_late_news_of_a_death_end_no_other_workers():
    pool, started = make()
    go_on, begun = threading.Event(), threading.Event()

    def slow():
        begun.set()
        return go_on.wait(30)

    first = pool.submit([[slow]])
    assert begun.wait(30)
    # Dead, which the candidate that runs there has not heard yet.
    started[0].has_died = True
    assert outcomes([pool.submit([[lambda: 2]])]) == [[2]]
    started[0].die()
    go_on.set()
    assert outcomes([first]) == [[True]]
    assert len(started) == 2


def test_errors_arrive():
    def give_up(calls, error):
        raise MemoryError from error

    pool, _ = make(give_up=give_up)
    for call in ({}.popitem, candidate(0, [None] * 9)):
        with pytest.raises(MemoryError):
            pool.submit([[call]]).result(timeout=30)


def test_ctrl_c_arrives():
    class Interrupted(Workers):
        def submit(self, run, calls, mark):
            future = Future()
            future.set_exception(KeyboardInterrupt())
            return future

    pool = Pool(Interrupted(), 1, Workers, run, killed)
    with pytest.raises(KeyboardInterrupt):
        pool.submit([[int]]).result(timeout=30)


def test_nobody_waits_for_workers_that_cannot_be_started():
    def start():
        raise OSError("no more processes")

    pool = Pool(Workers(), 2, start, run, killed)
    futures = [pool.submit([[candidate(n, [None] * 9)]]) for n in range(3)]
    for future in futures:
        with pytest.raises(OSError, match="no more processes"):
            future.result(timeout=30)


def test_what_is_forgotten_is_not_begun():
    pool, _ = make(1)
    go_on, begun = threading.Event(), []
    first = pool.submit([[go_on.wait]])
    pool.submit([[lambda: begun.append(1)]])
    assert len(pool.forget()) == 1
    go_on.set()
    assert outcomes([first]) == [[True]]
    assert not begun
