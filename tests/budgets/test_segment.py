import subprocess
import sys
import threading

import pytest

from skkeras_search.budgets.segment import (
    CannotContinue,
    Segment,
    current_segment,
    segment,
    take_segment,
)


@pytest.mark.parametrize("share", [0, -0.5, 1.5, float("nan")])
def test_a_share_out_of_range(share):
    with pytest.raises(ValueError, match=r"share must be in \(0, 1\], got"):
        Segment(share)


@pytest.mark.parametrize("share", ["1", None, True])
def test_a_share_that_is_no_number(share):
    with pytest.raises(TypeError, match="share must be a number"):
        Segment(share)


def test_max_epochs_is_checked():
    with pytest.raises(ValueError, match="max_epochs must be at least 1, got 0"):
        Segment(max_epochs=0)
    with pytest.raises(TypeError, match=r"max_epochs must be an integer.* got 2\.5"):
        Segment(max_epochs=2.5)


@pytest.mark.parametrize(
    ("share", "n_max_epochs", "until"),
    [(1 / 3, 9, 3), (1 / 9, 3, 1), (0.5, 7, 4), (1, 7, 7), (0.99, 1, 1), (0.5, 0, 0)],
)
def test_the_epoch_to_train_to(share, n_max_epochs, until):
    made = Segment(share)
    made.n_max_epochs = n_max_epochs
    assert made.until == until


def test_a_block():
    assert take_segment(5) is None
    with segment(0.5, max_epochs=8) as made:
        assert take_segment(5) is made
        assert (made.n_max_epochs, made.until) == (8, 4)
    assert current_segment.get() is None


def test_it_is_of_one_fit():
    with segment():
        take_segment(1)
        with pytest.raises(RuntimeError, match="second Keras estimator"):
            take_segment(1)
        with segment() as inner:
            assert take_segment(1) is inner


def test_it_is_of_one_thread():
    found = []
    with segment():
        thread = threading.Thread(target=lambda: found.append(take_segment(1)))
        thread.start()
        thread.join()
    assert found == [None]


def test_scikit_learn_lets_it_through():
    assert not issubclass(CannotContinue, Exception)


def test_it_imports_nothing_heavy():
    script = (
        "import sys\n"
        "import skkeras_search\n"
        "before = set(sys.modules)\n"
        "import skkeras_search.budgets.segment\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "assert not new & {'tensorflow', 'keras', 'sklearn', 'scipy'}, new\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
