"""Searches that stop training early, on live networks: here and elsewhere.

    python benchmarks/live.py digits
    python benchmarks/live.py cancer
    python benchmarks/live.py cnn
    python benchmarks/live.py lstm
    python benchmarks/live.py digits --seeds 3 --rivals FreezeThawSearchCV BayesSearchCV
    python benchmarks/live.py digits --print            # of what was run before

Five hyperparameters of a small network, three folds, 27 epochs. The searches of this
library get a number of full evaluations; the others run to their own end. A budget of
seconds ends each of them. Each run has a process of its own, one after the other. The
importing of libraries is not counted; building, tracing and compiling are.

A run leaves a trace: after how many seconds, and epochs of one fold, which configuration
would be returned. All configurations are judged in the same way, in the folds that the
searches have, trained here for all epochs, outside of the clock. Printed are the seconds
and epochs until the first of two searches had what both had in the end, and how good the
last configurations are in other folds and from other initial weights, which no search saw.

Peers, each optional: KerasTuner's Hyperband (keras-tuner), which has one split;
scikit-learn's HalvingRandomSearchCV with scikeras, which trains each rung anew; dask-ml's
HyperbandSearchCV (dask-ml) with scikeras, which has one split, too.
"""

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from statistics import median
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

EPOCHS = 27
FOLDS = 3
SPACE = {
    "learning_rate": (1e-5, 1.0, "log-uniform"),
    "units": [8, 16, 32, 64],
    "dropout": (0.0, 0.6),
    "l2": (1e-6, 1e-1, "log-uniform"),
    "batch_size": [16, 32, 64],
}
# Of folds and initial weights: those of the searches, and others.
SEARCHED, OTHERS = 0, (1, 2, 3)


# Workloads: the rows, whether they are scaled, the network, the metric.


def digits():
    """Of which a fifth have a wrong label, so that networks overfit."""
    import numpy as np
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    rng = np.random.RandomState(0)
    wrong = rng.uniform(size=len(y)) < 0.2
    return X.astype("float32"), np.where(wrong, rng.randint(10, size=len(y)), y)


def images():
    X, y = digits()
    return X / 16, y


def cancer():
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return X.astype("float32"), y


def sequences(n=400, length=16):
    """Noisy sines, to be told apart by their frequency."""
    import numpy as np

    rng = np.random.RandomState(0)
    y = rng.randint(3, size=n)
    phase = rng.uniform(0, 2 * np.pi, size=(n, 1))
    rate = np.array([0.4, 0.7, 1.0])[y][:, None]
    X = np.sin(phase + rate * np.arange(length)) + rng.normal(size=(n, length))
    return X.astype("float32"), y


def mlp(n_features, units, dropout, penalty):
    from keras import layers

    return [
        layers.Dense(units, activation="relu", kernel_regularizer=penalty),
        layers.Dropout(dropout),
        layers.Dense(units, activation="relu", kernel_regularizer=penalty),
        layers.Dropout(dropout),
    ]


def cnn(n_features, units, dropout, penalty):
    from keras import layers

    return [
        layers.Reshape((8, 8, 1)),
        layers.Conv2D(8, 3, activation="relu", kernel_regularizer=penalty),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(units, activation="relu", kernel_regularizer=penalty),
        layers.Dropout(dropout),
    ]


def lstm(n_features, units, dropout, penalty):
    from keras import layers

    return [
        layers.Reshape((n_features, 1)),
        layers.LSTM(units, kernel_regularizer=penalty),
        layers.Dropout(dropout),
    ]


ACCURACY = ("accuracy", "accuracy")
LOG_LOSS = ("neg_log_loss", "sparse_categorical_crossentropy")
# The names of the score: for scikit-learn, and for Keras.
WORKLOADS = {
    "digits": (digits, True, mlp, ACCURACY),
    "cancer": (cancer, True, mlp, LOG_LOSS),
    "cnn": (images, False, cnn, ACCURACY),
    "lstm": (sequences, False, lstm, ACCURACY),
}


