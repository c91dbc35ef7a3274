"""The same search end to end: through peers, and here.

    python benchmarks/search.py
    python benchmarks/search.py --candidates 10 --ways skkeras_search "scikit-optimize"

A Keras classifier of the digits, five parameters, three folds, the same number of
candidates, each way in a process of its own, one after the other. Printed are the seconds
to finish, the seconds to the best score that all of them reached, and the best
cross-validated score. The importing of libraries is not counted.

Peers, each optional: scikit-optimize and OptunaSearchCV (optuna-integration) with scikeras,
and KerasTuner (keras-tuner), which has no folds: it has one split, and its best model so
far is cross-validated afterwards, which is not counted.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

EPOCHS = 5
FOLDS = 3


def digits():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return (X / 16).astype("float32"), y


def build(units=64, learning_rate=1e-3, dropout=0.2, activation="relu"):
    import keras

    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(units, activation=activation),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(learning_rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


DEFAULTS = {"units": 64, "learning_rate": 1e-3, "dropout": 0.2, "activation": "relu"}


def folds():
    from sklearn.model_selection import StratifiedKFold

    return StratifiedKFold(FOLDS, shuffle=True, random_state=0)


def ours(n):
    from skkeras_search import BayesSearchCV, KerasClassifier

    space = {
        "units": [16, 32, 64, 128],
        "learning_rate": (1e-5, 1e-1, "log-uniform"),
        "dropout": (0.0, 0.6),
        "activation": ["relu", "tanh", "elu"],
        "batch_size": [16, 32, 64],
    }
    estimator = KerasClassifier(build, epochs=EPOCHS, verbose=0, random_state=0)
    search = BayesSearchCV(estimator, space, n_iter=n, cv=folds(), random_state=0)
    return lambda seen: search.fit(*digits(), callback=lambda r: seen(-r.func_vals[-1]))


def of_scikeras():
    from scikeras.wrappers import KerasClassifier

    return KerasClassifier(build, epochs=EPOCHS, verbose=0, random_state=0, **DEFAULTS)


def scikit_optimize(n):
    from skopt import BayesSearchCV
    from skopt.space import Categorical, Real

    space = {
        "units": Categorical([16, 32, 64, 128]),
        "learning_rate": Real(1e-5, 1e-1, prior="log-uniform"),
        "dropout": Real(0.0, 0.6),
        "activation": Categorical(["relu", "tanh", "elu"]),
        "batch_size": Categorical([16, 32, 64]),
    }
    search = BayesSearchCV(of_scikeras(), space, n_iter=n, cv=folds(), random_state=0)

    def callback(result):
        seen_of[0](-result.func_vals[-1])

    seen_of = []
    return lambda seen: (seen_of.append(seen), search.fit(*digits(), callback=callback))


def optuna(n):
    from optuna import logging
    from optuna.distributions import CategoricalDistribution, FloatDistribution
    from optuna_integration import OptunaSearchCV

    logging.set_verbosity(logging.ERROR)
    space = {
        "units": CategoricalDistribution([16, 32, 64, 128]),
        "learning_rate": FloatDistribution(1e-5, 1e-1, log=True),
        "dropout": FloatDistribution(0.0, 0.6),
        "activation": CategoricalDistribution(["relu", "tanh", "elu"]),
        "batch_size": CategoricalDistribution([16, 32, 64]),
    }

    def run(seen):
        OptunaSearchCV(
            of_scikeras(),
            space,
            n_trials=n,
            cv=folds(),
            random_state=0,
            callbacks=[lambda study, trial: seen(trial.value)],
        ).fit(*digits())

    return run


def keras_tuner(n):
    import keras_tuner

    class Model(keras_tuner.HyperModel):
        def build(self, hp):
            return build(
                hp.Choice("units", [16, 32, 64, 128]),
                hp.Float("learning_rate", 1e-5, 1e-1, sampling="log"),
                hp.Float("dropout", 0.0, 0.6),
                hp.Choice("activation", ["relu", "tanh", "elu"]),
            )

        def fit(self, hp, model, *args, **kwargs):
            batch_size = hp.Choice("batch_size", [16, 32, 64])
            return model.fit(*args, batch_size=batch_size, **kwargs)

    class Tuner(keras_tuner.BayesianOptimization):
        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            self.seen(dict(trial.hyperparameters.values))

    def run(seen):
        X, y = digits()
        train, test = next(folds().split(X, y))
        with tempfile.TemporaryDirectory() as folder:
            tuner = Tuner(Model(), "val_accuracy", max_trials=n, seed=0, directory=folder)
            tuner.seen = seen
            tuner.search(
                X[train],
                y[train],
                validation_data=(X[test], y[test]),
                epochs=EPOCHS,
                verbose=0,
            )

    return run


WAYS = {
    "scikit-optimize": scikit_optimize,
    "optuna": optuna,
    "KerasTuner": keras_tuner,
    "skkeras_search": ours,
}


def cross_validated(params):
    from sklearn.model_selection import cross_val_score

    from skkeras_search import KerasClassifier

    estimator = KerasClassifier(build, epochs=EPOCHS, verbose=0, random_state=0, **params)
    return float(cross_val_score(estimator, *digits(), cv=folds()).mean())


def measure(way, n):
    """Seconds and the score of each candidate, in this process."""
    warnings.simplefilter("ignore")
    import keras  # noqa: F401

    run, seen = WAYS[way](n), []
    start = time.perf_counter()
    run(lambda score: seen.append((time.perf_counter() - start, score)))
    total = time.perf_counter() - start
    if seen and isinstance(seen[0][1], dict):
        seen = [(seconds, cross_validated(params)) for seconds, params in seen]
    return {"total": total, "seen": [(s, float(score)) for s, score in seen]}


def in_process(way, n):
    command = [sys.executable, __file__, "--measure", way, "--candidates", str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-1000:])
    return json.loads(done.stdout.splitlines()[-1])


def main(ways, n):
    measured = {}
    for way in ways:
        try:
            measured[way] = in_process(way, n)
        except RuntimeError as error:
            print(f"{way}: {error}")
    common = min(max(score for _, score in m["seen"]) for m in measured.values())
    print(f"{n} candidates, {FOLDS} folds, {EPOCHS} epochs; score of all: {common:.4f}")
    print(f"{'':18} {'finish s':>9} {'to that score s':>16} {'best score':>11} {'fits':>5}")
    reached = {}
    for way, m in measured.items():
        best = max(score for _, score in m["seen"])
        reached[way] = next(s for s, score in m["seen"] if score >= common)
        fits = n + 1 if way == "KerasTuner" else n * FOLDS + 1
        fits -= way == "KerasTuner"  # it does not fit the best on all rows
        print(f"{way:18} {m['total']:9.1f} {reached[way]:16.1f} {best:11.4f} {fits:5}")
    if "skkeras_search" in reached:
        own = measured["skkeras_search"]["total"], reached["skkeras_search"]
        for way in reached:
            if way != "skkeras_search":
                finish, score = measured[way]["total"] / own[0], reached[way] / own[1]
                print(f"{way}: {finish:.1f}x the time to finish, {score:.1f}x to the score")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--candidates", type=int, default=25)
    parser.add_argument("--measure", choices=WAYS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.candidates)))
    else:
        main(given.ways, given.candidates)
