"""Which members the page of a class lists, and under which headings.

The templates in `_templates/autosummary` call :func:`members_of`.
"""

import inspect
from functools import cached_property
from importlib import import_module

GROUPS = {
    "Fit and predict": [
        "fit",
        "partial_fit",
        "initialize",
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
        "score",
        "score_samples",
        "transform",
        "inverse_transform",
    ],
    "Propose and report": ["ask", "tell", "best", "add_pending", "forget_pending"],
    "Draw": ["from_search", "from_searches"],
    "Look at the results": [
        "plot",
        "report",
        "to_frame",
        "results_summary",
        "search_space_summary",
        "get_best_hyperparameters",
        "get_best_models",
    ],
    "Parameters and callbacks": [
        "get_params",
        "set_params",
        "set_callbacks",
        "declared_space",
    ],
    "Metadata routing": [
        "get_metadata_routing",
        "set_fit_request",
        "set_partial_fit_request",
        "set_score_request",
    ],
    "Overridden in subclasses": ["scorer"],
    "Called by the search": [
        "setup",
        "on_fit_task_begin",
        "on_fit_task_end",
        "on_outcome",
        "update",
        "teardown",
    ],
}
OTHERS = "Other methods"


def members_of(module, name):
    """Give the methods of a class by heading, and its documented properties."""
    owner = import_module(module)
    for part in name.split("."):
        owner = getattr(owner, part)
    methods, properties = [], []
    for member in dir(owner):
        if member.startswith("_"):
            continue
        value = inspect.getattr_static(owner, member)
        if isinstance(value, property | cached_property):
            if value.__doc__:
                properties.append(member)
        elif callable(getattr(owner, member)):
            methods.append(member)
    groups = [
        (title, [m for m in group if m in methods]) for title, group in GROUPS.items()
    ]
    grouped = {m for _, group in groups for m in group}
    groups.append((OTHERS, [m for m in methods if m not in grouped]))
    return {
        "groups": [(title, group) for title, group in groups if group],
        "properties": properties,
    }
