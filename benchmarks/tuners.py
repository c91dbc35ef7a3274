"""KerasTuner's random search and ours, with the same numbers of models and epochs.

    python benchmarks/tuners.py [--trials 20] [--epochs 10]

Both train each candidate once on four fifths of the rows of digits, and score it on the
others. Each runs in a process of its own, so that neither profits from the other; the time
includes that of finding out the space, and not the imports.
"""

import argparse
import subprocess
import sys
import tempfile
import time

KINDS = ("keras_tuner", "skkeras_search")


def build_model(hp):
    import keras

    model = keras.Sequential([keras.Input((64,))])
    for i in range(hp.Int("layers", 1, 2)):
        units = hp.Int(f"units_{i}", 16, 64, step=16)
        model.add(keras.layers.Dense(units, activation="relu"))
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(hp.Float("dropout_rate", 0.1, 0.5)))
    model.add(keras.layers.Dense(10, activation="softmax"))
    rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
    model.compile(
        keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def run_keras_tuner(X, y, trials, epochs):
    import keras_tuner

    with tempfile.TemporaryDirectory() as directory:
        tuner = keras_tuner.RandomSearch(
            build_model,
            objective="val_accuracy",
            max_trials=trials,
            directory=directory,
            seed=0,
        )
        began = time.perf_counter()
        tuner.search(X, y, epochs=epochs, validation_split=0.2, verbose=0)
        best = max(trial.score for trial in tuner.oracle.trials.values())
        return time.perf_counter() - began, best


def run_skkeras_search(X, y, trials, epochs):
    from sklearn.model_selection import ShuffleSplit

    from skkeras_search import KerasClassifier, RandomizedSearchCV

    search = RandomizedSearchCV(
        KerasClassifier(build_model, epochs=epochs, verbose=0, random_state=0),
        n_iter=trials,
        cv=ShuffleSplit(n_splits=1, test_size=0.2, random_state=0),
        refit=False,
        random_state=0,
    )
    began = time.perf_counter()
    search.fit(X, y)
    return time.perf_counter() - began, search.cv_results_["mean_test_score"].max()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--only", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    arguments = ["--trials", str(options.trials), "--epochs", str(options.epochs)]
    if options.only is None:
        for kind in KINDS:
            command = [sys.executable, __file__, *arguments, "--only", kind]
            subprocess.run(command, check=True)
        return
    import keras_tuner  # noqa: F401  # imports are not part of the times
    from sklearn.datasets import load_digits

    import skkeras_search.searches  # noqa: F401

    X, y = load_digits(return_X_y=True)
    seconds, best = globals()[f"run_{options.only}"](
        X / 16, y, options.trials, options.epochs
    )
    print(f"{options.only:>15}: {seconds:6.1f} s, best validation accuracy {best:.3f}")


if __name__ == "__main__":
    main()
