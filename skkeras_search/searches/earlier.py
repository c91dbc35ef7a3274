"""Candidates of a search that another one extends."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skkeras_search.record.plain import unpack
from skkeras_search.record.store import StoredJob
from skkeras_search.searches.identity import describe

# What may be another in a search that extends an earlier one. Scores are comparable then.
MAY_DIFFER = {"param_grid", "param_distributions", "search_spaces", "n_iter", "n_values"}
MAY_DIFFER |= {"random_state", "optimizer_kwargs", "n_initial"}


@dataclass(eq=False)
class Earlier:
    """A candidate of a search that is extended.

    Attributes
    ----------
    params : str
        JSON.
    jobs : list of StoredJob
        In the order in which they have arrived.
    """

    params: str
    jobs: list[StoredJob] = field(default_factory=list)

    def params_in(self, choices: Mapping[str, Sequence[Any]]) -> dict[str, Any] | None:
        """Give the hyperparameters.

        Parameters
        ----------
        choices : mapping of str to sequence
            By the name of a hyperparameter, the objects among which its value is, if it
            is not plain.

        Returns
        -------
        dict or None
            None if one of the objects is not there any more.
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
    """Whether a search with other parameters of these names can take earlier results."""
    return all(name.partition("[")[0] in MAY_DIFFER for name in names)
