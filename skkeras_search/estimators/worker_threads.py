"""Give TensorFlow its share of the cores in the worker processes of a pool.

Joblib tells its workers by environment variables how many threads each may use, which
TensorFlow does not read: all workers would use all cores. On clusters the search says so.
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
        return  # somebody decided already
    try:
        threading.set_intra_op_parallelism_threads(int(allowed))
        threading.set_inter_op_parallelism_threads(int(allowed))
    except RuntimeError:  # TensorFlow runs already, with the threads that it has
        return
