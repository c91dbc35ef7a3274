"""Names and values as labels."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.svm import SVC

from skkeras_search.inspection.labels import short, shortest_names, text_of
from skkeras_search.wording import in_words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (np.float32(1e-5), "1e-05"),
        (100000, "100000"),
        (True, "True"),
        (None, "None"),
        ("", "''"),
        ((32,), "(32,)"),
        ((64, None), "(64, None)"),
        ([0.1, "x"], "[0.1, x]"),
        (np.mean, "mean"),
        (SVC, "SVC"),
        (SVC(C=2), "SVC(C=2)"),
        (partial(np.mean, axis=0), "mean(...)"),
    ],
)
def test_values(value, text):
    assert text_of(value) == text


def test_no_addresses():
    assert text_of(object()) == "<object object>"


def test_labels_are_short_and_no_formulas():
    assert short("$a$") == r"\$a\$"
    assert len(short("x" * 1000)) == 20


def test_names_are_as_long_as_tells_them_apart():
    names = ["svc__C", "svc__gamma", "pca__n", "mlp__pca__n"]
    assert shortest_names(names) == {
        "svc__C": "C",
        "svc__gamma": "gamma",
        "pca__n": "pca__n",
        "mlp__pca__n": "mlp__pca__n",
    }


def test_no_control_characters_nor_lone_surrogates():
    assert text_of("a\x1b[31m\ud800b") == "a [31m b"
    assert short("\ud800") == ""


def test_complete_words_tell_long_values_apart():
    values = [dict.fromkeys("abcdef"[:n], 1) for n in (5, 6)]
    assert len(set(map(in_words, values))) == 2
    assert len(set(map(in_words, [list(range(60)), list(range(61))]))) == 2
    assert in_words(Path("a")) == "a"
