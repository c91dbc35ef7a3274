"""Name the metrics of each model as if it were the first model of the process."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import keras
from keras.src.backend.common import global_state  # where Keras counts names
from keras.src.utils.naming import to_snake_case

COUNTS = "object_name_uids"


@contextmanager
def metrics_named_anew() -> Iterator[None]:
    """Restart the numbering of metrics in a block that makes the metrics of a model.

    Keras numbers metrics in the order in which they are made: ``"auc"``, ``"auc_1"``.
    Without this, the keys of ``history_`` and the metric that ``EarlyStopping`` monitors
    would depend on the number of models that were made before.
    """
    counts = global_state.get_global_attribute(COUNTS)
    if counts is None:  # no object has a generated name yet
        yield
        return
    names = {to_snake_case(cls.__name__) for cls in _subclasses(keras.Metric)}
    others = {n: count for n, count in dict(counts).items() if n not in names}
    own = defaultdict(int, others)
    global_state.set_global_attribute(COUNTS, own)
    try:
        yield
    finally:
        for name, count in own.items():
            counts[name] = max(counts[name], count)
        global_state.set_global_attribute(COUNTS, counts)


def _subclasses(cls: type) -> Iterator[type]:
    subclass: type
    for subclass in cls.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)
