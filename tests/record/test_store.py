"""The file itself: who may write to it, and what is said if it cannot be used."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from skkeras_search.record.store import StorageError, Store, StoredFit, named


@pytest.fixture
def path(tmp_path):
    return tmp_path / "search.db"


def fit(fold=0, score=0.5, error=None, state=None):
    return StoredFit(fold, 0, 1.0, 3, {"test_scores": score}, error, {"loss": [1.0]}, state)


def fill(path, n=5, n_arrived=3):
    with Store(path) as store:
        search = store.begin("a", "GridSearchCV", {"X": "1"}, {"n_splits": 1})
        for number in range(n):
            job = store.propose(search, 0, number, f'{{"x": {number}}}', 2 * number)
            if number < n_arrived:
                store.arrive(job, 2 * number + 1, [fit(score=number / 7)], [])


def scores(path, writes=False):
    with Store(path, writes=writes) as store:
        found = store.fits(store.search("a"))
        return [fits[0].result["test_scores"] for fits in found.values()]


def test_what_is_written_is_read(path):
    fill(path)
    with Store(path, writes=False) as store:
        search = store.search("a")
        assert store.names() == ["a"]
        assert store.search("b") is None
        assert (search.name, search.generation, search.kind) == ("a", 0, "GridSearchCV")
        assert (search.identity, search.settings) == ({"X": "1"}, {"n_splits": 1})
        jobs = store.jobs(search)
        assert [job.number for job in jobs] == [0, 1, 2, 3, 4]
        assert [job.arrived for job in jobs] == [1, 3, 5, None, None]
        assert store.fits(search)[jobs[1].id] == [fit(score=1 / 7)]


def test_choices_are_kept(path):
    fill(path)
    with Store(path) as store:
        store.choose(store.search("a"), "seed", 7)
    with Store(path) as store:
        assert store.choices(store.search("a")) == {"seed": 7}


def test_a_file_may_be_read_while_it_is_written_to(path):
    fill(path)
    with Store(path) as store:
        assert len(scores(path)) == 3
        job = store.propose(store.search("a"), 0, 9, "{}", 90)
        store.arrive(job, 91, [fit()], [])
        assert len(scores(path)) == 4


HOLD = """
import sys
from skkeras_search.record.store import Store
with Store(sys.argv[1]):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_told_who_writes(path):
    fill(path)
    command = [sys.executable, "-c", HOLD, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        process.stdout.readline()
        with pytest.raises(StorageError, match=f"in use by process {process.pid} on .*20"):
            Store(path)
        assert len(scores(path)) == 3
        process.kill()
    assert len(scores(path, writes=True)) == 3


def test_the_same_process_cannot_write_twice(path):
    with Store(path), pytest.raises(StorageError, match=f"process {os.getpid()} "):
        Store(path)
    with Store(path):
        pass


@pytest.mark.parametrize("writes", [True, False])
def test_a_folder_is_refused(tmp_path, writes):
    with pytest.raises(StorageError, match="is a folder"):
        Store(tmp_path, writes=writes)
    with pytest.raises(StorageError, match="does not exist"):
        Store(tmp_path / "no" / "search.db", writes=writes)


@pytest.mark.parametrize("text", [":memory:", "sqlite:///search.db"])
def test_a_url_is_refused(text):
    with pytest.raises(StorageError, match=f"storage='{text}' is not a path"):
        Store(text)


def test_nothing_is_made_by_reading(path):
    with pytest.raises(StorageError, match=r"search\.db' does not exist"):
        Store(path, writes=False)
    assert not path.exists()


@pytest.mark.parametrize("writes", [True, False])
def test_files_of_others_are_left_alone(path, writes):
    path.write_text("some notes, which are long enough to be no header" * 50)
    before = path.read_bytes()
    with pytest.raises(StorageError, match="The file is not an SQLite file"):
        Store(path, writes=writes)
    assert path.read_bytes() == before
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
    connection.close()
    with pytest.raises(StorageError, match="of another program"):
        Store(path, writes=writes)


@pytest.mark.parametrize("writes", [True, False])
def test_other_versions_are_refused_by_number(path, writes):
    fill(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(StorageError, match=r"has version 7 .* reads version 1"):
        Store(path, writes=writes)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("writes", [True, False])
def test_a_truncated_file(path, share, writes):
    fill(path, 200, 200)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"The file is damaged|cannot be used"):
        Store(path, writes=writes)
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", [0.1, 0.5, 0.8])
def test_a_file_with_other_content_in_the_middle(path, place):
    fill(path, 200, 200)
    content = bytearray(path.read_bytes())
    first = int(place * len(content)) // 4096 * 4096
    content[first : first + 4096] = os.urandom(4096)
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"The file is damaged|cannot be used"):
        Store(path)
    assert path.read_bytes() == content


def mounted(tmp_path, options):
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")
    return folder


def fill_with(path, written):
    with Store(path) as store:
        search = store.begin("a", "GridSearchCV", {}, {})
        for n in range(10_000):
            job = store.propose(search, 0, n, "{}", 2 * n)
            store.arrive(job, 2 * n + 1, [fit(error="x" * 1000)], [])
            written.append(n)


def test_a_full_disk_loses_nothing(tmp_path):
    folder = mounted(tmp_path, "size=300k")
    try:
        path = folder / "search.db"
        with pytest.raises(StorageError, match="The disk is full"):
            fill_with(path, n := [])
        assert len(n) > 5
        copied = tmp_path / "copied.db"
        for end in ("", "-wal"):
            if Path(f"{path}{end}").exists():
                shutil.copy(f"{path}{end}", f"{copied}{end}")
        assert len(scores(copied)) >= len(n)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_cannot_be_written_to(tmp_path):
    folder = mounted(tmp_path, "size=2m")
    try:
        path = folder / "search.db"
        fill(path)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        with pytest.raises(StorageError, match=re.escape(str(path)) + ".*cannot be"):
            Store(path)
        assert len(scores(path)) == 3
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_differences_are_named():
    found = named({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "5", "d": "4"})
    expected = {"b": "is 2, and was 5", "c": "is 3, and was nothing"}
    assert found == {**expected, "d": "is nothing, and was 4"}
