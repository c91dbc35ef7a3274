"""The joblib backend "fused", which runs each task in a thread."""

import gc
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from joblib._utils import (  # joblib's own threading backends use these
    _retrieve_traceback_capturing_wrapped_call,
    _TracebackCapturingWrapper,
)
from joblib.parallel import ParallelBackendBase

from skkeras_search.fusion.batcher import Batcher, Task
from skkeras_search.fusion.time_limit import limited

# Number of tasks that may be in progress at a time, unless the user passes n_jobs.
DEFAULT_N_JOBS = 64

_waits_for_none: ContextVar[bool] = ContextVar("waits_for_none", default=False)
current_task: ContextVar[Task | None] = ContextVar("current_task", default=None)


@contextmanager
def waiting_for_none() -> Iterator[None]:
    """Run tasks sequentially in this thread in a block.

    Use it while holding a lock that tasks in other threads may need.
    """
    waits, task = _waits_for_none.set(True), current_task.set(None)
    try:
        yield
    finally:
        _waits_for_none.reset(waits)
        current_task.reset(task)


class FusedBackend(ParallelBackendBase):
    """Run the tasks of ``joblib.Parallel`` in threads that take turns.

    While a task waits for the answer to a request, such as a fit, other tasks run.

    Parameters
    ----------
    make_batcher : callable
        Makes the batcher of an outermost backend.
    in_thread : callable
        Called when a task is submitted. Returns a function that is called in the thread of
        the task before the task begins.
    batcher : Batcher, optional
        The batcher of the outer backend, if this backend is used inside one of its tasks.
    nesting_level, inner_max_num_threads, **kwargs
        The arguments that joblib passes to its backends.
    """

    supports_retrieve_callback = True
    supports_sharedmem = True
    uses_threads = True
    default_n_jobs = DEFAULT_N_JOBS

    def __init__(
        self,
        make_batcher: Callable[[], Batcher],
        in_thread: Callable[[], Callable[[], None]],
        batcher: Batcher | None = None,
        nesting_level: int | None = None,
        inner_max_num_threads: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(nesting_level, inner_max_num_threads, **kwargs)
        self._make_batcher = make_batcher
        self._in_thread = in_thread
        self._is_outermost = batcher is None
        self._batcher = batcher or make_batcher()
        self._lock = threading.Lock()
        self._queue: deque[tuple[Task, Callable[[Callable[[], None]], None]]] = deque()
        self._begun: set[Task] = set()
        self._parent: Task | None = None
        self._froze = False

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return the number of tasks that may be in progress at a time."""
        if n_jobs == 0:
            raise ValueError(
                "n_jobs == 0 in Parallel has no meaning. Use a positive number, -1 or None."
            )
        if _waits_for_none.get():
            return 1
        return DEFAULT_N_JOBS if n_jobs is None or n_jobs < 0 else n_jobs

    def configure(self, n_jobs: int | None = 1, parallel: Any = None, **kwargs: Any) -> int:
        """Prepare for a call of ``Parallel``."""
        self._most_begun: int = super().configure(n_jobs, parallel, **kwargs)
        return self._most_begun

    def start_call(self) -> None:
        """Begin a new set of tasks."""
        self._parent = current_task.get()
        if self._is_outermost:
            self._batcher.shared.clear()
            # TensorFlow and Keras have a million objects. A garbage collection over all of
            # them takes 0.25 s, as long as the training of a small search.
            self._froze = gc.get_freeze_count() == 0
            if self._froze:
                gc.freeze()

    def stop_call(self) -> None:
        """End a set of tasks."""
        if self._is_outermost:
            self._batcher.ledger.share()
        if self._is_outermost and self._froze:
            self._froze = False
            gc.unfreeze()

    def terminate(self) -> None:
        """End a call of ``Parallel``, or all calls in its context."""
        if self._is_outermost:
            self._batcher.ledger.clear()

    @contextmanager
    def retrieval_context(self) -> Iterator[None]:
        """Let other tasks run while a task waits for their results."""
        waiting = self._parent.waiting() if self._parent else nullcontext()
        with waiting, self._batcher.left():
            yield

    def submit(
        self, func: Callable[[], Any], callback: Callable[[Any], None] | None = None
    ) -> Task:
        """Queue a task."""
        task = Task(self._batcher, self._parent)
        prepare, call = self._in_thread(), limited(func, task.limit)

        def run(wait: Callable[[], None]) -> None:
            wait()
            try:
                prepare()
                current_task.set(task)
                task.cost.begin()
                outcome = None if task.is_cancelled else _TracebackCapturingWrapper(call)()
                task.settle(outcome)
                with self._lock:
                    self._begun.discard(task)
                if callback is not None and not task.is_cancelled:
                    callback(outcome)  # dispatches the next task
            finally:
                self._begin_tasks()
                self._batcher.leave()

        # The time limit of the parent task must not interrupt it while it queues a task.
        with self._parent.waiting() if self._parent else nullcontext():
            with self._lock:
                self._queue.append((task, run))
            self._begin_tasks()
        return task

    def retrieve_result_callback(self, out: Any) -> Any:
        """Return the result of a task, or raise its exception."""
        return _retrieve_traceback_capturing_wrapped_call(out)

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Cancel all tasks. Their threads end when they next check for it."""
        with self._lock:
            self._queue.clear()
            for task in self._begun:
                task.cancel()
            self._begun.clear()

    def get_nested_backend(self) -> tuple[ParallelBackendBase, None]:
        """Return the backend for ``Parallel`` inside a task; it has the same batcher."""
        level = (self.nesting_level or 0) + 1
        nested = FusedBackend(
            self._make_batcher, self._in_thread, self._batcher, nesting_level=level
        )
        return nested, None

    def _begin_tasks(self) -> None:
        while True:
            with self._lock:
                if not self._queue or len(self._begun) >= self._most_begun:
                    return
                task, run = self._queue.popleft()
                self._begun.add(task)
            wait = self._batcher.queue()
            threading.Thread(
                target=run, args=(wait,), name="fused task", daemon=True
            ).start()
