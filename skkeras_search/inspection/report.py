"""Report about a search, as one HTML page."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from skkeras_search.inspection.convergence import ConvergenceDisplay
from skkeras_search.inspection.environment import machine, parameters, seeds, versions
from skkeras_search.inspection.fold_scores import FoldScoresDisplay
from skkeras_search.inspection.hyperparameter import HyperparameterDisplay
from skkeras_search.inspection.importance import INTERACTIONS, ImportanceDisplay
from skkeras_search.inspection.labels import text_of
from skkeras_search.inspection.learning_curves import LearningCurvesDisplay
from skkeras_search.inspection.parallel_coordinates import ParallelCoordinatesDisplay
from skkeras_search.inspection.picture import picture_of
from skkeras_search.inspection.results import PREFIX, metrics, read
from skkeras_search.inspection.source import source_of, source_of_parameters
from skkeras_search.inspection.summary import space_text, what_failed
from skkeras_search.inspection.timeline import TimelineDisplay
from skkeras_search.statuses import FAILED

# Limits that keep the page fast: rows of the table, errors, and the length of each error.
MOST_ROWS, MOST_ERRORS, MOST_CHARACTERS = 1000, 30, 4000
# The most important hyperparameters, up to this number, get a plot of their own.
MOST_HYPERPARAMETERS = 4


@dataclass(frozen=True)
class Picture:
    """A plot of the page.

    Attributes
    ----------
    title, caption : str
        Heading and caption.
    address : str
        ``data:`` URL of the image, empty if there is nothing to show.
    why : str
        Text that replaces a missing image.
    """

    title: str
    caption: str
    address: str
    why: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell of the table.

    Attributes
    ----------
    text : str
        Displayed text.
    sort : str
        Number that determines the sort order. If it is empty, the text determines it.
    """

    text: str
    sort: str = ""


@dataclass(frozen=True)
class Failure:
    """An error, and the candidates that failed with it.

    Attributes
    ----------
    line : str
        Error message.
    text : str
        Traceback of the first of the candidates.
    candidates : list of int
        Rows of ``cv_results_``.
    """

    line: str
    text: str
    candidates: list[int]


def write_report(search: Any, path: Any, metric: str | None = None) -> Path:
    """Write a report about a search to an HTML file.

    The page contains the best candidate, plots, a sortable table of the candidates, the
    errors of failed candidates, the code that creates the best estimator, the search space,
    and the versions, parameters and seeds of the search. It loads no other files.

    Parameters
    ----------
    search : fitted search or LoadedSearch
        Search of this package or of scikit-learn. A search of this package may still be
        running.
    path : str or path-like
        Path of the file. An existing file is overwritten.
    metric : str, default=None
        Metric to show, for a search with several metrics. None means the metric that
        ``refit`` names, or otherwise the first.

    Returns
    -------
    pathlib.Path
        Path of the file.

    Raises
    ------
    NotFittedError
        If no candidate was evaluated yet.
    TypeError
        If ``search`` is not a search.
    ValueError
        If the metric is unknown.
    FileNotFoundError
        If the directory of the file does not exist.
    ImportError
        If Jinja2 or matplotlib is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import GridSearchCV
    >>> from skkeras_search.inspection import write_report
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "kernel": ["linear", "rbf"]})
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> with TemporaryDirectory() as directory:
    ...     path = write_report(search, Path(directory) / "report.html")
    ...     path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    True
    """
    path = Path(path)
    if not path.parent.is_dir():  # before the plots, which take a while
        raise FileNotFoundError(
            f"path={str(path)!r} cannot be written, because the directory "
            f"{str(path.parent)!r} does not exist."
        )
    page = report_of(search, metric)
    path.write_text(page, encoding="utf-8", errors="xmlcharrefreplace")
    return path


