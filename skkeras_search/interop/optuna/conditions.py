"""Infer from trials on which choices the presence of a hyperparameter depends."""

from collections.abc import Mapping, Sequence
from typing import Any

from skkeras_search.interop.optuna.axes import Axis
from skkeras_search.space import Space

# A hyperparameter with more values does not count as a choice.
MOST_VALUES = 32

Params = Mapping[str, Any]


def space_of(axes: Mapping[str, Axis], trials: Sequence[Params]) -> Space | None:
    """Infer a search space from trials.

    Parameters
    ----------
    axes : mapping of str to Axis
        Axes of the hyperparameters that may be searched.
    trials : sequence of mapping
        Values of the hyperparameters of each trial, in terms of the dimensions, in the
        order in which the trial suggested them.

    Returns
    -------
    Space or None
        Space of the hyperparameters that all trials have, and of those whose presence
        depends on a single choice. None if there are none.

    Examples
    --------
    >>> from optuna.distributions import CategoricalDistribution, FloatDistribution
    >>> from skkeras_search.interop.optuna.axes import Axis
    >>> from skkeras_search.interop.optuna.conditions import space_of
    >>> choices = CategoricalDistribution(["adam", "sgd"])
    >>> axes = {"kind": Axis(choices), "momentum": Axis(FloatDistribution(0, 1))}
    >>> space_of(axes, [{"kind": 0}, {"kind": 1, "momentum": 0.5}])
    Space(
        kind: Categorical([0, 1])
        momentum: Real(0.0, 1.0, when={'kind': [1]})
    )
    """
    whens: dict[str, dict[str, Any] | None] = {
        name: _condition(name, axes, trials) for name in axes
    }
    known = [name for name in axes if _is_known(name, whens)]
    if not known:
        return None
    return Space({name: axes[name].dimension(whens[name]) for name in known})


def _condition(
    name: str, axes: Mapping[str, Axis], trials: Sequence[Params]
) -> dict[str, Any] | None:
    """Return the condition of a hyperparameter, or None if no choice explains it."""
    having = [params for params in trials if name in params]
    if len(having) == len(trials) or not having:
        return {}
    before = set.intersection(*(set(_before(name, params)) for params in having))
    for parent in having[0]:
        if parent in before and parent in axes and _is_choice(axes[parent]):
            wanted = {params[parent] for params in having}
            others = {p[parent] for p in trials if parent in p and name not in p}
            # A parent that never occurs without the hyperparameter explains nothing.
            if others and not wanted & others:
                return {parent: sorted(wanted)}
    return None


def _before(name: str, params: Params) -> list[str]:
    """Return the names that a trial suggested before this one."""
    names = list(params)
    return names[: names.index(name)]


def _is_choice(axis: Axis) -> bool:
    return axis.dimension().n_values <= MOST_VALUES


def _is_known(name: str, whens: Mapping[str, dict[str, Any] | None]) -> bool:
    when = whens[name]
    return when is not None and all(_is_known(parent, whens) for parent in when)
