"""A job: what a search has trained next, and what scikit-learn calls for it."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from sklearn import get_config
from sklearn.callback import CallbackContext
from sklearn.model_selection._validation import _fit_and_score  # of its searches
from sklearn.utils.parallel import delayed

# What scikit-learn has of a fold.
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


@dataclass(frozen=True, eq=False)
class Job:
    """A candidate, folds of which are to be evaluated.

    Attributes
    ----------
    number : int
        Of the candidate, in the order of the proposals.
    params : dict
    folds : sequence of int
        The numbers of the folds.
    tasks : sequence of CallbackContext
        What scikit-learn's callbacks know of each of these folds.
    function : callable
        What evaluates a fold: scikit-learn's, or one that takes the same and more.
    options : sequence of dict
        For each of these folds, what the function takes more.
    """

    number: int
    params: dict[str, Any]
    folds: Sequence[int]
    tasks: Sequence[CallbackContext]
    function: Callable[..., Result] = _fit_and_score
    options: Sequence[Mapping[str, Any]] = ()


def job_of_all_folds(
    number: int, params: dict[str, Any], n_splits: int, task: CallbackContext, place: int
) -> Job:
    """Make a job of a whole candidate.

    Parameters
    ----------
    number : int
        Of the candidate.
    params : dict
    n_splits : int
        Number of folds.
    task : CallbackContext
        What scikit-learn's callbacks know of it, with other candidates maybe.
    place : int
        Number of the candidate among these.
    """
    folds = range(n_splits)
    tasks = [fold_task(task, place * n_splits + fold) for fold in folds]
    return Job(number, params, folds, tasks)


def fold_task(task: CallbackContext, number: int) -> CallbackContext:
    """Make the task of a fold, as scikit-learn's searches do."""
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