def report_of(search: Any, metric: str | None = None) -> str:
    """Return the report about a search, as HTML that loads no other files."""
    try:
        import jinja2
    except ImportError as error:
        raise ImportError(
            "A report requires Jinja2, which is not installed. Install it with pip install "
            "skkeras-search[report]."
        ) from error
    results = read(search, metric, finished=False)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("skkeras_search", "inspection"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja").render(
        title=getattr(results.search, "search_name", None) or results.name,
        facts=_facts(results),
        best=None if results.best is None else _best(results),
        pictures=[] if results.best is None else list(_pictures(results)),
        columns=_columns(results),
        rows=_rows(results),
        n_left_out=max(0, len(results) - MOST_ROWS),
        failures=_failures(results),
        most_errors=MOST_ERRORS,
        space=space_text(results.search),
        source=None if results.best is None else _source(results),
        environment=_environment(results.search),
        made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
    )


def _facts(results: Any) -> list[tuple[str, str]]:
    """Return the main facts about a search, as pairs of names and values."""
    search, status = results.search, results.status
    counts = [f"{int((status == one).sum())} {one}" for one in dict.fromkeys(status)]
    facts = [("Search", results.name), ("Candidates", ", ".join(counts))]
    estimator = getattr(search, "estimator", None)
    if estimator is not None:  # the bool of an unfitted ensemble raises an error
        facts.append(("Estimator", text_of(estimator)[:MOST_CHARACTERS]))
    if n_running := getattr(search, "n_running", 0):
        facts.append(("Running jobs", str(n_running)))
    facts.append(("Folds", str(results.folds.shape[1])))
    if getattr(search, "n_repeats", 1) > 1:
        facts.append(("Repeats", str(search.n_repeats)))
    facts.append(("Ranked by", results.metric))
    named = seeds(search).items()
    facts.append(("Seeds", ", ".join(f"{k}: {v}" for k, v in named) or "none"))
    if hasattr(search, "timeline_"):
        times = search.timeline_.dropna(subset=["begun", "ended"])
        if len(times):
            begun, ended = times["begun"].min(), times["ended"].max()
            facts.append(("Started", f"{datetime.fromtimestamp(begun):%Y-%m-%d %H:%M:%S}"))
            facts.append(("Duration of all fits", _duration(ended - begun)))
            facts.append(("Processes", str(times["worker"].nunique())))
    return facts


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def _best(results: Any) -> dict[str, Any]:
    row = results.best
    table = results.search.cv_results_
    scores = [(name, table[f"{PREFIX}{name}"][row]) for name in metrics(results.search)]
    return {
        "candidate": row,
        "score": f"{results.scores[row]:.4g}",
        "std": f"{np.nanstd(results.folds[row]):.2g}" if results.folds.size else "",
        "scores": [(name, f"{score:.4g}") for name, score in scores],
        "params": [(name, text_of(v)) for name, v in results.params[row].items()],
    }


def _pictures(results: Any) -> Iterator[Picture]:
    search, given = results.search, {"metric": results.metric}
    order: list[str] = []

    def importances(ax: Any) -> None:
        names = ImportanceDisplay.from_search(search, ax=ax, **given).names
        order.extend(name for name in names if name != INTERACTIONS)

    n = len(results.varied or results.names)
    wide, low = (7.0, 3.8), (7.0, max(2.2, 0.38 * n + 1.4))
    yield _picture(
        "Convergence",
        "The best score so far, and the score of each candidate.",
        wide,
        lambda ax: ConvergenceDisplay.from_search(search, ax=ax, **given),
    )
    yield _picture(
        "Best candidates by fold",
        "Dots are folds. A small p-value (corrected resampled t-test of Nadeau and Bengio, "
        "2003) indicates that the difference from the best is more than noise.",
        wide,
        lambda ax: FoldScoresDisplay.from_search(search, ax=ax, **given),
    )
    if results.names:
        yield _picture(
            "Parallel coordinates",
            "Each line is a candidate. Lighter lines have better scores.",
            (max(7.0, 1.4 * n), 4.6),
            lambda ax: ParallelCoordinatesDisplay.from_search(search, ax=ax, **given),
        )
        yield _picture(
            "Importance of hyperparameters",
            "Share of the variance of the score that is due to each hyperparameter alone "
            "(fANOVA, Hutter et al., 2014).",
            low,
            importances,
        )
    for name in order[:MOST_HYPERPARAMETERS]:
        yield _picture(
            f"Score over {name}",
            "Points are candidates. The line is the prediction of a Gaussian process, "
            "averaged over the other hyperparameters.",
            wide,
            lambda ax, name=name: HyperparameterDisplay.from_search(  # type: ignore[misc]
                search, name, ax=ax, **given
            ),
        )
    if hasattr(type(search), "learning_curves_") and search.learning_curves_["epoch"].any():
        yield _picture(
            "Learning curves",
            "Means over the folds, with bands of one standard deviation for the best.",
            wide,
            lambda ax: LearningCurvesDisplay.from_search(search, ax=ax, **given),
        )
    if hasattr(type(search), "timeline_"):
        yield _picture(
            "Timeline",
            "Each bar is a fit.",
            wide,
            lambda ax: TimelineDisplay.from_search(search, ax=ax),
        )


