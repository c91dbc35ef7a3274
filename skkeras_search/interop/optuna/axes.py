"""Convert distributions of Optuna to dimensions of a search space."""

from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from skkeras_search.space import Categorical, Dimension, Integer, Range, Real


class Axis:
    """A distribution of Optuna, and the corresponding dimension.

    Parameters
    ----------
    distribution : BaseDistribution
        Distribution with more than one value.
    """

    def __init__(self, distribution: BaseDistribution):
        self.distribution = distribution

    def dimension(self, when: dict[str, Any] | None = None) -> Dimension:
        """Return the dimension. Conditions refer to values of dimensions, not of Optuna.

        Raises
        ------
        TypeError, ValueError
            If there is no dimension for the distribution.
        """
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
                # Positions of the choices, as Optuna has its own rules for equal choices.
                return Categorical(range(len(choices)), ordered=_rise(choices), when=when)
        raise TypeError(f"{self.distribution!r} is not a known distribution.")

    def value(self, own: Any) -> Any:
        """Convert a value of the dimension to a value of Optuna."""
        match self.distribution:
            case FloatDistribution(low=low, high=high, step=float(step)):
                return min(low + own * step, high)
            case CategoricalDistribution(choices=choices):
                return choices[own]
        return own

    def own(self, value: Any) -> Any:
        """Convert a value of Optuna to a value of the dimension.

        Raises
        ------
        ValueError
            If the value is not in the distribution.
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
    """Return the axis of a distribution, or None if it cannot be searched."""
    if distribution.single():
        return None
    axis = Axis(distribution)
    try:
        axis.dimension()
    except (TypeError, ValueError):  # bounds that are too far apart
        return None
    return axis


def _rise(choices: tuple[Any, ...]) -> bool:
    """Return whether choices are numbers in ascending or descending order."""
    return Categorical(choices).is_ordered
