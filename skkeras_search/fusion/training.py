"""Fits as lanes: one alone, or as many at a time as there are cores."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache

import joblib
import tensorflow as tf

from skkeras_search.fusion.backend import current_task
from skkeras_search.fusion.lane import Lane, Trained


def train(lane: Lane, alone: bool = False) -> Trained:
    """Train a lane, inside the joblib backend "fused" together with others.

    Parameters
    ----------
    lane : Lane
    alone : bool, default=False
        Whether not to wait for others.

    Returns
    -------
    Trained

    Raises
    ------
    NotFusibleError
        Before anything was trained.
    """
    task = current_task.get()
    if alone or task is None:
        return lane.train()
    trained: Trained = task.ask(lane)
    return trained


def begin(lane: Lane, wanted: Callable[[], bool]) -> Future[Trained]:
    """Train a lane as soon as a core is free."""
    return _pool().submit(lane.train, wanted)


@lru_cache
def _pool() -> ThreadPoolExecutor:
    cores = tf.config.threading.get_intra_op_parallelism_threads() or joblib.cpu_count()
    return ThreadPoolExecutor(cores, thread_name_prefix="lane")
