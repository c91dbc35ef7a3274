"""Rungs: the points at which candidates are compared."""

import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np


class Rung(NamedTuple):
    """How far a candidate is trained before it is compared.

    Attributes
    ----------
    n_folds : int
        Number of folds that are trained: the first ones.
    share : float
        Share of the candidate's epochs to which each of these folds is trained, above 0 and
        at most 1.
    """

    n_folds: int
    share: float


def epoch_rungs(n_folds: int) -> list[Rung]:
    """Return the default rungs of estimators that have epochs.

    They are a ninth and a third of the epochs of one fold, all of them, and all folds.

    Parameters
    ----------
    n_folds : int
        Number of folds of the cross-validation.

    Returns
    -------
    list of Rung

    Examples
    --------
    >>> from skkeras_search.budgets.rung import epoch_rungs
    >>> [tuple(rung) for rung in epoch_rungs(5)]
    [(1, 0.111...), (1, 0.333...), (1, 1.0), (5, 1.0)]
    """
    rungs = [Rung(1, 1 / 9), Rung(1, 1 / 3), Rung(1, 1.0), Rung(n_folds, 1.0)]
    return list(dict.fromkeys(rungs))


def folds_rungs(n_folds: int) -> list[Rung]:
    """Return the default rungs of estimators without epochs: one fold, two, and so on.

    Parameters
    ----------
    n_folds : int
        Number of folds of the cross-validation.

    Returns
    -------
    list of Rung

    Examples
    --------
    >>> from skkeras_search.budgets.rung import folds_rungs
    >>> [tuple(rung) for rung in folds_rungs(3)]
    [(1, 1.0), (2, 1.0), (3, 1.0)]
    """
    return [Rung(n, 1.0) for n in range(1, n_folds + 1)]


def checked_rungs(rungs: Iterable[tuple[int, float]], n_folds: int) -> list[Rung]:
    """Check that rungs lead from little training to all of it.

    Parameters
    ----------
    rungs : iterable of (int, float)
        Numbers of folds, and shares of the epochs.
    n_folds : int
        Number of folds of the cross-validation.

    Returns
    -------
    list of Rung

    Raises
    ------
    ValueError
        If a rung is impossible, if it has fewer folds or epochs than the one before, or if
        the last rung is not all folds and all epochs.
    """
    pairs: list[Any] = [
        tuple(rung) if isinstance(rung, Iterable) else (rung,) for rung in rungs
    ]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(
            "rungs must be pairs of a number of folds and a share of the epochs, as in "
            f"[(1, 0.5), ({n_folds}, 1.0)], got {rungs!r}."
        )
    given = [Rung(*pair) for pair in pairs]
    for rung in given:
        if not (is_whole(rung.n_folds, 1) and rung.n_folds <= n_folds):
            raise ValueError(
                f"rungs must have between 1 and {n_folds} folds, got {tuple(rung)}."
            )
        if not 0 < rung.share <= 1:
            raise ValueError(
                "rungs must have a share of the epochs above 0 and at most 1, got "
                f"{tuple(rung)}."
            )
    if not given or given[-1] != (n_folds, 1):
        raise ValueError(
            f"The last of rungs must be ({n_folds}, 1.0), which is all folds and all "
            f"epochs, got {[tuple(rung) for rung in given]}."
        )
    for before, rung in itertools.pairwise(given):
        if rung == before or rung.n_folds < before.n_folds or rung.share < before.share:
            raise ValueError(
                "Each of rungs must have more folds or a larger share of the epochs than "
                f"the one before, and less of neither, got {tuple(before)} and then "
                f"{tuple(rung)}."
            )
    return [Rung(int(rung.n_folds), float(rung.share)) for rung in given]


def is_whole(value: Any, least: int) -> bool:
    """Return whether a value is a whole number of at least ``least``."""
    is_integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return is_integer and bool(value >= least)
