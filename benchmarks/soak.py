"""Whether a long search with faults loses a result, or leaks.

    python benchmarks/soak.py                            # 1,000 candidates in this process
    python benchmarks/soak.py --candidates 200
    python benchmarks/soak.py --candidates 100 --jobs 2  # with workers that die and hang

Candidates are of 50 architectures. Some have a fault, drawn at random: an exception in the
function that builds the model, a loss that is not a number, MemoryError, a function that
does not return; in workers also a process that kills itself and a sleep that does not end.
Every tenth of the search prints what the process, and its workers together, hold: memory
(RSS) in megabytes, threads, open files. At the end, it prints the growth of memory after
the first tenth, or after 100 candidates, and the results that were lost, which must be 0:
candidates without a row, fine ones with an error, others without one. Needs psutil.
"""

import argparse
import os
import random
import signal
import time
import warnings
from collections import Counter

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import psutil
from sklearn.datasets import load_iris

from skkeras_search import GridSearchCV, KerasClassifier
from skkeras_search.searches.progress import SearchCallback

# What the text of an error says, by the kind of fault.
FAULTS = {
    "raises": "ArithmeticError",
    "not a number": "not numbers (NaN)",
    "memory": "MemoryError",
    "loops": "TimeoutError",
}
FAULTS_OF_WORKERS = {"kills": "died", "hangs": "TimeoutError"}


def build(meta, units=4, depth=1, fault="none"):
    import keras

    if fault == "raises":
        raise ArithmeticError("soak")
    if fault == "memory":
        raise MemoryError("soak")
    if fault == "kills":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "hangs":
        time.sleep(3600)
    while fault == "loops":
        pass
    layers = [keras.layers.Dense(units, activation="relu") for _ in range(depth)]
    model = keras.Sequential(
        [keras.Input((4,)), *layers, keras.layers.Dense(3, activation="softmax")]
    )
    rate = float("nan") if fault == "not a number" else 1e-3
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    return model


class Meter(SearchCallback):
    """Print what processes hold, now and then."""

    def __init__(self, every, first):
        self.every, self.first = every, first
        self.begun = time.monotonic()
        self.at_first = self.last = 0.0
        self.seen = 0

    def update(self, standing):
        self.seen = int(standing.n)
        if self.seen % self.every == 0 or self.seen == self.first:
            self.read()

    def read(self):
        process = psutil.Process()
        workers = process.children(recursive=True)
        self.last = process.memory_info().rss / 1e6
        if self.seen <= self.first:
            self.at_first = self.last
        of_workers = sum(rss(worker) for worker in workers)
        print(
            f"{self.seen:6d} {time.monotonic() - self.begun:7.0f} {self.last:8.0f} "
            f"{of_workers:8.0f} {process.num_threads():8d} {process.num_fds():8d}",
            flush=True,
        )


def rss(process):
    try:
        return process.memory_info().rss / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def candidates(n, share, faults, seed):
    rng = random.Random(seed)
    kinds = list(faults)
    return [
        {
            "units": [2 + number % 25],
            "depth": [1 + number // 25 % 2],
            "fault": [rng.choice(kinds) if rng.random() < share else "none"],
            "epochs": [rng.choice([1, 2, 3])],
        }
        for number in range(n)
    ]


def lost(results, n, faults):
    """Results that are not what they must be."""
    wrong = n - len(results["params"])
    for params, error in zip(results["params"], results["error"], strict=True):
        kind = params["fault"]
        if kind == "none":
            wrong += error is not None
        else:
            wrong += error is None or faults[kind] not in error
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=None, help="worker processes")
    parser.add_argument("--share", type=float, default=0.1, help="of candidates that fail")
    parser.add_argument("--timeout", type=float, default=3.0, help="fit_timeout, seconds")
    parser.add_argument("--retries", type=int, default=2, help="n_retries")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    in_workers = given.jobs is not None and given.jobs > 1
    faults = FAULTS | (FAULTS_OF_WORKERS if in_workers else {})
    cells = candidates(given.candidates, given.share, faults, given.seed)
    first = min(100, max(1, given.candidates // 2))
    meter = Meter(max(1, given.candidates // 10), first)
    search = GridSearchCV(
        KerasClassifier(build, verbose=0, random_state=0, units=4, depth=1, fault="none"),
        cells,
        cv=2,
        n_jobs=given.jobs,
        refit=False,
        fit_timeout=given.timeout,
        n_retries=given.retries,
    )
    print("candid. seconds  MB here  workers  threads    files")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.set_callbacks(meter).fit(*load_iris(return_X_y=True))
    meter.read()
    kinds = Counter(cell["fault"][0] for cell in cells)
    print("candidates by fault:", dict(sorted(kinds.items())))
    print(f"growth after {first} candidates: {meter.last - meter.at_first:.0f} MB")
    print("results lost:", lost(search.cv_results_, given.candidates, faults))


if __name__ == "__main__":
    main()
