"""Race budget rules: who finds better candidates for as much training.

    python benchmarks/budgets.py make      # trains; half an hour of one core
    python benchmarks/budgets.py tables    # races, all that is installed
    python benchmarks/budgets.py tables --rules Hyperband FreezeThaw --seeds 3
    python benchmarks/budgets.py tables --print     # of what was raced before

``make`` trains 288 networks on each of 12 problems with this library, all combinations of
six hyperparameters: three folds of 27 epochs. The validation score after each epoch goes to
a table. ``tables`` replays the rules on the tables, with the seconds of training
left out: a rule proposes a configuration, and is told what the table has. An epoch of a
fold costs as much as any other, and all folds and epochs of a candidate are one full
evaluation. A weight that was trained is kept, except by scikit-learn's rule, which trains
anew at each rung. Several steps at a time take as long as they cost.

Printed are, after 5, 10 and 20 full evaluations, the mean rank among the rules, and the
regret of the candidate that would be returned: how far its mean of all folds at the last
epoch is below the best of the table, over the same of the median, as a fraction of what
random search is expected to have. Intervals hold 95 % of what is found when problems, and
seeds of each, are drawn again (bootstrap).

A second table is about one run of 20 full evaluations, as if it were stopped at any time.
Only candidates that have all folds and epochs by then count; without any, the regret is 2.
It has their regret after 5, 10 and 20, and over time: the mean over the logarithm of the
cost, from 1 to 20, in units of the regret of the median.

``FreezeThaw`` was tuned on seeds 0 to 9 of digits, moons, wine, diabetes and
classification. To judge it, take other seeds (``--first-seed 100``) and other problems.
In the first table, rules that plan for their budget have a run for each of the three; CPU s
is that of all.

Optuna is optional, and its GPSampler needs torch. When it proposes a configuration again,
the nearest that it has not proposed yet is taken.
"""

import argparse
import functools
import heapq
import importlib.util
import itertools
import json
import math
import multiprocessing
import os
import time
import warnings
import zlib
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

for variable in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

EPOCHS = 27
FOLDS = 3
# Full evaluations, after which the rules are compared.
MARKS = (5, 10, 20)
# At which one run is looked at, to judge it over time.
COSTS = np.geomspace(1, max(MARKS), 61)
# In units of the regret of the median; a network that diverged counts no more.
WORST_REGRET = 2.0
# All combinations are trained. Numbers are searched by their position in the list.
VALUES = {
    "learning_rate": [3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1],
    "units": [8, 32, 128],
    "layers": [1, 2],
    "dropout": [0.0, 0.3],
    "batch_size": [16, 64],
    "optimizer": ["adam", "sgd"],
}
SPACE = {
    name: values if isinstance(values[0], str) else (0, len(values) - 1)
    for name, values in VALUES.items()
}
CONFIGURATIONS = [
    dict(zip(VALUES, c, strict=True)) for c in itertools.product(*VALUES.values())
]


# Problems: the rows, the targets, and the curve that is the score, to be maximised.


def of_file(load, n=None):
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{load}")(return_X_y=True)
    chosen = np.random.RandomState(0).permutation(len(X))[:n]
    return X[chosen], y[chosen]


def made(make, n=500, **kwargs):
    from sklearn import datasets

    return getattr(datasets, f"make_{make}")(n_samples=n, random_state=0, **kwargs)


def noisy_digits():
    X, y = of_file("digits", 500)
    rng = np.random.RandomState(1)
    wrong = rng.uniform(size=len(y)) < 0.2
    return X, np.where(wrong, rng.randint(10, size=len(y)), y)


def spirals():
    rng = np.random.RandomState(0)
    y = np.arange(500) % 2
    angle = 3 * np.pi * np.sqrt(rng.uniform(size=500))
    sign = np.where(y, 1, -1)
    X = (sign * angle * np.array([np.cos(angle), np.sin(angle)])).T
    return X + 0.4 * rng.normal(size=X.shape), y


def checkerboard():
    rng = np.random.RandomState(0)
    X = rng.uniform(size=(500, 4))
    return X, (np.floor(3 * X[:, :2]).sum(axis=1) % 2).astype(int)


