"""Convert the notations for a dimension: tuples, lists, and objects of other libraries."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from skkeras_search.nearest_name import did_you_mean
from skkeras_search.space.dimensions import (
    PRIORS,
    Categorical,
    Dimension,
    Distribution,
    Integer,
    Range,
    Real,
    Steps,
    check_distribution,
    is_distribution,
    is_number,
)


def as_dimension(given: Any) -> Dimension:
    """Convert a short notation to a dimension.

    Parameters
    ----------
    given : object
        One of:

        - a ``Dimension``, which is returned unchanged;
        - a tuple of two bounds and optionally a prior. Two integers, as in ``(1, 10)``,
          give an ``Integer``; otherwise, as in ``(1.0, 10)`` or
          ``(1e-5, 1e-1, "log-uniform")``, the result is a ``Real``. With a prior, a list
          is accepted, too. The ``base`` that scikit-optimize accepts after the prior has
          no effect;
        - any other list or tuple, or a 1-D array. Its elements are the choices of a
          ``Categorical``;
        - a ``range``. Its numbers keep their order;
        - a frozen distribution of ``scipy.stats``. A uniform, log-uniform or ``randint``
          distribution is searched between its bounds, a table of values and probabilities
          as a ``Categorical``, and any other distribution through its quantiles;
        - a dimension of scikit-optimize or a distribution of Optuna.

    Returns
    -------
    Dimension

    Raises
    ------
    ValueError
        If ``given`` is none of these, or its bounds, prior or parameters are invalid.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from skkeras_search.space import as_dimension
    >>> as_dimension((1, 10)), as_dimension(["relu", "tanh"])
    (Integer(1, 10), Categorical(['relu', 'tanh']))
    >>> as_dimension(loguniform(1e-4, 1e-1))
    Real(0.0001, 0.1, 'log-uniform')
    """
    if isinstance(given, Dimension):
        return given
    if convert := _conversion(given):
        return convert(given)
    if is_distribution(given):
        return _of_distribution(given)
    if _are_bounds(given):
        return _of_bounds(given)
    if isinstance(given, range):
        return Range(given) if len(given[:2]) > 1 else Categorical(given)
    if isinstance(given, (list, tuple)) or (
        isinstance(given, np.ndarray) and given.ndim == 1
    ):
        return Categorical(list(given))
    if hasattr(given, "rvs"):
        raise ValueError(
            f"{given!r} is not a dimension: it has the method rvs, but not all of ppf, cdf "
            "and support. Pass a frozen distribution of scipy.stats, such as "
            "loguniform(1e-4, 1e-1), or a Real, Integer or Categorical."
        )
    raise ValueError(
        f"{given!r} is not a dimension. Pass a list of choices, as in [{given!r}], a tuple "
        "of two bounds, a distribution of scipy.stats, or a Real, Integer or Categorical."
    )


def is_dimension(given: Any) -> bool:
    """Return whether a notation is unknown to the searches of scikit-learn."""
    has_prior = isinstance(given, tuple) and _are_bounds(given) and given[2:3]
    return (
        isinstance(given, Dimension)
        or bool(_conversion(given))
        or bool(has_prior and given[2] in PRIORS)
    )


def are_choices(given: Any) -> bool:
    """Return whether a notation is a list or tuple of choices for scikit-learn's searches.

    For these searches only a tuple with a prior stands for bounds.
    """
    return isinstance(given, (list, tuple)) and not is_dimension(given)


def _are_bounds(given: Any) -> bool:
    """Return whether a notation stands for the numbers between two bounds.

    A tuple that continues with a string does, so that a mistyped prior is an error. A list
    must continue with a prior. Choices can begin with two numbers and ``"uniform"``, a word
    that is not only a prior: ``(1, 2, "uniform", "distance")``.
    """
    if not isinstance(given, (list, tuple)) or len(given) < 2:
        return False
    if not all(is_number(bound) for bound in given[:2]):
        return False
    if len(given) == 2:
        return isinstance(given, tuple)
    prior, *rest = given[2:]
    if not isinstance(prior, str):
        return False
    if prior in PRIORS and prior != "uniform":
        return True
    has_choices = len(rest) > 1 or any(one is None or isinstance(one, str) for one in rest)
    return not has_choices and (isinstance(given, tuple) or prior in PRIORS)


def _of_bounds(given: Sequence[Any]) -> Dimension:
    low, high, *rest = given
    prior: Any = rest[0] if rest else "uniform"
    if prior not in PRIORS:
        raise ValueError(
            f"prior must be one of {PRIORS}, got {prior!r}."
            + did_you_mean(prior, PRIORS)
            + f" If these are choices, pass a list: {list(given)!r}."
        )
    if len(rest) > 1 and not _is_base(rest[1:]):
        example = f"{low!r}, {high!r}, {prior!r}"
        raise ValueError(
            f"{given!r} is not a dimension, because bounds and their prior may be followed "
            "only by scikit-optimize's base, a whole number greater than 1. Pass "
            f"({example}). For a condition, pass Real or Integer, as in Real({example}, "
            f"when=...). If these are choices, pass Categorical({list(given)!r})."
        )
    whole = all(isinstance(bound, (int, np.integer)) for bound in (low, high))
    return Integer(low, high, prior) if whole else Real(low, high, prior)


def _is_base(rest: Sequence[Any]) -> bool:
    return len(rest) == 1 and isinstance(rest[0], (int, np.integer)) and bool(rest[0] > 1)


def _of_distribution(given: Any) -> Dimension:
    check_distribution(given)
    kind = getattr(given, "dist", given)
    name = getattr(kind, "name", "")
    if hasattr(kind, "xk"):
        return _of_table(given, kind)
    if name in ("uniform", "loguniform", "reciprocal", "randint"):
        low, high = (float(end) for end in given.support())
        if name == "randint":
            return Integer(int(low), int(high)) if low < high else Categorical([int(low)])
        if name == "uniform":
            return Real(low, high)
        if np.isclose(given.median(), np.sqrt(low * high)):  # not shifted by loc
            return Real(low, high, "log-uniform")
    return Distribution(given)


def _of_table(given: Any, kind: Any) -> Dimension:
    """Convert a distribution that is a table of values and their probabilities."""
    shift = given.support()[0] - kind.support()[0]  # loc of the frozen distribution
    values, weights = np.asarray(kind.xk) + shift, np.asarray(kind.pk)
    if (values == np.rint(values)).all():
        values = values.astype(int)
    likely = weights > 0
    return Categorical(values[likely].tolist(), weights[likely].tolist(), ordered=True)


def _of_optuna(given: Any) -> Dimension:
    prior: Any = "log-uniform" if given.log else "uniform"
    whole = type(given).__name__.startswith("Int")
    if given.low == given.high:
        return Categorical([given.low])
    if given.step is None or (whole and given.step == 1):
        return (Integer if whole else Real)(given.low, given.high, prior)
    if whole:
        return as_dimension(range(given.low, given.high + 1, given.step))
    return Steps(given.low, given.high, given.step)


# The classes are recognized by name, so that the libraries need not be imported.
_FOREIGN: Mapping[str, Mapping[str, Callable[[Any], Dimension]]] = {
    "skopt": {
        "Real": lambda given: Real(given.low, given.high, given.prior),
        "Integer": lambda given: Integer(given.low, given.high, given.prior),
        "Categorical": lambda given: Categorical(given.categories, _weights(given.prior)),
    },
    "optuna": {
        "FloatDistribution": _of_optuna,
        "IntDistribution": _of_optuna,
        "CategoricalDistribution": lambda given: Categorical(given.choices),
    },
}


def _conversion(given: Any) -> Callable[[Any], Dimension] | None:
    module = type(given).__module__.split(".")[0]
    return _FOREIGN.get(module, {}).get(type(given).__name__)


def _weights(prior: Any) -> list[float] | None:
    return None if prior is None else list(prior)
