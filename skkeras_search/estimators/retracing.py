"""Silence a TensorFlow warning that is expected when many models are fitted."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def retracing_expected() -> Iterator[None]:
    """Hide "5 out of the last 5 calls triggered tf.function retracing" in a block.

    TensorFlow warns of a loop that compiles one function repeatedly. Here, each call
    compiles the function of another model.
    """
    logger = logging.getLogger("tensorflow")

    def is_other(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in record.getMessage()

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)
