"""Rows of a fold in files that worker processes share."""

import mmap
import shutil
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import keras
import numpy as np
import pytest

from skkeras_search import GridSearchCV, KerasClassifier
from skkeras_search.fusion.aligned import ALIGNMENT
from skkeras_search.searches.mapped_rows import LEAST_BYTES, MappedRows

LARGE = np.random.default_rng(0).random((1000, LEAST_BYTES // 8000 + 1))


def is_mapped(array):
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array, mmap.mmap)


@pytest.mark.parametrize(
    "array",
    [LARGE, np.asfortranarray(LARGE), LARGE.reshape(2000, -1, 2)[::2], LARGE > 0.5],
    ids=["C", "Fortran", "strides", "bool"],
)
@pytest.mark.parametrize(
    "rows", [np.arange(0, 1000, 3), [5, 1], np.arange(1000) < 7, slice(2, 5), []]
)
def test_rows_are_those_of_the_array(array, rows, tmp_path):
    take = MappedRows(tmp_path)
    for _ in range(2):  # written, and read
        taken = take(array, rows)
        np.testing.assert_array_equal(taken, array[rows])
        assert taken.dtype == array.dtype
        assert not taken.flags.writeable
        assert not taken.size or taken.ctypes.data % ALIGNMENT == 0
        assert is_mapped(taken) == (array.nbytes >= LEAST_BYTES)
    assert len(list(tmp_path.iterdir())) == (array.nbytes >= LEAST_BYTES)


def test_who_writes_at_the_same_time_has_the_same_file(tmp_path):
    barrier = Barrier(4)
    numbers = np.arange(500)

    def take(_):
        barrier.wait()
        return MappedRows(tmp_path)(LARGE, numbers)

    with ThreadPoolExecutor(4) as threads:
        for taken in threads.map(take, range(4)):
            np.testing.assert_array_equal(taken, LARGE[:500])
    (file,) = tmp_path.iterdir()
    assert file.stat().st_nlink == 1


def test_without_room_rows_are_in_memory(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=LARGE.nbytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    taken = MappedRows(tmp_path)(LARGE, np.arange(900))
    np.testing.assert_array_equal(taken, LARGE[:900])
    assert not is_mapped(taken)
    assert not list(tmp_path.iterdir())


def test_without_a_folder_rows_are_in_memory(tmp_path):
    taken = MappedRows(tmp_path / "gone")(LARGE, np.arange(9))
    np.testing.assert_array_equal(taken, LARGE[:9])


def mapped(estimator, X, y):
    return float(is_mapped(X))


def build(meta):
    return keras.Sequential([keras.layers.Dense(meta["n_classes_"], activation="softmax")])


def test_workers_of_a_search_share_rows():
    classifier = KerasClassifier(
        build, loss="sparse_categorical_crossentropy", random_state=0, verbose=0
    )
    y = np.arange(len(LARGE)) % 2
    search = GridSearchCV(
        classifier, {"batch_size": [250, 500]}, cv=2, n_jobs=2, scoring=mapped, refit=False
    )
    search.fit(LARGE.astype("float32").repeat(2, axis=1), y)
    assert (search.cv_results_["mean_test_score"] == 1).all()
