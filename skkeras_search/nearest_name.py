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
    """
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