def _picture(
    title: str, caption: str, size: tuple[float, float], draw: Callable[[Any], Any]
) -> Picture:
    try:
        return Picture(title, caption, picture_of(draw, size))
    except ValueError as error:  # nothing to show
        return Picture(title, caption, "", what_failed(str(error)))


def _columns(results: Any) -> list[str]:
    scores = [f"mean {name}" for name in metrics(results.search)]
    return ["rank", "candidate", "status", *scores, "std", "fit time in s", *results.names]


def _rows(results: Any) -> list[list[Cell]]:
    """Return the rows of the table: finished candidates, the best first, then others."""
    table = results.search.cv_results_
    finished = list(results.by_score())
    ranks = {row: rank for rank, row in enumerate(finished, 1)}
    others = [row for row in range(len(results)) if row not in ranks]
    scores = [table[f"{PREFIX}{name}"] for name in metrics(results.search)]
    numbers = [*scores, table[f"std_test_{results.metric}"], table["mean_fit_time"]]
    return [
        [
            _number(ranks.get(row, np.nan)),
            _number(row),
            Cell(str(results.status[row])),
            *(_number(column[row]) for column in numbers),
            *(
                _cell(results.params[row][name])
                if name in results.params[row]
                else Cell("")
                for name in results.names
            ),
        ]
        for row in [*finished, *others][:MOST_ROWS]
    ]


def _number(value: Any) -> Cell:
    return Cell(text_of(value), repr(float(value))) if np.isfinite(value) else Cell("")


def _cell(value: Any) -> Cell:
    text = text_of(value)
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return Cell(text[:200], repr(float(value)) if is_number and abs(value) < 1e300 else "")


def _failures(results: Any) -> list[Failure]:
    """Return the errors of the candidates, grouped by their messages."""
    found: dict[str, Failure] = {}
    for row, error in enumerate(results.errors):
        if error is None and results.status[row] != FAILED:
            continue
        text = str(error or "The score is not a finite number.")
        line = what_failed(text)[:MOST_CHARACTERS]
        new = Failure(line, text[-MOST_CHARACTERS:], [])
        found.setdefault(line, new).candidates.append(row)
    return list(found.values())


def _source(results: Any) -> str:
    """Return the code that creates and fits the best estimator."""
    search, row = results.search, results.best
    params = results.params[row]
    if not hasattr(search, "estimator"):  # a loaded search
        code = source_of_parameters(params)
    elif hasattr(search, "_candidate"):  # it may set the number of epochs, too
        code = source_of(search._candidate(row))
    else:
        best = clone(search.estimator).set_params(**clone(params, safe=False))
        code = source_of(best)
    return f"{code}\nestimator.fit(X, y)"


def _environment(search: Any) -> list[tuple[str, dict[str, str]]]:
    """Return the environment of the search, as headings with names and values."""
    stored = getattr(search, "versions", None)
    here = {**versions(), **machine()} if stored is None else stored
    written = {} if stored is None else machine()
    several = [
        ("Versions", here),
        ("Parameters of the search", parameters(search)),
        ("This page was written on", written),
    ]
    return [(heading, entries) for heading, entries in several if entries]
