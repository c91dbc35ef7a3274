"""What scikit-learn derives from the arguments of a search, and the calls of each job."""

from functools import partial
from typing import Any

from sklearn.base import clone, is_classifier
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import check_cv
from sklearn.utils import indexable
from sklearn.utils.validation import _check_method_params

from skkeras_search.searches.faults import evaluate
from skkeras_search.searches.jobs import Call, Job, without_siblings
from skkeras_search.searches.shared_rows import shared_rows


class Evaluation:
    """Evaluate candidates by cross-validation, as ``BaseSearchCV.fit`` does.

    Parameters
    ----------
    search : BaseSearchCV
        The search. Its attribute ``n_splits_`` is set.
    X, y : array-like
        Rows and targets.
    params : dict
        Parameters of ``fit``.

    Attributes
    ----------
    X, y : indexable
    estimator : estimator
        A clone of the estimator that is searched.
    fit_params : dict
        Parameters of the ``fit`` of the estimator.
    score_params : dict
        Parameters of the scorers.
    metric : str
        Name of the score that chooses the best candidate.
    folds : list of (ndarray, ndarray)
        Indices of training and test rows.
    task : CallbackContext
        The task of the whole search, for scikit-learn's callbacks. It has begun.
    """

    def __init__(self, search: Any, X: Any, y: Any, params: dict[str, Any]):
        self._search = search
        self._scorers, self.metric = search._get_scorers()
        self.X, self.y = indexable(X, y)
        params = _check_method_params(self.X, params=params)
        routed = search._get_routed_params_for_fit(params)
        self.fit_params = routed.estimator.fit
        self.score_params = routed.scorer.score
        weight = params.get("sample_weight")
        self._data = {
            "estimator": search,
            "X": self.X,
            "y": self.y,
            "metadata": None if weight is None else {"sample_weight": weight},
        }
        # One task for all candidates, and one for the refit.
        n_tasks = 1 + (search.refit is not False)
        self.task = self.begin(search._init_callback_context(max_subtasks=n_tasks))
        self.folds = self._split(routed.splitter.split)
        self.estimator = clone(search.estimator)
        self._rows = shared_rows(self.X, self.estimator)

    def begin(self, task: Any) -> Any:
        """Tell scikit-learn's callbacks that a task of the search has begun."""
        return task.call_on_fit_task_begin(**self._data)

    def end(self, task: Any) -> None:
        """Tell scikit-learn's callbacks that a task of the search has ended."""
        task.call_on_fit_task_end(**self._data)

    @property
    def scorer(self) -> Any:
        """The value of ``scorer_``: a scorer, or a dict of scorers."""
        several = isinstance(self._scorers, _MultimetricScorer)
        return self._scorers._scorers if several else self._scorers

    def calls(self, job: Job, n_candidates: int, travels: bool) -> list[Call]:
        """Return the calls that fit and score a candidate.

        Parameters
        ----------
        job : Job
            The candidate and its fits.
        n_candidates : int
            Number of candidates of the search.
        travels : bool
            Whether the calls run in other processes.

        Returns
        -------
        list of Call
            One for each fit. Each returns scikit-learn's dict of results of a fit.
        """
        search = self._search
        make = partial(
            Call.of,
            evaluate,
            job.function,
            fit_timeout=search.fit_timeout,
            scorer=self._scorers,
            fit_params=self.fit_params,
            score_params=self.score_params,
            return_train_score=search.return_train_score,
            return_n_test_samples=True,
            return_times=True,
            return_parameters=False,
            error_score=search.error_score,
            verbose=search.verbose,
            candidate_progress=(job.number, n_candidates),
            caller=search,
        )
        options = job.options or [{}] * len(job.fits)
        return [
            make(
                clone(self.estimator),
                self.X if travels else self._rows,
                self.y,
                repeat=repeat,
                train=self.folds[fold][0],
                test=self.folds[fold][1],
                parameters=job.params,
                split_progress=(fold, len(self.folds)),
                callback_ctx=without_siblings(task) if travels else task,
                **more,
            )
            for (fold, repeat), task, more in zip(job.fits, job.tasks, options, strict=True)
        ]

    def _split(self, params: dict[str, Any]) -> list[Any]:
        search = self._search
        classifies = is_classifier(search.estimator)
        search._checked_cv_orig = check_cv(search.cv, self.y, classifier=classifies)
        search._check_input_parameters(X=self.X, y=self.y, split_params=params)
        cv = search._checked_cv_orig
        search.n_splits_ = cv.get_n_splits(self.X, self.y, **params)
        folds = list(cv.split(self.X, self.y, **params))
        if len(folds) != search.n_splits_:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results. Expected "
                f"{search.n_splits_} splits, got {len(folds)}"
            )
        return folds
