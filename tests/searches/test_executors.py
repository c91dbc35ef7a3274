"""Executors that have several jobs under way, with threads that end in any order."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import parallel_config
from joblib.parallel import get_active_backend

from skkeras_search.searches.executors import Asynchronous, Fused, Inline, Spread
from skkeras_search.searches.jobs import Call, Job


class Threads(Asynchronous):
    def __init__(self, most_jobs, n_threads=3):
        super().__init__()
        self.most_jobs = most_jobs
        self._pool = ThreadPoolExecutor(n_threads)
        self.n_running, self.most_running = 0, 0
        self.abandoned = False

    def submit(self, calls):
        self.n_running += 1
        self.most_running = max(self.most_running, self.n_running)
        return self._pool.submit(lambda: [call() for call in calls])

    def abandon(self):
        self.abandoned = True

    def __exit__(self, *error):
        self._pool.shutdown()


def make_job(number):
    return Job(number, {}, (0,), (None,))


def proposals(n):
    jobs = iter([make_job(number) for number in range(n)])
    return lambda: next(jobs, None)


def work(number, wait=0.0):
    if wait:
        threading.Event().wait(wait)
    return {"fit_error": None, "number": number}


EXECUTORS = {
    "inline": lambda: Inline(),
    "threads": lambda: Threads(3),
    "spread": lambda: Spread(2, 2, "2*n_jobs"),
    "fused": lambda: Fused(fused_backend(), 5),
}


def fused_backend():
    with parallel_config("fused"):
        return get_active_backend()[0]


@pytest.mark.parametrize("make", EXECUTORS.values(), ids=EXECUTORS)
def test_all_jobs_are_run_once(make):
    with parallel_config("threading", n_jobs=2), make() as executor:
        calls = lambda job: [Call.of(work, job.number)]  # noqa: E731
        given = list(executor.run(proposals(20), calls))
        assert sorted(result["number"] for _, (result,) in given) == list(range(20))
        assert all(job.number == result["number"] for job, (result,) in given)
        assert list(executor.run(proposals(3), calls))  # once more
        assert not executor.unread


@pytest.mark.parametrize("make", EXECUTORS.values(), ids=EXECUTORS)
def test_an_error_ends_it(make):
    def fail(number):
        if number == 7:
            raise ZeroDivisionError
        return work(number)

    with parallel_config("threading", n_jobs=2), make() as executor:
        calls = lambda job: [Call.of(fail, job.number)]  # noqa: E731
        with pytest.raises(ZeroDivisionError):
            list(executor.run(proposals(20), calls))


@given(
    st.lists(st.sampled_from([0.0, 0.001, 0.004]), max_size=12),
    st.integers(1, 4),
    st.integers(0, 12),
)
@settings(deadline=None, max_examples=40)
def test_jobs_under_way(waits, most_jobs, n_read):
    with Threads(most_jobs) as executor:
        calls = lambda job: [Call.of(work, job.number, waits[job.number])]  # noqa: E731
        running = executor.run(proposals(len(waits)), calls)
        read = []
        for job, _ in running:
            read.append(job.number)
            executor.n_running -= 1
            if len(read) == n_read:
                break
        running.close()
    assert executor.most_running <= most_jobs
    unread = [job.number for job, _ in executor.unread]
    assert len({*read, *unread}) == len(read) + len(unread)
    if n_read == 0 or n_read > len(waits):
        assert sorted(read) == list(range(len(waits)))
        assert not unread


@given(st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)), st.integers(1, 4))
@settings(deadline=None, max_examples=30)
def test_who_runs_out_of_memory_beside_others_runs_again_alone(short, poor, most_jobs):
    """Some have too little memory beside others, some always."""
    running, lock, runs = set(), threading.Lock(), [0] * 8

    def fit(number):
        with lock:
            running.add(number)
            runs[number] += 1
        threading.Event().wait(0.002)
        with lock:
            beside = len(running) > 1
            running.discard(number)
        is_over = number in poor or (number in short and beside)
        return {"fit_error": "Trace\nMemoryError: no more" if is_over else None}

    with Threads(most_jobs) as executor:
        calls = lambda job: [Call.of(fit, job.number)]  # noqa: E731
        given = list(executor.run(proposals(8), calls))
    assert sorted(job.number for job, _ in given) == list(range(8))
    for job, (result,) in given:
        assert job.number in poor or result["fit_error"] is None
        assert result["fit_error"] is not None or job.number not in poor
        assert runs[job.number] <= 2


def test_nothing_begins_after_the_end():
    with Threads(2) as executor:
        given = []
        for job, _ in executor.run(proposals(10), lambda job: [Call.of(work, job.number)]):
            given.append(job.number)
            executor.ends = True
    assert sorted(given) == [0, 1]
    assert not executor.abandoned


def test_who_has_nothing_to_propose_is_asked_again():
    waiting, n_asked = [make_job(0), None, make_job(1), None, None], 0

    def propose():
        nonlocal n_asked
        n_asked += 1
        return waiting.pop(0) if waiting else None

    with Threads(3) as executor:
        given = list(executor.run(propose, lambda job: [Call.of(work, job.number)]))
    assert [job.number for job, _ in given] == [0, 1]