def build(workload, n_features, n_classes, learning_rate, units, dropout, l2):
    import keras

    _, _, layers, (_, metric) = WORKLOADS[workload]
    model = keras.Sequential([keras.Input((n_features,))])
    for layer in layers(n_features, units, dropout, keras.regularizers.L2(l2)):
        model.add(layer)
    model.add(keras.layers.Dense(n_classes, activation="softmax"))
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=[metric])
    return model


def build_for_scikit_learn(
    meta, workload, learning_rate=1e-3, units=32, dropout=0.0, l2=1e-6
):
    n_features, n_classes = meta["n_features_in_"], meta["n_classes_"]
    return build(workload, n_features, n_classes, learning_rate, units, dropout, l2)


def folds(seed=SEARCHED):
    from sklearn.model_selection import StratifiedKFold

    return StratifiedKFold(FOLDS, shuffle=True, random_state=seed)


def pipeline(workload, network):
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler() if WORKLOADS[workload][1] else "passthrough"
    return Pipeline([("scale", scaler), ("net", network)])


def of_this_library(workload, seed=SEARCHED):
    from skkeras_search import KerasClassifier

    network = KerasClassifier(
        build_for_scikit_learn,
        workload=workload,
        epochs=EPOCHS,
        verbose=0,
        random_state=seed,
    )
    return pipeline(workload, network)


def of_scikeras(workload):
    from scikeras.wrappers import KerasClassifier

    parameters = {"learning_rate": 1e-3, "units": 32, "dropout": 0.0, "l2": 1e-6}
    return KerasClassifier(
        build_for_scikit_learn,
        workload=workload,
        batch_size=32,
        epochs=EPOCHS,
        verbose=0,
        random_state=SEARCHED,
        **parameters,
    )


def within_pipeline(params):
    return {f"net__{name}": value for name, value in params.items()}


def of_network(params):
    """The hyperparameters among those of a pipeline, as JSON has them."""
    short = {name.removeprefix("net__"): value for name, value in params.items()}
    return {
        name: getattr(v, "item", lambda v=v: v)()
        for name, v in short.items()
        if name in SPACE
    }


def scaled(X, train):
    from sklearn.preprocessing import StandardScaler

    return StandardScaler().fit(train).transform(X)


def one_split(workload):
    """Rows to train, and rows to compare, for those that have no folds."""
    load, is_scaled, _, _ = WORKLOADS[workload]
    X, y = load()
    train, test = next(folds().split(X, y))
    if is_scaled:
        X = scaled(X, X[train])
    return X[train], y[train], X[test], y[test]


# Rivals. Each is made outside of the clock, and gives a function that runs it, and calls
# `seen(n_epochs, params)` or, where the score is the common one, `seen(n_epochs, None,
# score)`. The function gives the last configuration.


def run_here(make):
    def prepare(workload, seed, arguments, seen):
        from skkeras_search import TimeBudget
        from skkeras_search.searches.progress import SearchCallback

        class Watch(SearchCallback):
            best = -float("inf")

            def update(self, standing):
                if standing.best > self.best:
                    self.best = standing.best
                    seen(standing.n * FOLDS * EPOCHS, None, float(standing.best))

        load, _, _, (scoring, _) = WORKLOADS[workload]
        search = make(
            of_this_library(workload),
            within_pipeline(SPACE),
            arguments.evaluations,
            cv=folds(),
            scoring=scoring,
            refit=False,
            random_state=seed,
        )
        search.set_callbacks(Watch(), TimeBudget(arguments.budget))
        X, y = load()

        def run():
            search.fit(X, y)
            return of_network(search.best_params_)

        return run

    return prepare


def freeze_thaw(estimator, space, n, **kwargs):
    from skkeras_search import FreezeThawSearchCV

    return FreezeThawSearchCV(estimator, space, n_iter=n, **kwargs)


def a_third(estimator, space, n, **kwargs):
    """With a third of the evaluations, to compare where it ends."""
    return freeze_thaw(estimator, space, n / 3, **kwargs)


def hyperband(estimator, space, n, **kwargs):
    from skkeras_search import HyperbandSearchCV

    return HyperbandSearchCV(estimator, space, max_epochs=EPOCHS, **kwargs)


def bayes(estimator, space, n, **kwargs):
    from skkeras_search import BayesSearchCV

    return BayesSearchCV(estimator, space, n_iter=n, **kwargs)


