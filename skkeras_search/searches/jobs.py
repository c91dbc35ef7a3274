"""A job: what a search has trained next, and what scikit-learn calls for it."""

import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from sklearn import get_config
from sklearn.callback import CallbackContext
from sklearn.utils.parallel import delayed

from skkeras_search.searches.whole_fits import fit_whole

# What scikit-learn has of a fit.
Result = dict[str, Any]


class Call(NamedTuple):
    """A call that may be made in another thread or process, in the same circumstances.

    Attributes
    ----------
    function : callable
    args : tuple
    kwargs : dict
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @classmethod
    def of(cls, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Self:
        """Make a call with scikit-learn's settings and the filters of warnings of now."""
        filters = getattr(warnings, "_get_filters", lambda: warnings.filters)()
        wrapped, args, kwargs = delayed(function)(*args, **kwargs)
        wrapped.with_config_and_warning_filters(get_config(), filters)
        return cls(wrapped, args, kwargs)

    def __call__(self) -> Any:
        """Make the call."""
        return self.function(*self.args, **self.kwargs)


class Fit(NamedTuple):
    """A fit of a candidate.

    Attributes
    ----------
    fold : int
    repeat : int
        Which of the fits to the rows of this fold, with seeds of its own.
    """

    fold: int
    repeat: int


def all_fits(n_folds: int, n_repeats: int) -> list[Fit]:
    """Give the fits of a candidate to some folds."""
    return [Fit(*pair) for pair in itertools.product(range(n_folds), range(n_repeats))]


@dataclass(frozen=True, eq=False)
class Job:
    """A candidate, which is to be fitted and scored.

    Attributes
    ----------
    number : int
        Of the candidate, in the order of the proposals.
    params : dict
    fits : sequence of Fit
    tasks : sequence of CallbackContext
        What scikit-learn's callbacks know of each fit.
    function : callable
        What fits and scores: takes what scikit-learn's ``_fit_and_score`` does, and more.
    options : sequence of dict
        For each fit, what the function takes more.
    """

    number: int
    params: dict[str, Any]
    fits: Sequence[Fit]
    tasks: Sequence[CallbackContext]
    function: Callable[..., Result] = fit_whole
    options: Sequence[Mapping[str, Any]] = ()


def whole_job(
    number: int,
    params: dict[str, Any],
    fits: Sequence[Fit],
    task: CallbackContext,
    place: int,
) -> Job:
    """Make a job of a whole candidate.

    Parameters
    ----------
    number : int
        Of the candidate.
    params : dict
    fits : sequence of Fit
        All of them.
    task : CallbackContext
        What scikit-learn's callbacks know of it, with other candidates maybe.
    place : int
        Number of the candidate among these.
    """
    tasks = [fit_task(task, place * len(fits) + n) for n in range(len(fits))]
    return Job(number, params, fits, tasks)


def fit_task(task: CallbackContext, number: int) -> CallbackContext:
    """Make the task of a fit, as scikit-learn's searches do."""
    return task.subcontext(task_name="candidate-split-evaluation", task_id=number)


def without_siblings(task: CallbackContext) -> CallbackContext:
    """Copy a task with those that it is part of, and no others.

    For other processes: while a task is pickled, others may be added beside it.
    """
    copied = copy(task)
    copied._children_map = {}
    if task.parent is not None:
        copied.parent = without_siblings(task.parent)
        copied.parent._children_map = {task.task_id: copied}
    return copied
