"""The metrics of a search."""

from collections.abc import Mapping
from typing import Any

PREFIX = "mean_test_"


def metrics_of(results: Mapping[str, Any]) -> list[str]:
    """Return the names of the metrics in ``cv_results_``."""
    return [name.removeprefix(PREFIX) for name in results if name.startswith(PREFIX)]
