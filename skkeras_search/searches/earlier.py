"""Candidates of an earlier search that is extended."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skkeras_search.record.plain import unpack
from skkeras_search.record.store import StoredJob
from skkeras_search.searches.identity import describe

# Parameters that may differ when a search extends an earlier one: scores stay comparable.
MAY_DIFFER = {"param_grid", "param_distributions", "search_spaces", "n_iter", "n_values"}
MAY_DIFFER |= {"random_state", "optimizer_kwargs", "n_initial"}


@dataclass(eq=False)
class Earlier:
    """A candidate of the search that is extended.

    Attributes
    ----------
    params : str
        Hyperparameters, as JSON.
    jobs : list of StoredJob
        Jobs of the candidate, in the order in which their outcomes arrived.
    """

    params: str
    jobs: list[StoredJob] = field(default_factory=list)

    def params_in(self, choices: Mapping[str, Sequence[Any]]) -> dict[str, Any] | None:
        """Return the hyperparameters of the candidate.

        Parameters
        ----------
        choices : mapping of str to sequence
            For each hyperparameter, the objects of the new search among which a value is
            looked up if it is not plain data.

        Returns
        -------
        dict or None
            None if one of the objects does not exist any more.
        """
        params = {}
        for name, value in json.loads(self.params)["dict"]:
            if isinstance(value, dict) and "special" in value:
                same = [c for c in choices.get(name, ()) if describe(c) == value["special"]]
                if not same:
                    return None
                params[name] = same[0]
            else:
                params[name] = unpack(value)
        return params


def may_be_extended(names: Sequence[str]) -> bool:
    """Return whether a search that differs in these parameters can reuse results."""
    return all(name.partition("[")[0] in MAY_DIFFER for name in names)
