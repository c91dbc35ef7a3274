"""A storage: an SQLite file with the jobs of searches."""

import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

from skkeras_search.record.lock import Lock
from skkeras_search.record.plain import JSON
from skkeras_search.record.states import StateFile, States

APPLICATION = 0x534B4B53  # "SKKS", in the header of the file
VERSION = 1
VOID = -2  # number of the run of jobs that are not valid any more
# Seconds to wait for other programs that write, such as a database browser.
PATIENCE = 30.0
# Causes of errors, by SQLite's primary codes.
CAUSES = {
    sqlite3.SQLITE_FULL: "The disk is full. Free some space",
    sqlite3.SQLITE_READONLY: "The file cannot be written. Make it writable",
    sqlite3.SQLITE_PERM: "The file cannot be written. Make it writable",
    sqlite3.SQLITE_CANTOPEN: "The file cannot be opened. Check the permissions of the file "
    "and its folder",
    sqlite3.SQLITE_BUSY: "Another program writes to the file. Close that program",
    sqlite3.SQLITE_IOERR: "The disk cannot be written to or read from",
    sqlite3.SQLITE_NOTADB: "The file is not an SQLite file. Choose another path",
    sqlite3.SQLITE_CORRUPT: "The file is damaged. Restore a copy, or choose another path",
}
SCHEMA = """
CREATE TABLE owner (pid INTEGER, host TEXT, since REAL);
CREATE TABLE searches (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,  -- greater than 0 if it extends an earlier search
    kind TEXT NOT NULL,           -- the name of its class
    identity TEXT NOT NULL,       -- JSON: everything that the results depend on
    settings TEXT NOT NULL,       -- JSON: what is needed to read the results
    created REAL NOT NULL,
    UNIQUE (name, generation)
);
CREATE TABLE choices (            -- made once, and reused when the search is resumed
    search INTEGER NOT NULL REFERENCES searches,
    name TEXT NOT NULL,
    value TEXT NOT NULL,          -- JSON
    PRIMARY KEY (search, name)
) WITHOUT ROWID;
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    search INTEGER NOT NULL REFERENCES searches,
    run INTEGER NOT NULL,         -- number of the run of jobs; some searches have several
    number INTEGER NOT NULL,      -- number of the candidate
    params TEXT NOT NULL,         -- JSON
    proposed INTEGER NOT NULL,    -- place in the order of events
    arrived INTEGER,              -- place in the order of events; NULL while under way
    begun REAL NOT NULL,          -- seconds since 1970
    ended REAL
);
CREATE INDEX jobs_of_search ON jobs (search, proposed);
CREATE TABLE fits (
    job INTEGER NOT NULL REFERENCES jobs,
    fold INTEGER NOT NULL,
    repeat INTEGER NOT NULL,
    share REAL NOT NULL,          -- share of the epochs to which it is trained
    n_epochs INTEGER,
    result TEXT NOT NULL,         -- JSON: scores, times
    error TEXT,                   -- the traceback, if it failed
    history TEXT,                 -- JSON: the values that Keras reports for each epoch
    state TEXT,                   -- file with the state of an unfinished fit
    state_digest TEXT,
    PRIMARY KEY (job, fold, repeat)
) WITHOUT ROWID;
"""


class StorageError(RuntimeError):
    """Raised if a storage cannot be used. Results stored before are not lost.

    Examples
    --------
    >>> from skkeras_search import StorageError, load_search
    >>> try:
    ...     load_search("no_such_folder/search.db")
    ... except StorageError:
    ...     print("cannot be read")
    cannot be read
    """


class StoredFit(NamedTuple):
    """A fit of a job that has arrived.

    Attributes
    ----------
    fold : int
        Number of the fold.
    repeat : int
        Which of the fits to the fold.
    share : float
        Share of the epochs to which the fit is trained.
    n_epochs : int or None
        Number of epochs trained, None without epochs.
    result : JSON
        Scores and times.
    error : str or None
        The traceback if the fit failed.
    history : JSON
        The values that Keras reports for each epoch.
    state : StateFile or None
        The state that the fit continues from.
    """

    fold: int
    repeat: int
    share: float
    n_epochs: int | None
    result: JSON
    error: str | None
    history: JSON
    state: StateFile | None


