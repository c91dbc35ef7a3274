"""
A search that is killed and goes on
===================================

A search with a storage writes each result to a file. Here a process is killed while it
searches, and another one goes on from the file.

    python examples/resume.py
"""

import os
import subprocess
import sys
import tempfile
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # what TensorFlow notes while it computes
stderr = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # and while it is imported
try:
    import keras
finally:
    os.dup2(stderr, 2)

from sklearn.datasets import load_digits

from skkeras_search import FreezeThawSearchCV, KerasClassifier, StorageError, load_search

X, y = load_digits(return_X_y=True)


def create_model(units=32, learning_rate=1e-3):
    model = keras.Sequential(
        [
            keras.layers.Rescaling(1 / 16),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


def make_search(storage):
    return FreezeThawSearchCV(
        KerasClassifier(create_model, epochs=27, verbose=0, random_state=0),
        {"units": [16, 32, 64], "learning_rate": (1e-4, 1e-1, "log-uniform")},
        n_iter=6,
        cv=3,
        random_state=0,
        storage=storage,
    )


def n_candidates(storage):
    try:
        return len(load_search(storage).cv_results_["params"])
    except (StorageError, ValueError):  # nothing is there yet
        return 0


if __name__ == "__main__":
    if len(sys.argv) == 2:
        make_search(sys.argv[1]).fit(X, y)
        sys.exit()

    with tempfile.TemporaryDirectory() as folder:
        storage = os.path.join(folder, "search.db")
        with subprocess.Popen([sys.executable, __file__, storage]) as process:
            while n_candidates(storage) < 5 and process.poll() is None:
                time.sleep(0.1)
            process.kill()
        print(f"Killed after {n_candidates(storage)} candidates.")

        start = time.perf_counter()
        search = make_search(storage).fit(X, y)
        print(
            f"Went on to {n_candidates(storage)} candidates in "
            f"{time.perf_counter() - start:.1f} s."
        )

        again = make_search(None).fit(X, y)
        same = search.best_params_ == again.best_params_
        print(f"A search without interruption finds {'the same' if same else 'another'}:")
        print(f"{search.best_score_:.3f} with {search.best_params_}")
