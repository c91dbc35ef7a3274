"""The same searches through scikeras and through fused programs.

    python benchmarks/fusion.py race                    # all workloads
    python benchmarks/fusion.py race digits cnn --repeats 3
    python benchmarks/fusion.py race --file race.jsonl  # and writes it to a file
    python benchmarks/fusion.py growth                  # with folds, rows, ...
    python benchmarks/fusion.py single                  # one fit, again
    python benchmarks/fusion.py where                   # what the time is spent on
    python benchmarks/fusion.py mappings                # lanes in threads, stacked, by XLA
    python benchmarks/fusion.py memory                  # 500 fits of 50 architectures

Each run has a process of its own, one after the other. Ours does the search twice, cold and
warm; scikeras once, as a second time takes as long. The importing of libraries is not
counted. Seconds of the processor are those of the cold search, without worker processes.
Needs psutil.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

WAYS = ("scikeras n_jobs=1", "scikeras n_jobs=2", "skkeras_search")


def digits():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return (X / 16).astype("float32"), y


def digits_model(learning_rate=1e-3, dropout=0.2, units=128):
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(units, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(learning_rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def cancer_model(first=16, second=8):
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((30,)),
            layers.Dense(first, activation="relu"),
            layers.Dense(second, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def regression_model(learning_rate=1e-3, units=32):
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(units, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(units, activation="relu"),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "mse")
    return model


def wide_model(learning_rate=1e-3):
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(512, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


def lstm_model(learning_rate=1e-3):
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((12, 8)), layers.LSTM(32), layers.Dense(3, activation="softmax")]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


def cnn_model(learning_rate=1e-3):
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


def made(n_rows, shape, n_classes=10):
    """Rows of noise about a centre for each class."""
    import numpy as np

    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=n_rows)
    centres = rng.normal(size=(n_classes, *shape))
    return (centres[y] + 2 * rng.normal(size=(n_rows, *shape))).astype("float32"), y


RATES = [1e-3, 3e-3, 1e-2]


def workload(name, ours):
    """Estimator, grid, folds and data of a workload, and the least ratio it is to have."""
    if ours:
        from skkeras_search import KerasClassifier, KerasRegressor
    else:
        from scikeras.wrappers import KerasClassifier, KerasRegressor

    def make(cls, model, grid, **params):
        # scikeras wants each argument of the function repeated.
        repeated = {} if ours else {k.split("__")[-1]: v[0] for k, v in grid.items()}
        return cls(model, verbose=0, random_state=0, **repeated, **params)

    if name.startswith("digits"):
        long = name == "digits long"
        grid = {
            "learning_rate": RATES,
            "dropout": [0.2, 0.3, 0.4, 0.5] if long else [0.2, 0.4],
        }
        epochs = 20 if long else 5
        estimator = make(KerasClassifier, digits_model, grid, batch_size=32, epochs=epochs)
        return estimator, grid, 5 if long else 3, digits(), 25
    if name == "widths":
        space = {"units": (8, 256), "learning_rate": (1e-4, 1e-1, "log-uniform")}
        estimator = make(KerasClassifier, digits_model, space, batch_size=32, epochs=5)
        return estimator, space, 3, digits(), 8
    if name == "cancer":
        from sklearn.datasets import load_breast_cancer
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import StandardScaler

        grid = {"mlp__first": [8, 16, 24, 32], "mlp__second": [4, 8]}
        mlp = make(KerasClassifier, cancer_model, grid, batch_size=32, epochs=10)
        estimator = Pipeline([("scale", StandardScaler()), ("mlp", mlp)])
        return estimator, grid, 5, load_breast_cancer(return_X_y=True), 8
    if name == "regression":
        import keras
        from sklearn.datasets import make_regression

        X, y = make_regression(5000, 20, noise=5, random_state=0)
        stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
        grid = {"learning_rate": RATES, "units": [32, 64]}
        estimator = make(
            KerasRegressor,
            regression_model,
            grid,
            batch_size=32,
            epochs=10,
            validation_split=0.1,
            callbacks=[stop],
        )
        return estimator, grid, 5, (X, y / y.std()), 8
    grid = {"learning_rate": RATES}
    if name == "wide":
        estimator = make(KerasClassifier, wide_model, grid, batch_size=128, epochs=3)
        return estimator, grid, 3, made(10_000, (784,)), 3
    if name == "lstm":
        estimator = make(KerasClassifier, lstm_model, grid, batch_size=32, epochs=3)
        return estimator, grid, 3, made(2000, (12, 8), 3), 3
    if name == "cnn":
        estimator = make(KerasClassifier, cnn_model, grid, batch_size=64, epochs=2)
        return estimator, grid, 3, made(4000, (28, 28, 1)), 1.5
    raise ValueError(f"There is no workload {name!r}.")


WORKLOADS = (
    "digits",
    "digits long",
    "widths",
    "cancer",
    "regression",
    "wide",
    "lstm",
    "cnn",
)
N_CANDIDATES = 20  # of a search that makes up its own


class PeakMemory:
    """Most resident memory in MB of this process and its children, in a block."""

    def __enter__(self):
        self.peak, self._ends = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._ends.set()
        self._thread.join()

    def _watch(self):
        import psutil

        me = psutil.Process()
        while not self._ends.wait(0.1):
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.peak = max(self.peak, total / 2**20)


def search_of(name, estimator, grid, folds, n_jobs=None):
    """A search over a grid, or of our sampler over a space, through any estimator."""
    from sklearn.model_selection import GridSearchCV

    from skkeras_search import BayesSearchCV

    common = {"cv": folds, "n_jobs": n_jobs, "error_score": "raise"}
    if name == "widths":
        return BayesSearchCV(estimator, grid, n_iter=N_CANDIDATES, random_state=0, **common)
    return GridSearchCV(estimator, grid, **common)


def search(name, way, **changes):
    """Seconds of a cold and of a warm search, of the processor too, memory and scores."""
    import joblib
    import keras  # noqa: F401  # counted for nobody

    warnings.filterwarnings("ignore")
    ours = way == "skkeras_search"
    estimator, grid, folds, (X, y), _ = workload(name, ours)
    grid, folds, X, y = changed(changes, grid, folds, X, y)
    n_jobs = {"scikeras n_jobs=1": 1, "scikeras n_jobs=2": 2}.get(way)
    seconds, of_processor = [], []
    with PeakMemory() as memory:
        for _ in range(2 if ours else 1):
            found = search_of(name, estimator, grid, folds, n_jobs)
            start, processor = time.perf_counter(), time.process_time()
            with joblib.parallel_config("fused") if ours else joblib.parallel_config():
                found.fit(X, y)
            seconds.append(time.perf_counter() - start)
            of_processor.append(time.process_time() - processor)
    scores = [round(score, 4) for score in found.cv_results_["mean_test_score"]]
    fitted = found.best_estimator_
    fitted = fitted[-1] if hasattr(fitted, "steps") else fitted
    return {
        "cold": seconds[0],
        "warm": seconds[-1],
        "CPU": of_processor[0],
        "MB": memory.peak,
        "scores": scores,
        "engine": getattr(fitted, "engine_", "keras"),
    }


def changed(changes, grid, folds, X, y):
    import numpy as np

    grid = dict(grid)
    if "candidates" in changes:
        grid = {"learning_rate": list(np.geomspace(1e-4, 1e-2, changes["candidates"]))}
    if "units" in changes:
        grid["units"] = [changes["units"]]
    if "rows" in changes:
        rows = np.resize(np.arange(len(X)), changes["rows"])
        X, y = X[rows], y[rows]
    return grid, changes.get("folds", folds), X, y


def in_process(function, *arguments, **keywords):
    """Call a function of this file in a new process; give what it returns."""
    call = json.dumps([function, arguments, keywords])
    command = [sys.executable, __file__, "call", call]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    if out.returncode:
        raise RuntimeError(out.stderr[-3000:])
    return json.loads(out.stdout.strip().splitlines()[-1])


def medians(runs):
    return {
        key: statistics.median(run[key] for run in runs)
        for key in ("cold", "warm", "CPU", "MB")
    } | {key: runs[0][key] for key in ("scores", "engine")}


def race(names, repeats, ways=WAYS, file=None):
    columns = ("cold s", "warm s", "CPU s", "peak MB")
    print(f"{'workload':12} {'way':18} {' '.join(f'{c:>8}' for c in columns)}  scores")
    for name in names or WORKLOADS:
        results = {}
        for way in ways:
            runs = [in_process("search", name, way) for _ in range(repeats)]
            results[way] = result = medians(runs)
            if file:
                line = json.dumps({"workload": name, "way": way, **result})
                with open(file, "a") as lines:
                    lines.write(line + "\n")
            scores = " ".join(f"{score:.3f}" for score in result["scores"][:4])
            print(
                f"{name:12} {way:18} {result['cold']:8.2f} {result['warm']:8.2f} "
                f"{result['CPU']:8.2f} {result['MB']:8.0f}  {scores}",
                flush=True,
            )
        ours = results.pop("skkeras_search")
        ratios = [min(r[k] for r in results.values()) / ours[k] for k in ("cold", "warm")]
        label = f"{name:12} {'ratio, by ' + ours['engine']:18}"
        print(f"{label} {ratios[0]:7.1f}x {ratios[1]:7.1f}x\n", flush=True)


def growth():
    """Cold and warm seconds of the digits search as one thing grows."""
    for what, values in {
        "folds": (3, 6, 12),
        "candidates": (3, 6, 12),
        "rows": (1797, 5391, 16173),
        "units": (128, 512, 2048),
    }.items():
        for value in values:
            result = in_process("search", "digits", "skkeras_search", **{what: value})
            cold, warm = result["cold"], result["warm"]
            print(f"{what:12} {value:6} cold {cold:6.2f} s, warm {warm:6.2f} s", flush=True)


def single_times(library):
    """Seconds of each of four fits of the digits model."""
    from importlib import import_module

    from sklearn.base import clone

    module = {"scikeras": "scikeras.wrappers"}.get(library, library)
    X, y = digits()
    estimator = import_module(module).KerasClassifier(
        digits_model, epochs=5, batch_size=32, verbose=0, random_state=0
    )
    times = []
    for _ in range(4):
        start = time.perf_counter()
        clone(estimator).fit(X, y)
        times.append(time.perf_counter() - start)
    return times


def numpy_seconds(n_rows=1797, epochs=5):
    """Seconds of the same training, written by hand in numpy."""
    import numpy as np

    X, y = digits()
    X, y = X[:n_rows], np.eye(10, dtype="float32")[y[:n_rows]]
    rng = np.random.default_rng(0)
    weights = [
        rng.normal(0, 0.1, shape).astype("float32")
        for shape in ((64, 128), 128, (128, 10), 10)
    ]
    first, second = ([np.zeros_like(w) for w in weights] for _ in range(2))
    start, step = time.perf_counter(), 0
    for _ in range(epochs):
        order = rng.permutation(len(X))
        for begin in range(0, len(X), 32):
            x, t = X[order[begin : begin + 32]], y[order[begin : begin + 32]]
            hidden = np.maximum(x @ weights[0] + weights[1], 0)
            mask = (rng.random(hidden.shape, "float32") >= 0.2) / np.float32(0.8)
            dropped = hidden * mask
            scores = dropped @ weights[2] + weights[3]
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            error = (scores / scores.sum(axis=1, keepdims=True) - t) / len(x)
            back = error @ weights[2].T * mask * (hidden > 0)
            gradients = [x.T @ back, back.sum(axis=0), dropped.T @ error, error.sum(axis=0)]
            step += 1
            rate = 1e-3 * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
            for w, m, v, g in zip(weights, first, second, gradients, strict=True):
                m += (g - m) * np.float32(0.1)
                v += (g * g - v) * np.float32(0.001)
                w -= np.float32(rate) * m / (np.sqrt(v) + np.float32(1e-7))
    return time.perf_counter() - start


def single():
    theirs, ours = (
        in_process("single_times", way) for way in ("scikeras", "skkeras_search")
    )
    arithmetic = statistics.median(numpy_seconds() for _ in range(5))
    again = statistics.median(theirs[1:]), statistics.median(ours[1:])
    print(f"scikeras        first {theirs[0]:.2f} s, again {again[0]:.3f} s")
    print(f"skkeras_search  first {ours[0]:.2f} s, again {again[1]:.3f} s")
    print(f"ratio              {theirs[0] / ours[0]:.1f}x and {again[0] / again[1]:.1f}x")
    print(f"in numpy, by hand  {arithmetic:.3f} s; ours {again[1] / arithmetic:.1f} times")


def where_times():
    """Seconds spent in the parts of a cold and of a warm search."""
    from collections import Counter

    import joblib
    from sklearn.model_selection import GridSearchCV

    from skkeras_search.estimators.base import BaseWrapper
    from skkeras_search.fusion import lane, program

    spent = Counter()

    def timed(owner, name, label):
        function = getattr(owner, name)

        def wrapper(*arguments, **keywords):
            start = time.perf_counter()
            try:
                return function(*arguments, **keywords)
            finally:
                spent[label] += time.perf_counter() - start

        setattr(owner, name, wrapper)

    timed(BaseWrapper, "_make_model", "building models")
    timed(program, "_compile", "tracing programs")
    timed(lane.Lane, "train", "lanes, tracing and waiting for it included")
    timed(BaseWrapper, "_predict_raw", "predicting")
    estimator, grid, folds, (X, y), _ = workload("digits", True)
    parts = []
    for _ in range(2):
        spent.clear()
        start = time.perf_counter()
        with joblib.parallel_config("fused"):
            GridSearchCV(estimator, grid, cv=folds).fit(X, y)
        parts.append({"whole search": time.perf_counter() - start, **spent})
    return parts


def where():
    for label, parts in zip(("cold", "warm"), in_process("where_times"), strict=True):
        print(f"{label}:")
        for part, seconds in parts.items():
            print(f"  {part:44} {seconds:6.3f} s")
    print("Lanes are summed over the threads in which they run at once.")


def mapping_times(units):
    """Seconds of 18 lanes, 5 epochs each, mapped in several ways; the first and again."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np
    import tensorflow as tf

    from skkeras_search.fusion.program import Program, Progress
    from skkeras_search.fusion.step import State, read_state

    X, y = digits()
    n_lanes, n_rows, size, epochs = 18, 1184, 32, 5
    X, y = tf.constant(X[:n_rows]), tf.constant(y[:n_rows, None].astype("float32"))
    model = digits_model(units=units)
    program = Program(model, (X[:size], y[:size]))
    state, order = read_state(model), np.arange(n_rows)

    def alone(_):
        now = state
        for _ in range(epochs):
            progress = Progress(now, program.fresh_metrics)
            now = program.train(progress, (X, y), order, size, n_rows // size, False).state

    def threads():
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(alone, range(n_lanes)))

    def one_epoch(values, jit):
        def epoch(*flat):
            step = program.step
            now = tf.nest.pack_sequence_as(values, flat)

            def train(packed, rows):
                reached, _ = step.train(
                    packed, step.fresh_metrics(), (tf.gather(X, rows), tf.gather(y, rows))
                )
                return reached

            def body(i, now):
                rows = tf.range(size) + i * size
                if jit:
                    return i + 1, train(now, rows)
                return i + 1, tf.vectorized_map(lambda lane: train(lane, rows), now)

            return tf.nest.flatten(
                tf.while_loop(lambda i, _: i < n_rows // size, body, (0, now))[1]
            )

        return tf.function(epoch, autograph=False, jit_compile=jit)

    entered = program.step.enter(state)
    stacked = State(*[[tf.stack([v] * n_lanes) for v in part] for part in entered])
    stack = one_epoch(stacked, jit=False)

    def stacks():
        now = tf.nest.flatten(stacked)
        for _ in range(epochs):
            now = stack(*now)

    xla = one_epoch(entered, jit=True)

    def by_xla():
        for _ in range(n_lanes):
            now = tf.nest.flatten(entered)
            for _ in range(epochs):
                now = xla(*now)

    times = {}
    for name, function in {
        "threads": threads,
        "stacked": stacks,
        "XLA, in turn": by_xla,
    }.items():
        seconds = []
        for _ in range(3 if name != "XLA, in turn" else 2):
            start = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - start)
        times[name] = [seconds[0], min(seconds[1:])]
    return times