class StoredJob(NamedTuple):
    """A job, which trains a candidate or a step of one.

    Attributes
    ----------
    id : int
        Key of the job in the database.
    run : int
        Number of the run of jobs. A search runs jobs once or several times.
    number : int
        Number of the candidate.
    params : str
        Hyperparameters, as JSON.
    proposed : int
        Place of the proposal in the order of events.
    arrived : int or None
        Place of the arrival in the order of events. None while the job is under way.
    begun : float
        When the job began, in seconds since 1970.
    ended : float or None
        When the job ended.
    """

    id: int
    run: int
    number: int
    params: str
    proposed: int
    arrived: int | None
    begun: float
    ended: float | None


class StoredSearch(NamedTuple):
    """A search in a storage.

    Attributes
    ----------
    id : int
        Key of the search in the database.
    name : str
        Name of the search.
    generation : int
        0, or more if the search extends an earlier one with the same name.
    kind : str
        Name of its class.
    identity : JSON
        Everything that its results depend on, as descriptions.
    settings : JSON
        What is needed to read its results.
    created : float
        When the search began, in seconds since 1970.
    """

    id: int
    name: str
    generation: int
    kind: str
    identity: JSON
    settings: JSON
    created: float


class Store:
    """A storage that is open.

    Parameters
    ----------
    path : path-like
        Path of the SQLite file.
    writes : bool, default=True
        Whether to write to the file. No other process can write until it is closed.

    Raises
    ------
    StorageError
        If the file cannot be opened, or another process writes to it.
    """

    def __init__(self, path: Any, writes: bool = True):
        _check_text(path)
        self.path = Path(path).expanduser().resolve()
        self.states = States(Path(f"{self.path}-states"))
        self._lock: Lock | None = None
        _check_place(self.path, writes)
        with self.errors():
            try:
                self._connection = self._open() if writes else self._look()
            except BlockingIOError:
                raise StorageError(f"{self.path} is in use{self._by_whom()}.") from None
            except BaseException:
                self._unlock()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, so that other processes can write."""
        try:
            with self.errors():
                self._connection.close()
        finally:
            self._unlock()

    def names(self) -> list[str]:
        """Return the names of the searches, in the order in which they began."""
        rows = self._all("SELECT name FROM searches GROUP BY name ORDER BY MIN(id)")
        return [name for (name,) in rows]

    def search(self, name: str, generation: int | None = None) -> StoredSearch | None:
        """Return the search with a name, by default its last generation, or None."""
        rows = self._all(
            "SELECT id, name, generation, kind, identity, settings, created FROM searches"
            " WHERE name = ? AND generation = COALESCE(?, generation)"
            " ORDER BY generation DESC LIMIT 1",
            name,
            generation,
        )
        for id_, name, generation, kind, identity, settings, created in rows:
            parts = json.loads(identity), json.loads(settings)
            return StoredSearch(id_, name, generation, kind, *parts, created)
        return None

    def generations(self, name: str) -> list[StoredSearch]:
        """Return all generations of a search, the last one first."""
        last = self.search(name)
        n = 0 if last is None else last.generation + 1
        found = [self.search(name, generation) for generation in reversed(range(n))]
        return [search for search in found if search is not None]

    def begin(
        self, name: str, kind: str, identity: JSON, settings: JSON, generation: int = 0
    ) -> StoredSearch:
        """Begin a search."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO searches (name, generation, kind, identity, settings, created)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    name,
                    generation,
                    kind,
                    _json(identity),
                    _json(settings),
                    time.time(),
                ),
            )
            connection.execute(  # states of earlier generations are not used any more
                "UPDATE fits SET state = NULL, state_digest = NULL WHERE job IN (SELECT "
                "jobs.id FROM jobs JOIN searches ON jobs.search = searches.id WHERE "
                "searches.name = ? AND searches.generation < ?)",
                (name, generation),
            )
        begun = self.search(name)
        assert begun is not None
        return begun

    def choices(self, search: StoredSearch) -> dict[str, Any]:
        """Return the values that the search has chosen, by name."""
        rows = self._all("SELECT name, value FROM choices WHERE search = ?", search.id)
        return {name: json.loads(value) for name, value in rows}

    def choose(self, search: StoredSearch, name: str, value: JSON) -> None:
        """Store a value that the search has chosen."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO choices VALUES (?, ?, ?)", (search.id, name, _json(value))
            )

    def propose(
        self, search: StoredSearch, run: int, number: int, params: str, place: int
    ) -> int:
        """Store that a job is under way, and return its id."""
        with self._transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO jobs (search, run, number, params, proposed, begun)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (search.id, run, number, params, place, time.time()),
            )
        return int(cursor.lastrowid or 0)

    def arrive(
        self, job: int, place: int, fits: Sequence[StoredFit], replaced: Sequence[str]
    ) -> None:
        """Store the outcome of a job.

        Parameters
        ----------
        job : int
            Id of the job.
        place : int
            Place of the arrival in the order of events.
        fits : sequence of StoredFit
            The fits of the job.
        replaced : sequence of str
            Files with states that are not used any more.
        """
        with self._transaction() as connection:
            connection.execute(
                "UPDATE jobs SET arrived = ?, ended = ? WHERE id = ?",
                (place, time.time(), job),
            )
            connection.executemany(
                "INSERT INTO fits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        job,
                        *fit[:4],
                        json.dumps(fit.result),
                        fit.error,
                        None if fit.history is None else json.dumps(fit.history),
                        *(fit.state or (None, None)),
                    )
                    for fit in fits
                ],
            )
            self._forget(connection, replaced)
        for name in replaced:
            self.states.remove(name)

    def void_after(self, search: StoredSearch, run: int) -> None:
        """Make later runs invalid, as the search continues in an earlier run."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE jobs SET run = ? WHERE search = ? AND run > ?",
                (VOID, search.id, run),
            )

    def forget_states(self, names: Sequence[str]) -> None:
        """Remove states that are not used any more."""
        with self._transaction() as connection:
            self._forget(connection, names)
        for name in names:
            self.states.remove(name)

    def jobs(self, search: StoredSearch) -> list[StoredJob]:
        """Return the jobs of a search, in the order of the proposals."""
        columns = ", ".join(StoredJob._fields)
        rows = self._all(
            f"SELECT {columns} FROM jobs WHERE search = ? AND run != ? ORDER BY proposed",
            search.id,
            VOID,
        )
        return [StoredJob(*row) for row in rows]

    def fits(self, search: StoredSearch) -> dict[int, list[StoredFit]]:
        """Return the fits of a search, by job."""
        rows = self._all(
            "SELECT fits.* FROM fits JOIN jobs ON fits.job = jobs.id WHERE search = ?"
            " ORDER BY job, fold, repeat",
            search.id,
        )
        found: dict[int, list[StoredFit]] = {}
        for job, fold, repeat, share, n, result, error, history, state, digest in rows:
            fit = StoredFit(
                fold,
                repeat,
                share,
                n,
                json.loads(result),
                error,
                None if history is None else json.loads(history),
                None if state is None else StateFile(state, digest),
            )
            found.setdefault(job, []).append(fit)
        return found

    @staticmethod
    def _forget(connection: sqlite3.Connection, names: Sequence[str]) -> None:
        connection.executemany(
            "UPDATE fits SET state = NULL, state_digest = NULL WHERE state = ?",
            [(name,) for name in names],
        )

    def _open(self) -> sqlite3.Connection:
        """Open the file for writing."""
        self._lock = Lock(self.path)
        connection = self._connect(self.path)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        _check(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        # Nothing is lost if the process is killed. The last transactions may be lost in a
        # power failure.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            if not _version(connection):
                for statement in SCHEMA.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("DELETE FROM owner")
            me = (os.getpid(), socket.gethostname(), time.time())
            connection.execute("INSERT INTO owner VALUES (?, ?, ?)", me)
        used = connection.execute("SELECT state FROM fits WHERE state IS NOT NULL")
        self.states.keep_only({name for (name,) in used})

    def _look(self) -> sqlite3.Connection:
        """Open the file for reading."""
        # The second way is for folders that cannot be written to.
        for way in ("mode=ro", "immutable=1"):
            connection = self._connect(f"{self.path.absolute().as_uri()}?{way}", uri=True)
            try:
                _check(connection)
                return connection
            except sqlite3.OperationalError as error:
                connection.close()
                failed = error
            except BaseException:
                connection.close()
                raise
        raise failed

    def _connect(self, path: Any, **kwargs: Any) -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, **kwargs)

    def _all(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.errors():
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self.errors():
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                yield self._connection

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Convert errors in a block to a StorageError that says what to do.

        Raises
        ------
        StorageError
            In place of errors of SQLite and of the operating system.
        """
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code
            cause = CAUSES.get(code, "The file cannot be used")
            raise StorageError(
                f"storage={str(self.path)!r}: {cause}. Results stored before are not "
                f"changed. (SQLite: {error})"
            ) from error
        except OSError as error:
            raise StorageError(
                f"storage={str(self.path)!r} cannot be used: {error}. Results stored "
                "before are not changed."
            ) from error

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _by_whom(self) -> str:
        try:
            with closing(self._look()) as connection:
                rows = connection.execute("SELECT pid, host, since FROM owner").fetchall()
        except (sqlite3.Error, StorageError):
            return ""
        for pid, host, since in rows:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))
            return f" by process {pid} on {host}, since {when}"
        return ""


def _json(value: JSON) -> str:
    """Write JSON, with numpy numbers as Python numbers."""
    return json.dumps(value, default=lambda number: number.item())


def _check_text(path: Any) -> None:
    """Check that a storage is a path, and not a URL or ":memory:".

    Raises
    ------
    StorageError
        If it is not a path.
    """
    text = os.fspath(path)
    if text == ":memory:" or "://" in text:
        raise StorageError(
            f"storage={text!r} is not a path. Give the path of a file, such as 'search.db'."
        )


def _check_place(path: Path, writes: bool) -> None:
    """Check that there can be a file at the path.

    Raises
    ------
    StorageError
        If the path is a folder, or if its folder does not exist.
    """
    if path.is_dir():
        raise StorageError(f"storage={str(path)!r} is a folder. Give the path of a file.")
    if not path.parent.is_dir():
        raise StorageError(
            f"storage={str(path)!r} is in a folder that does not exist. Create the folder "
            f"{str(path.parent)!r} first."
        )
    if not writes and not path.exists():
        raise StorageError(f"{str(path)!r} does not exist.")


def _version(connection: sqlite3.Connection) -> int:
    ((version,),) = connection.execute("PRAGMA user_version")
    return int(version)


def _check(connection: sqlite3.Connection) -> None:
    """Check that a file is not damaged and has the tables of this release.

    Raises
    ------
    StorageError, sqlite3.DatabaseError
        If the file is damaged or is not a storage of this release.
    """
    ((application,),) = connection.execute("PRAGMA application_id")
    ((n_tables,),) = connection.execute("SELECT COUNT(*) FROM sqlite_master")
    if not n_tables and not application:
        return  # an empty file
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    if application != APPLICATION:
        raise StorageError(
            f"{path} is an SQLite file of another program. Choose another path."
        )
    if (version := _version(connection)) != VERSION:
        raise StorageError(
            f"{path} has version {version} of the tables, but this release of "
            f"skkeras_search reads version {VERSION}. Use the release that wrote the file, "
            "or another file."
        )
    faults = [text for (text,) in connection.execute("PRAGMA quick_check(1)")]
    if faults != ["ok"]:
        raise sqlite3.DatabaseError(f"damaged: {faults[0]}")


def named(identity: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """Return what differs between two identities, by name.

    Parameters
    ----------
    identity : mapping of str to str
        The identity of the present search.
    other : mapping of str to str
        The identity that is recorded.

    Returns
    -------
    dict of str to str
        Text such as "is 5, and was 3" for each name that differs.
    """
    names = [*identity, *(name for name in other if name not in identity)]
    nothing = "nothing"
    return {
        name: f"is {identity.get(name, nothing)}, and was {other.get(name, nothing)}"
        for name in names
        if identity.get(name) != other.get(name)
    }
