"""The four displays that answer most, in one figure."""

from typing import Any

from skkeras_search.inspection.convergence import ConvergenceDisplay
from skkeras_search.inspection.fold_scores import FoldScoresDisplay
from skkeras_search.inspection.importance import ImportanceDisplay
from skkeras_search.inspection.parallel_coordinates import ParallelCoordinatesDisplay
from skkeras_search.inspection.results import read
from skkeras_search.inspection.style import pyplot

# Of candidates by fold, for which there is room.
N_CANDIDATES = 8


def plot_overview(search: Any, metric: str | None = None) -> Any:
    """Plot a search in one figure.

    It shows whether the best score still grows, which hyperparameters mattered, where the
    good candidates are, and which differences among the best are noise.

    Parameters
    ----------
    search : GridSearchCV or another search, or LoadedSearch
        Of this package or of scikit-learn, fitted. A search of this package may still run.
    metric : str, optional
        For a search with several metrics.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    NotFittedError, TypeError, ValueError
        If there is nothing to show, or the metric is not known.
    ImportError
        Without matplotlib.
    """
    results = read(search, metric)
    wide = max(12.0, 2 * len(results.varied))
    figure, axes = pyplot("plot").subplot_mosaic(
        [["convergence", "folds"], ["parallel", "importance"]],
        figsize=(wide, 8.5),
        width_ratios=[1.4, 1],
        layout="constrained",
    )
    given: dict[str, Any] = {"metric": results.metric}
    search = results.search
    ConvergenceDisplay.from_search(search, ax=axes["convergence"], **given)
    FoldScoresDisplay.from_search(search, n=N_CANDIDATES, ax=axes["folds"], **given)
    ParallelCoordinatesDisplay.from_search(search, ax=axes["parallel"], **given)
    if results.names:
        ImportanceDisplay.from_search(search, ax=axes["importance"], **given)
    return figure
