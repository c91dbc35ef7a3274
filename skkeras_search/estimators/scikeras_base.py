"""What we use of scikeras, without what Keras and scikit-learn have outgrown.

Importing scikeras replaces the pickling methods of Keras's classes for the whole
process. Our estimators pickle their models themselves (see ``serialization``), so
the changes are taken back, unless the user had already imported scikeras.
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
        # What remains is what the class inherits: Keras defines none of these here.
        delattr(_class, _method)

if "_more_tags" in vars(ScikerasBaseWrapper):
    # scikit-learn dropped it in 1.7, calls it no more, and its estimator checks refuse
    # every class that inherits from one that still has it.
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
