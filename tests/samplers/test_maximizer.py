import numpy as np
import pytest

from skkeras_search import Space
from skkeras_search.samplers.maximizer import Maximizer
from skkeras_search.samplers.sampler import key_of

FINITE = Space({"a": (1, 3), "b": ["x", "y"]})
REAL = Space({"a": (0.0, 1.0), "b": (0.0, 1.0)})


class Hill:
    """Greatest at one point."""

    def __init__(self, top):
        self.top = np.array(top)

    def __call__(self, X):
        return -((X - self.top) ** 2).sum(axis=1)

    def with_gradient(self, X):
        return self(X), -2 * (X - self.top)


def found(space, hill, known):
    seen = np.array([space.encode(space.sample(random_state=0)[0])])
    rng = np.random.default_rng(0)
    return Maximizer(space).maximize(hill, seen, np.zeros(1), known, rng)


def test_all_of_a_small_space_is_looked_at():
    vectors = FINITE.vectors()
    hill = Hill(vectors[4])
    order = np.argsort(-hill(vectors), kind="stable")
    known = set()
    for index in order:
        vector = found(FINITE, hill, known)
        assert hill(vector[None]) == pytest.approx(hill(vectors[index][None]))
        known.add(key_of(FINITE, vector))
    assert found(FINITE, hill, known) is None


def test_a_space_of_reals_is_climbed():
    np.testing.assert_allclose(found(REAL, Hill([0.3, 0.7]), set()), [0.3, 0.7], atol=1e-3)


def test_what_is_known_is_left_out():
    top = found(REAL, Hill([0.3, 0.7]), set())
    other = found(REAL, Hill([0.3, 0.7]), {key_of(REAL, top)})
    assert key_of(REAL, other) != key_of(REAL, top)
