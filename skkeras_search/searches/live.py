"""A region of a terminal or notebook that shows a search while it runs. Requires rich."""

import logging
import math
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any, Self

from rich.console import Console, ConsoleRenderable, Group
from rich.control import Control
from rich.jupyter import JupyterMixin
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from skkeras_search.fusion.epoch_count import EpochCount, counted
from skkeras_search.searches.display import Display
from skkeras_search.searches.executors import Executor
from skkeras_search.searches.jobs import Call, Fit, Job
from skkeras_search.searches.progress import Pace, Standing, best_in_words, duration
from skkeras_search.wording import params_in_words

SECONDS_TO_REFRESH = 0.25
SECONDS_IN_NOTEBOOK = 0.5
# At most this many candidates under way have a row; the others are only counted.
MOST_ROWS = 8
# Columns kept free for the ^C that a terminal prints, which would break the region.
RIGHT = 4

# Held by the search whose region is shown. A search inside another search prints lines.
_is_shown = threading.Lock()


@dataclass
class UnderWay:
    """A candidate that is being trained.

    Attributes
    ----------
    params : mapping
        Hyperparameters of the candidate.
    fits : dict of Fit to EpochCount
        Its fits that run in this process.
    begun : float
        Time of ``time.monotonic`` when training began, as far as is known.
    """

    params: Mapping[str, Any]
    fits: dict[Fit, EpochCount] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)