def distributions():
    """The space, as scikit-learn's and dask-ml's searches take it."""
    from scipy.stats import loguniform, uniform

    def distribution(given):
        if isinstance(given, list):
            return given
        low, high, *is_log = given
        return loguniform(low, high) if is_log else uniform(low, high - low)

    return {name: distribution(given) for name, given in SPACE.items()}


def halving(workload, seed, arguments, seen):
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV

    load, _, _, (scoring, _) = WORKLOADS[workload]

    class Search(HalvingRandomSearchCV):
        def _run_search(self, evaluate, *, callback_ctx):
            def watched(*args, **kwargs):
                results = evaluate(*args, **kwargs)
                n_epochs = FOLDS * int(sum(results["n_resources"]))
                best = self._select_best_index(None, None, results)
                seen(n_epochs, of_network(results["params"][best]))
                return results

            super()._run_search(watched, callback_ctx=callback_ctx)

    search = Search(
        pipeline(workload, of_scikeras(workload)),
        within_pipeline(distributions()),
        n_candidates=EPOCHS,
        factor=3,
        resource="net__epochs",
        max_resources=EPOCHS,
        cv=folds(),
        scoring=scoring,
        refit=False,
        random_state=seed,
        n_jobs=arguments.jobs,
    )
    X, y = load()

    def run():
        search.fit(X, y)
        return of_network(search.best_params_)

    return run


def keras_tuner_hyperband(workload, seed, arguments, seen):
    import keras_tuner

    train_X, train_y, test_X, test_y = one_split(workload)
    n_features, n_classes = train_X.shape[1], int(train_y.max()) + 1
    _, _, _, (_, metric) = WORKLOADS[workload]

    def dimension(hp, name):
        given = SPACE[name]
        if isinstance(given, list):
            return hp.Choice(name, given)
        low, high, *is_log = given
        return hp.Float(name, low, high, sampling="log" if is_log else "linear")

    class Network(keras_tuner.HyperModel):
        def build(self, hp):
            params = {name: dimension(hp, name) for name in SPACE if name != "batch_size"}
            return build(workload, n_features, n_classes, **params)

        def fit(self, hp, model, *args, **kwargs):
            batch_size = dimension(hp, "batch_size")
            return model.fit(*args, batch_size=batch_size, **kwargs)

    class Tuner(keras_tuner.Hyperband):
        n_epochs = 0

        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            values = trial.hyperparameters.values
            self.n_epochs += values["tuner/epochs"] - values["tuner/initial_epoch"]
            (best,) = self.oracle.get_best_trials(1) or [None]
            if best is not None:
                seen(self.n_epochs, of_network(best.hyperparameters.values))

    direction = "max" if metric == "accuracy" else "min"
    folder = tempfile.TemporaryDirectory()
    tuner = Tuner(
        Network(),
        keras_tuner.Objective(f"val_{metric}", direction),
        max_epochs=EPOCHS,
        factor=3,
        seed=seed + 1,  # 0 would be none
        directory=folder.name,
    )

    def run():
        with folder:
            tuner.search(train_X, train_y, validation_data=(test_X, test_y), verbose=0)
        return of_network(tuner.get_best_hyperparameters()[0].values)

    return run


def dask_hyperband(workload, seed, arguments, seen):
    from dask.distributed import Client
    from dask_ml.model_selection import HyperbandSearchCV

    load, is_scaled, _, (scoring, _) = WORKLOADS[workload]
    X, y = load()
    if is_scaled:
        X = scaled(X, X)
    client = Client(processes=False, n_workers=1, threads_per_worker=1)
    search = HyperbandSearchCV(
        of_scikeras(workload).set_params(epochs=1),
        distributions(),
        max_iter=EPOCHS,
        random_state=seed,
        test_size=1 / FOLDS,
        scoring=scoring,
    )

    def run():
        with client:
            search.fit(X, y, classes=sorted(set(y.tolist())))
        best, n_epochs = -float("inf"), Counter()
        for entry in sorted(search.history_, key=lambda e: e["elapsed_wall_time"]):
            n_epochs[entry["model_id"]] = entry["partial_fit_calls"]
            if entry["score"] > best:
                best, params = entry["score"], of_network(entry["params"])
                seen(n_epochs.total(), params, seconds=entry["elapsed_wall_time"])
        return of_network(search.best_params_)

    return run


