"""How a fit ends: with a result, or with an error that ends the search.

Any exception in a fit is recorded in its result, as scikit-learn records errors of ``fit``,
unless ``error_score="raise"``. So a failing candidate affects only itself.
"""

import math
import multiprocessing
import os
import re
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.utils._param_validation import Interval

from skkeras_search.fusion.backend import current_task
from skkeras_search.fusion.batcher import Cancelled, Task
from skkeras_search.fusion.time_limit import OutOfTime, TimeLimit
from skkeras_search.searches.jobs import Call, Fit, Result
from skkeras_search.searches.repeats import seeds

# Constraints of the parameters of all searches that concern failures.
FAULT_CONSTRAINTS: dict[str, list[Any]] = {
    "fit_timeout": [Interval(Real, 0, None, closed="neither"), None],
    "n_retries": [Interval(Integral, 0, None, closed="left")],
}

# Matches the line of a traceback that names an out-of-memory error.
OUT_OF_MEMORY = re.compile(
    r"^[\w.]*(MemoryError|ResourceExhaustedError|OutOfMemoryError)\b", re.MULTILINE
)


def evaluate(
    function: Callable[..., Result],
    estimator: Any,
    X: Any,
    y: Any,
    *,
    repeat: int,
    fit_timeout: float | None,
    parameters: Mapping[str, Any],
    scorer: Any,
    error_score: Any,
    **kwargs: Any,
) -> Result:
    """Fit and score a candidate once, and record any failure.

    Parameters
    ----------
    function : callable
        scikit-learn's ``_fit_and_score``, or a function that accepts the same arguments and
        more.
    estimator : estimator
        The unfitted estimator.
    X, y : array-like
        Rows and targets.
    repeat : int
        Which of the fits to the rows of this fold.
    fit_timeout : float or None
        Time limit of the call in seconds.
    parameters : mapping
        Hyperparameters of the candidate.
    scorer : callable
        The scorer.
    error_score : float or "raise"
        Score of a failed fit. With "raise", exceptions are raised.
    **kwargs
        Other arguments of the function.

    Returns
    -------
    dict
        The result of the function, or an equivalent one for a failure. In addition,
        "score_error" is a text, or None if all scores are finite; "begun" and "ended" are
        times in seconds since 1970; "worker" is the host and process.

    Raises
    ------
    BaseException
        An exception that ends the search: Ctrl-C, and any error with
        ``error_score="raise"``.
    """
    begun = time.time()
    noted = _noted(scorer)

    def fit() -> Result:
        result = function(
            estimator,
            X,
            y,
            parameters={**parameters, **seeds(estimator, parameters, repeat)},
            scorer=noted,
            error_score=error_score,
            **kwargs,
        )
        return {**result, "score_error": noted.error or _no_number(result), **_where(begun)}

    try:
        return fit() if fit_timeout is None else _in_time(fit, fit_timeout)
    except (KeyboardInterrupt, Cancelled, OutOfTime):  # these end this or an outer search
        raise
    except BaseException as error:
        if error_score == "raise" or _ends_process(error):
            raise
        text = traceback.format_exc()
        return _failed(text, _where(begun), scorer, error_score, kwargs)


def failed(call: Call, error: BaseException) -> Result:
    """Return the result of a call that could not be completed where it was sent.

    Parameters
    ----------
    call : Call
        A call of ``evaluate``.
    error : BaseException
        The reason.

    Returns
    -------
    dict
        The result of a failed fit.

    Raises
    ------
    BaseException
        The error, with ``error_score="raise"``.
    """
    kwargs = call.kwargs
    if kwargs["error_score"] == "raise":
        raise error
    if (task := kwargs.get("callback_ctx")) is not None:
        told = {"estimator": kwargs["caller"]}
        task.call_on_fit_task_begin(**told).call_on_fit_task_end(**told)
    text = "".join(traceback.format_exception(error))
    ended = time.time()
    where = {"begun": ended, "ended": ended, "worker": None}  # unknown
    return _failed(text, where, kwargs["scorer"], kwargs["error_score"], kwargs)


def first_error(fits: Sequence[Fit], outcome: Sequence[Result]) -> str | None:
    """Return which fit of a candidate failed first and why, or None if none failed."""
    for fit, result in zip(fits, outcome, strict=True):
        error = result["fit_error"] or result.get("score_error")
        if error:
            repeat = f", repeat {fit.repeat}" if fit.repeat else ""
            return f"Fold {fit.fold}{repeat}: {error}"
    return None


def ran_out_of_memory(outcome: Sequence[Result]) -> bool:
    """Return whether Python or TensorFlow ran out of memory in one of the fits."""
    errors = [result["fit_error"] or "" for result in outcome]
    return any(OUT_OF_MEMORY.search(error) for error in errors)


