"""The same search end to end: through peers, and here.

    python benchmarks/search.py
    python benchmarks/search.py --candidates 10 --ways skkeras_search "scikit-optimize"
    python benchmarks/search.py --seeds 3 --file search.json

A Keras classifier of the digits, five parameters, three folds, the same number of
candidates, each way in a process of its own, one after the other. Printed are the seconds
to finish, the seconds to the best score that all of them reached, and the best
cross-validated score: medians over seeds of the search. The importing of libraries is not
counted. With ``--file``, the seconds and the score of each candidate go to a file.

Peers, each optional: scikit-optimize and OptunaSearchCV (optuna-integration) with scikeras,
and KerasTuner (keras-tuner), which has no folds: it has one split, and its best model so
far is cross-validated afterwards, which is not counted.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

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


def ours(n, seed):
    from skkeras_search import BayesSearchCV, KerasClassifier

    space = {
        "units": [16, 32, 64, 128],
        "learning_rate": (1e-5, 1e-1, "log-uniform"),
        "dropout": (0.0, 0.6),
        "activation": ["relu", "tanh", "elu"],
        "batch_size": [16, 32, 64],
    }
    estimator = KerasClassifier(build, epochs=EPOCHS, verbose=0, random_state=0)
    search = BayesSearchCV(estimator, space, n_iter=n, cv=folds(), random_state=seed)
    return lambda seen: search.fit(*digits(), callback=lambda r: seen(-r.func_vals[-1]))


def of_scikeras():
    from scikeras.wrappers import KerasClassifier

    return KerasClassifier(build, epochs=EPOCHS, verbose=0, random_state=0, **DEFAULTS)


def scikit_optimize(n, seed):
    from skopt import BayesSearchCV
    from skopt.space import Categorical, Real

    space = {
        "units": Categorical([16, 32, 64, 128]),
        "learning_rate": Real(1e-5, 1e-1, prior="log-uniform"),
        "dropout": Real(0.0, 0.6),
        "activation": Categorical(["relu", "tanh", "elu"]),
        "batch_size": Categorical([16, 32, 64]),
    }
    search = BayesSearchCV(of_scikeras(), space, n_iter=n, cv=folds(), random_state=seed)

    def callback(result):
        seen_of[0](-result.func_vals[-1])

    seen_of = []
    return lambda seen: (seen_of.append(seen), search.fit(*digits(), callback=callback))


def optuna(n, seed):
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
            random_state=seed,
            callbacks=[lambda study, trial: seen(trial.value)],
        ).fit(*digits())

    return run


def keras_tuner(n, seed):
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
            tuner = Tuner(
                Model(), "val_accuracy", max_trials=n, seed=seed, directory=folder
            )
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
MODULES = {"scikit-optimize": "skopt", "optuna": "optuna_integration"}
MODULES |= {"KerasTuner": "keras_tuner", "skkeras_search": "skkeras_search"}


def cross_validated(params):
    from sklearn.model_selection import cross_val_score

    from skkeras_search import KerasClassifier

    estimator = KerasClassifier(build, epochs=EPOCHS, verbose=0, random_state=0, **params)
    return float(cross_val_score(estimator, *digits(), cv=folds()).mean())


def measure(way, n, seed):
    """Seconds and the score of each candidate, in this process."""
    warnings.simplefilter("ignore")
    import keras  # noqa: F401

    run, seen = WAYS[way](n, seed), []
    start = time.perf_counter()
    run(lambda score: seen.append((time.perf_counter() - start, score)))
    total = time.perf_counter() - start
    if seen and isinstance(seen[0][1], dict):
        seen = [(seconds, cross_validated(params)) for seconds, params in seen]
    return {"total": total, "seen": [(s, float(score)) for s, score in seen]}


def in_process(way, n, seed):
    command = [sys.executable, __file__, "--measure", way]
    command += ["--candidates", str(n), "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-1000:])
    return json.loads(done.stdout.splitlines()[-1])


def compared(measured):
    """Of each way the seconds to finish, those to the score of all, and the best score."""
    best = {way: max(score for _, score in m["seen"]) for way, m in measured.items()}
    common = min(best.values())
    return {
        way: (m["total"], next(s for s, score in m["seen"] if score >= common), best[way])
        for way, m in measured.items()
    }


def main(ways, n, n_seeds, file):
    ways = [way for way in ways if importlib.util.find_spec(MODULES[way])]
    measured = [{way: in_process(way, n, seed) for way in ways} for seed in range(n_seeds)]
    if file:
        file.write_text(json.dumps(measured))
    races = [compared(of_seed) for of_seed in measured]
    print(f"{n} candidates, {FOLDS} folds, {EPOCHS} epochs; medians of {n_seeds} seeds")
    print(f"{'':18} {'finish s':>9} {'to score of all s':>18} {'best score':>11}")
    for way in ways:
        seconds, reached, best = (median(r[way][i] for r in races) for i in range(3))
        print(f"{way:18} {seconds:9.1f} {reached:18.1f} {best:11.4f}")
    own = "skkeras_search"
    for way in ways if own in ways else ():
        finish, score = (median(r[way][i] / r[own][i] for r in races) for i in range(2))
        print(f"{way}: {finish:.1f}x the time to finish, {score:.1f}x to the score")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--candidates", type=int, default=25)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--measure", choices=WAYS)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.candidates, given.seed)))
    else:
        main(given.ways, given.candidates, given.seeds, given.file)
