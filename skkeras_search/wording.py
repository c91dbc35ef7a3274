"""Values of parameters in words: one line each, whatever the value is."""

import re
import reprlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from skkeras_search.space.dimensions import is_number

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
MOST_ITEMS = 50
MOST_CHARACTERS = 200


class _Shortening(reprlib.Repr):
    """Shortens representations. Addresses are left out before a cut can split them."""

    def __init__(self) -> None:
        super().__init__()
        self.maxother = self.maxstring = MOST_CHARACTERS

    def repr_instance(self, x: Any, level: int) -> str:
        text = _without_addresses(repr(x))
        if len(text) <= MOST_CHARACTERS:
            return text
        n_kept = (MOST_CHARACTERS - len("...")) // 2
        return f"{text[:n_kept]}...{text[-n_kept:]}"


REPR = _Shortening()


def in_words(value: Any, digits: int | None = None) -> str:
    r"""Describe a value in one line of printable characters.

    Functions and classes are described by their names. Addresses of objects in memory are
    left out, so the words are the same in each run.

    Parameters
    ----------
    value : object
    digits : int, optional
        Significant digits of numbers that are not whole. If given, long values are
        shortened, too. By default the words are complete.

    Returns
    -------
    str

    Examples
    --------
    >>> from skkeras_search.wording import in_words
    >>> in_words(0.01), in_words((len, None)), in_words("two\nlines")
    ('0.01', '(len, None)', 'two lines')
    >>> in_words([2 / 3], digits=4)
    '[0.6667]'
    """
    text = _text(value, digits)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def params_in_words(params: Mapping[str, Any], digits: int | None = None) -> str:
    """Describe the parameters of a candidate in one line, as "name=value, ..."."""
    return ", ".join(
        f"{in_words(name)}={in_words(v, digits)}" for name, v in params.items()
    )


def _text(value: Any, digits: int | None) -> str:
    if is_number(value):
        is_whole = digits is None or isinstance(value, (int, np.integer))
        return str(value) if is_whole else f"{float(value):.{digits}g}"
    if isinstance(value, str):
        return value or "''"
    is_complete = digits is None
    if isinstance(value, (list, tuple)) and (is_complete or len(value) < MOST_ITEMS):
        items = ", ".join(_text(item, digits) for item in value)
        if isinstance(value, list):
            return f"[{items}]"
        return f"({items},)" if len(value) == 1 else f"({items})"
    name = getattr(value, "__qualname__", getattr(value, "__name__", None))
    if callable(value) and isinstance(name, str):
        return name.rpartition("<locals>.")[2]
    if isinstance(value, partial):
        return f"{_text(value.func, digits)}(...)"
    # The representation of an estimator is short, as it leaves out defaults.
    is_short = is_complete or hasattr(value, "get_params")
    return _without_addresses(str(value)) if is_short else REPR.repr(value)


def _without_addresses(text: str) -> str:
    return ADDRESS.sub("", text)
