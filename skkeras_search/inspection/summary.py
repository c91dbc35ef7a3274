"""A search as a table and as text."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from skkeras_search.inspection.axis import Axis
from skkeras_search.inspection.declared import spaces_of
from skkeras_search.inspection.labels import text_of
from skkeras_search.inspection.results import PREFIX, check_number, metrics, read
from skkeras_search.space import Space
from skkeras_search.space.dimensions import Dimension

# What comes first in a row of a frame; other columns follow in their order.
FIRST = ("rank_test_", "mean_test_", "std_test_")
# Of the choices of a hyperparameter.
MOST_CHARACTERS = 100
NUMBERS = {"Real": "real", "Integer": "integer", "Range": "integer"}


def to_frame(search: Any) -> Any:
    """Put the candidates of a search below each other, as a frame of pandas.

    Parameters
    ----------
    search : GridSearchCV or another search, or LoadedSearch

    Returns
    -------
    pandas.DataFrame
        With ``candidate``, the row of ``cv_results_``, as its index; the columns of
        ``cv_results_`` but for ``params``, ranks and means first; and ``status``.
        Hyperparameters have the prefix ``param_``, and are NaN where a candidate does not
        have them.

    Raises
    ------
    NotFittedError
        Before a candidate is evaluated.
    ImportError
        Without pandas.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "to_frame gives a frame of pandas, which is not installed. Install it with "
            "pip install skkeras-search[frames]."
        ) from error
    results = read(search, finished=False)
    table = dict(results.search.cv_results_)
    table.pop("params")
    columns = {
        n: table.pop(n) for first in FIRST for n in list(table) if n.startswith(first)
    }
    columns["status"] = results.status
    for name in results.names:
        values = [params.get(name, np.nan) for params in results.params]
        column = pd.Series(values, dtype=object)
        are_whole = pd.api.types.infer_dtype(column, skipna=True) == "integer"
        # NaN among whole numbers would make all of them floating-point numbers.
        stays = are_whole and column.isna().any()
        columns[f"param_{name}"] = column if stays else column.infer_objects()
    columns |= {name: values for name, values in table.items() if name not in columns}
    return pd.DataFrame(columns).rename_axis("candidate")


def results_text(search: Any, n: int = 10) -> str:
    """Describe the best candidates of a search in words.

    Parameters
    ----------
    search : GridSearchCV or another search, or LoadedSearch
    n : int, default=10
        Number of candidates.
    """
    check_number("n", n)
    results = read(search, finished=False)
    names, table = metrics(results.search), results.search.cv_results_
    lines = [headline(search)]
    for row in results.by_score()[:n]:
        scores = ", ".join(f"{name} {table[f'{PREFIX}{name}'][row]:.4g}" for name in names)
        spread = np.nanstd(results.folds[row]) if results.folds.shape[1] else np.nan
        lines.append(f"candidate {row}: {scores} (std over folds {spread:.2g})")
        lines += [f"    {name}: {text_of(v)}" for name, v in results.params[row].items()]
    return "\n".join(lines)


def headline(search: Any) -> str:
    """Say how many candidates a search has, and what has become of them."""
    results = read(search, finished=False)
    counts = [(str(s), int((results.status == s).sum())) for s in np.unique(results.status)]
    parts = ", ".join(f"{count} {status}" for status, count in counts)
    return (
        f"{results.name}: {len(results)} candidates ({parts}), ranked by {results.metric}"
    )


def space_text(search: Any) -> str:
    """Describe the space of a search in words, before or after it is fitted.

    Parameters
    ----------
    search : GridSearchCV or another search, or LoadedSearch
        Of a search that is loaded, the values of its candidates are described.
    """
    spaces, sizes = described(search), [_size(space) for space in spaces_of(search)]
    if not spaces:
        results = read(search, finished=False)
        spaces = [{name: _values(results.axis(name)) for name in results.names}]
    lines: list[str] = []
    for number, space in enumerate(spaces, 1):
        title = f"Space {number} of {len(spaces)}" if len(spaces) > 1 else "Space"
        size = sizes[number - 1] if sizes else ""
        lines.append(f"{title}: {_counted(len(space), 'hyperparameter')}{size}")
        lines += [f"    {name}: {text}" for name, text in space.items()]
    return "\n".join(lines)


def described(search: Any) -> list[dict[str, str]]:
    """Describe the values in each space of a search, by the names of hyperparameters.

    Returns
    -------
    list of dict of str to str
        Empty if the search does not know its space.
    """
    known: list[dict[str, str]] | None = getattr(search, "described_spaces", None)
    if known is not None:  # it is loaded
        return known
    return [
        {n: describe(given) for n, given in space.items()} for space in spaces_of(search)
    ]


def best_hyperparameters(search: Any, n: int = 1) -> list[dict[str, Any]]:
    """Give the hyperparameters of the best candidates that are finished."""
    check_number("n", n)
    results = read(search)
    return [dict(results.params[row]) for row in results.by_score()[:n]]


def _size(space: dict[str, Any]) -> str:
    if not all(isinstance(given, Dimension) for given in space.values()) or not space:
        return ""
    n = Space(space).n_configurations
    return f", {_counted(int(n), 'configuration')}" if np.isfinite(n) else ""


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def describe(given: Any) -> str:
    """Describe the values that a hyperparameter may take."""
    kind = type(given).__name__
    if kind in NUMBERS:
        text = f"{NUMBERS[kind]} from {text_of(given.low)} to {text_of(given.high)}"
        if kind == "Range":
            text += f" in steps of {given.numbers.step}"
        if given.prior != "uniform":
            text += f", {given.prior}"
    elif hasattr(given, "categories"):
        text = f"one of {_listed(given.categories)}"
        if given.is_ordered:
            text += ", ordered"
    elif hasattr(given, "distribution"):
        text = f"drawn from {given._arguments()}"
    else:
        text = text_of(given)
    when = getattr(given, "when", {})
    return text + (f", if {_conditions(when)}" if when else "")


def _conditions(when: Mapping[str, Any]) -> str:
    return " and ".join(
        f"{name} is {' or '.join(map(text_of, v)) if isinstance(v, list) else text_of(v)}"
        for name, v in when.items()
    )


def _listed(values: Iterable[Any]) -> str:
    values = list(values)
    text = ""
    for n, value in enumerate(values):
        more = f"{', ' if n else ''}{text_of(value)}"
        if n and len(text + more) > MOST_CHARACTERS:
            return f"{text}, ... ({len(values)} in all)"
        text += more
    return text


def _values(axis: Axis) -> str:
    """The values of candidates whose space is not known."""
    if not axis.is_numeric:
        return describe(axis.dimension)
    low, high = map(text_of, axis.dimension.bounds)
    return f"numbers from {low} to {high}"


def what_failed(error: str) -> str:
    """Give the line of a traceback that says what went wrong."""
    last = error.rpartition("Traceback (most recent call last):\n")[2]
    lines = [line for line in last.splitlines() if line and not line[0].isspace()]
    return lines[0].strip() if lines else ""
