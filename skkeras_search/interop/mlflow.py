"""Log a search to MLflow: one run for the search, with a child run for each candidate."""

import re
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from sklearn.callback import CallbackContext

from skkeras_search.searches.outcome import Outcome
from skkeras_search.searches.progress import SearchCallback

# Limits of MLflow: metrics and parameters per call, and length of a value.
METRICS_A_CALL, PARAMS_A_CALL, LONGEST_VALUE = 1000, 100, 6000

PARENT = "mlflow.parentRunId"
CANDIDATE = "skkeras_search.candidate"
BEGUN = "skkeras_search.begun"
LOGGED = "skkeras_search.logged"
STATUS = "skkeras_search.status"
ERROR = "skkeras_search.error"

DEFAULT_EXPERIMENT = "0"  # on each server and in each database
RUN_STATUS = {"finished": "FINISHED", "frozen": "FINISHED", "failed": "FAILED"}
REQUIRED = ("skkeras-search", "keras", "tensorflow", "scikit-learn", "cloudpickle", "numpy")


class Point(NamedTuple):
    """Name and step of a metric value."""

    name: str
    step: int


class Told(NamedTuple):
    """An outcome, and its metrics at the time when it was reported."""

    outcome: Outcome
    points: dict[Point, float]


class MLflowLogger(SearchCallback):
    """Callback that logs a search to MLflow while it runs.

    Requires ``pip install skkeras-search[mlflow]``. Pass the callback to ``set_callbacks``
    of a search of this package. The search becomes a run, and each candidate a child run
    with

    - the hyperparameters, as parameters;
    - the scores ``split0_test_score``, ... and ``mean_test_score``, named as in
      ``cv_results_``, at the last epoch trained; with ``n_repeats``, the names are
      ``split0_repeat0_test_score``, ...;
    - the loss and the metrics that Keras reports after each epoch, as ``split0_loss``, ...;
    - the tags ``skkeras_search.status`` ("finished", "frozen" or "failed") and
      ``skkeras_search.error``.

    The run of the search contains the best hyperparameters as tags, the metric
    ``best_score``, and the refitted model, which ``mlflow.pyfunc.load_model`` loads.

    Parameters
    ----------
    experiment_name : str, default=None
        Experiment of the runs, which is created if necessary. None means the experiment of
        the active run. If no run is active, None means the current experiment of MLflow, or
        the default experiment if ``tracking_uri`` is given.
    run_name : str, default=None
        Name of the run of the search. None means the class name of the search.
    tracking_uri : str, default=None
        Server or database to log to, such as "http://localhost:5000" or
        "sqlite:///mlflow.db". None means ``mlflow.get_tracking_uri()``. Pickles of the
        search contain this parameter. If the URI contains a password, set the environment
        variable ``MLFLOW_TRACKING_URI`` instead.
    log_model : bool, default=True
        Whether to log ``best_estimator_``. A search with ``refit=False`` has none.

    Attributes
    ----------
    run_id_ : str
        ID of the run of the last search.

    Raises
    ------
    TypeError
        If a parameter has the wrong type or is an empty str.
    ImportError
        When the search starts, if MLflow is not installed.

    Notes
    -----
    If a run is active on the same server or database when the search starts, the run of the
    search becomes its child.

    A search that is resumed from its storage continues its runs. Candidates that are logged
    already are not logged again.

    If logging fails after the search has started, a warning is issued and the search
    continues. The missing data are logged with the next candidate or at the end of the
    search.

    Examples
    --------
    >>> import tempfile
    >>> import mlflow
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import GridSearchCV, MLflowLogger
    >>> uri = f"sqlite:///{tempfile.mkdtemp()}/mlflow.db"
    >>> logger = MLflowLogger("iris", tracking_uri=uri, log_model=False)
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=3).set_callbacks(logger)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> mlflow.MlflowClient(uri).get_run(logger.run_id_).data.tags["best_C"]
    '1.0'
    """

    def __init__(
        self,
        experiment_name: str | None = None,
        run_name: str | None = None,
        tracking_uri: str | None = None,
        log_model: bool = True,
    ):
        names = {
            "experiment_name": experiment_name,
            "run_name": run_name,
            "tracking_uri": tracking_uri,
        }
        for name, value in names.items():
            if value is not None and not (isinstance(value, str) and value):
                raise TypeError(f"{name} must be None or a non-empty str, got {value!r}.")
        if not isinstance(log_model, (bool, np.bool_)):
            raise TypeError(f"log_model must be True or False, got {log_model!r}.")
        self.experiment_name = experiment_name
        self.run_name = run_name
        self.tracking_uri = tracking_uri
        self.log_model = log_model

    def __getstate__(self) -> dict[str, Any]:
        # Private attributes, such as the connection, are not pickled.
        return {n: v for n, v in vars(self).items() if not n.startswith("_")}

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Connect to MLflow when a search starts. The search calls this method.

        Parameters
        ----------
        estimator : estimator
            The search.
        context : CallbackContext
            Context of the search in scikit-learn.

        Raises
        ------
        ImportError
            If MLflow is not installed.
        MlflowException
            If MLflow cannot be reached.
        TypeError
            If ``estimator`` is not a search of this package.
        """
        super().setup(estimator, context)
        mlflow = _mlflow()
        from mlflow.tracking.context.registry import resolve_tags

        uri = mlflow.get_tracking_uri()
        self._client = mlflow.MlflowClient(self.tracking_uri or uri)
        is_here = self.tracking_uri in (None, uri)
        self._outer = mlflow.active_run() if is_here else None
        self._experiment = self._experiment_id()
        self._search = estimator
        self._context = resolve_tags()  # user, program, commit
        self._repeats = getattr(estimator, "n_repeats", 1) > 1
        self._parent: str | None = None
        self._ended = False
        self._runs: dict[int, str] = {}  # IDs of the runs of the candidates
        self._known: dict[int, dict[Point, float]] = {}  # metrics logged to these runs
        self._waiting: dict[int, Told] = {}
        self._begun: dict[int, float] = {}  # start of the first job of each candidate
        self._read_again: set[int] = set()
        if getattr(estimator, "storage", None) is None:
            self._begin(None)

    def on_outcome(self, outcome: Outcome) -> None:
        """Log the results of a candidate. The search calls this method.

        Parameters
        ----------
        outcome : Outcome
            Results of the candidate so far.
        """
        number = outcome.number
        self._begun.setdefault(number, outcome.begun)
        if not outcome.is_new:
            self._read_again.add(number)
        elif number in self._waiting:
            self._trying(self._log_waiting)
        # Points are read now, as the curves of an outcome grow when training continues.
        self._waiting[number] = Told(outcome, dict(_points(outcome, self._repeats)))
        if outcome.is_new:
            self._trying(self._log_waiting)

    def on_fit_task_end(
        self, estimator: Any, context: CallbackContext, *, X: Any = None
    ) -> None:
        """Log the best candidate and its model at the end of the search.

        scikit-learn calls this method.

        Parameters
        ----------
        estimator : estimator
            The search, or an estimator that it fits, which is ignored.
        context : CallbackContext
            Context of the task in scikit-learn.
        X : array-like, default=None
            Features that were passed to ``fit``, for the signature of the model.
        """
        if context.parent is None and estimator is vars(self).get("_search"):
            self._ended = True
            self._trying(lambda: self._log_best(X))

    def teardown(self, estimator: Any, context: CallbackContext) -> None:
        """End the run of the search. The search calls this method.

        Parameters
        ----------
        estimator : estimator
            The search.
        context : CallbackContext
            Context of the search in scikit-learn.
        """
        if "_client" not in vars(self):  # the connection has failed
            return
        self._trying(self._log_waiting)
        if self._parent is not None:
            status = "FINISHED" if self._ended else "FAILED"
            self._trying(lambda: self._client.set_terminated(self._parent, status))
        for name in [name for name in vars(self) if name.startswith("_")]:
            delattr(self, name)

    def _trying(self, log: Any) -> None:
        """Log, and issue a warning if this fails."""
        try:
            log()
        except Exception as error:
            warnings.warn(
                f"A part of the search could not be logged to MLflow: {error}. Missing "
                "data of a candidate are logged with the next candidate, or at the end of "
                "the search.",
                stacklevel=3,
            )

    def _experiment_id(self) -> str:
        if self.experiment_name is None:
            if self._outer is not None:
                return str(self._outer.info.experiment_id)
            if self.tracking_uri is not None:
                return DEFAULT_EXPERIMENT
            return str(_mlflow().tracking.fluent._get_experiment_id())
        found = self._client.get_experiment_by_name(self.experiment_name)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(self.experiment_name))

    def _begin(self, earlier: str | None) -> str:
        """Start the run of the search, or continue an earlier one; return its ID."""
        if self._parent is None:
            if earlier is None:
                name = self.run_name or type(self._search).__name__
                within = self._outer.info.run_id if self._outer is not None else None
                self._parent = self._create_run(name, within, {})
            else:
                self._parent = earlier
                self._client.update_run(earlier, status="RUNNING")
            self.run_id_ = self._parent
        return self._parent

    def _create_run(self, name: str, within: str | None, tags: Mapping[str, str]) -> str:
        parent = {} if within is None else {PARENT: within}
        tags = {**self._context, **tags, **parent}
        run = self._client.create_run(self._experiment, tags=tags, run_name=name)
        return str(run.info.run_id)

    def _log_waiting(self) -> None:
        for number, (outcome, points) in sorted(self._waiting.items()):
            self._log(outcome, points)
            self._known[number] = points
            del self._waiting[number]

    def _log(self, outcome: Outcome, points: dict[Point, float]) -> None:
        """Log the results of a candidate that are not logged yet."""
        number = outcome.number
        earlier = None
        if number in self._read_again and number not in self._runs:
            earlier = self._earlier_run(number)
        if earlier is not None:
            parent = self._begin(earlier.data.tags.get(PARENT))
            if earlier.data.tags.get(LOGGED) == _mark(outcome):
                self._runs[number] = earlier.info.run_id
                return
            if earlier.data.tags.get(PARENT) == parent:
                self._client.delete_run(earlier.info.run_id)  # it is incomplete
        parent = self._begin(None)
        if number not in self._runs:
            tags = {CANDIDATE: str(number), BEGUN: repr(self._begun[number])}
            self._runs[number] = self._create_run(f"candidate {number}", parent, tags)
        if number not in self._known:
            self._log_params(self._runs[number], outcome.params)
        known = self._known.get(number, {})
        # The mean at a step changes with each fold that reaches it.
        new = {p: value for p, value in points.items() if not _same(known.get(p), value)}
        self._log_points(self._runs[number], new, _ms(outcome.ended))
        if outcome.error is not None:
            self._client.set_tag(self._runs[number], ERROR, outcome.error[-LONGEST_VALUE:])
        self._client.set_tag(self._runs[number], STATUS, outcome.status)
        self._client.set_tag(self._runs[number], LOGGED, _mark(outcome))
        self._client.set_terminated(
            self._runs[number], RUN_STATUS[outcome.status], end_time=_ms(outcome.ended)
        )

    def _earlier_run(self, number: int) -> Any:
        """Return the run of a candidate whose results were read from a storage."""
        found = self._client.search_runs(
            [self._experiment],
            f"tags.`{CANDIDATE}` = '{number}' "
            f"and tags.`{BEGUN}` = '{self._begun[number]!r}'",
            max_results=1,
        )
        return found[0] if found else None

    def _log_params(self, run: str, params: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        made = [
            Param(_name(name), str(value)[:LONGEST_VALUE]) for name, value in params.items()
        ]
        for some in _batches(made, PARAMS_A_CALL):
            self._client.log_batch(run, params=some)

    def _log_points(self, run: str, points: dict[Point, float], time: int) -> None:
        from mlflow.entities import Metric

        made = [Metric(name, value, time, step) for (name, step), value in points.items()]
        for some in _batches(made, METRICS_A_CALL):
            self._client.log_batch(run, metrics=some)

    def _log_best(self, X: Any) -> None:
        self._log_waiting()
        parent, search = self._begin(None), self._search
        for name, value in getattr(search, "best_params_", {}).items():
            # Logged as tags, since parameters cannot change, and a search may be extended.
            self._client.set_tag(parent, _name(f"best_{name}"), str(value)[:LONGEST_VALUE])
        if hasattr(search, "best_score_"):
            self._client.log_metric(parent, "best_score", float(search.best_score_))
        if self.log_model and search.refit:
            self._log_model(parent, search.best_estimator_, X)

    def _log_model(self, parent: str, estimator: Any, X: Any) -> None:
        import mlflow
        import mlflow.sklearn

        model = self._client.create_logged_model(
            self._experiment, name="model", source_run_id=parent
        )
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(self.tracking_uri or before)
        try:
            # mlflow.sklearn.log_model would log to the active run and experiment, which
            # belong to the user.
            mlflow.models.Model.log(
                artifact_path=None,
                flavor=mlflow.sklearn,
                name="model",
                run_id=parent,
                model_id=model.model_id,
                sk_model=estimator,
                serialization_format="cloudpickle",
                pip_requirements=[f"{name}=={version(name)}" for name in REQUIRED],
                signature=_signature(estimator, X),
            )
        finally:
            mlflow.set_tracking_uri(before)


def _mlflow() -> Any:
    try:
        import mlflow
    except ImportError as error:
        raise ImportError(
            "MLflowLogger requires MLflow, which is not installed. Install it with "
            "pip install skkeras-search[mlflow]."
        ) from error
    return mlflow


def _points(outcome: Outcome, repeats: bool) -> Iterator[tuple[Point, float]]:
    """Yield all metric values of a candidate."""
    last = 0
    for fit, scores in outcome.scores.items():
        of_fit = f"split{fit.fold}" + (f"_repeat{fit.repeat}" if repeats else "")
        curve = outcome.curves[fit]
        n_epochs = max(curve.scores, default=0)
        last = max(last, n_epochs)
        for name, value in scores.items():
            yield Point(_name(f"{of_fit}_test_{name}"), n_epochs), float(value)
        for name, values in curve.history.items():
            if len(values) == len(curve.history["loss"]):  # reported after each epoch
                for epoch, value in enumerate(values, start=1):
                    yield Point(_name(f"{of_fit}_{name}"), epoch), float(value)
    for name in next(iter(outcome.scores.values()), {}):
        values = [scores.get(name, np.nan) for scores in outcome.scores.values()]
        yield Point(_name(f"mean_test_{name}"), last), float(np.mean(values))


def _same(known: float | None, value: float) -> bool:
    return known is not None and bool(np.array_equal(known, value, equal_nan=True))


def _mark(outcome: Outcome) -> str:
    """Return a text that identifies the last job of a candidate."""
    return f"{outcome.begun!r} {outcome.ended!r}"


def _signature(estimator: Any, X: Any) -> Any:
    """Infer the signature of the model, or return None if MLflow has no types for it."""
    from mlflow.models import infer_signature

    try:
        rows = X[:5] if not hasattr(X, "iloc") else X.iloc[:5]
        return infer_signature(rows, estimator.predict(rows))
    except Exception:
        return None


def _name(name: str) -> str:
    """Replace the characters that MLflow does not allow in a name."""
    return re.sub(r"[^\w\-. :/]|^/|/(?=/|$)|\.(?=\.)", "_", name)


def _batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[i : i + size] for i in range(0, len(items), size))


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
