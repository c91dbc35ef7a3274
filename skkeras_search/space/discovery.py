"""Find out which hyperparameters a function requests, and under which conditions.

The function is called with an ``hp`` object that records each request. If a function
requests a hyperparameter for some values of another hyperparameter only, the former is
conditional on the latter. The conditions of a space are conjunctions. If the function uses
another kind of condition, such as ``if a or b``, the space gets the narrowest conjunction
that holds in all calls that request the hyperparameter. A configuration may therefore
contain hyperparameters that the function does not request, but it contains all that the
function requests.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from skkeras_search.space.dimensions import Dimension
from skkeras_search.space.hyperparameters import (
    Declaration,
    DeclarationError,
    HyperParameters,
)
from skkeras_search.space.space import Space

# All values of a hyperparameter are tried if there are at most this many. Otherwise, and
# for real numbers, only the two ends and the middle are tried.
MOST_VALUES = 32
# The search for branches ends after this many calls of the function.
MOST_CALLS = 256
# The space is accepted when this many random configurations in a row contain exactly the
# hyperparameters that the function requests.
N_AGREEING = 16


@dataclass
class Declared:
    """The hyperparameters that a function declares.

    Attributes
    ----------
    source : object
        The function.
    space : Space or None
        The declared space, or None if the function requests no hyperparameter.
    defaults : dict of str to object
        Default value of each hyperparameter.
    """

    source: Any
    space: Space | None
    defaults: dict[str, Any]


@dataclass(eq=False)
class _Call:
    """One call of the function: the values that it received, and all its requests."""

    values: dict[str, Any]
    declarations: list[tuple[str, Declaration]]


def discover(source: Any, call: Callable[[HyperParameters], Any]) -> Declared:
    """Call a function until it requests no new hyperparameter.

    The first call uses the defaults. Then the values of each hyperparameter are varied, one
    hyperparameter at a time, starting from the call in which it was first requested.
    Finally, the space found so far is checked with random configurations. A branch that few
    configurations reach may be missed; the hyperparameters that are requested only there
    keep their defaults. After ``MOST_CALLS`` calls the discovery stops and issues a
    warning.

    Parameters
    ----------
    source : object
        The object that declares the hyperparameters. It is only stored in the result.
    call : callable
        Called with a ``HyperParameters``. An error in the call with the defaults is
        raised. Later errors are attributed to an invalid configuration and ignored.

    Returns
    -------
    Declared

    Raises
    ------
    DeclarationError
        If one name is used for two different hyperparameters.
    """
    return _Discovery(call).run(source)


class _Discovery:
    """The calls made so far, and the space that follows from them."""

    def __init__(self, call: Callable[[HyperParameters], Any]):
        self._call = call
        self._calls: list[_Call] = []
        self._dimensions: dict[str, Dimension] = {}
        self._defaults: dict[str, Any] = {}
        # For each hyperparameter, the names of those that decide whether it is requested.
        self._gates: dict[str, set[str]] = {}
        # For each hyperparameter, the values that conditional scopes name.
        self._named: dict[str, list[Any]] = {}
        self._varied: set[str] = set()

    def run(self, source: Any) -> Declared:
        self._try({}, is_first=True)
        complete = self._vary_all() and (not self._dimensions or self._check())
        if not complete:
            warnings.warn(
                f"{getattr(source, '__name__', type(source).__name__)} has too many "
                f"branches: {MOST_CALLS} calls did not reach all of them. Hyperparameters "
                "that are declared only in the missing branches keep their defaults. Pass "
                "search_spaces to search them.",
                stacklevel=2,
            )
        space = self._space() if self._dimensions else None
        return Declared(source, space, dict(self._defaults))

    def _vary_all(self) -> bool:
        """Vary each hyperparameter, starting from the call that first requested it."""
        for call in self._calls:  # the list grows during the loop
            for name in list(call.values):
                if name not in self._varied:
                    self._varied.add(name)
                    if not self._vary(call, name):
                        return False
        return True

    def _vary(self, call: _Call, name: str) -> bool:
        """Try the other values of a hyperparameter; return whether the calls sufficed."""
        for value in self._values_to_try(name):
            if value == call.values[name]:
                continue
            if len(self._calls) >= MOST_CALLS:
                return False
            other = self._try({**call.values, name: value})
            for changed in call.values.keys() ^ other.values.keys():
                self._gates.setdefault(changed, set()).add(name)
        return True

    def _check(self) -> bool:
        """Try random configurations until they agree with the requests of the function.

        Returns
        -------
        bool
            False if the calls did not suffice.
        """
        rng = np.random.RandomState(0)
        n_agreeing, examined = 0, set[str]()
        while n_agreeing < N_AGREEING:
            space = self._space()
            if n_agreeing >= space.n_configurations:
                break
            if len(self._calls) >= MOST_CALLS:
                return not examined
            (configuration,) = space.sample(1, rng)
            call = self._try(configuration)
            wrong = (configuration.keys() ^ call.values.keys()) - examined
            n_agreeing = 0 if wrong else n_agreeing + 1
            examined |= wrong
            for name in sorted(wrong):
                calls = [call, *self._calls]
                having = next((c for c in calls if name in c.values), None)
                if having is None:  # its scopes contradict the surrounding branches
                    continue
                for gate in list(having.values):
                    if not self._vary(having, gate):
                        return False
            if wrong and not self._vary_all():
                return False
        return True

    def _try(self, values: Mapping[str, Any], is_first: bool = False) -> _Call:
        hp = HyperParameters(values)
        try:
            self._call(hp)
        except DeclarationError:
            raise
        except Exception:  # the model cannot be built with these values
            if is_first:
                raise
        call = _Call(hp.values, hp.declarations)
        for name, declaration in hp.declarations:
            self._note(name, declaration)
        self._calls.append(call)
        return call

    def _note(self, name: str, declaration: Declaration) -> None:
        for parent, values in declaration.conditions.items():
            self._named.setdefault(parent, []).extend(values)
        known = self._dimensions.setdefault(name, declaration.dimension)
        if known != declaration.dimension:
            raise DeclarationError(
                f"The hyperparameter {name!r} is declared twice with different values: "
                f"{known!r} and {declaration.dimension!r}. Use a different name for each."
            )
        self._defaults.setdefault(name, declaration.default)

    def _values_to_try(self, name: str) -> list[Any]:
        dimension = self._dimensions[name]
        if self._is_tried_in_full(name):
            return dimension.grid(MOST_VALUES)
        named = [value for value in self._named.get(name, []) if value in dimension]
        return [*(dimension.decode(c) for c in (0.0, 0.5, 1.0)), *named]

    def _is_tried_in_full(self, name: str) -> bool:
        return self._dimensions[name].n_values <= MOST_VALUES

    def _space(self) -> Space:
        conditions = {name: self._conditions(name) for name in self._dimensions}
        dimensions = {}
        for name, dimension in self._dimensions.items():
            dimensions[name] = copy(dimension)
            dimensions[name].when = {
                gate: values
                if len(values) > 1 or isinstance(values[0], list)
                else values[0]
                for gate, values in _without_implied(name, conditions).items()
            }
        return Space(dimensions)

    def _conditions(self, name: str) -> dict[str, list[Any]]:
        """Return the conditions of a hyperparameter: values of others, by their names."""
        having = [call for call in self._calls if name in call.values]
        if not having:  # declared only in scopes whose condition never held
            return self._of_scopes(name)
        before = list(self._dimensions)
        before = before[: before.index(name)]
        conditions = self._of_scopes(name)
        for gate in before:
            is_gate = gate in self._gates.get(name, ()) and self._is_tried_in_full(gate)
            if is_gate and all(gate in call.values for call in having):
                seen = [call.values[gate] for call in having]
                conditions[gate] = [
                    value
                    for value in self._dimensions[gate].grid(MOST_VALUES)
                    if any(_is_same(value, other) for other in seen)
                ]
        return {
            gate: values
            for gate, values in conditions.items()
            if len(values) < self._dimensions[gate].n_values
        }

    def _of_scopes(self, name: str) -> dict[str, list[Any]]:
        """Return the conditions shared by all scopes that declare the hyperparameter."""
        scopes = [
            declaration.conditions
            for call in self._calls
            for declared, declaration in call.declarations
            if declared == name
        ]
        common = set.intersection(*(set(scope) for scope in scopes))
        return {
            parent: [
                value
                for value in _distinct(v for scope in scopes for v in scope[parent])
                if value in self._dimensions[parent]
            ]
            for parent in self._dimensions
            if parent in common and np.isfinite(self._dimensions[parent].n_values)
        }


def _without_implied(
    name: str, conditions: Mapping[str, Mapping[str, list[Any]]]
) -> dict[str, list[Any]]:
    """Return the conditions that do not follow from the conditions of the parents."""
    own = conditions[name]

    def implied(gate: str, values: list[Any], parent: str) -> bool:
        above = conditions[parent]
        if gate in above and all(any(_is_same(v, w) for w in values) for v in above[gate]):
            return True
        return any(implied(gate, values, higher) for higher in above)

    return {
        gate: values
        for gate, values in own.items()
        if not any(implied(gate, values, other) for other in own if other != gate)
    }


def _distinct(values: Iterator[Any]) -> list[Any]:
    distinct: list[Any] = []
    for value in values:
        if not any(_is_same(value, other) for other in distinct):
            distinct.append(value)
    return distinct


def _is_same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and bool(value == other)
