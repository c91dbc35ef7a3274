"""Import the parts of scikeras that are used, and undo its changes to Keras.

Importing scikeras replaces the pickling methods of Keras's classes in the whole process.
The estimators of this package pickle their models themselves (see ``serialization``), so
these changes are undone, unless the user has already imported scikeras.
"""

import sys

import keras

_user_imported_scikeras = "scikeras" in sys.modules

from scikeras._utils import (  # noqa: E402
    get_metric_class,
    get_optimizer_class,
    route_params,
    try_to_convert_strings_to_classes,
    unflatten_params,
)
from scikeras.utils import loss_name, metric_name  # noqa: E402
from scikeras.wrappers import BaseWrapper as ScikerasBaseWrapper  # noqa: E402

if not _user_imported_scikeras:
    for _class, _method in [
        (keras.Model, "__reduce__"),
        (keras.Model, "__deepcopy__"),
        (keras.Loss, "__reduce__"),
        (keras.Metric, "__reduce__"),
        (keras.Optimizer, "__reduce__"),
    ]:
        # Keras itself does not define these methods here, so the inherited ones remain.
        delattr(_class, _method)

if "_more_tags" in vars(ScikerasBaseWrapper):
    # scikit-learn no longer calls this method since 1.7, and its estimator checks fail for
    # every class that inherits it.
    del ScikerasBaseWrapper._more_tags

__all__ = [
    "ScikerasBaseWrapper",
    "get_metric_class",
    "get_optimizer_class",
    "loss_name",
    "metric_name",
    "route_params",
    "try_to_convert_strings_to_classes",
    "unflatten_params",
]
