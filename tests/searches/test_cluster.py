"""What holds for all clusters, on one without processes."""

import threading

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skkeras_search.searches import cluster as module
from skkeras_search.searches.cluster import Cluster, run_job
from skkeras_search.searches.jobs import Call

X = np.arange(6.0).reshape(3, 2)


def double(function, estimator, X, y, train=None, **kwargs):
    return {"sum": float(X[train].sum()), "fit_error": None}


def job(**kwargs):
    args = (None, LogisticRegression(), X, None)
    return [Call(double, args, {"train": FOLD, **kwargs})]


FOLD = np.array([0, 1])


class Local(Cluster):
    """Jobs begin when the test says so. ``died`` says how often each has to begin."""

    def __init__(self, n_places=2, n_jobs=None, n_retries=2):
        self.n_places, self.begun, self.cancelled, self.shared = n_places, [], set(), []
        super().__init__(n_jobs, n_retries)

    def _n_places(self):
        return self.n_places

    def _share(self, thing):
        self.shared.append(thing)
        return thing

    def _start(self, sent):
        self.begun.append(sent)

    def _cancel(self, running):
        self.cancelled |= running

    def end(self, sent):
        self._receive(sent, lambda: run_job(sent.message, sent.data), None)
        return sent.outcome.result(timeout=10)

    def kill(self, sent):
        sent.n_deaths += 1
        self._receive(sent, list, RuntimeError("killed"))
        self._thread.submit(int).result(timeout=10)  # what came before is done


@pytest.fixture
def cluster():
    with Local() as cluster:
        yield cluster


def test_messages_refer_to_what_jobs_share(cluster):
    cluster.submit(job())
    cluster.submit(job())
    assert len(cluster.shared) == 2  # X and the rows of the fold
    (first, second) = cluster.begun
    assert cluster.end(first) == cluster.end(second) == [{"sum": 6.0, "fit_error": None}]


def test_as_many_jobs_run_as_there_is_room_for(cluster):
    futures = [cluster.submit(job()) for _ in range(4)]
    assert len(cluster.begun) == 2
    cluster.end(cluster.begun[0])
    assert futures[0].done()
    cluster._thread.submit(int).result(timeout=10)
    assert len(cluster.begun) == 3


def test_n_jobs_limits_how_many_run():
    with Local(n_places=8, n_jobs=3) as cluster:
        assert (cluster.n_slots, cluster.most_jobs) == (3, 6)
    with Local(n_places=8, n_jobs=-1) as cluster:
        assert cluster.n_slots == 8


def test_workers_that_come_later_get_jobs(cluster):
    for _ in range(4):
        cluster.submit(job())
    cluster.n_places = 4
    with cluster.waiting():
        assert len(cluster.begun) == 4


@pytest.mark.parametrize("n_retries", [0, 2])
def test_a_job_that_kills_more_workers_than_allowed_has_failed(n_retries):
    with Local(n_retries=n_retries) as cluster:
        outcome = cluster.submit(job(scorer=None, error_score=0.0, test=[2]))
        for n in range(n_retries + 1):
            assert not outcome.done()
            assert len(cluster.begun) == n + 1
            cluster.kill(cluster.begun[-1])
        (result,) = outcome.result(timeout=10)
        assert f"{n_retries + 1} worker processes" in result["fit_error"]
        assert len(cluster.begun) == n_retries + 1


def test_jobs_that_have_not_begun_are_withdrawn(cluster):
    futures = [cluster.submit(job()) for _ in range(3)]
    assert cluster.withdraw() == futures[2:]
    assert cluster.withdraw() == []


def test_abandoned_jobs_are_cancelled_and_heard_of_no_more(cluster):
    futures = [cluster.submit(job()) for _ in range(3)]
    cluster.abandon()
    assert cluster.cancelled == set(cluster.begun)
    cluster.kill(cluster.begun[0])
    assert len(cluster.begun) == 2
    assert not any(future.done() for future in futures)


def test_a_warning_tells_once_that_there_are_no_workers(cluster, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    cluster.n_places = 0
    cluster.waiting()
    with pytest.warns(UserWarning, match="has had no worker for 0 seconds"):
        cluster.waiting()
    cluster.waiting()  # warnings are errors
    assert cluster.n_slots == 1


def test_what_cannot_travel_is_named(cluster):
    calls = [
        Call(double, (None, LogisticRegression(), X, None), {"scorer": threading.Lock()})
    ]
    with pytest.raises(TypeError, match="The scorer of a candidate cannot be sent"):
        cluster.submit(calls)
