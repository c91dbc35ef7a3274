"""A job: what a search has trained next, and what scikit-learn calls for it."""

import warnings
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from sklearn import get_config
from sklearn.callback import CallbackContext
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
    """A candidate whose folds are to be evaluated.

    Attributes
    ----------
    number : int
        Of the candidate, in the order of the proposals.
    params : dict
    tasks : sequence of CallbackContext
        What scikit-learn's callbacks know of each fold.
    """

    number: int
    params: dict[str, Any]
    tasks: Sequence[CallbackContext]


def fold_tasks(task: CallbackContext, number: int, n_splits: int) -> list[CallbackContext]:
    """Make tasks of scikit-learn's callbacks for the folds of a candidate.

    Parameters
    ----------
    task : CallbackContext
        That these are part of.
    number : int
        Of the candidate, in the task.
    n_splits : int
    """
    return [
        task.subcontext(
            task_name="candidate-split-evaluation", task_id=number * n_splits + fold
        )
        for fold in range(n_splits)
    ]


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