PROBLEMS = {
    "digits": (lambda: of_file("digits", 500), "accuracy"),
    "noisy digits": (noisy_digits, "loss"),
    "breast cancer": (lambda: of_file("breast_cancer"), "loss"),
    "wine": (lambda: of_file("wine"), "loss"),
    "moons": (lambda: made("moons", noise=0.35), "accuracy"),
    "spirals": (spirals, "accuracy"),
    "checkerboard": (checkerboard, "accuracy"),
    "classification": (
        lambda: made(
            "classification", n_informative=8, n_classes=3, flip_y=0.1, n_features=20
        ),
        "accuracy",
    ),
    "quantiles": (lambda: made("gaussian_quantiles", n_features=6, n_classes=3), "loss"),
    "diabetes": (lambda: of_file("diabetes"), "error"),
    "friedman1": (lambda: made("friedman1", noise=1.0), "error"),
    "friedman3": (lambda: made("friedman3", noise=0.1), "error"),
}


def build(meta, curve, units, layers, dropout, learning_rate, optimizer):
    import keras

    optimizers = {
        "adam": keras.optimizers.Adam(learning_rate),
        "sgd": keras.optimizers.SGD(learning_rate, momentum=0.9),
    }
    model = keras.Sequential([keras.Input((meta["n_features_in_"],))])
    for _ in range(layers):
        model.add(keras.layers.Dense(units, activation="relu"))
        model.add(keras.layers.Dropout(dropout))
    if curve == "error":
        model.add(keras.layers.Dense(1))
        loss = "mse"
    else:
        model.add(keras.layers.Dense(meta["n_classes_"], activation="softmax"))
        loss = "sparse_categorical_crossentropy"
    metrics = ["accuracy"] if curve == "accuracy" else None
    model.compile(optimizers[optimizer], loss, metrics=metrics)
    return model


def curves_of(problem, params):
    """The score of each fold after each epoch, of shape (FOLDS, EPOCHS)."""
    from sklearn.model_selection import KFold, StratifiedKFold
    from sklearn.preprocessing import StandardScaler

    from skkeras_search import KerasClassifier, KerasRegressor

    load, curve = PROBLEMS[problem]
    X, y = load()
    X = StandardScaler().fit_transform(X).astype("float32")
    if curve == "error":
        y = ((y - y.mean()) / y.std()).astype("float32")
    splitter, estimator = (
        (KFold, KerasRegressor) if curve == "error" else (StratifiedKFold, KerasClassifier)
    )
    folds = []
    for train, test in splitter(FOLDS, shuffle=True, random_state=0).split(X, y):
        model = estimator(
            build, curve=curve, epochs=EPOCHS, verbose=0, random_state=0, **params
        )
        model.fit(X[train], y[train], validation_data=(X[test], y[test]))
        folds.append(model.history_["val_accuracy" if curve == "accuracy" else "val_loss"])
    return np.array(folds) if curve == "accuracy" else -np.array(folds)


def make_table(problem, path):
    warnings.simplefilter("ignore")
    start = time.process_time()
    np.save(path, [curves_of(problem, params) for params in CONFIGURATIONS])
    return time.process_time() - start


def make(arguments):
    """Train all configurations of all problems that are not on disk, on one core."""
    folder = Path(arguments.tables)
    folder.mkdir(parents=True, exist_ok=True)
    for problem in arguments.problems:
        path = folder / f"{problem}.npy"
        if path.exists():
            continue
        # A process of its own gives back its memory.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            seconds = pool.submit(make_table, problem, path)
            print(f"{problem}: {seconds.result():.0f} s of one core", flush=True)


# Tables, and how rules are replayed on them.


class Table:
    """The scores of all configurations, in each fold after each epoch."""

    def __init__(self, folder, problem):
        self.scores = np.load(Path(folder) / f"{problem}.npy")
        final = self.scores[:, :, -1].mean(axis=1)
        self.truth = np.where(np.isfinite(final), final, -np.inf)

    def score(self, row, n_folds=FOLDS, share=1.0):
        epochs = max(1, round(share * EPOCHS))
        return float(self.scores[row, :n_folds, epochs - 1].mean())

    def regret(self, row):
        """Zero for the best of the pool, one for the median; the worst without any row."""
        if row is None:
            return WORST_REGRET
        best, median = self.truth.max(), np.median(self.truth)
        return float(min((best - self.truth[row]) / (best - median), WORST_REGRET))


