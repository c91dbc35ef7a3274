"""Values of parameters in words: one line each, whatever the value is."""

import re
from collections.abc import Mapping
from typing import Any

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def in_words(value: Any) -> str:
    r"""Describe a value in one line of printable characters.

    Functions and classes have their names, and no value has the address of an object in
    memory, so the words are the same in each run.

    Parameters
    ----------
    value : object

    Returns
    -------
    str

    Examples
    --------
    >>> from skkeras_search.searches.wording import in_words
    >>> in_words(0.01), in_words((len, None)), in_words("two\nlines")
    ('0.01', '(len, None)', 'two lines')
    """
    if isinstance(value, str):
        text = value
    elif type(value) in (list, tuple):
        words = ", ".join(map(in_words, value))
        ends = "[]" if isinstance(value, list) else "()"
        text = f"{ends[0]}{words}{',' if ends == '()' and len(value) == 1 else ''}{ends[1]}"
    elif callable(value) and hasattr(value, "__qualname__"):
        text = value.__qualname__.rpartition("<locals>.")[2]
    else:
        text = ADDRESS.sub("", str(value))
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def params_in_words(params: Mapping[str, Any]) -> str:
    """Describe the parameters of a candidate in one line, as "name=value, ..."."""
    return ", ".join(f"{in_words(name)}={in_words(v)}" for name, v in params.items())
