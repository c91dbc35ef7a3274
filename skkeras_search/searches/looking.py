"""How a search shows what it has found."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sklearn.utils._repr_html.estimator import estimator_html_repr

# Attributes that are made when they are asked for.
FRAMES = ("learning_curves_", "timeline_")


class Looking:
    """The methods of a search by which people look at it.

    What they show is made by ``skkeras_search.inspection``, which is imported when it is
    needed.
    """

    estimator: Any
    cv_results_: dict[str, Any]
    _estimator_of: Callable[[int, Any], Any]
    _training: Callable[[int], AbstractContextManager[Any]]

    def plot(self, metric: str | None = None) -> Any:
        """Plot the search in one figure.

        It shows whether the best score still grows, which differences among the best are
        noise, where the good candidates are, and which hyperparameters mattered. The
        displays of ``skkeras_search.inspection`` show more.

        Parameters
        ----------
        metric : str, optional
            For a search with several metrics. By default the one that ``refit`` names, or
            the first.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        NotFittedError
            If no candidate is evaluated yet.
        ValueError
            If no candidate has a score, or the metric was not scored.
        ImportError
            Without matplotlib and pandas (``pip install skkeras-search[plot]``).
        """
        from skkeras_search.inspection.overview import plot_overview

        return plot_overview(self, metric)

    def report(self, path: Any, metric: str | None = None) -> Path:
        """Write a page about the search, which a browser shows without a network.

        It has the best candidate, plots, a table of all candidates, the errors of those
        that failed, the code that makes the best estimator, and versions.

        Parameters
        ----------
        path : path-like
            Of the file, which is replaced.
        metric : str, optional
            For a search with several metrics.

        Returns
        -------
        pathlib.Path

        Raises
        ------
        NotFittedError, ValueError
            As ``plot``.
        ImportError
            Without Jinja2 and matplotlib (``pip install skkeras-search[report]``).
        """
        from skkeras_search.inspection.report import write_report

        return write_report(self, path, metric)

    def to_frame(self) -> Any:
        """Give the candidates as a frame of pandas.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``candidate``, the row of ``cv_results_``, with the columns of that
            but ``params``, and with ``status``: "finished", "frozen" or "failed".

        Raises
        ------
        NotFittedError
            If no candidate is evaluated yet.
        ImportError
            Without pandas.
        """
        from skkeras_search.inspection.summary import to_frame

        return to_frame(self)

    def results_summary(self, n: int = 10) -> None:
        """Print the best candidates with their scores.

        Parameters
        ----------
        n : int, default=10
            Number of candidates.

        Raises
        ------
        NotFittedError
            If no candidate is evaluated yet.
        """
        from skkeras_search.inspection.summary import results_text

        print(results_text(self, n))

    def search_space_summary(self) -> None:
        """Print the hyperparameters and their values, also before ``fit``."""
        from skkeras_search.inspection.summary import space_text

        print(space_text(self))

    def get_best_hyperparameters(self, n: int = 1) -> list[dict[str, Any]]:
        """Give the hyperparameters of the best candidates, the best first.

        Parameters
        ----------
        n : int, default=1
            Number of candidates; fewer are given if fewer are finished.

        Returns
        -------
        list of dict

        Raises
        ------
        NotFittedError
            If no candidate is evaluated yet.
        ValueError
            If no candidate has a score.
        """
        from skkeras_search.inspection.summary import best_hyperparameters

        return best_hyperparameters(self, n)

    def get_best_models(
        self, n: int = 1, X: Any = None, y: Any = None, **fit_params: Any
    ) -> list[Any]:
        """Give the estimators of the best candidates, fitted to all rows, the best first.

        A search trains each candidate on parts of the rows, and keeps none of these models.
        So candidates are fitted again, which takes as long as a fit of each. The one that
        ``refit`` has fitted is there already: ``get_best_models()`` gives it.

        Parameters
        ----------
        n : int, default=1
            Number of candidates; fewer are given if fewer are finished.
        X, y : array-like, optional
            What to fit to. Needed for all but the best.
        **fit_params
            Passed to ``fit`` of the estimator.

        Returns
        -------
        list of estimators
            The Keras model of a Keras estimator is its ``model_``.

        Raises
        ------
        NotFittedError
            If no candidate is evaluated yet.
        ValueError
            If no candidate has a score, ``X`` is needed, or the search was loaded from its
            storage, which has no estimator.
        """
        from skkeras_search.inspection.results import check_number, read

        check_number("n", n)
        rows = read(self).by_score()[:n]
        if not hasattr(self, "estimator"):
            raise ValueError(
                "A search that is loaded does not know its estimator. Set the values of "
                "get_best_hyperparameters() on yours, and fit it."
            )
        if X is not None:
            return [self._fit_candidate(int(row), X, y, fit_params) for row in rows]
        if n > 1 or not hasattr(self, "best_estimator_"):
            raise ValueError(
                f"get_best_models({n}) fits candidates again, as a search keeps only the "
                "best_estimator_ that refit=True gives: call "
                f"get_best_models({n}, X, y) with the rows to fit to."
            )
        return [self.best_estimator_]

    def _candidate(self, row: int) -> Any:
        """The estimator of a candidate, not fitted."""
        return self._estimator_of(row, self.estimator)

    def _fit_candidate(self, row: int, X: Any, y: Any, fit_params: dict[str, Any]) -> Any:
        candidate = self._candidate(row)
        with self._training(row):
            return candidate.fit(*((X,) if y is None else (X, y)), **fit_params)

    def __dir__(self) -> list[str]:
        # scikit-learn's representations ask for each attribute that is named here.
        return [name for name in object.__dir__(self) if name not in FRAMES]

    def _html_repr(self) -> str:
        """What a notebook shows: the diagram, and the best result of a fitted search."""
        return estimator_html_repr(self) + self._best_html()

    def _best_html(self) -> str:
        from skkeras_search.inspection.notebook import best_as_html

        return best_as_html(self)
