"""The methods of a search that call its best estimator."""

from collections.abc import Mapping
from typing import Any

from sklearn.model_selection._search import _search_estimator_has  # not public
from sklearn.utils.metaestimators import available_if

from skkeras_search.searches.callbacks import check_callbacks
from skkeras_search.searches.metrics import metrics_of


class Predicting:
    """The prediction methods of scikit-learn's searches, with their documentation.

    Each method calls the method of scikit-learn's ``BaseSearchCV``. The prediction methods,
    except ``score``, exist only if ``refit`` is not False and the estimator has a method of
    the same name.
    """

    refit: Any
    cv_results_: dict[str, Any]
    multimetric_: bool
    scorer_: Any

    @available_if(_search_estimator_has("predict"))
    def predict(self, X: Any) -> Any:
        """Predict with the best estimator.

        Available if ``refit`` is not False and the estimator has ``predict``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted class labels or values.

        Raises
        ------
        NotFittedError
            Before ``fit``.

        Examples
        --------
        >>> labels = search.predict(X_test)  # doctest: +SKIP
        """
        return super().predict(X)  # type: ignore[misc]

    @available_if(_search_estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Predict class probabilities with the best estimator.

        Available if ``refit`` is not False and the estimator has ``predict_proba``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probability of each class, in the order of ``classes_``.

        Raises
        ------
        NotFittedError
            Before ``fit``.

        Examples
        --------
        >>> probabilities = search.predict_proba(X_test)  # doctest: +SKIP
        """
        return super().predict_proba(X)  # type: ignore[misc]

    @available_if(_search_estimator_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> Any:
        """Predict logarithms of class probabilities with the best estimator.

        Available if ``refit`` is not False and the estimator has ``predict_log_proba``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probability of each class, in the order of ``classes_``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        return super().predict_log_proba(X)  # type: ignore[misc]

    @available_if(_search_estimator_has("decision_function"))
    def decision_function(self, X: Any) -> Any:
        """Compute the decision function of the best estimator.

        Available if ``refit`` is not False and the estimator has ``decision_function``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Values of the decision function, as the estimator returns them.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        return super().decision_function(X)  # type: ignore[misc]

    @available_if(_search_estimator_has("score_samples"))
    def score_samples(self, X: Any) -> Any:
        """Score each row with the best estimator, for example a density estimator.

        Available if ``refit`` is not False and the estimator has ``score_samples``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows to score.

        Returns
        -------
        ndarray of shape (n_samples,)
            Score of each row.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        return super().score_samples(X)  # type: ignore[misc]

    @available_if(_search_estimator_has("transform"))
    def transform(self, X: Any) -> Any:
        """Transform rows with the best estimator.

        Available if ``refit`` is not False and the estimator has ``transform``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows to transform.

        Returns
        -------
        array-like of shape (n_samples, ...)
            The transformed rows.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        return super().transform(X)  # type: ignore[misc]

    @available_if(_search_estimator_has("inverse_transform"))
    def inverse_transform(self, X: Any) -> Any:
        """Transform rows back with the best estimator.

        Available if ``refit`` is not False and the estimator has ``inverse_transform``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Transformed rows.

        Returns
        -------
        array-like of shape (n_samples, ...)
            The original rows.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        return super().inverse_transform(X)  # type: ignore[misc]

    def score(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Score the best estimator on other rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows to score.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets of the rows.
        **params
            Metadata for the scorer. Requires metadata routing.

        Returns
        -------
        float
            The value of ``scoring``; with several metrics, of the one that ``refit`` names.

        Raises
        ------
        AttributeError
            If ``refit=False``.
        NotFittedError
            Before ``fit``.
        ValueError
            If there are several metrics and ``refit`` is a callable, which names none of
            them.

        Examples
        --------
        >>> accuracy = search.score(X_test, y_test)  # doctest: +SKIP
        """
        if callable(self.refit) and hasattr(self, "best_estimator_") and self.multimetric_:
            raise ValueError(self._how_to_score())
        return super().score(X, y, **params)  # type: ignore[misc]

    def _how_to_score(self) -> str:
        """Return the message of ``score`` where no metric is chosen."""
        names = metrics_of(self.cv_results_)
        if isinstance(self.scorer_, Mapping):
            call = f"scorer_[{names[0]!r}](search.best_estimator_, X, y)"
        else:
            call = f"scorer_(search.best_estimator_, X, y)[{names[0]!r}]"
        return (
            f"score cannot choose one of the metrics {names}, because refit is a function. "
            f"Call the scorer of a metric, as in search.{call}, or set refit to the name "
            "of a metric."
        )

    @property
    def classes_(self) -> Any:
        """Class labels of the best estimator, an ndarray of shape (n_classes,).

        Available if ``refit`` is not False and the estimator is a classifier.

        Raises
        ------
        AttributeError
            If the attribute is not available.
        """
        return super().classes_  # type: ignore[misc]

    @property
    def n_features_in_(self) -> Any:
        """Number of features of the best estimator.

        Available if ``refit`` is not False.

        Raises
        ------
        AttributeError
            If the attribute is not available.
        """
        return super().n_features_in_  # type: ignore[misc]

    def set_callbacks(self, *callbacks: Any) -> Any:
        """Set the callbacks of the search.

        They take the place of callbacks that were set before. ``TimeBudget``,
        ``NoImprovement`` and ``TargetScore`` stop a search, ``SearchProgress`` prints how
        far it is, and ``TensorBoardLogger`` and ``MLflowLogger`` record it. Callbacks of
        scikit-learn, such as ``ProgressBar``, can be set, too. Keras callbacks are a
        parameter of the Keras estimator.

        Parameters
        ----------
        *callbacks : callback
            The callbacks. Without any, the search has no callbacks.

        Returns
        -------
        self : object
            The search.

        Raises
        ------
        TypeError
            If one of them is not a callback of scikit-learn's kind.

        Examples
        --------
        >>> from sklearn.svm import SVC
        >>> from skkeras_search import BayesSearchCV, SearchProgress, TimeBudget
        >>> search = BayesSearchCV(SVC(), {"C": (1e-3, 1e3, "log-uniform")})
        >>> search = search.set_callbacks(TimeBudget(60), SearchProgress())
        """
        check_callbacks(callbacks)
        return super().set_callbacks(*callbacks)  # type: ignore[misc]