OURS, HERE = "FreezeThawSearchCV", "skkeras_search"
RIVALS = {
    OURS: (run_here(freeze_thaw), HERE),
    f"{OURS}, a third": (run_here(a_third), HERE),
    "HyperbandSearchCV": (run_here(hyperband), HERE),
    "BayesSearchCV": (run_here(bayes), HERE),
    "KerasTuner Hyperband": (keras_tuner_hyperband, "keras_tuner"),
    "HalvingRandomSearchCV": (halving, "scikeras"),
    "dask-ml Hyperband": (dask_hyperband, "dask_ml"),
}


# Runs, each in a process of its own, and their judgment.


class Entry(NamedTuple):
    """A configuration that a run would return from then on; the last line has no epochs.

    Attributes
    ----------
    seconds, cpu : float
        Since the beginning, and of the process.
    n_epochs : float or None
        Of one fold.
    params : dict or None
        None if the score is known.
    score : float or None
        The common one. None if it is not known.
    """

    seconds: float
    cpu: float
    n_epochs: float | None
    params: dict | None
    score: float | None


def run_one(arguments):
    """Run a rival in this process; print a line for each configuration, and the last."""
    warnings.simplefilter("ignore")
    import keras  # noqa: F401

    def seen(n_epochs, params, score=None, seconds=None):
        seconds = seconds or time.perf_counter() - start
        entry = Entry(seconds, time.process_time() - cpu, n_epochs, params, score)
        print(json.dumps(entry), flush=True)

    (workload,), (rival,) = arguments.workloads, arguments.rivals
    prepare, module = RIVALS[rival]
    run = prepare(workload, arguments.run, arguments, seen)
    if module != HERE:
        signal.setitimer(signal.ITIMER_REAL, arguments.budget)  # which ends the process
    start, cpu = time.perf_counter(), time.process_time()
    best = run()
    signal.setitimer(signal.ITIMER_REAL, 0)
    seen(None, best)


def judge_all():
    """Cross-validate the configurations that are read; print the score of each."""
    warnings.simplefilter("ignore")
    from sklearn.model_selection import cross_val_score

    for line in sys.stdin:
        workload, params, seed = json.loads(line)
        load, _, _, (scoring, _) = WORKLOADS[workload]
        estimator = of_this_library(workload, seed).set_params(**within_pipeline(params))
        X, y = load()
        scores = cross_val_score(estimator, X, y, cv=folds(seed), scoring=scoring)
        print(json.dumps(float(scores.mean())), flush=True)


class File:
    """Runs and judgments on disk, a line each."""

    def __init__(self, path):
        self.path = Path(path)
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.known = dict(json.loads(line) for line in lines)

    def add(self, key, value):
        self.known[key] = value
        with self.path.open("a") as file:
            file.write(json.dumps([key, value]) + "\n")


def key_of(*parts):
    return json.dumps(parts, sort_keys=True)


