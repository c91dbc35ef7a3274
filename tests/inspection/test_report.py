"""The page about a search, and what a notebook shows."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn import model_selection
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skkeras_search import GridSearchCV, RandomizedSearchCV, Real, load_search
from skkeras_search.inspection.environment import seeds
from skkeras_search.inspection.report import report_of, write_report
from tests.inspection.conftest import made_up

X, y = load_iris(return_X_y=True)
SCRIPT = "<script>document.title = 'broken'</script>"


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.words = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for name, v in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.words += data


def broken():
    """A search with markup in every text that is shown."""
    names = [f"a{SCRIPT}", 'b" onload="x', "C"]
    values = [SCRIPT, (SCRIPT,), "'\"&", None]
    params = [{names[0]: value, names[1]: 1.0, "C": n} for n, value in enumerate(values)]
    scores = np.array([[0.5, 0.6], [0.7, 0.8], [0.6, 0.6], [np.nan, np.nan]])
    search = made_up(params, scores, error=[None, None, None, f"Traceback {SCRIPT}"])
    search.estimator = SVC(kernel=SCRIPT)
    search.__dict__["_candidate"] = lambda row: SVC(kernel=SCRIPT)
    del search._trained
    return search


@pytest.mark.filterwarnings("ignore:Glyph")
def test_whatever_is_shown_is_escaped():
    plain = made_up([{"C": 1}], [[0.5, 0.6]])
    expected = Page(report_of(_without_times(plain))).tags.count("script")
    text = report_of(_without_times(broken()))
    page = Page(text)
    assert page.tags.count("script") == expected == 1
    assert SCRIPT not in text
    assert page.words.count("document.title") >= 4


def _without_times(search):
    """The search as one of scikit-learn, which does not know when fits ran."""
    other = model_selection.GridSearchCV(search.estimator, {"C": [1]})
    other.__dict__.update(search.__dict__)
    return other


def test_the_page_needs_no_other_file(grid, tmp_path):
    path = grid.report(tmp_path / "report.html")
    page = Page(path.read_text(encoding="utf-8"))
    assert len(page.addresses) >= 6
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert "link" not in page.tags
    for words in ("Best candidate", "Timeline", "SVC", "scikit-learn", "linear"):
        assert words in page.words


def test_it_is_small_with_many_candidates(tmp_path):
    rng = np.random.RandomState(0)
    space = {name: Real(1e-5, 1, "log-uniform") for name in ("C", "gamma", "tol", "coef0")}
    params = [{name: float(10 ** rng.uniform(-5, 0)) for name in space} for _ in range(500)]
    search = _without_times(made_up(params, rng.uniform(size=(500, 5)), space))
    path = write_report(search, tmp_path / "report.html")
    assert path.stat().st_size < 2e6


def test_failures_are_told(conditional):
    page = Page(report_of(conditional))
    assert "Errors" in page.words
    assert "The 'kernel' parameter of SVC" in page.words


def test_each_error_is_told_once():
    params = [{"C": n} for n in range(4)]
    scores = np.array([[0.5], [np.nan], [np.nan], [np.nan]])
    trace = "Fold {}: Traceback (most recent call last):\n  File x\nValueError: one\nmore"
    errors = [None, trace.format(1), trace.format(2), None]
    text = report_of(
        _without_times(made_up(params, scores, error=np.array(errors, object)))
    )
    one, none = (Page(s).words for s in re.findall("(?s)<summary>(.*?)</summary>", text))
    assert one.split("ValueError: one")[1].strip() == "2 candidates: 1, 2"
    assert none.split("The score is not a finite number.")[1].strip() == "Candidate 3"


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_a_search_of_which_all_failed_has_a_page(tmp_path):
    path = tmp_path / "search.db"
    with pytest.raises(ValueError, match="failed"):
        GridSearchCV(SVC(), {"kernel": ["lienar"]}, cv=3, storage=path).fit(X, y)
    page = Page(report_of(load_search(path)))
    assert "'lienar'" in page.words
    assert "nothing to plot" in page.words
    assert "Best candidate" not in page.words


def test_what_it_ran_with():
    estimator = make_pipeline(StandardScaler(), SVC(random_state=7))
    cv = model_selection.KFold(3, shuffle=True, random_state=5)
    search = RandomizedSearchCV(
        estimator, {"svc__C": [1, 2]}, n_iter=2, cv=cv, random_state=3
    ).fit(X, y)
    words = Page(report_of(search)).words
    for seed in (
        "estimator__svc__random_state: 7",
        "cv.random_state: 5",
        "random_state: 3",
    ):
        assert seed in words
    assert "n_iter" in words


def test_the_code_makes_the_best_estimator():
    search = GridSearchCV(
        make_pipeline(StandardScaler(), SVC()),
        {"svc__C": [0.1, 1.0, 10.0], "svc__gamma": ["scale", 0.1]},
        cv=3,
    ).fit(X, y)
    page = Page(report_of(search))
    code = page.words.partition("Code of the best estimator")[2].partition("Search space")[
        0
    ]
    made = {"X": X, "y": y}
    exec(code, made)
    assert repr(made["estimator"]) == repr(clone(search.best_estimator_))
    assert made["estimator"].score(X, y) == search.score(X, y)


def test_of_a_search_that_is_loaded(tmp_path):
    path = tmp_path / "search.db"
    GridSearchCV(SVC(), {"C": [0.1, 10.0]}, cv=3, storage=path).fit(X, y)
    loaded = load_search(path)
    page = Page(loaded.report(tmp_path / "report.html").read_text(encoding="utf-8"))
    code = page.words.partition("Code of the best estimator")[2].partition("Search space")[
        0
    ]
    made = {"X": X, "y": y, "estimator": SVC()}
    exec(code, made)
    assert loaded.best_params_["C"] == made["estimator"].C
    assert loaded.versions["scikit-learn"] in page.words
    assert "GridSearchCV" in repr(loaded)
    assert "best score" in loaded._repr_html_()
    assert loaded._repr_mimebundle_()["text/html"]


def test_several_metrics_and_no_refit():
    search = GridSearchCV(
        SVC(), {"C": [0.1, 10.0]}, scoring=["accuracy", "f1_macro"], refit=False, cv=3
    ).fit(X, y)
    page = Page(report_of(search, "f1_macro"))
    assert "mean accuracy" in page.words
    assert "mean f1_macro" in page.words


def test_in_a_notebook(grid):
    unfitted = GridSearchCV(SVC(), {"C": [1]})
    assert "best score" not in unfitted._repr_html_()
    shown = grid._repr_html_()
    assert "best_estimator_: SVC" in shown
    assert "best score" in shown
    assert "data:image/png" in shown
    assert "data:image/png" in grid._repr_mimebundle_()["text/html"]


def test_without_jinja(grid, monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"pip install skkeras-search\[report\]"):
        grid.report(tmp_path / "report.html")


def test_in_a_browser(conditional, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("There is no chromium or google-chrome to show the page with.")
    path = conditional.report(tmp_path / "report.html")
    click = (
        "<script>document.querySelectorAll('th')[3].click();"
        "document.querySelectorAll('th')[3].click();</script></body>"
    )
    page = path.read_text(encoding="utf-8").replace("</body>", click)
    path.write_text(page, encoding="utf-8")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    shown = subprocess.run(
        [browser, *options, f"--user-data-dir={tmp_path / 'profile'}", str(path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    rows = re.findall(r"<tr class=\"\w+\">(.*?)</tr>", shown)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row)[3] for row in rows]
    scores = [float(cell) for cell in cells if cell]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) > 3
    assert cells[len(scores) :] == [""] * (len(cells) - len(scores))
    assert 'aria-sort="descending"' in shown


def test_nothing_is_left_open(grid):
    import matplotlib.pyplot as plt

    report_of(grid)
    grid._repr_html_()
    assert plt.get_fignums() == []


def test_an_estimator_that_has_no_length_until_it_is_fitted():
    forest = RandomForestClassifier(n_estimators=2, random_state=0)
    search = GridSearchCV(forest, {"max_depth": [1, 2]}, cv=3).fit(X, y)
    assert "RandomForestClassifier" in Page(report_of(search)).words


def test_seeds_of_a_search_that_is_loaded(tmp_path):
    path = tmp_path / "search.db"
    search = RandomizedSearchCV(
        SVC(random_state=7), {"C": [1, 2]}, n_iter=2, cv=3, random_state=3, storage=path
    ).fit(X, y)
    assert seeds(load_search(path)) == seeds(search)
    assert seeds(search) == {"estimator__random_state": "7", "random_state": "3"}


def test_a_folder_that_is_missing_is_noticed_first(grid, tmp_path, monkeypatch):
    monkeypatch.setattr("skkeras_search.inspection.report.report_of", lambda *_: 1 / 0)
    with pytest.raises(FileNotFoundError, match=r"path=.*nowhere.*does not exist"):
        grid.report(tmp_path / "nowhere" / "report.html")
