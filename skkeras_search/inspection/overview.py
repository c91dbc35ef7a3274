"""Overview of a search: four displays in one figure."""

from typing import Any

from skkeras_search.inspection.convergence import ConvergenceDisplay
from skkeras_search.inspection.fold_scores import FoldScoresDisplay
from skkeras_search.inspection.importance import ImportanceDisplay
from skkeras_search.inspection.parallel_coordinates import ParallelCoordinatesDisplay
from skkeras_search.inspection.results import read
from skkeras_search.inspection.style import pyplot

# Number of candidates in the display of fold scores.
N_CANDIDATES = 8


def plot_overview(search: Any, metric: str | None = None) -> Any:
    """Plot four displays of a search in one figure.

    ``ConvergenceDisplay`` shows whether the best score still improves,
    ``FoldScoresDisplay`` which differences among the best candidates may be noise,
    ``ParallelCoordinatesDisplay`` where the good candidates are, and ``ImportanceDisplay``
    which hyperparameters affect the score.

    Parameters
    ----------
    search : fitted search or LoadedSearch
        Search of this package or of scikit-learn. A search of this package may still be
        running.
    metric : str, default=None
        Metric to show, for a search with several metrics. None means the metric that
        ``refit`` names, or otherwise the first.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    NotFittedError
        If no candidate was evaluated yet.
    TypeError
        If ``search`` is not a search.
    ValueError
        If no candidate is finished, or the metric is unknown.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import GridSearchCV
    >>> from skkeras_search.inspection import plot_overview
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "kernel": ["linear", "rbf"]})
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> figure = plot_overview(search)
    >>> len(figure.axes)
    4
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