class Trace:
    """What a run would return as time goes on: the best of those that came furthest."""

    def __init__(self):
        self.cost, self.entries, self._best = 0.0, [], (-1.0, -np.inf)

    def tell(self, row, cost, progress, score):
        self.cost += cost
        if np.isfinite(score) and (progress, score) > self._best:
            self._best = progress, score
            self.entries.append((self.cost, progress, row))

    def at(self, cost, least=0.0):
        """The row of the best, None if none has made the least progress."""
        return next(
            (row for c, p, row in self.entries[::-1] if c <= cost + 1e-6 and p >= least),
            None,
        )


def params_of(row):
    """A configuration as it is searched, in which numbers are positions."""
    return {
        name: value if isinstance(value, str) else VALUES[name].index(value)
        for name, value in CONFIGURATIONS[row].items()
    }


PARAMS = [params_of(row) for row in range(len(CONFIGURATIONS))]


def row_of(params):
    return PARAMS.index(params)


# Of each configuration; those of the optimizer are at both ends.
COORDINATES = np.array(
    [
        [VALUES[name].index(value) / (len(VALUES[name]) - 1) for name, value in c.items()]
        for c in CONFIGURATIONS
    ]
)


def nearest(row, used):
    """The row that is nearest, of those not used."""
    apart = np.abs(COORDINATES - COORDINATES[row]).sum(axis=1)
    apart[list(used)] = np.inf
    return int(apart.argmin())


# A rival is run on a table with a seed, until it has cost a budget. It gives a trace.


def sampler(name):
    """Full evaluations, of candidates that a sampler proposes."""

    def run(table, seed, budget):
        from skkeras_search import samplers

        trace = Trace()
        made = getattr(samplers, name)(SPACE, random_state=seed, direction="maximize")
        for _ in range(budget):
            (params,) = made.ask()
            row = row_of(params)
            made.tell(params, table.score(row))
            trace.tell(row, 1, 1, table.score(row))
        return trace

    return run


def rule(make, n_pending=1):
    """A budget rule of this library; jobs take as long as they cost."""

    def run(table, seed, budget):
        trace, made = Trace(), make(budget, seed)
        cost_to = [rung.n_folds * rung.share / FOLDS for rung in made.rungs]
        reached, running, now, order = {}, [], 0.0, itertools.count()
        while trace.cost < budget:
            step = made.ask() if len(running) < n_pending else None
            if step is not None:
                cost = cost_to[step.rung] - reached.get(step.number, 0.0)
                reached[step.number] = cost_to[step.rung]
                heapq.heappush(running, (now + cost, next(order), cost, step))
                continue
            if not running:
                break
            now, _, cost, step = heapq.heappop(running)
            row = row_of(step.params)
            score = table.score(row, *made.rungs[step.rung])
            made.tell(step, score)
            trace.tell(row, cost, step.rung / max(len(made.rungs) - 1, 1), score)
        return trace

    return run


def freeze_thaw(budget, seed):
    from skkeras_search.budgets.freeze_thaw import FreezeThaw

    return FreezeThaw(SPACE, FOLDS, budget, random_state=seed)


def hyperband(name):
    def make(budget, seed):
        from skkeras_search.budgets.hyperband import Hyperband

        return Hyperband(
            SPACE, FOLDS, EPOCHS, sampler=name, n_iterations=budget, random_state=seed
        )

    return make


def halving(table, seed, budget):
    """The rule of scikit-learn's ``HalvingRandomSearchCV``: each rung trains anew.

    It has as many candidates as the budget lasts for.
    """
    trace, n_rungs = Trace(), 1 + round(math.log(EPOCHS, 3))

    def cost(n):
        return sum(math.ceil(n / 3**k) * 3.0 ** (k + 1 - n_rungs) for k in range(n_rungs))

    n = next(n for n in itertools.count(len(table.truth), -1) if cost(n) <= budget)
    rows = np.random.default_rng(seed).permutation(len(table.truth))[:n].tolist()
    for rung in range(n_rungs):
        share = 3.0 ** (rung + 1 - n_rungs)
        for row in rows:
            trace.tell(row, share, share, table.score(row, FOLDS, share))
        scores = np.array([table.score(row, FOLDS, share) for row in rows])
        # Those that failed come last.
        best = np.argsort(-scores, kind="stable")[: math.ceil(len(rows) / 3)]
        rows = [rows[i] for i in best]
    return trace


