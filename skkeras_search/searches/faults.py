"""The ways in which a fit can end: by a result, or by an error that ends the search.

Whatever is raised in a fit is recorded in its result, as scikit-learn records errors of
``fit``, unless ``error_score="raise"``. So one candidate costs no other.
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

# Of the parameters that all searches have for faults.
FAULT_CONSTRAINTS: dict[str, list[Any]] = {
    "fit_timeout": [Interval(Real, 0, None, closed="neither"), None],
    "n_retries": [Interval(Integral, 0, None, closed="left")],
}

# The line of a traceback that names such an error.
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
    """Fit and score a candidate once, whatever happens.

    Parameters
    ----------
    function : callable
        scikit-learn's ``_fit_and_score``, or one that takes the same and more.
    estimator : estimator
    X, y : array-like
    repeat : int
        Which of the fits to the rows of this fold.
    fit_timeout : float or None
        Seconds that the call may take.
    parameters : mapping
        Of the candidate.
    scorer : callable
    error_score : float or "raise"
    **kwargs
        Of the function.

    Returns
    -------
    dict
        What the function returns, or an imitation if it raises an exception. As
        "score_error" it has a text, or None if all scores are numbers; as "begun" and
        "ended" the times in seconds since the epoch; as "worker" host and process.

    Raises
    ------
    BaseException
        What ends a search: Ctrl-C, and any error with ``error_score="raise"``.
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
    except (KeyboardInterrupt, Cancelled, OutOfTime):  # of the search, or one around it
        raise
    except BaseException as error:
        if error_score == "raise" or _ends_process(error):
            raise
        text = traceback.format_exc()
        return _failed(text, _where(begun), scorer, error_score, kwargs)


def failed(call: Call, error: BaseException) -> Result:
    """Give the result of a call that could not be made to its end, where it was sent.

    Parameters
    ----------
    call : Call
        Of ``evaluate``.
    error : BaseException

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
    where = {"begun": ended, "ended": ended, "worker": None}  # nobody knows any more
    return _failed(text, where, kwargs["scorer"], kwargs["error_score"], kwargs)


def first_error(fits: Sequence[Fit], outcome: Sequence[Result]) -> str | None:
    """Say which fit of a candidate failed first, and why; None if none did."""
    for fit, result in zip(fits, outcome, strict=True):
        error = result["fit_error"] or result.get("score_error")
        if error:
            repeat = f", repeat {fit.repeat}" if fit.repeat else ""
            return f"Fold {fit.fold}{repeat}: {error}"
    return None


def ran_out_of_memory(outcome: Sequence[Result]) -> bool:
    """Whether a fit has failed for want of memory, of Python or of TensorFlow."""
    errors = [result["fit_error"] or "" for result in outcome]
    return any(OUT_OF_MEMORY.search(error) for error in errors)


def fill_scores(results: Sequence[Result]) -> None:
    """Give results the scores of all names, where some have one number for all.

    Where a fit failed, only the others tell of which names a scorer gives scores.
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
    """Make the error of a fit that has taken longer than ``fit_timeout``."""
    return TimeoutError(
        f"The fit was ended, as it took longer than fit_timeout={seconds:g} seconds. Raise "
        "fit_timeout if such fits are worth the time; else search fewer epochs, smaller "
        "models or larger batches."
    )


# Called when a fit hangs. A worker has it reported to the search.
when_hanging: list[Callable[[], None]] = []


@contextmanager
def _limit_of(task: Task | None, limit: TimeLimit) -> Iterator[None]:
    """Let a task, if there is one, have a limit for a block, which knows when it waits."""
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
        if limit.is_over:  # something has swallowed the exception
            raise OutOfTime
        return result
    except OutOfTime as stopped:
        if not limit.is_over:  # that of a search around this one
            raise
        limit.close()
        raise took_too_long(seconds) from stopped
    finally:
        limit.close()


def _report_hang() -> None:
    for report in when_hanging:
        report()
    if not when_hanging:  # no warning, which may be an error in this thread
        print(
            "A fit is over its fit_timeout and does not end, maybe in a call of C code, "
            "which cannot be ended in this process. The search waits for it. With n_jobs=2 "
            "its worker process would be ended.",
            file=sys.stderr,
            flush=True,
        )


def _ends_process(error: BaseException) -> bool:
    """Whether an error is one by which handlers of signals end a process."""
    is_main = threading.current_thread() is threading.main_thread()
    in_worker = multiprocessing.current_process().name != "MainProcess"
    return isinstance(error, SystemExit) and is_main and not in_worker


def _where(begun: float) -> dict[str, Any]:
    """Say when a fit that ends now has begun, and where it was."""
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
    """Say which score is not a number.

    Raises
    ------
    TypeError
        If a score is a number that cannot be compared.
    """
    for kind in ("test", "train"):
        scores = result.get(f"{kind}_scores")
        if scores is None:  # train scores are not asked for
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
    """Copy a scorer, to note as ``error`` the traceback of the first that fails."""
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