def mappings():
    for units in (8, 128, 1024):
        for name, (first, again) in in_process("mapping_times", units).items():
            print(f"{units:5} units  {name:14} first {first:6.2f} s, again {again:6.2f} s")


def memory_curve(n_fits, n_architectures):
    """Resident memory in MB after each tenth of the fits."""
    import psutil

    from skkeras_search import KerasClassifier

    X, y = digits()
    curve = {}
    for fit in range(n_fits):
        units = 16 + fit % n_architectures
        estimator = KerasClassifier(digits_model, units=units, verbose=0, batch_size=32)
        estimator.fit(X, y).predict(X[:200])
        if (fit + 1) % max(n_fits // 10, 1) == 0:
            curve[fit + 1] = psutil.Process().memory_info().rss / 2**20
    return curve


def memory(n_fits, n_architectures):
    for fit, megabytes in in_process("memory_curve", n_fits, n_architectures).items():
        print(f"after {fit:>4} fits {megabytes:7.0f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "what", choices=["race", "growth", "single", "where", "mappings", "memory", "call"]
    )
    parser.add_argument("names", nargs="*", help="workloads, as '" + "', '".join(WORKLOADS))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--file", help="to which a line for each row of race is added")
    parser.add_argument("--number", type=int, default=500, help="fits, for memory")
    parser.add_argument("--architectures", type=int, default=50, help="for memory")
    arguments = parser.parse_args()
    if arguments.what == "call":
        name, positional, keywords = json.loads(arguments.names[0])
        print(json.dumps(globals()[name](*positional, **keywords)))
    elif arguments.what == "race":
        race(arguments.names, arguments.repeats, file=arguments.file)
    elif arguments.what == "memory":
        memory(arguments.number, arguments.architectures)
    else:
        globals()[arguments.what]()


if __name__ == "__main__":
    main()