def optuna_hyperband(name):
    """A sampler of Optuna with its ``HyperbandPruner``."""

    def run(table, seed, budget):
        import optuna
        from optuna.distributions import CategoricalDistribution, IntDistribution

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore")
        distributions = {
            key: CategoricalDistribution(given)
            if isinstance(given, list)
            else IntDistribution(*given)
            for key, given in SPACE.items()
        }
        study = optuna.create_study(
            direction="maximize",
            sampler=getattr(optuna.samplers, name)(seed=seed),
            pruner=optuna.pruners.HyperbandPruner(1, EPOCHS, 3),
        )
        trace, used = Trace(), set()
        while trace.cost < budget and len(used) < len(CONFIGURATIONS):
            trial = study.ask(distributions)
            row = nearest(row_of(trial.params), used)
            used.add(row)
            for key, position in PARAMS[row].items():
                distribution = distributions[key]
                value = distribution.to_internal_repr(position)
                study._storage.set_trial_param(trial._trial_id, key, value, distribution)
            done = 0.0
            for epochs in (1, 3, 9, 27):
                share = epochs / EPOCHS
                score = table.score(row, FOLDS, share)
                trace.tell(row, share - done, share, score)
                done = share
                if not np.isfinite(score):
                    study.tell(trial, state=optuna.trial.TrialState.FAIL)
                    break
                trial.report(score, epochs)
                if trial.should_prune() and epochs < EPOCHS:
                    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                    break
            else:
                study.tell(trial, score)
        return trace

    return run


RULES = {
    "random search, all folds and epochs": (sampler("RandomSampler"), False),
    "BayesianSampler, all folds and epochs": (sampler("BayesianSampler"), False),
    "successive halving (scikit-learn's rule)": (halving, True),
    "Hyperband": (rule(hyperband("random")), False),
    "Hyperband, sampler='bayes'": (rule(hyperband("bayes")), False),
    "Optuna TPE, HyperbandPruner": (optuna_hyperband("TPESampler"), False),
    "Optuna GP, HyperbandPruner": (optuna_hyperband("GPSampler"), False),
    "FreezeThaw": (rule(freeze_thaw), True),
    **{f"FreezeThaw, {n} steps at a time": (rule(freeze_thaw, n), True) for n in (2, 4, 8)},
}
OURS = "FreezeThaw"
OTHER = "Hyperband"


@functools.cache
def regrets_of_chance(folder, problem):
    """The regrets that random search is expected to have at the marks."""
    table, rng = Table(folder, problem), np.random.default_rng(0)
    regrets = np.array([table.regret(row) for row in range(len(table.truth))])
    return [
        float(np.mean([rng.choice(regrets, n, replace=False).min() for _ in range(5000)]))
        for n in MARKS
    ]


def run(name, problem, seed, folder):
    """The regret at each mark; a line of the file."""
    race, is_planned = RULES[name]
    table = Table(folder, problem)
    # The same draws on all problems would be the same luck.
    drawn = zlib.crc32(f"{problem} {seed}".encode())
    start = time.process_time()
    longest = race(table, drawn, max(MARKS))
    # A rule that plans for its budget has a run for each.
    traces = [
        race(table, drawn, mark) if is_planned and mark < max(MARKS) else longest
        for mark in MARKS
    ]
    seconds = time.process_time() - start

    def of_finished(cost):
        return table.regret(longest.at(cost, least=1.0))

    return {
        "rule": name,
        "problem": problem,
        "seed": seed,
        "regret": [
            table.regret(trace.at(mark)) for trace, mark in zip(traces, MARKS, strict=True)
        ],
        "regret of chance": regrets_of_chance(folder, problem),
        "in one run": [of_finished(mark) for mark in MARKS],
        "over time": float(np.mean([of_finished(cost) for cost in COSTS])),
        "seconds": seconds,
    }


def known(path):
    lines = path.read_text().splitlines() if path.exists() else []
    runs = [json.loads(line) for line in lines]
    return {(r["rule"], r["problem"], r["seed"]): r for r in runs}


def race(arguments):
    """Run what is not in the file yet."""
    path = Path(arguments.file)
    done = known(path)
    jobs = [
        key
        for seed in seeds(arguments)
        for key in itertools.product(arguments.rules, arguments.problems, [seed])
        if key not in done
        and ("GP" not in key[0] or importlib.util.find_spec("torch"))
        and ("Optuna" not in key[0] or importlib.util.find_spec("optuna"))
    ]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.jobs, spawn) as pool, path.open("a") as file:
        futures = [pool.submit(run, *job, arguments.tables) for job in jobs]
        for future in as_completed(futures):
            file.write(json.dumps(future.result()) + "\n")
            file.flush()


