"""The methods of a search that show what it has found."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sklearn.utils._repr_html.estimator import estimator_html_repr

# Attributes that are computed on access.
FRAMES = ("learning_curves_", "timeline_")


class Looking:
    """The methods of a search by which users look at its results.

    The plots, pages and tables are made by ``skkeras_search.inspection``, which is imported
    only when one of the methods is called.
    """

    estimator: Any
    cv_results_: dict[str, Any]
    _estimator_of: Callable[[int, Any], Any]
    _training: Callable[[int], AbstractContextManager[Any]]

    def plot(self, metric: str | None = None) -> Any:
        """Plot an overview of the search in one figure.

        The figure shows whether the best score still improves, which differences between
        the best candidates are noise, where the good candidates are, and which
        hyperparameters are important. The displays of ``skkeras_search.inspection`` show
        more.

        Parameters
        ----------
        metric : str, default=None
            The metric to show, in a search with several metrics. None shows the one that
            ``refit`` names, or the first.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        NotFittedError
            If no candidate is evaluated yet.
        ValueError
            If no candidate has a score, or ``metric`` is not a metric of the search.
        ImportError
            If matplotlib or pandas is missing (``pip install skkeras-search[plot]``).

        Examples
        --------
        >>> search.plot().savefig("search.png")  # doctest: +SKIP
        """
        from skkeras_search.inspection.overview import plot_overview

        return plot_overview(self, metric)

    def report(self, path: Any, metric: str | None = None) -> Path:
        """Write an HTML page about the search, which a browser can show offline.

        The page has the best candidate, plots, a table of all candidates, the errors of
        failed candidates, the code that makes the best estimator, and package versions.

        Parameters
        ----------
        path : path-like
            File to write. An existing file is replaced.
        metric : str, default=None
            The metric to show, in a search with several metrics. None shows the one that
            ``refit`` names, or the first.

        Returns
        -------
        pathlib.Path
            The path of the file.

        Raises
        ------
        NotFittedError
            If no candidate is evaluated yet.
        ValueError
            If no candidate has a score, or ``metric`` is not a metric of the search.
        ImportError
            If Jinja2 or matplotlib is missing (``pip install skkeras-search[report]``).

        Examples
        --------
        >>> search.report("search.html")  # doctest: +SKIP
        """
        from skkeras_search.inspection.report import write_report

        return write_report(self, path, metric)

    def to_frame(self) -> Any:
        """Return the candidates as a pandas DataFrame.

        Returns
        -------
        pandas.DataFrame of shape (n_candidates, n_columns)
            The index is ``candidate``, the index in ``cv_results_``. The columns are those
            of ``cv_results_`` without ``params``, and ``status``: "finished", "frozen" or
            "failed".

        Raises
        ------
        NotFittedError
            If no candidate is evaluated yet.
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.svm import SVC
        >>> from skkeras_search import GridSearchCV
        >>> search = GridSearchCV(SVC(), {"C": [0.1, 1.0]}).fit(*load_iris(return_X_y=True))
        >>> columns = ["param_C", "rank_test_score", "status"]
        >>> search.to_frame()[columns]  # doctest: +NORMALIZE_WHITESPACE
                   param_C  rank_test_score    status
        candidate
        0              0.1                2  finished
        1              1.0                1  finished
        """
        from skkeras_search.inspection.summary import to_frame

        return to_frame(self)

    def results_summary(self, n: int = 10) -> None:
        """Print the best candidates with their scores.

        Parameters
        ----------
        n : int, default=10
            Number of candidates to print.

        Raises
        ------
        NotFittedError
            If no candidate is evaluated yet.

        Examples
        --------
        >>> search.results_summary(3)  # doctest: +SKIP
        """
        from skkeras_search.inspection.summary import results_text

        print(results_text(self, n))

    def search_space_summary(self) -> None:
        """Print the hyperparameters and their values, before or after ``fit``.

        Examples
        --------
        >>> search.search_space_summary()  # doctest: +SKIP
        """
        from skkeras_search.inspection.summary import space_text

        print(space_text(self))

    def get_best_hyperparameters(self, n: int = 1) -> list[dict[str, Any]]:
        """Return the hyperparameters of the best candidates, the best first.

        Parameters
        ----------
        n : int, default=1
            Number of candidates. Fewer are returned if fewer are finished.

        Returns
        -------
        list of dict

        Raises
        ------
        NotFittedError
            If no candidate is evaluated yet.
        ValueError
            If no candidate has a score.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.svm import SVC
        >>> from skkeras_search import GridSearchCV
        >>> search = GridSearchCV(SVC(), {"C": [0.1, 1.0]}).fit(*load_iris(return_X_y=True))
        >>> search.get_best_hyperparameters(2)
        [{'C': 1.0}, {'C': 0.1}]
        """
        from skkeras_search.inspection.summary import best_hyperparameters

        return best_hyperparameters(self, n)

    def get_best_models(
        self, n: int = 1, X: Any = None, y: Any = None, **fit_params: Any
    ) -> list[Any]:
        """Return the estimators of the best candidates, fitted to all rows, the best first.

        During the search each candidate is trained on parts of the rows, and these models
        are not kept. So this method fits the candidates again, once each. Only the best
        estimator of a search with ``refit`` is already fitted: ``get_best_models()``
        returns it.

        Parameters
        ----------
        n : int, default=1
            Number of candidates. Fewer are returned if fewer are finished.
        X : array-like of shape (n_samples, ...), default=None
            Rows to fit the candidates to. Required unless only ``best_estimator_`` is
            returned.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets of the rows.
        **fit_params
            Parameters of the ``fit`` of the estimator.

        Returns
        -------
        list of estimator
            The attribute ``model_`` of a Keras estimator is its Keras model.

        Raises
        ------
        NotFittedError
            If no candidate is evaluated yet.
        ValueError
            If no candidate has a score, if ``X`` is required, or if the search was loaded
            from its storage, which does not contain the estimator.

        Examples
        --------
        >>> best, second = search.get_best_models(2, X, y)  # doctest: +SKIP
        """
        from skkeras_search.inspection.results import check_number, read

        check_number("n", n)
        rows = read(self).by_score()[:n]
        if not hasattr(self, "estimator"):
            raise ValueError(
                "A search that was loaded from its storage does not know its estimator. "
                "Instead, set the values of get_best_hyperparameters() on your estimator, "
                "and fit it."
            )
        if X is not None:
            return [self._fit_candidate(int(row), X, y, fit_params) for row in rows]
        if n > 1 or not hasattr(self, "best_estimator_"):
            raise ValueError(
                f"get_best_models({n}) has to fit candidates again, because a search keeps "
                "no models except the best_estimator_ of refit=True. Pass the rows to fit "
                f"to: call get_best_models({n}, X, y)."
            )
        return [self.best_estimator_]

    def _candidate(self, row: int) -> Any:
        """Return the unfitted estimator of a candidate."""
        return self._estimator_of(row, self.estimator)

    def _fit_candidate(self, row: int, X: Any, y: Any, fit_params: dict[str, Any]) -> Any:
        candidate = self._candidate(row)
        with self._training(row):
            return candidate.fit(*((X,) if y is None else (X, y)), **fit_params)

    def __dir__(self) -> list[str]:
        # scikit-learn's representations read each attribute that is listed here, and these
        # are expensive.
        return [name for name in object.__dir__(self) if name not in FRAMES]

    def _html_repr(self) -> str:
        """Return HTML for a notebook: the diagram, and the best result after ``fit``."""
        return estimator_html_repr(self) + self._best_html()

    def _best_html(self) -> str:
        from skkeras_search.inspection.notebook import best_as_html

        return best_as_html(self)
