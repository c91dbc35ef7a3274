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
VOID = -2  # the run of jobs that are taken back
# Seconds to wait for others that write, such as a browser of databases.
PATIENCE = 30.0
# What went wrong, by SQLite's primary codes.
CAUSES = {
    sqlite3.SQLITE_FULL: "The disk is full. Free some space",
    sqlite3.SQLITE_READONLY: "It cannot be written to. Make it writable",
    sqlite3.SQLITE_PERM: "It cannot be written to. Make it writable",
    sqlite3.SQLITE_CANTOPEN: "It cannot be opened. Look at the rights of file and folder",
    sqlite3.SQLITE_BUSY: "Another program writes to it. Close that program",
    sqlite3.SQLITE_IOERR: "The disk cannot be written to or read from",
    sqlite3.SQLITE_NOTADB: "It is no SQLite file. Choose another path",
    sqlite3.SQLITE_CORRUPT: "It is damaged. Restore a copy, or choose another path",
}
SCHEMA = """
CREATE TABLE owner (pid INTEGER, host TEXT, since REAL);
CREATE TABLE searches (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,  -- more than 0 if it extends an earlier one
    kind TEXT NOT NULL,           -- the name of its class
    identity TEXT NOT NULL,       -- JSON: what makes its results what they are
    settings TEXT NOT NULL,       -- JSON: what is needed to read the results
    created REAL NOT NULL,
    UNIQUE (name, generation)
);
CREATE TABLE choices (            -- made once, and kept when the search goes on
    search INTEGER NOT NULL REFERENCES searches,
    name TEXT NOT NULL,
    value TEXT NOT NULL,          -- JSON
    PRIMARY KEY (search, name)
) WITHOUT ROWID;
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    search INTEGER NOT NULL REFERENCES searches,
    run INTEGER NOT NULL,         -- a search has jobs run once, or several times
    number INTEGER NOT NULL,      -- of the candidate
    params TEXT NOT NULL,         -- JSON
    proposed INTEGER NOT NULL,    -- places in the order of events
    arrived INTEGER,              -- NULL while it is under way
    begun REAL NOT NULL,          -- seconds since 1970
    ended REAL
);
CREATE INDEX jobs_of_search ON jobs (search, proposed);
CREATE TABLE fits (
    job INTEGER NOT NULL REFERENCES jobs,
    fold INTEGER NOT NULL,
    repeat INTEGER NOT NULL,
    share REAL NOT NULL,          -- of the epochs, up to which it is trained
    n_epochs INTEGER,
    result TEXT NOT NULL,         -- JSON: scores, times
    error TEXT,                   -- the traceback, if it failed
    history TEXT,                 -- JSON: what Keras reported by epoch
    state TEXT,                   -- a file to go on from, if it is not finished
    state_digest TEXT,
    PRIMARY KEY (job, fold, repeat)
) WITHOUT ROWID;
"""


class StorageError(RuntimeError):
    """A storage cannot be used. What was written to it before is still there."""


class StoredFit(NamedTuple):
    """A fit of a job that has arrived.

    Attributes
    ----------
    fold, repeat : int
    share : float
    n_epochs : int or None
    result : JSON
    error : str or None
    history : JSON
    state : StateFile or None
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
    """A job.

    Attributes
    ----------
    id, run, number : int
    params : str
        JSON.
    proposed : int
    arrived : int or None
    begun : float
    ended : float or None
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
    """A search.

    Attributes
    ----------
    id : int
    name : str
    generation : int
    kind : str
    identity, settings : JSON
    created : float
    """

    id: int
    name: str
    generation: int
    kind: str
    identity: JSON
    settings: JSON
    created: float


