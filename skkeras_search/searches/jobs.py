"""A job: the fits that a search runs next, and the scikit-learn calls for them."""

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

# scikit-learn's results of a fit, with additional entries.
Result = dict[str, Any]


class Call(NamedTuple):
    """A call that may run in another thread or process, with the same settings as here.

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
        """Make a call with the current settings of scikit-learn and filters of warnings."""
        filters = getattr(warnings, "_get_filters", lambda: warnings.filters)()
        wrapped, args, kwargs = delayed(function)(*args, **kwargs)
        wrapped.with_config_and_warning_filters(get_config(), filters)
        return cls(wrapped, args, kwargs)

    def __call__(self) -> Any:
        """Run the call."""
        return self.function(*self.args, **self.kwargs)


class Fit(NamedTuple):
    """A fit of a candidate.

    Attributes
    ----------
    fold : int
        Number of the fold.
    repeat : int
        Which of the fits to this fold. Each repeat has other seeds.
    """

    fold: int
    repeat: int


def all_fits(n_folds: int, n_repeats: int) -> list[Fit]:
    """Return all fits of a candidate."""
    return [Fit(*pair) for pair in itertools.product(range(n_folds), range(n_repeats))]


@dataclass(frozen=True, eq=False)
class Job:
    """A candidate that is to be fitted and scored.

    Attributes
    ----------
    number : int
        Number of the candidate, in the order of the proposals.
    params : dict
        Hyperparameters of the candidate.
    fits : sequence of Fit
        The fits to run.
    tasks : sequence of CallbackContext
        The task of each fit, for scikit-learn's callbacks.
    function : callable
        Fits and scores. It accepts the arguments of scikit-learn's ``_fit_and_score`` and
        the ``options``.
    options : sequence of dict
        Additional arguments of the function, for each fit.
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
    """Make a job of all fits of a candidate.

    Parameters
    ----------
    number : int
        Number of the candidate.
    params : dict
        Hyperparameters of the candidate.
    fits : sequence of Fit
        All fits of the candidate.
    task : CallbackContext
        The task that contains the candidate, and possibly other candidates.
    place : int
        Number of the candidate within the task.

    Returns
    -------
    Job
    """
    tasks = [fit_task(task, place * len(fits) + n) for n in range(len(fits))]
    return Job(number, params, fits, tasks)


def fit_task(task: CallbackContext, number: int) -> CallbackContext:
    """Make the task of a fit as scikit-learn's searches do."""
    return task.subcontext(task_name="candidate-split-evaluation", task_id=number)


def without_siblings(task: CallbackContext) -> CallbackContext:
    """Copy a task and its parents, but no other tasks.

    The copy is sent to another process. While the original was pickled, other tasks could
    be added beside it.
    """
    copied = copy(task)
    copied._children_map = {}
    if task.parent is not None:
        copied.parent = without_siblings(task.parent)
        copied.parent._children_map = {task.task_id: copied}
    return copied
