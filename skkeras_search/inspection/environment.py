"""Versions, parameters and seeds that a search ran with."""

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from skkeras_search.inspection.declared import OF_SPACES
from skkeras_search.inspection.labels import text_of

PACKAGES = (
    *("skkeras-search", "scikit-learn", "keras", "tensorflow", "numpy", "scipy"),
    *("pandas", "joblib", "scikeras"),
)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages of ``PACKAGES``."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str]:
    """Return the operating system and the number of cores of this machine."""
    return {"system": platform.platform(), "cores": str(os.cpu_count())}


def parameters(search: Any) -> dict[str, str]:
    """Return the parameters of a search, except for its estimator and space, as text."""
    identity = getattr(search, "identity", None)
    if identity is not None:  # a loaded search
        return {
            name: text
            for name, text in identity.items()
            if not name.startswith(("estimator", *OF_SPACES))
        }
    return {
        name: text_of(value)
        for name, value in search.get_params(deep=False).items()
        if name not in ("estimator", *OF_SPACES)
    }


def seeds(search: Any) -> dict[str, str]:
    """Return all parameters named ``random_state``, of the search and its parts."""
    identity = getattr(search, "identity", None)
    found = identity.items() if identity is not None else _parameters(search)
    return {
        name: text_of(value)
        for name, value in found
        if name.split("__")[-1].split(".")[-1] == "random_state"
    }


def _parameters(search: Any) -> Iterator[tuple[str, Any]]:
    params = search.get_params()
    yield from params.items()
    if hasattr(params.get("cv"), "random_state"):
        yield "cv.random_state", params["cv"].random_state