class Region(Display, JupyterMixin):
    """The content of the region.

    Fits only note which epoch they are in. The region reads these notes when it is drawn, a
    few times a second.
    """

    def __init__(self) -> None:
        self._pace = Pace()
        self._standing: Standing | None = None
        self._best: Mapping[str, Any] | None = None
        self._here: dict[int, UnderWay] = {}
        # Candidates in other processes, in the order in which they were sent.
        self._sent: dict[int, UnderWay] = {}
        self._n_workers = 0
        self._refit: EpochCount | None = None
        self._has_ended = False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(_is_shown.release)
            self._show(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Draw the region for the last time."""
        self._end()
        with suppress(Exception):  # an error in drawing must not end the search
            self._stack.close()

    def _show(self, stack: ExitStack) -> None:
        """Begin to draw the region, and register in the stack what ends the drawing."""

    def watched(self, job: Job, calls: list[Call], executor: Executor) -> list[Call]:
        """Show a job: here when a fit begins, in a worker when the job is sent."""
        if executor.uses_processes:
            self._n_workers = executor.n_slots
            self._sent[job.number] = UnderWay(job.params)
            return calls
        return [
            call._replace(function=partial(self._watch, job, fit, call.function))
            for fit, call in zip(job.fits, calls, strict=True)
        ]

    def _watch(
        self, job: Job, fit: Fit, function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        with counted() as count:
            row = self._here.setdefault(job.number, UnderWay(job.params))
            row.fits[fit] = count
            try:
                return function(*args, **kwargs)
            finally:
                row.fits.pop(fit, None)

    def arrived(self, job: Job) -> None:
        """Remove a job from the region."""
        self._here.pop(job.number, None)
        n_running = min(len(self._sent), self._n_workers)
        if self._sent.pop(job.number, None) and len(self._sent) >= n_running > 0:
            begins = list(self._sent.values())[n_running - 1]  # the worker's next job
            begins.begun = time.monotonic()

    def candidate(
        self,
        params: Mapping[str, Any],
        score: float,
        standing: Standing,
        is_new: bool,
        after: str = "",
    ) -> None:
        """Update the progress, and the best candidate if this one is the best."""
        self._pace.reach(standing, is_new)
        before = self._standing.best if self._standing else -math.inf
        # Of equal scores the first counts, as in scikit-learn. NaN is never the best.
        if score == standing.best and not score <= before:
            self._best = params
        self._standing = standing

    @contextmanager
    def refit(self) -> Iterator[None]:
        """Show the refit in a block."""
        with counted() as self._refit:
            yield
        self._refit = None

    def _end(self) -> None:
        self._here, self._sent, self._refit = {}, {}, None
        self._has_ended = True

    def __rich__(self) -> ConsoleRenderable:
        """Draw the region."""
        parts: list[ConsoleRenderable] = [self._bar(), self._best_line()]
        if rows := self._rows():
            table = Table.grid(padding=(0, 2), expand=True)
            table.add_column(justify="right", no_wrap=True)
            table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
            table.add_column(no_wrap=True, overflow="ellipsis")
            table.add_column(justify="right", no_wrap=True)
            for row in rows[:MOST_ROWS]:
                table.add_row(*map(Text, row))
            parts.append(Padding(table, (0, RIGHT, 0, 0)))
            if len(rows) > MOST_ROWS:
                parts.append(Text(f"and {len(rows) - MOST_ROWS} more", style="dim"))
        return Group(*parts)

    def _bar(self) -> ConsoleRenderable:
        standing = self._standing
        total = standing.total if standing and math.isfinite(standing.total) else None
        bar = ProgressBar(total, standing.n if standing else 0, width=30)
        words = [duration(self._pace.passed)]
        if standing:
            words = [f"{standing} {standing.unit}", *words]
            is_done = self._has_ended or self._refit is not None
            if standing.n < standing.total and not is_done:
                words.append(self._pace.left_in_words())
        table = Table.grid(padding=(0, 2))
        table.add_row(bar, Text(", ".join(words), overflow="ellipsis", no_wrap=True))
        return table

    def _best_line(self) -> ConsoleRenderable:
        words = best_in_words(self._standing) if self._standing else "no score yet"
        text = Text(words[0].upper() + words[1:], no_wrap=True, overflow="ellipsis")
        if self._best is not None:
            text.append(f": {_in_short(self._best)}", style="bold")
        return text

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """Return number, parameters, folds and seconds of each candidate under way."""
        now = time.monotonic()
        here = [(number, row) for number, row in list(self._here.items()) if row.fits]
        sent = list(self._sent.items())[: self._n_workers]
        rows = [
            (
                str(number),
                _in_short(row.params),
                folds_in_words(dict(row.fits)),
                duration(now - row.begun),
            )
            for number, row in here + sent
        ]
        if (count := self._refit) is not None:
            rows.append(("", "the best candidate, on all rows", _epochs([count]), ""))
        return rows


class TerminalRegion(Region):
    """A region at the bottom of a terminal. Other output appears above it."""

    def __init__(self, console: Console):
        super().__init__()
        self._console = console

    def _show(self, stack: ExitStack) -> None:
        live = Live(
            console=self._console,
            get_renderable=self.__rich__,
            refresh_per_second=1 / SECONDS_TO_REFRESH,
            redirect_stderr=_is_terminal(sys.stderr),
        )
        stack.enter_context(_cursor_shown_after_errors(self._console.file))
        before = sys.stdout, sys.stderr
        stack.enter_context(live)
        stack.enter_context(_logging_redirected(before, (sys.stdout, sys.stderr)))


class NotebookRegion(Region):
    """A region among the outputs of a notebook cell."""

    def _show(self, stack: ExitStack) -> None:
        from IPython.display import display

        handle, ends = display(self, display_id=True), threading.Event()
        # Outputs find their cell by the context of this thread.
        draw = partial(copy_context().run, self._draw, handle, ends)
        thread = threading.Thread(target=draw, daemon=True)
        thread.start()
        stack.callback(handle.update, self)
        stack.callback(thread.join)
        stack.callback(ends.set)

    def _draw(self, handle: Any, ends: threading.Event) -> None:
        while not ends.wait(SECONDS_IN_NOTEBOOK):
            handle.update(self)


def region() -> Region | None:
    """Return a region, or None if the output cannot show one."""
    console = Console(file=sys.stdout)
    in_terminal = _is_terminal(sys.stdout) and console.is_terminal
    can_draw = not (console.is_dumb_terminal or console.options.ascii_only)
    if not (console.is_jupyter or (in_terminal and can_draw)):
        return None
    if not _is_shown.acquire(blocking=False):
        return None
    return NotebookRegion() if console.is_jupyter else TerminalRegion(console)


def _is_terminal(stream: Any) -> bool:
    """Return whether a stream is a terminal. It may be None or have only ``write``."""
    return bool(getattr(stream, "isatty", bool)())


def folds_in_words(fits: Mapping[Fit, EpochCount]) -> str:
    """Describe which folds are trained, and their epochs."""
    names = [f"{fold}" + (f" repeat {repeat}" if repeat else "") for fold, repeat in fits]
    if not names:
        return ""
    words = f"fold{'s' * (len(names) > 1)} {', '.join(names)}"
    epochs = _epochs(list(fits.values()))
    return f"{words}: {epochs}" if epochs else words


def _in_short(params: Mapping[str, Any]) -> str:
    """Describe a candidate with few digits and without the names of pipeline steps."""
    last_parts = {name: name.rpartition("__")[2] for name in params}
    n_named = Counter(last_parts.values())
    return params_in_words(
        {
            last_parts[name] if n_named[last_parts[name]] == 1 else name: value
            for name, value in params.items()
        },
        digits=4,
    )


def _epochs(counts: list[EpochCount]) -> str:
    if not any(count.epoch for count in counts):
        return ""
    epochs = [str(count.epoch) for count in counts]
    if len(set(epochs)) == 1:
        del epochs[1:]
    n_epochs = max(count.n_epochs for count in counts)
    return f"epoch{'s' * (len(epochs) > 1)} {', '.join(epochs)} of {n_epochs}"


@contextmanager
def _cursor_shown_after_errors(file: IO[str]) -> Iterator[None]:
    """Show the cursor after an error.

    rich cannot do so if text that it failed to write is still in its buffer.
    """
    try:
        yield
    except BaseException:
        file.write(str(Control.show_cursor(True)))
        raise


@contextmanager
def _logging_redirected(before: Iterable[Any], within: Iterable[Any]) -> Iterator[None]:
    """Let handlers that log to the terminal write above the region."""
    _redirect_logging(dict(zip(before, within, strict=True)))
    try:
        yield
    finally:  # this includes handlers that were made meanwhile
        _redirect_logging(dict(zip(within, before, strict=True)))


def _redirect_logging(streams: Mapping[Any, Any]) -> None:
    for logger in [logging.root, *logging.root.manager.loggerDict.values()]:
        for handler in getattr(logger, "handlers", ()):
            if isinstance(handler, logging.StreamHandler) and handler.stream in streams:
                handler.setStream(streams[handler.stream])
