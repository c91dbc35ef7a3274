"""Spaces, made learning curves, and a search over them."""

import numpy as np

from skkeras_search import Real

MIXED = {
    "rate": (1e-5, 1.0, "log-uniform"),
    "units": (1, 64),
    "activation": ["relu", "tanh", "elu"],
}
CONDITIONAL = {
    "optimizer": ["adam", "sgd"],
    "momentum": Real(0, 0.99, when={"optimizer": "sgd"}),
    "rate": (1e-4, 1.0, "log-uniform"),
}
FINITE = {"a": (1, 3), "b": ["x", "y"]}


def final(params):
    """How good a candidate of MIXED is in the end."""
    return (
        -((np.log10(params["rate"]) + 2.5) ** 2)
        - (params["units"] - 40) ** 2 / 400
        - (params["activation"] != "relu")
    )


def curve(params, rung):
    """Its score at a rung: large networks are slow, and each fold is another one."""
    rng = np.random.default_rng([params["units"], int(1e6 * params["rate"])])
    folds = rng.normal(scale=0.1, size=8)
    slowness = 1 + params["units"] / 64
    return final(params) - slowness * (1 - rung.share) + folds[: rung.n_folds].mean()


def any_score(params, rung):
    """A score of a candidate of any space."""
    seed = sum(map(ord, repr(sorted(params.items()))))
    return float(np.random.default_rng(seed).normal() + rung.share + rung.n_folds)


def run(rule, score=any_score, n_pending=1, rng=None, cost=None, most=10_000):
    """Search, with several steps pending that are told in the order of ``rng``."""
    asked, pending = [], []
    while len(asked) < most:
        step = rule.ask() if len(pending) < n_pending else None
        if step is not None:
            asked.append(step)
            pending.append(step)
            continue
        if not pending:
            break
        told = pending.pop(0 if rng is None else rng.integers(len(pending)))
        rule.tell(
            told,
            score(told.params, rule.rungs[told.rung]),
            None if cost is None else cost(told),
        )
    return asked
