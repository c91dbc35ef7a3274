import io
import re

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from skkeras_search import (
    BayesSearchCV,
    GridSearchCV,
    Integer,
    RandomizedSearchCV,
    SearchProgress,
)

X, y = load_iris(return_X_y=True)
TREE = DecisionTreeClassifier(random_state=0)


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


SEARCHES = {
    "grid": lambda **params: GridSearchCV(TREE, {"max_depth": [1, 2, 3]}, cv=3, **params),
    "randomized": lambda **params: RandomizedSearchCV(
        TREE, {"max_depth": [1, 2, 3]}, n_iter=3, cv=3, **params
    ),
    "randomized dimensions": lambda **params: RandomizedSearchCV(
        TREE, {"max_depth": Integer(1, 3)}, n_iter=3, cv=3, **params
    ),
}


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_jobs": 2},
        {"scoring": ["accuracy", "f1_macro"], "refit": "f1_macro"},
    ],
    ids=["alone", "two workers", "two metrics"],
)
def test_other_searches(search, params):
    file = io.StringIO()
    search = search(**params).set_callbacks(SearchProgress(every=0, file=file)).fit(X, y)
    printed = file.getvalue().splitlines()
    counts = [re.match(r"(\d+) of 3 candidates, best score (\S+),", p) for p in printed]
    assert [int(count[1]) for count in counts] == [1, 2, 3]
    assert float(counts[-1][2]) == pytest.approx(search.best_score_, abs=1e-4)


def test_a_line_for_each_candidate(capsys):
    spaces = {"max_depth": [1, 2], "splitter": ["best"]}
    search = BayesSearchCV(TREE, spaces, n_iter=2, cv=3, verbose=1, random_state=0)
    results = search.fit(X, y).cv_results_
    printed = capsys.readouterr().out.splitlines()
    best = np.maximum.accumulate(results["mean_test_score"])
    for n, line in enumerate(printed):
        params, score = results["params"][n], results["mean_test_score"][n]
        assert line.startswith(
            f"{n + 1} of 2: max_depth={params['max_depth']}, splitter=best; "
            f"score {score:.4g}, best score {best[n]:.4g}, about "
        )
        assert line.endswith("left")
    assert len(printed) == 2
    assert search.verbose == 1
