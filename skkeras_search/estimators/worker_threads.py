"""Limit TensorFlow to its share of the cores in the worker processes of a pool.

Joblib sets environment variables that limit the number of threads of its workers.
TensorFlow does not read them, so each worker would use all cores. On a cluster, the search
sets a variable of this package.
"""

import multiprocessing
import os

from skkeras_search.thread_share import THREADS


def limit_threads() -> None:
    """In a worker process, limit TensorFlow to the threads that the pool allows."""
    allowed = os.environ.get(THREADS) or os.environ.get("OMP_NUM_THREADS", "")
    in_worker = (
        THREADS in os.environ or multiprocessing.current_process().name != "MainProcess"
    )
    if not (in_worker and allowed.isdigit()):
        return
    import tensorflow as tf

    threading = tf.config.threading
    if threading.get_intra_op_parallelism_threads():
        return  # the number of threads is already set
    try:
        threading.set_intra_op_parallelism_threads(int(allowed))
        threading.set_inter_op_parallelism_threads(int(allowed))
    except RuntimeError:  # TensorFlow has already started its threads
        return