class Store:
    """A storage.

    Parameters
    ----------
    path : path-like
    writes : bool, default=True
        Whether to write to it. Then nobody else may, until it is closed.

    Raises
    ------
    StorageError
        If it cannot be opened, or another process writes to it.
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
        """Let others write to it."""
        try:
            with self.errors():
                self._connection.close()
        finally:
            self._unlock()

    def names(self) -> list[str]:
        """Give the names of the searches in it, in the order of their beginnings."""
        rows = self._all("SELECT name FROM searches GROUP BY name ORDER BY MIN(id)")
        return [name for (name,) in rows]

    def search(self, name: str, generation: int | None = None) -> StoredSearch | None:
        """Give a search of a name, by default the last, if there is one."""
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
        """Give all searches of a name, the last first."""
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
            connection.execute(  # nobody goes on from those of an earlier generation
                "UPDATE fits SET state = NULL, state_digest = NULL WHERE job IN (SELECT "
                "jobs.id FROM jobs JOIN searches ON jobs.search = searches.id WHERE "
                "searches.name = ? AND searches.generation < ?)",
                (name, generation),
            )
        begun = self.search(name)
        assert begun is not None
        return begun

    def choices(self, search: StoredSearch) -> dict[str, Any]:
        """Give what the search has chosen, by name."""
        rows = self._all("SELECT name, value FROM choices WHERE search = ?", search.id)
        return {name: json.loads(value) for name, value in rows}

    def choose(self, search: StoredSearch, name: str, value: JSON) -> None:
        """Keep a choice."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO choices VALUES (?, ?, ?)", (search.id, name, _json(value))
            )

    def propose(
        self, search: StoredSearch, run: int, number: int, params: str, place: int
    ) -> int:
        """Note that a job is under way; give its id."""
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
        """Note what has become of a job.

        Parameters
        ----------
        job : int
            Its id.
        place : int
            In the order of events.
        fits : sequence of StoredFit
        replaced : sequence of str
            Files with states that nobody goes on from.
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
        """Take back later runs, as a search goes on in an earlier one."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE jobs SET run = ? WHERE search = ? AND run > ?",
                (VOID, search.id, run),
            )

    def forget_states(self, names: Sequence[str]) -> None:
        """Remove states that nobody goes on from."""
        with self._transaction() as connection:
            self._forget(connection, names)
        for name in names:
            self.states.remove(name)

    def jobs(self, search: StoredSearch) -> list[StoredJob]:
        """Give the jobs of a search, in the order of the proposals."""
        columns = ", ".join(StoredJob._fields)
        rows = self._all(
            f"SELECT {columns} FROM jobs WHERE search = ? AND run != ? ORDER BY proposed",
            search.id,
            VOID,
        )
        return [StoredJob(*row) for row in rows]

    def fits(self, search: StoredSearch) -> dict[int, list[StoredFit]]:
        """Give the fits of a search, by job."""
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
        """Open it to write."""
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
        # A killed process loses nothing. A power failure may cost the last transactions.
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
        """Open it to read."""
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
        """Say what to do about errors in a block.

        Raises
        ------
        StorageError
            In place of them.
        """
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # of the extended ones
            cause = CAUSES.get(code, "It cannot be used")
            raise StorageError(
                f"storage={str(self.path)!r}: {cause}. What is recorded is left as it is. "
                f"(SQLite: {error})"
            ) from error
        except OSError as error:
            raise StorageError(
                f"storage={str(self.path)!r} cannot be used: {error}. What is recorded is "
                "left as it is."
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
    """Write JSON, with numbers of numpy as those of Python."""
    return json.dumps(value, default=lambda number: number.item())


def _check_text(path: Any) -> None:
    """Refuse what other libraries take as storage.

    Raises
    ------
    StorageError
    """
    text = os.fspath(path)
    if text == ":memory:" or "://" in text:
        raise StorageError(
            f"storage={text!r} is no path. Give the path of a file, as 'search.db'."
        )


def _check_place(path: Path, writes: bool) -> None:
    """Refuse paths where no file can be.

    Raises
    ------
    StorageError
    """
    if path.is_dir():
        raise StorageError(f"storage={str(path)!r} is a folder. Give the path of a file.")
    if not path.parent.is_dir():
        raise StorageError(
            f"storage={str(path)!r} is in a folder that does not exist. Make the folder "
            f"{str(path.parent)!r} first."
        )
    if not writes and not path.exists():
        raise StorageError(f"{str(path)!r} does not exist.")


def _version(connection: sqlite3.Connection) -> int:
    ((version,),) = connection.execute("PRAGMA user_version")
    return int(version)


def _check(connection: sqlite3.Connection) -> None:
    """Refuse a file that is damaged, or not of this release.

    Raises
    ------
    StorageError, sqlite3.DatabaseError
    """
    ((application,),) = connection.execute("PRAGMA application_id")
    ((n_tables,),) = connection.execute("SELECT COUNT(*) FROM sqlite_master")
    if not n_tables and not application:
        return  # new
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    if application != APPLICATION:
        raise StorageError(f"{path} is an SQLite file of another program.")
    if (version := _version(connection)) != VERSION:
        raise StorageError(
            f"{path} has version {version} of the tables, and this release of "
            f"skkeras_search reads version {VERSION}. Use the release that has written it, "
            "or another file."
        )
    faults = [text for (text,) in connection.execute("PRAGMA quick_check(1)")]
    if faults != ["ok"]:
        raise sqlite3.DatabaseError(f"damaged: {faults[0]}")


def named(identity: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """Say what differs between two identities, by name.

    Parameters
    ----------
    identity, other : mapping of str to str
        Of what is now, and what is recorded.
    """
    names = [*identity, *(name for name in other if name not in identity)]
    nothing = "nothing"
    return {
        name: f"is {identity.get(name, nothing)}, and was {other.get(name, nothing)}"
        for name in names
        if identity.get(name) != other.get(name)
    }
