"""Train lanes, as many at the same time as there are cores."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import joblib
import sklearn
import tensorflow as tf

from skkeras_search.fusion.backend import current_task
from skkeras_search.fusion.cost import Answer, Use
from skkeras_search.fusion.lane import Lane, Trained
from skkeras_search.fusion.thread_state import inherit
from skkeras_search.fusion.time_limit import limited


def train(lane: Lane) -> Trained:
    """Train a lane; inside the joblib backend "fused", in parallel with others.

    Parameters
    ----------
    lane : Lane
        The lane.

    Returns
    -------
    trained : Trained
        The result.

    Raises
    ------
    NotFusibleError
        If the lane cannot be trained by a fused program. Nothing was trained.
    """
    task = current_task.get()
    if task is None:
        return lane.train()
    trained: Trained = task.ask(lane)
    return trained


class Lanes:
    """Train lanes in background threads, as many at the same time as there are cores."""

    def __init__(self) -> None:
        cores = tf.config.threading.get_intra_op_parallelism_threads() or joblib.cpu_count()
        self._pool = ThreadPoolExecutor(cores, thread_name_prefix="lane")

    def begin(self, lane: Lane, wanted: Callable[[], bool]) -> Future[Answer]:
        """Train a lane as soon as a core is free."""
        take_over, config, task = inherit(), sklearn.get_config(), current_task.get()
        limit = task.limit if task else None

        def train() -> Answer:
            take_over()
            begun = time.perf_counter()
            with sklearn.config_context(**config):
                trained = limited(lambda: lane.train(wanted), limit)()
            uses = [Use(trained.program, *span) for span in lane.preparations]
            prepared = sum(use.ended - use.begun for use in uses)
            return Answer(trained, time.perf_counter() - begun - prepared, uses)

        return self._pool.submit(train)
