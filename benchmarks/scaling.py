"""What a search on a cluster costs the process that coordinates it.

Run ``python benchmarks/scaling.py`` for simulated workers, with ``--real`` for candidates
an hour on one and two worker processes of a local Dask cluster.

A simulated worker trains no model. Its jobs end in simulated time, in a random order, and
all else is real: proposals, messages, records. The CPU time is that of the whole process.
"""

import argparse
import heapq
import itertools
import time
from contextlib import contextmanager
from unittest.mock import patch

import joblib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from skkeras_search import BayesSearchCV
from skkeras_search.samplers import BayesianSampler
from skkeras_search.searches.cluster import Cluster

SPACE = {
    "C": (1e-3, 1e3, "log-uniform"),
    "tol": (1e-6, 1e-1, "log-uniform"),
    "intercept_scaling": (0.1, 10.0, "log-uniform"),
    "max_iter": (10, 1000),
    "l1_ratio": (0.0, 1.0),
    "fit_intercept": [True, False],
}


class Simulated(Cluster):
    """Workers that know the score of a candidate without training.

    Parameters
    ----------
    n_workers : int
    """

    def __init__(self, n_workers):
        self._n_workers = n_workers
        self._now, self._running_until = 0.0, []
        self._order = itertools.count()
        self._rng = np.random.default_rng(0)
        self.n_bytes = 0
        super().__init__(None)

    def _n_places(self):
        return self._n_workers

    def _share(self, thing):
        return thing

    def _start(self, sent):
        self.n_bytes += len(sent.message)
        end = self._now + self._rng.lognormal(sigma=0.5)
        heapq.heappush(self._running_until, (end, next(self._order), sent))

    def _cancel(self, running):
        self._running_until.clear()

    def waiting(self):
        block = super().waiting()
        self._now, _, sent = heapq.heappop(self._running_until)
        self._receive(sent, lambda: [_result(call) for call in sent.calls], None)
        return block


def _result(call):
    params = call.kwargs["parameters"]
    score = -((np.log10(params["C"]) - 1) ** 2) - (params["l1_ratio"] - 0.3) ** 2
    score -= 0.1 * (np.log10(params["tol"]) + 3) ** 2
    return {
        "fit_error": None,
        "fit_time": 1.0,
        "score_time": 0.1,
        "n_test_samples": 100,
        "test_scores": score,
    }


class Clock:
    """Measure the CPU time in a method."""

    def __init__(self, method):
        self.spent, self._method = 0.0, method

    def __call__(self, *args):
        begun = time.process_time()
        try:
            return self._method(*args)
        finally:
            self.spent += time.process_time() - begun


def coordinate(n_workers, n_candidates):
    """Run a search on simulated workers.

    Returns
    -------
    (float, float, float)
        CPU time of a candidate in ms: all of it, proposals, packing; and bytes a message.
    """
    X, y = load_digits(return_X_y=True)
    executor = Simulated(n_workers)
    search = BayesSearchCV(
        LogisticRegression(), SPACE, n_iter=n_candidates, cv=3, refit=False, random_state=0
    )

    @contextmanager
    def chosen(*_):
        yield executor

    ask, pack = Clock(BayesianSampler.ask), Clock(Cluster._packed)
    with (
        patch("skkeras_search.searches.base.fused_by_default", chosen),
        patch.object(BayesianSampler, "ask", lambda *args: ask(*args)),
        patch.object(Cluster, "_packed", lambda *args: pack(*args)),
    ):
        begun = time.process_time()
        search.fit(X, y)
        spent = time.process_time() - begun
    per_candidate = 1000 / n_candidates
    return (
        spent * per_candidate,
        ask.spent * per_candidate,
        pack.spent * per_candidate,
        executor.n_bytes / n_candidates,
    )


def simulated(numbers):
    print("| workers | candidates | ms a candidate | proposal | packing | KB a message |")
    print("| --- | --- | --- | --- | --- | --- |")
    for n_workers in numbers:
        n_candidates = max(100, n_workers + 200 * (n_workers >= 100))
        whole, ask, pack, n_bytes = coordinate(n_workers, n_candidates)
        print(
            f"| {n_workers} | {n_candidates} | {whole:.1f} | {ask:.1f} | {pack:.1f} "
            f"| {n_bytes / 1000:.1f} |",
            flush=True,
        )


def real(numbers, n_candidates=16):
    """Candidates an hour on real workers, which are warm."""
    import keras
    from distributed import Client, LocalCluster

    from skkeras_search import KerasClassifier

    def build(meta, units=16):
        model = keras.Sequential([keras.layers.Dense(units, activation="relu")])
        model.add(keras.layers.Dense(meta["n_classes_"], activation="softmax"))
        return model

    X, y = load_digits(return_X_y=True)
    classifier = KerasClassifier(
        build,
        units=16,
        epochs=120,
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        random_state=0,
        verbose=0,
    )
    print("| workers | candidates an hour |")
    print("| --- | --- |")
    for n_workers in numbers:
        with (
            LocalCluster(
                n_workers, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            Client(cluster),
            joblib.parallel_config("dask"),
        ):
            for n_iter in (2 * n_workers, n_candidates):  # the first warms the workers
                search = BayesSearchCV(
                    classifier,
                    {"units": (16, 64)},
                    n_iter=n_iter,
                    cv=3,
                    refit=False,
                    random_state=0,
                )
                begun = time.perf_counter()
                search.fit(X, y)
                spent = time.perf_counter() - begun
        print(f"| {n_workers} | {3600 * n_candidates / spent:.0f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+")
    parser.add_argument("--real", action="store_true")
    args = parser.parse_args()
    if args.real:
        real(args.workers or [1, 2])
    else:
        simulated(args.workers or [1, 10, 100, 1000])
