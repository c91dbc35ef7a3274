import io
import re

import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from skkeras_search import BayesSearchCV, GridSearchCV, SearchProgress

X, y = load_iris(return_X_y=True)


def lines(spaces, **params):
    file = io.StringIO()
    search = BayesSearchCV(DecisionTreeClassifier(random_state=0), spaces, cv=3, **params)
    search.set_callbacks(SearchProgress(every=params.pop("every", 0), file=file)).fit(X, y)
    return search, file.getvalue().splitlines()


def test_each_batch_has_a_line():
    search, printed = lines({"max_depth": (1, 9)}, n_iter=5, n_points=2, random_state=0)
    counts = [re.match(r"(\d+) of 5 candidates, best score (\S+),", p) for p in printed]
    assert [int(count[1]) for count in counts] == [2, 4, 5]
    scores = [float(count[2]) for count in counts]
    assert scores == sorted(scores)
    assert scores[-1] == pytest.approx(search.best_score_, abs=1e-4)
    assert printed[0].endswith("left")


def test_the_last_line_counts_all_spaces():
    _, printed = lines([({"max_depth": (1, 9)}, 2), {"max_leaf_nodes": (2, 9)}], n_iter=1)
    assert printed[-1].startswith("3 of 3 candidates")


def test_lines_are_rare():
    file = io.StringIO()
    search = BayesSearchCV(DecisionTreeClassifier(), {"max_depth": (1, 9)}, n_iter=4)
    search.set_callbacks(SearchProgress(file=file)).fit(X, y)
    assert len(file.getvalue().splitlines()) == 1


def test_a_search_that_ends_early_has_a_last_line():
    file = io.StringIO()
    search = BayesSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, n_iter=4)
    with pytest.warns(UserWarning, match="2 candidates"):
        search.set_callbacks(SearchProgress(file=file)).fit(X, y)
    assert file.getvalue().startswith("2 of 4 candidates, best score")


def test_other_searches_have_no_lines():
    file = io.StringIO()
    search = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]})
    search.set_callbacks(SearchProgress(file=file)).fit(X, y)
    assert file.getvalue() == ""


def test_bad_values():
    with pytest.raises(ValueError, match="every must not be negative"):
        SearchProgress(every=-1)
