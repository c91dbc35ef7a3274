import pytest
from hypothesis import given
from hypothesis import strategies as st

from skkeras_search.wording import in_words

texts = st.integers(0, 300).map("x".__mul__)
addresses = st.integers(0, 2**64 - 1).map(hex)


class Placed:
    """An object whose representation has an address, as Python's own has."""

    def __init__(self, before, address, after):
        self.text = f"<{before} object at {address}{after}>"

    def __repr__(self):
        return self.text


INSIDE = {
    "alone": lambda value: value,
    "in a dict": lambda value: {"a": value, "b": [value]},
    "in a set": lambda value: {value},
    "in a long list": lambda value: [1] * 60 + [value],
    "first of a long list": lambda value: [value] * 60,
}


@pytest.mark.parametrize("inside", INSIDE.values(), ids=INSIDE)
@pytest.mark.parametrize("digits", [None, 4])
@given(texts, texts, st.lists(addresses, min_size=2, max_size=2))
def test_words_do_not_depend_on_addresses(inside, digits, before, after, places):
    one, other = (inside(Placed(before, place, after)) for place in places)
    words = in_words(one, digits)
    assert words == in_words(other, digits)
    assert " at 0x" not in words


def test_long_values_are_shortened_at_both_ends():
    words = in_words(Placed("a" * 300, "0x7f", "z" * 300), digits=4)
    assert words.startswith("<aaa")
    assert words.endswith("zzz>")
    assert "..." in words
    assert 150 < len(words) <= 200
