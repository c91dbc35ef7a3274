"""The ``hp`` argument of a build function: returns values and records the requests."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from skkeras_search.nearest_name import did_you_mean
from skkeras_search.space.dimensions import (
    Categorical,
    Dimension,
    Integer,
    Range,
    Real,
    check_finite,
    is_number,
)

# KerasTuner's names of the scales, and the priors of this package.
SAMPLINGS = {
    "linear": "uniform",
    "log": "log-uniform",
    "reverse_log": "reverse-log-uniform",
}


class DeclarationError(ValueError):
    """Error for invalid or contradictory declarations in a build function."""


@dataclass
class Declaration:
    """One request of a build function for a hyperparameter.

    Attributes
    ----------
    dimension : Dimension
        Values of the hyperparameter. The dimension has no conditions.
    default : object
        Default value.
    conditions : dict of str to list
        Conditions of the surrounding scopes: for each parent, the values that it may have.
    is_active : bool
        Whether the conditions held in this call.
    """

    dimension: Dimension
    default: Any
    conditions: dict[str, list[Any]]
    is_active: bool


class HyperParameters:
    """Argument ``hp`` of a build function, with the interface of KerasTuner's class.

    Parameters
    ----------
    values : mapping of str to object, default=None
        Values of hyperparameters, by name. Any other hyperparameter gets its default.

    Attributes
    ----------
    values : dict of str to object
        Values of the active hyperparameters requested so far, in the order of the requests.
    declarations : list of (str, Declaration)
        Names and details of all requests so far, in their order.

    Examples
    --------
    >>> from skkeras_search.space.hyperparameters import HyperParameters
    >>> hp = HyperParameters({"units": 16})
    >>> hp.Int("units", 8, 64, step=8), hp.Float("rate", 1e-4, 1e-1, sampling="log")
    (16, 0.0001)
    >>> hp.values
    {'units': 16, 'rate': 0.0001}
    """

    def __init__(self, values: Mapping[str, Any] | None = None):
        self._given = dict(values or {})
        self._scopes: list[str] = []
        self._conditions: list[tuple[str, list[Any]]] = []
        self.values: dict[str, Any] = {}
        self.declarations: list[tuple[str, Declaration]] = []

    def Int(  # noqa: N802  # KerasTuner's name
        self,
        name: str,
        min_value: int,
        max_value: int,
        step: int | None = None,
        sampling: str | None = "linear",
        default: int | None = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Request an integer.

        Parameters
        ----------
        name : str
            Name of the hyperparameter. The names of the surrounding ``name_scope`` blocks
            are put before it.
        min_value, max_value : int
            Bounds, both inclusive.
        step : int, default=None
            Difference between successive values, or their ratio if ``sampling="log"``. With
            "reverse_log" the values of "log" are mirrored. None means all integers between
            the bounds.
        sampling : {"linear", "log", "reverse_log"}, default="linear"
            Scale on which values are drawn evenly.
        default : int, default=None
            Value if the search or the user sets none. None means ``min_value``.
        parent_name : str, default=None
            Name of another hyperparameter, requested before. If given, this one is active
            only if the other has one of the ``parent_values``.
        parent_values : object or list of object, default=None
            Values of the other hyperparameter for which this one is active.

        Returns
        -------
        int or None
            The value, or None if the hyperparameter is inactive.

        Raises
        ------
        DeclarationError
            If a bound, the step, the sampling, the default or the parent is invalid.
        """
        dimension = _numbers("Int", name, min_value, max_value, step, sampling)
        default = int(min_value) if default is None else default
        return self._ask("Int", name, dimension, default, parent_name, parent_values)

    def Float(  # noqa: N802
        self,
        name: str,
        min_value: float,
        max_value: float,
        step: float | None = None,
        sampling: str | None = "linear",
        default: float | None = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Request a real number.

        Parameters
        ----------
        name : str
            Name of the hyperparameter. The names of the surrounding ``name_scope`` blocks
            are put before it.
        min_value, max_value : float
            Bounds, both inclusive.
        step : float, default=None
            Difference between successive values, or their ratio if ``sampling="log"``. With
            "reverse_log" the values of "log" are mirrored. None means all real numbers
            between the bounds.
        sampling : {"linear", "log", "reverse_log"}, default="linear"
            Scale on which values are drawn evenly.
        default : float, default=None
            Value if the search or the user sets none. None means ``min_value``.
        parent_name : str, default=None
            Name of another hyperparameter, requested before. If given, this one is active
            only if the other has one of the ``parent_values``.
        parent_values : object or list of object, default=None
            Values of the other hyperparameter for which this one is active.

        Returns
        -------
        float or None
            The value, or None if the hyperparameter is inactive.

        Raises
        ------
        DeclarationError
            If a bound, the step, the sampling, the default or the parent is invalid.
        """
        dimension = _numbers("Float", name, min_value, max_value, step, sampling)
        default = float(min_value) if default is None else default
        return self._ask("Float", name, dimension, default, parent_name, parent_values)

    def Choice(  # noqa: N802
        self,
        name: str,
        values: Iterable[Any],
        ordered: bool | None = None,
        default: Any = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Request one of several values.

        Parameters
        ----------
        name : str
            Name of the hyperparameter. The names of the surrounding ``name_scope`` blocks
            are put before it.
        values : list
            The choices.
        ordered : bool, default=None
            Whether neighboring choices are similar. True is allowed only for numbers. None
            means True for three or more numbers in ascending or descending order.
        default : object, default=None
            Value if the search or the user sets none. None means None if it is one of the
            choices, and otherwise the first choice.
        parent_name : str, default=None
            Name of another hyperparameter, requested before. If given, this one is active
            only if the other has one of the ``parent_values``.
        parent_values : object or list of object, default=None
            Values of the other hyperparameter for which this one is active.

        Returns
        -------
        object or None
            The value, or None if the hyperparameter is inactive.

        Raises
        ------
        DeclarationError
            If the choices, their order, the default or the parent is invalid.
        """
        dimension = _made("Choice", name, Categorical, values, ordered=ordered)
        if ordered and not all(is_number(value) for value in dimension.categories):
            raise DeclarationError(
                f"hp.Choice({name!r}): ordered=True requires that all values are numbers, "
                f"got {list(dimension.categories)!r}."
            )
        if default is None and None not in dimension:
            default = dimension.categories[0]
        return self._ask("Choice", name, dimension, default, parent_name, parent_values)

    def Boolean(  # noqa: N802
        self,
        name: str,
        default: bool = False,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Request False or True.

        Parameters
        ----------
        name : str
            Name of the hyperparameter.
        default : bool, default=False
            Value if the search or the user sets none.
        parent_name : str, default=None
            Name of another hyperparameter, requested before. If given, this one is active
            only if the other has one of the ``parent_values``.
        parent_values : object or list of object, default=None
            Values of the other hyperparameter for which this one is active.

        Returns
        -------
        bool or None
            The value, or None if the hyperparameter is inactive.
        """
        dimension = Categorical([False, True])
        return self._ask("Boolean", name, dimension, default, parent_name, parent_values)

    def Fixed(  # noqa: N802
        self,
        name: str,
        value: Any,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Request a hyperparameter with a single value, which is not searched.

        Parameters
        ----------
        name : str
            Name of the hyperparameter.
        value : object
            Its only value.
        parent_name : str, default=None
            Name of another hyperparameter, requested before. If given, this one is active
            only if the other has one of the ``parent_values``.
        parent_values : object or list of object, default=None
            Values of the other hyperparameter for which this one is active.

        Returns
        -------
        object or None
            The value, or None if the hyperparameter is inactive.
        """
        dimension = Categorical([value])
        return self._ask("Fixed", name, dimension, value, parent_name, parent_values)

    @contextmanager
    def name_scope(self, name: str) -> Iterator[None]:
        """Put ``name`` and a slash before all names requested in a ``with`` block."""
        self._scopes.append(str(name))
        try:
            yield
        finally:
            self._scopes.pop()

    @contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Any) -> Iterator[None]:
        """Make all hyperparameters of a ``with`` block conditional on another one.

        The block always runs. If the condition does not hold, its requests return None.

        Parameters
        ----------
        parent_name : str
            Name of another hyperparameter, requested before.
        parent_values : object or list of object
            Values of the other hyperparameter for which the block is active.

        Raises
        ------
        DeclarationError
            If the parent was not requested before, or the condition can never hold.
        """
        parent = self._full(parent_name)
        known = [name for name, _ in self.declarations]
        if parent not in known:
            raise DeclarationError(
                f"hp.conditional_scope({parent!r}, ...): no hyperparameter of this name "
                "was declared before." + did_you_mean(parent, known)
            )
        several = isinstance(parent_values, (list, tuple, set, frozenset))
        values = list(parent_values) if several else [parent_values]
        dimension = next(d.dimension for name, d in self.declarations if name == parent)
        around = self._merged_conditions().get(parent)
        if not any(v in dimension and (around is None or v in around) for v in values):
            in_scopes = (
                "" if around is None else f", which the outer scopes limit to {around!r}"
            )
            raise DeclarationError(
                f"hp.conditional_scope({parent!r}, {parent_values!r}) never holds, because "
                f"{parent!r} is {dimension!r}{in_scopes}."
            )
        self._conditions.append((parent, values))
        try:
            yield
        finally:
            self._conditions.pop()

    def get(self, name: str) -> Any:
        """Return the value of a hyperparameter that was requested before.

        Parameters
        ----------
        name : str
            Name of the hyperparameter.

        Returns
        -------
        object

        Raises
        ------
        KeyError
            If no hyperparameter of this name was requested.
        ValueError
            If the hyperparameter is inactive.
        """
        full = self._full(name)
        if full in self.values:
            return self.values[full]
        known = [known for known, _ in self.declarations]
        if full in known:
            raise ValueError(f"{full!r} is inactive: its condition does not hold.")
        raise KeyError(f"No hyperparameter {full!r} was declared before.")

    def copy(self) -> "HyperParameters":
        """Return a new object with the same values, which has no declarations yet."""
        return HyperParameters({**self._given, **self.values})

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def __contains__(self, name: str) -> bool:
        return self._full(name) in self.values

    def _full(self, name: str) -> str:
        return "/".join([*self._scopes, str(name)])

    def _ask(
        self,
        kind: str,
        name: str,
        dimension: Dimension,
        default: Any,
        parent_name: str | None,
        parent_values: Any,
    ) -> Any:
        full = self._full(name)
        if default not in dimension and not _is_between(dimension, default):
            raise DeclarationError(
                f"hp.{kind}({full!r}): default={default!r} is not in {dimension!r}."
            )
        scope = (
            self.conditional_scope(parent_name, parent_values)
            if parent_name
            else nullcontext()
        )
        with scope:
            conditions = self._merged_conditions()
            is_active = all(
                parent in self.values and self.values[parent] in values
                for parent, values in self._conditions
            )
        self.declarations.append(
            (full, Declaration(dimension, default, conditions, is_active))
        )
        if not is_active:
            return None
        value = self._given.get(full, default)
        return self.values.setdefault(full, value)

    def _merged_conditions(self) -> dict[str, list[Any]]:
        merged: dict[str, list[Any]] = {}
        for parent, values in self._conditions:
            before = merged.get(parent, values)
            merged[parent] = [v for v in values if v in before]
        return merged


def _numbers(
    kind: str, name: str, low: Any, high: Any, step: Any, sampling: str | None
) -> Dimension:
    """Return the dimension of the numbers that ``Int`` or ``Float`` may return."""
    given = {"min_value": low, "max_value": high, "step": step}
    for which, value in given.items():
        if which != "step" or value is not None:
            _made(kind, name, check_finite, which, value)
            if kind == "Int" and value != int(value):
                raise DeclarationError(
                    f"hp.Int({name!r}): {which}={value!r} is not a whole number."
                )
    number = int if kind == "Int" else float
    low, high = number(low), number(high)
    scale = str(sampling or "linear").lower()
    if scale not in SAMPLINGS:
        raise DeclarationError(
            f"hp.{kind}({name!r}): sampling must be one of {list(SAMPLINGS)}, got "
            f"{sampling!r}." + did_you_mean(scale, SAMPLINGS)
        )
    if low > high:
        raise DeclarationError(
            f"hp.{kind}({name!r}): min_value={low!r} is greater than max_value={high!r}."
        )
    if scale != "linear" and low <= 0:
        raise DeclarationError(
            f"hp.{kind}({name!r}): min_value={low!r} must be greater than 0 with "
            f"sampling={scale!r}."
        )
    least = 0 if scale == "linear" else 1
    if step is not None and step <= least:
        raise DeclarationError(
            f"hp.{kind}({name!r}): step={step!r} must be a number greater than {least} "
            f"with sampling={scale!r}."
        )
    if low == high:
        return Categorical([low])
    if step is None or (kind == "Int" and scale == "linear" and step == 1):
        dimension = Integer if kind == "Int" else Real
        return _made(kind, name, dimension, low, high, SAMPLINGS[scale])
    if kind == "Int" and scale == "linear":
        numbers = range(low, high + 1, int(step))
        return Range(numbers) if len(numbers) > 1 else Categorical([low])
    return Categorical(_stepped(low, high, step, scale), ordered=True)


def _stepped(low: Any, high: Any, step: Any, scale: str) -> list[Any]:
    """Return the numbers from ``low`` to ``high`` with a step, as KerasTuner does."""
    # Includes the last number of 0, 0.2, ..., 1.0, although 1.0 // 0.2 is 4.
    numbers, tolerance = [], 1e-8 * abs(high)
    number, index = low, 0
    while number <= high + tolerance:
        numbers.append(number)
        index += 1
        number = low + index * step if scale == "linear" else low * step**index
    if scale == "reverse_log":
        numbers = [high + low - number for number in reversed(numbers)]
    return [type(low)(number) for number in numbers]


def _made(kind: str, name: str, make: Any, *args: Any, **kwargs: Any) -> Any:
    """Call ``make``, and raise a ``DeclarationError`` for its errors."""
    try:
        return make(*args, **kwargs)
    except (TypeError, ValueError) as error:
        raise DeclarationError(f"hp.{kind}({name!r}): {error}") from error


def _is_between(dimension: Dimension, default: Any) -> bool:
    """Return whether a default is within the bounds; it may be between two steps."""
    if not is_number(default):
        return False
    numbers: Any = getattr(dimension, "categories", getattr(dimension, "bounds", ()))
    ordered = dimension.is_ordered and all(is_number(number) for number in numbers)
    return bool(ordered and numbers and min(numbers) <= default <= max(numbers))
