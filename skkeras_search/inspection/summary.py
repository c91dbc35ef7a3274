"""Describe a search in a table or in text."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from skkeras_search.inspection.axis import Axis
from skkeras_search.inspection.declared import spaces_of
from skkeras_search.inspection.labels import text_of
from skkeras_search.inspection.results import PREFIX, check_number, metrics, read
from skkeras_search.space import Space
from skkeras_search.space.dimensions import Dimension

# Prefixes of the first columns of a frame; the other columns keep their order.
FIRST = ("rank_test_", "mean_test_", "std_test_")
# Limit of the length of the list of choices of a hyperparameter.
MOST_CHARACTERS = 100
# Limit of the number of errors that a summary shows.
MOST_REASONS = 3
NUMBERS = {"Real": "real", "Integer": "integer", "Range": "integer"}


def to_frame(search: Any) -> Any:
    """Return the candidates of a search as a data frame.

    Parameters
    ----------
    search : fitted search or LoadedSearch
        Search of this package or of scikit-learn.

    Returns
    -------
    pandas.DataFrame
        One row per candidate. The index, ``candidate``, is the row of ``cv_results_``. The
        columns are those of ``cv_results_`` without ``params``, with ranks and mean scores
        first, and ``status``. Columns of hyperparameters have the prefix ``param_``, and
        contain NaN where a hyperparameter is inactive.

    Raises
    ------
    NotFittedError
        If no candidate was evaluated yet.
    ImportError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "to_frame requires pandas, which is not installed. Install it with pip install "
            "skkeras-search[frames]."
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
        # Inferring the type would convert integers with NaN among them to floats.
        stays = are_whole and column.isna().any()
        columns[f"param_{name}"] = column if stays else column.infer_objects()
    columns |= {name: values for name, values in table.items() if name not in columns}
    return pd.DataFrame(columns).rename_axis("candidate")


def results_text(search: Any, n: int = 10) -> str:
    """Describe the best candidates of a search in text.

    Parameters
    ----------
    search : fitted search or LoadedSearch
        Search of this package or of scikit-learn.
    n : int, default=10
        Largest number of candidates.

    Returns
    -------
    str
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
    reasons = Counter(what_failed(str(error)) for error in results.errors if error)
    for reason, count in reasons.most_common(MOST_REASONS):
        lines.append(f"{_counted(count, 'candidate')} with an error: {text_of(reason)}")
    return "\n".join(lines)


def headline(search: Any) -> str:
    """Return a line with the numbers of candidates of a search, by status."""
    results = read(search, finished=False)
    counts = [(str(s), int((results.status == s).sum())) for s in np.unique(results.status)]
    parts = ", ".join(f"{count} {status}" for status, count in counts)
    return (
        f"{results.name}: {len(results)} candidates ({parts}), ranked by {results.metric}"
    )


def space_text(search: Any) -> str:
    """Describe the space of a search in text, before or after the search is fitted.

    Parameters
    ----------
    search : search or LoadedSearch
        Search of this package or of scikit-learn. If its space is unknown, as it may be for
        a loaded search, the values of its candidates are described.

    Returns
    -------
    str
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
    """Describe the values of each hyperparameter, in each space of a search.

    Returns
    -------
    list of dict of str to str
        Descriptions by the names of the hyperparameters. Empty if the space is unknown.
    """
    known: list[dict[str, str]] | None = getattr(search, "described_spaces", None)
    if known is not None:  # a loaded search
        return known
    return [
        {n: describe(given) for n, given in space.items()} for space in spaces_of(search)
    ]


def best_hyperparameters(search: Any, n: int = 1) -> list[dict[str, Any]]:
    """Return the hyperparameters of the best finished candidates, the best first."""
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
    """Describe the values of the candidates of a search whose space is unknown."""
    if not axis.is_numeric:
        return describe(axis.dimension)
    low, high = map(text_of, axis.dimension.bounds)
    return f"numbers from {low} to {high}"


def what_failed(error: str) -> str:
    """Return the line of a traceback that contains the error message."""
    last = error.rpartition("Traceback (most recent call last):\n")[2]
    lines = [line for line in last.splitlines() if line and not line[0].isspace()]
    return lines[0].strip() if lines else ""
