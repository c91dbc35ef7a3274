"""Distributions of Optuna as dimensions of a search space."""

from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from skkeras_search.space import Categorical, Dimension, Integer, Range, Real


class Axis:
    """A distribution of Optuna that has a dimension.

    Parameters
    ----------
    distribution : BaseDistribution
        With more than one value.

    Raises
    ------
    TypeError, ValueError
        If no dimension has such bounds.
    """

    def __init__(self, distribution: BaseDistribution):
        self.distribution = distribution

    def dimension(self, when: dict[str, Any] | None = None) -> Dimension:
        """Give the dimension. Conditions are in its values, not in those of Optuna."""
        match self.distribution:
            case FloatDistribution(low=low, high=high, step=float(step)):
                return Integer(0, round((high - low) / step), when=when)
            case FloatDistribution(low=low, high=high, log=log):
                return Real(low, high, "log-uniform" if log else "uniform", when=when)
            case IntDistribution(low=low, high=high, log=log, step=1):
                return Integer(low, high, "log-uniform" if log else "uniform", when=when)
            case IntDistribution(low=low, high=high, step=step):
                return Range(range(low, high + 1, step), when=when)
            case CategoricalDistribution(choices=choices):
                # Their positions, as Optuna tells choices apart in its own way.
                return Categorical(range(len(choices)), ordered=_rise(choices), when=when)
        raise TypeError(f"{self.distribution!r} is no distribution that is known.")

    def value(self, own: Any) -> Any:
        """Give Optuna's value for one of the dimension."""
        match self.distribution:
            case FloatDistribution(low=low, high=high, step=float(step)):
                return min(low + own * step, high)
            case CategoricalDistribution(choices=choices):
                return choices[own]
        return own

    def own(self, value: Any) -> Any:
        """Give the value of the dimension for one of Optuna.

        Raises
        ------
        ValueError
            If the distribution does not have it.
        """
        distribution = self.distribution
        if not distribution._contains(distribution.to_internal_repr(value)):
            raise ValueError(f"{value!r} is not in {distribution}.")
        match distribution:
            case FloatDistribution(low=low, step=float(step)):
                return round((value - low) / step)
            case CategoricalDistribution():
                return int(distribution.to_internal_repr(value))
        return value


def axis_of(distribution: BaseDistribution) -> Axis | None:
    """Give the axis of a distribution, None if there is none to search along."""
    if distribution.single():
        return None
    axis = Axis(distribution)
    try:
        axis.dimension()
    except (TypeError, ValueError):  # bounds that are too far apart
        return None
    return axis


def _rise(choices: tuple[Any, ...]) -> bool:
    """Whether neighbours among choices are alike."""
    return Categorical(choices).is_ordered