def run(workload, rival, seed, arguments):
    """The trace of a run in a process of its own."""
    command = [sys.executable, __file__, workload, "--rivals", rival, "--run", str(seed)]
    options = {name: getattr(arguments, name) for name in ("evaluations", "budget", "jobs")}
    for name, value in options.items():
        command += [] if value is None else [f"--{name}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, -signal.SIGALRM):
        raise RuntimeError(f"{rival} on {workload}:\n{done.stderr[-2000:]}")
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    return [json.loads(line) for line in lines]


def judge(file, wanted):
    """Have configurations judged that are not in the file yet."""
    wanted = [key for key in dict.fromkeys(wanted) if key not in file.known]
    if not wanted:
        return
    command = [sys.executable, __file__, *WORKLOADS, "--judge"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, **pipes) as process:
        for key in wanted:
            process.stdin.write(key + "\n")
            process.stdin.flush()
            file.add(key, json.loads(process.stdout.readline()))
        process.stdin.close()


def judged(workload, lines, file):
    """A trace in which every score is known, and the score that no search saw."""
    entries = [Entry(*line) for line in lines]
    others = [key_of(workload, entries[-1].params, seed) for seed in OTHERS]
    keys = [key_of(workload, entry.params, SEARCHED) for entry in entries]
    unknown = [k for k, e in zip(keys, entries, strict=True) if e.score is None]
    judge(file, unknown + others)
    n_epochs = max(entry.n_epochs or 0 for entry in entries)
    trace = [
        entry._replace(
            score=file.known[key] if entry.score is None else entry.score,
            n_epochs=n_epochs if entry.n_epochs is None else entry.n_epochs,
        )
        for key, entry in zip(keys, entries, strict=True)
    ]
    return trace, sum(file.known[key] for key in others) / len(others)


def races(workload, arguments):
    """By rival and seed, what ``judged`` gives. Runs what is not in the file yet."""
    file, found = File(arguments.file), {rival: {} for rival in arguments.rivals}
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for rival in arguments.rivals:
            key = key_of(workload, rival, seed)
            if key not in file.known and not arguments.print:
                file.add(key, run(workload, rival, seed, arguments))
            if file.known.get(key):
                found[rival][seed] = judged(workload, file.known[key], file)
    return {rival: runs for rival, runs in found.items() if runs}


# The table.


def reach(trace, score):
    """When a configuration as good was found."""
    return next(entry for entry in trace if entry.score >= score)


def spread(values, digits):
    """The median, the least and the greatest."""
    low, middle, high = min(values), median(values), max(values)
    return f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def of_pair(runs, ours):
    """How long a rival and ours took to what both had in the end: medians and ratios."""
    pairs = []
    for seed in runs.keys() & ours.keys():
        traces = runs[seed][0], ours[seed][0]
        score = min(trace[-1].score for trace in traces)
        pairs.append([reach(trace, score) for trace in traces])
    if not pairs:
        return [""] * 4
    seconds = [median(pair[k].seconds for pair in pairs) for k in range(2)]
    ratios = [
        spread([getattr(other, name) / getattr(own, name) for other, own in pairs], 1)
        for name in ("seconds", "cpu", "n_epochs")
    ]
    return [f"{seconds[0]:.1f} / {seconds[1]:.1f}", *ratios]


def print_table(workload, found):
    columns = ["", "seeds", "s to end", "CPU s to end", "score", "score, other folds"]
    columns += ["s to score of all", "epochs to it"]
    columns += ["s of pair", "ratio of s", "of CPU s", "of epochs"]
    print(f"\n{workload}\n\n| " + " | ".join(columns) + " |\n" + "| --- " * 12 + "|")
    for rival, runs in found.items():
        last = [trace[-1] for trace, _ in runs.values()]
        reached = [
            reach(trace, min(o[seed][0][-1].score for o in found.values() if seed in o))
            for seed, (trace, _) in runs.items()
        ]
        cells = [
            rival,
            str(len(runs)),
            spread([entry.seconds for entry in last], 1),
            spread([entry.cpu for entry in last], 1),
            spread([entry.score for entry in last], 4),
            spread([score for _, score in runs.values()], 4),
            spread([entry.seconds for entry in reached], 1),
            spread([entry.n_epochs for entry in reached], 0),
            *(of_pair(runs, found.get(OURS, {})) if rival != OURS else [""] * 4),
        ]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="+", choices=WORKLOADS)
    parser.add_argument("--rivals", nargs="+", default=list(RIVALS), choices=RIVALS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--evaluations", type=int, default=20)
    parser.add_argument("--budget", type=float, default=120.0, help="seconds of each run")
    parser.add_argument("--jobs", type=int, help="workers of scikit-learn's search")
    parser.add_argument("--file", default="live.jsonl")
    parser.add_argument("--print", action="store_true", help="run nothing")
    parser.add_argument("--run", type=int, metavar="SEED", help=argparse.SUPPRESS)
    parser.add_argument("--judge", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.rivals = [r for r in given.rivals if importlib.util.find_spec(RIVALS[r][1])]
    if given.judge:
        judge_all()
    elif given.run is not None:
        run_one(given)
    else:
        for name in given.workloads:
            print_table(name, races(name, given))