def fill_scores(results: Sequence[Result]) -> None:
    """If some results have a dict of scores, give all results such a dict.

    A failed fit has one number in place of the scores, as only the successful ones tell
    which scores a callable scorer returns.
    """
    for kind in ("test_scores", "train_scores"):
        scores = [result[kind] for result in results if kind in result]
        names = {
            name: None for some in scores if isinstance(some, Mapping) for name in some
        }
        if not names:
            continue
        for result in results:
            found = result[kind]
            several = isinstance(found, Mapping)
            result[kind] = {n: found.get(n, math.nan) if several else found for n in names}


def took_too_long(seconds: float) -> TimeoutError:
    """Make the error of a fit that took longer than ``fit_timeout``."""
    return TimeoutError(
        f"The fit was ended because it took longer than fit_timeout={seconds:g} seconds. "
        "Increase fit_timeout if such fits are worth the time. Otherwise search fewer "
        "epochs, smaller models or larger batches."
    )


# Functions to call when a fit hangs. In a worker, they report the hang to the search.
when_hanging: list[Callable[[], None]] = []


@contextmanager
def _limit_of(task: Task | None, limit: TimeLimit) -> Iterator[None]:
    """Give a task a time limit in a block; the limit pauses while the task waits."""
    if task is None:
        yield
        return
    before, task.limit = task.limit, limit
    try:
        yield
    finally:
        task.limit = before


def _in_time(fit: Callable[[], Result], seconds: float) -> Result:
    limit = TimeLimit(seconds, _report_hang)
    task = current_task.get()
    try:
        with limit.working(), _limit_of(task, limit):
            result = fit()
        if limit.is_over:  # the fit caught the exception
            raise OutOfTime
        return result
    except OutOfTime as stopped:
        if not limit.is_over:  # the limit of an outer search was exceeded
            raise
        limit.close()
        raise took_too_long(seconds) from stopped
    finally:
        limit.close()


def _report_hang() -> None:
    for report in when_hanging:
        report()
    if not when_hanging:  # printed, as a warning may be turned into an error here
        print(
            "A fit has exceeded its fit_timeout and does not end. It may be in a call of C "
            "code, which cannot be ended in this process, so the search waits for it. "
            "With n_jobs=2 its worker process would be ended.",
            file=sys.stderr,
            flush=True,
        )


def _ends_process(error: BaseException) -> bool:
    """Return whether the error is a SystemExit, by which signal handlers end a process."""
    is_main = threading.current_thread() is threading.main_thread()
    in_worker = multiprocessing.current_process().name != "MainProcess"
    return isinstance(error, SystemExit) and is_main and not in_worker


def _where(begun: float) -> dict[str, Any]:
    """Return the begin and the end, which is now, and the process of a fit."""
    worker = f"{socket.gethostname()}:{os.getpid()}"
    return {"begun": begun, "ended": time.time(), "worker": worker}


def _failed(
    text: str,
    where: Mapping[str, Any],
    scorer: Any,
    score: Any,
    kwargs: Mapping[str, Any],
) -> Result:
    several = isinstance(scorer, _MultimetricScorer)
    scores = dict.fromkeys(scorer._scorers, score) if several else score
    result = {
        "fit_error": text,
        "score_error": None,
        "test_scores": scores,
        "n_test_samples": len(kwargs["test"]),
        "fit_time": where["ended"] - where["begun"],
        "score_time": 0.0,
        **where,
    }
    if kwargs.get("return_train_score"):
        result["train_scores"] = dict(scores) if several else scores
    return result


def _no_number(result: Result) -> str | None:
    """Return which score is not finite, or None.

    Raises
    ------
    TypeError
        If a score is not a real number.
    """
    for kind in ("test", "train"):
        scores = result.get(f"{kind}_scores")
        if scores is None:  # return_train_score=False
            continue
        named = scores if isinstance(scores, Mapping) else {"score": scores}
        for name, score in named.items():
            if not isinstance(score, Real):
                raise TypeError(
                    f"scoring must return real numbers, got {score!r} as {name!r}."
                )
            if not math.isfinite(score) and result["fit_error"] is None:
                return f"The {kind} score {name!r} is {score}, not a finite number."
    return None


def _noted(scorer: Any) -> Any:
    """Wrap a scorer so that ``error`` is the traceback of its first failure."""
    several = isinstance(scorer, _MultimetricScorer)
    return _NotedScorers(scorer) if several else _NotedScorer(scorer)


class _NotedScorer:
    def __init__(self, scorer: Any):
        self._scorer = scorer
        self.error: str | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self._scorer(*args, **kwargs)
        except Exception:
            self.error = self.error or traceback.format_exc()
            raise

    def __repr__(self) -> str:
        return repr(self._scorer)


class _NotedScorers(_MultimetricScorer):
    def __init__(self, scorers: _MultimetricScorer):
        super().__init__(scorers=scorers._scorers, raise_exc=scorers._raise_exc)
        self.error: str | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        scores = super().__call__(*args, **kwargs)
        texts = [score for score in scores.values() if isinstance(score, str)]
        self.error = self.error or next(iter(texts), None)
        return scores
