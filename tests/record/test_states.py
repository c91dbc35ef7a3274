import numpy as np
import pytest

from skkeras_search.record.states import StateFile, States


@pytest.fixture
def states(tmp_path):
    return States(tmp_path / "states")


def test_written_and_read(states):
    arrays = [np.arange(6.0).reshape(2, 3), np.zeros(0, "int8")]
    file = states.write("a", {"some": [1, "é"]}, arrays)
    document, found = states.read(file)
    assert document == {"some": [1, "é"]}
    for ours, theirs in zip(found, arrays, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_state_that_is_damaged_or_missing_is_none(states):
    file = states.write("a", None, [np.arange(100)])
    path = states.folder / file.name
    content = bytearray(path.read_bytes())
    content[-30] ^= 1
    path.write_bytes(content)
    assert states.read(file) is None
    path.write_bytes(content[:50])
    assert states.read(file) is None
    states.remove(file.name)
    assert states.read(file) is None
    states.remove(file.name)


def test_names_do_not_lead_out_of_the_folder(states, tmp_path):
    states.write("a", None, [])
    (tmp_path / "other.npz").write_bytes(b"kept")
    assert states.read(StateFile("../other.npz", "")) is None
    states.remove("../other.npz")
    assert (tmp_path / "other.npz").exists()


def test_arrays_of_objects_are_refused(states):
    file = states.write("a", None, [np.array([None])])
    with pytest.raises(ValueError, match="allow_pickle"):
        states.read(file)


def test_only_those_in_use_are_kept(states):
    first, second = states.write("a", 1, []), states.write("b", 2, [])
    (states.folder / "c.tmp").write_bytes(b"half")
    (states.folder / "notes.txt").write_text("of the user")
    states.keep_only({first.name})
    assert {path.name for path in states.folder.iterdir()} == {first.name, "notes.txt"}
    assert states.read(first) == (1, [])
    assert states.read(second) is None
    (states.folder / "notes.txt").unlink()
    states.keep_only(set())
    assert not states.folder.exists()
