"""Suggest the name a user probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches


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
    last = [k for k in names if k.lower().split("__")[-1] == name.lower().split("__")[-1]]
    near = get_close_matches(name, names, n=1) or sorted(
        last, key=lambda name: (len(name), name)
    )
    return f" Did you mean {near[0]!r}?" if near else ""
