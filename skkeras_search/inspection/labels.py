"""Names and values as short labels."""

from collections.abc import Iterable
from typing import Any

from skkeras_search.wording import in_words

DIGITS = 4
MOST_OF_VALUE, MOST_OF_NAME = 20, 28


def text_of(value: Any) -> str:
    """Write a value in one line, numbers with few digits."""
    return in_words(value, DIGITS)


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
