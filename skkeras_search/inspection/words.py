"""Names and values as short labels."""

import re
import reprlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from skkeras_search.space.dimensions import is_number

ADDRESS = re.compile(r" at 0x\w+")
REPR = reprlib.Repr()
REPR.maxother = REPR.maxstring = 200
MOST_OF_VALUE, MOST_OF_NAME = 20, 28


def text_of(value: Any) -> str:
    """Write a value so that a person knows it: a function by its name, say."""
    if is_number(value):
        is_whole = isinstance(value, (int, np.integer))
        return str(value) if is_whole else f"{float(value):.4g}"
    if isinstance(value, str):
        return value or "''"
    if isinstance(value, (list, tuple)) and len(value) < 50:
        inner = ", ".join(map(text_of, value))
        last = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return f"({inner}{last})" if isinstance(value, tuple) else f"[{inner}]"
    name = getattr(value, "__name__", None)
    if isinstance(name, str) and (callable(value) or isinstance(value, type)):
        return name
    if hasattr(value, "func") and hasattr(value, "keywords"):  # functools.partial
        return f"{text_of(value.func)}(...)"
    text = repr(value) if hasattr(value, "get_params") else REPR.repr(value)
    return " ".join(ADDRESS.sub("", text).split())


def short(value: Any, most: int = MOST_OF_VALUE) -> str:
    """Write a value as a label of a plot."""
    return _label(text_of(value), most)


def shortest_names(names: Iterable[str]) -> dict[str, str]:
    """Give labels for names: the last parts, as many as tell them apart.

    Examples
    --------
    >>> shortest_names(["mlp__units", "mlp__optimizer__lr", "svc__lr"])
    {'mlp__units': 'units', 'mlp__optimizer__lr': 'optimizer__lr', 'svc__lr': 'svc__lr'}
    """
    names = list(names)
    parts = {name: name.split("__") for name in names}

    def shortest(name: str) -> str:
        for n in range(1, len(parts[name]) + 1):
            ending = parts[name][-n:]
            if sum(other[-n:] == ending for other in parts.values()) == 1:
                return "__".join(ending) or name
        return name

    return {name: _label(shortest(name), MOST_OF_NAME) for name in names}


def _label(text: str, most: int) -> str:
    """Shorten a text in its middle, and keep matplotlib from reading formulas in it."""
    if len(text) > most:
        last = most // 3
        text = f"{text[: most - last - 1]}…{text[-last:]}"
    return text.replace("$", r"\$")
