"""Suggest the name that the user probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

ABBREVIATIONS = {"lr": "learning_rate"}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Complete an error message about an unknown name.

    Parameters
    ----------
    name : str
        The name that the user wrote.
    known : iterable of str
        The valid names.

    Returns
    -------
    suggestion : str
        A sentence such as ``" Did you mean 'epochs'?"``; empty if no valid name is
        similar.

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
    if not siblings:  # the prefix is wrong
        near = get_close_matches(name, names, n=1)
    same = [k for k in names if k.lower().split("__")[-1] == last.lower()]
    near = near or sorted(same, key=lambda name: (len(name), name))
    return f" Did you mean {near[0]!r}?" if near else ""


def about_parameter(estimator: Any, name: str, prefix: str = "") -> str:
    """Complete an error message about a parameter that an estimator does not have.

    Parameters
    ----------
    estimator : estimator
        An estimator, which may be a pipeline or another estimator with parts.
    name : str
        The name that the user wrote; "step__parameter" for a part of the estimator.
    prefix : str, default=""
        Prefix of the estimator's parameters in the names that the user writes.

    Returns
    -------
    about : str
        Sentences about the parameters of the Keras estimator that the name refers to;
        empty if it does not refer to a Keras estimator.
    """
    if hasattr(estimator, "_about_parameter"):
        return str(estimator._about_parameter(name, prefix))
    first, nested, rest = name.partition("__")
    if not nested and getattr(estimator, "steps", None):  # the last step of a pipeline
        first, nested, rest = str(estimator.steps[-1][0]), "__", name
    part = estimator.get_params().get(first) if nested else None
    if not hasattr(part, "get_params") or isinstance(part, type):
        return ""
    return about_parameter(part, rest, f"{prefix}{first}__")
