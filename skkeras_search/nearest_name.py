"""Suggest the name a user probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

ABBREVIATIONS = {"lr": "learning_rate"}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Complete an error message about an unknown name.

    Parameters
    ----------
    name : str
        What the user wrote.
    known : iterable of str
        What could have been written.

    Returns
    -------
    str
        `` Did you mean 'epochs'?``, or nothing if no name is near.

    Examples
    --------
    >>> did_you_mean("epoch", ["epochs", "batch_size"])
    " Did you mean 'epochs'?"
    >>> did_you_mean("C", ["svc__C", "svc__tol"])
    " Did you mean 'svc__C'?"
    """
    names = list(known)
    first, _, last = name.rpartition("__")
    prefix = f"{first}__" if first else ""
    siblings = [k[len(prefix) :] for k in names if k.startswith(prefix)]
    meant = ABBREVIATIONS.get(last, last)
    near = [prefix + sibling for sibling in get_close_matches(meant, siblings, n=1)]
    if not siblings:  # it is the prefix that is mistaken
        near = get_close_matches(name, names, n=1)
    same = [k for k in names if k.lower().split("__")[-1] == last.lower()]
    near = near or sorted(same, key=lambda name: (len(name), name))
    return f" Did you mean {near[0]!r}?" if near else ""


def about_parameter(estimator: Any, name: str, prefix: str = "") -> str:
    """Complete an error message about a parameter that an estimator does not have.

    Parameters
    ----------
    estimator : estimator
    name : str
        What the user wrote, "step__parameter" for a part of the estimator.
    prefix : str, default=""
        Of the names of the estimator's parameters where the user wrote the name.

    Returns
    -------
    str
        What the Keras estimator that the name leads to says of its own parameters,
        nothing if it leads to none.
    """
    if hasattr(estimator, "_about_parameter"):
        return str(estimator._about_parameter(name, prefix))
    first, nested, rest = name.partition("__")
    if not nested and getattr(estimator, "steps", None):  # of a pipeline, the last is meant
        first, nested, rest = str(estimator.steps[-1][0]), "__", name
    part = estimator.get_params().get(first) if nested else None
    if not hasattr(part, "get_params") or isinstance(part, type):
        return ""
    return about_parameter(part, rest, f"{prefix}{first}__")
