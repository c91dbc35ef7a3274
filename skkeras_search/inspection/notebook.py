"""HTML that a notebook shows below the diagram of a fitted search."""

from contextlib import suppress
from html import escape
from typing import Any

from sklearn.exceptions import NotFittedError

from skkeras_search.inspection.convergence import ConvergenceDisplay
from skkeras_search.inspection.labels import text_of
from skkeras_search.inspection.picture import picture_of
from skkeras_search.inspection.results import metrics, read
from skkeras_search.inspection.summary import headline

MOST_CHARACTERS = 200


def best_as_html(search: Any) -> str:
    """Return the best result of a search, and a small plot, as HTML.

    Parameters
    ----------
    search : fitted search or LoadedSearch
        Search of this package or of scikit-learn.

    Returns
    -------
    str
        HTML. It has no plot if matplotlib is not installed or no candidate is finished, and
        is empty if no candidate was evaluated yet.
    """
    try:
        results = read(search, finished=False)
    except NotFittedError:
        return ""
    rows = ""
    if results.best is not None:
        scores = [
            (name, results.search.cv_results_[f"mean_test_{name}"][results.best])
            for name in metrics(results.search)
        ]
        values = [(f"best {name}", f"{score:.4g}") for name, score in scores]
        params = results.params[results.best].items()
        values += [(name, text_of(value)[:MOST_CHARACTERS]) for name, value in params]
        rows = "".join(
            f"<tr><td style='text-align:left'>{escape(name)}</td>"
            f"<td style='text-align:left'>{escape(value)}</td></tr>"
            for name, value in values
        )
    picture = ""
    with suppress(ImportError, ValueError):
        address = picture_of(
            lambda ax: ConvergenceDisplay.from_search(results.search, ax=ax), (4.2, 2.6), 96
        )
        picture = f"<img alt='best score so far' style='max-width:100%' src='{address}'>"
    return (
        "<div style='display:flex;flex-wrap:wrap;gap:1em;align-items:flex-start'>"
        f"<div><p>{escape(headline(results.search))}</p><table>{rows}</table></div>"
        f"{picture}</div>"
    )
