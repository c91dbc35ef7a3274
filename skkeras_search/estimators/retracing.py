"""Silence a warning of TensorFlow's that is about searches, not about mistakes."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def retracing_expected() -> Iterator[None]:
    """Hide "5 out of the last 5 calls triggered tf.function retracing" for a block.

    TensorFlow suspects a loop that recompiles one function. Here they are the
    functions of as many models.
    """
    logger = logging.getLogger("tensorflow")

    def is_other(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in record.getMessage()

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)
