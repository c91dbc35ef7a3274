"""Peak memory of a fused search, as a multiple of the size of X.

    python benchmarks/memory.py --size 500 --candidates 4
    python benchmarks/memory.py --size 500 --candidates 8 --jobs 2

Resident memory is sampled while a grid search runs in this process. The
memory that holds X itself is not counted. With worker processes it is the
memory of this process and all workers, where pages that several have count
once (PSS). Needs psutil.
"""

import argparse
import contextlib
import os
import threading
import time

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

N_FEATURES = 1000
SECONDS_A_SAMPLE = 0.005


def create_model(rate=0.01):
    import keras

    model = keras.Sequential(
        [
            keras.Input((N_FEATURES,)),
            keras.layers.Dense(4, activation="relu"),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    return model


def make_data(n_rows, dtype="float32"):
    generator = np.random.default_rng(0)
    X = generator.random((n_rows, N_FEATURES), dtype=dtype)
    return X, generator.integers(0, 2, n_rows)


def search(X, y, n_candidates, n_folds=3, **params):
    from skkeras_search import GridSearchCV, KerasClassifier

    classifier = KerasClassifier(
        create_model, model__rate=0.01, batch_size=512, random_state=0, verbose=0
    )
    rates = [0.01 * (i + 1) for i in range(n_candidates)]
    grid = {"model__rate": rates}
    GridSearchCV(classifier, grid, cv=n_folds, refit=False, **params).fit(X, y)


def resident():
    """Bytes that this process has in memory."""
    import psutil

    return psutil.Process().memory_info().rss


def proportional():
    """Bytes that this process and all workers have in memory."""
    import psutil

    here = psutil.Process()
    total = 0
    for process in [here, *here.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):  # it has ended
            total += process.memory_full_info().pss
    return total


def peak_growth(call, memory=resident):
    """Bytes by which memory grows at most while ``call`` runs."""
    begin = peak = memory()
    done = threading.Event()

    def sample():
        nonlocal peak
        while not done.wait(SECONDS_A_SAMPLE):
            peak = max(peak, memory())

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        call()
    finally:
        done.set()
        sampler.join()
    return peak - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=500, help="of X, in MB (500)")
    parser.add_argument("--candidates", type=int, default=4)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--jobs", type=int, help="worker processes")
    arguments = parser.parse_args()
    memory = proportional if arguments.jobs else resident
    # TensorFlow's own memory. Workers stay for the next search.
    search(*make_data(300), n_candidates=4, n_jobs=arguments.jobs)
    n_bytes = np.dtype(arguments.dtype).itemsize
    X, y = make_data(arguments.size * 2**20 // (n_bytes * N_FEATURES), arguments.dtype)
    arguments_of_search = (X, y, arguments.candidates, arguments.folds)
    start = time.perf_counter()
    growth = peak_growth(
        lambda: search(*arguments_of_search, n_jobs=arguments.jobs), memory
    )
    seconds = time.perf_counter() - start
    print(
        f"X {X.nbytes / 2**20:.0f} MB, {arguments.candidates} candidates, "
        f"{arguments.folds} folds: "
        f"{growth / X.nbytes:.2f} times X on top, {seconds:.1f} s"
    )


if __name__ == "__main__":
    main()