def seeds(arguments):
    return range(arguments.first_seed, arguments.first_seed + arguments.seeds)


def print_table(arguments):
    from scipy.stats import rankdata

    runs, problems = known(Path(arguments.file)), arguments.problems
    rules = [
        name
        for name in arguments.rules
        if all(
            (name, problem, seed) in runs
            for problem in problems
            for seed in seeds(arguments)
        )
    ]
    if not rules:
        raise SystemExit("No rule has been run on all of these problems and seeds.")

    def found(key):
        """Of shape (rules, problems, seeds), and marks."""
        return np.array(
            [
                [[runs[name, p, seed][key] for seed in seeds(arguments)] for p in problems]
                for name in rules
            ]
        )

    regrets, chance = found("regret"), found("regret of chance")
    relative = regrets / chance
    ranks = rankdata(regrets, axis=0)
    print(
        f"{len(problems)} problems, {arguments.seeds} seeds from "
        f"{arguments.first_seed} on; after 5, 10 and 20 full evaluations.\n"
    )
    marks = [f"rank @{mark}" for mark in MARKS] + [f"regret @{mark}" for mark in MARKS]
    print("| " + " | ".join(["", *marks, "worst problem @10", "CPU s"]) + " |")
    print("| --- " * (len(marks) + 3) + "|")
    for i, name in enumerate(rules):
        cells = [interval(ranks[i, :, :, k], 1) for k in range(len(MARKS))]
        cells += [interval(relative[i, :, :, k], 2) for k in range(len(MARKS))]
        worst = relative[i, :, :, 1].mean(axis=1).max()
        seconds = np.mean([r["seconds"] for key, r in runs.items() if key[0] == name])
        print("| " + " | ".join([name, *cells, f"{worst:.2f}", f"{seconds:.1f}"]) + " |")
    if OURS in rules and OTHER in rules:
        ours, other = (relative[rules.index(name)] for name in (OURS, OTHER))
        ratios = [ratio(ours[:, :, k], other[:, :, k]) for k in range(len(MARKS))]
        print(f"\nSummed regret of {OURS} over that of {OTHER}: " + ", ".join(ratios))
    in_one_run = found("in one run") / chance
    print(f"\nThe best finished candidate, in one run of {max(MARKS)}:\n")
    print("| " + " | ".join(["", *marks[len(MARKS) :], "over time"]) + " |")
    print("| --- " * (len(MARKS) + 2) + "|")
    for name, regret, mean in zip(rules, in_one_run, found("over time"), strict=True):
        cells = [interval(regret[:, :, k], 2) for k in range(len(MARKS))]
        print("| " + " | ".join([name, *cells, interval(mean, 2)]) + " |")


def resampled(values, n=2000):
    """Problems, and seeds of each, drawn with replacement; the same for equal shapes."""
    rng = np.random.default_rng(0)
    n_problems, n_seeds = values.shape
    problems = rng.integers(n_problems, size=(n, n_problems, 1))
    return values[problems, rng.integers(n_seeds, size=(n, n_problems, n_seeds))]


def interval(values, digits):
    """The mean, and where 95 % of its bootstrapped values lie."""
    low, high = np.quantile(resampled(values).mean(axis=(1, 2)), [0.025, 0.975])
    return f"{values.mean():.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def ratio(values, others):
    """The ratio of the means, and where 95 % of its bootstrapped values lie."""
    means = [resampled(v).mean(axis=(1, 2)) for v in (values, others)]
    low, high = np.quantile(means[0] / means[1], [0.025, 0.975])
    return f"{values.mean() / others.mean():.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["make", "tables"])
    parser.add_argument("--tables", default="budget_tables", help="folder of the curves")
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=PROBLEMS)
    parser.add_argument("--rules", nargs="+", default=list(RULES), choices=RULES)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--file", default="budgets.jsonl")
    parser.add_argument("--print", action="store_true", help="run nothing")
    given = parser.parse_args()
    if given.command == "make":
        make(given)
    else:
        if not given.print:
            race(given)
        print_table(given)
