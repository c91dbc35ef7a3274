"""Memory of repeated fits and time of predictions, beside scikeras.

    python benchmarks/estimators.py memory --number 200
    python benchmarks/estimators.py predict

Each library runs in a process of its own, one after the other, on the same data.
Needs psutil.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

LIBRARIES = {"scikeras": "scikeras.wrappers", "skkeras_search": "skkeras_search"}


def create_model():
    import keras

    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def make_classifier(library):
    from importlib import import_module

    return import_module(LIBRARIES[library]).KerasClassifier(create_model, verbose=0)


def measure_memory(library, n_fits):
    """Resident memory in MB after 10 fits and after each further tenth."""
    import psutil
    from sklearn.base import clone
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    classifier = make_classifier(library)
    memory = {}
    for fit in range(1, n_fits + 1):
        clone(classifier).fit(X, y).predict(X[:150])
        if fit == 10 or fit % max(n_fits // 10, 1) == 0:
            memory[fit] = psutil.Process().memory_info().rss / 2**20
    return memory


def measure_predict(library, n_repeats):
    """Median milliseconds of a prediction, by number of rows."""
    import numpy as np
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    classifier = make_classifier(library).fit(X, y)
    milliseconds = {}
    for n_rows in (1, 150, 1797, 100_000):
        rows = np.resize(X, (n_rows, 64))
        classifier.predict(rows)
        times = []
        for _ in range(n_repeats if n_rows < 100_000 else 2):
            start = time.perf_counter()
            classifier.predict(rows)
            times.append(1000 * (time.perf_counter() - start))
        milliseconds[n_rows] = statistics.median(times)
    return milliseconds


def run(what, library, number):
    """Measure in a fresh process."""
    options = ["--library", library, "--number", str(number)]
    command = [sys.executable, __file__, what, *options]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["memory", "predict"])
    parser.add_argument("--number", type=int, help="of fits (200) or repeats (20)")
    parser.add_argument("--library", choices=LIBRARIES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    measure = {"memory": measure_memory, "predict": measure_predict}[arguments.what]
    number = arguments.number or {"memory": 200, "predict": 20}[arguments.what]
    if arguments.library:
        print(json.dumps(measure(arguments.library, number)))
        return
    peer, ours = (run(arguments.what, library, number) for library in LIBRARIES)
    if arguments.what == "memory":
        print(f"{'fits':>8} {'scikeras MB':>12} {'skkeras_search MB':>18}")
        for fits in peer:
            print(f"{fits:>8} {peer[fits]:>12.0f} {ours[fits]:>18.0f}")
        growth = [m[str(number)] - m["10"] for m in (peer, ours)]
        print(f"growth from 10 to {number} fits: {growth[0]:.0f} and {growth[1]:.0f} MB")
    else:
        print(f"{'rows':>8} {'scikeras ms':>12} {'skkeras_search ms':>18} {'ratio':>7}")
        for rows in peer:
            ratio = peer[rows] / ours[rows]
            print(f"{rows:>8} {peer[rows]:>12.1f} {ours[rows]:>18.1f} {ratio:>6.0f}x")


if __name__ == "__main__":
    main()
