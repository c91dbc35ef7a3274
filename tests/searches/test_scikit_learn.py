"""scikit-learn's own tests of its searches, on those of this library."""

import warnings
from pathlib import Path

import pytest
from sklearn.model_selection.tests import test_search

from skkeras_search import GridSearchCV, RandomizedSearchCV

pytestmark = pytest.mark.filterwarnings("ignore")

OURS = {"GridSearchCV": GridSearchCV, "RandomizedSearchCV": RandomizedSearchCV}


def ours_instead(source):
    """The tests, without their import of the classes of these names."""
    lines = source.splitlines(keepends=True)
    imports = {f"    {name},\n" for name in OURS}
    assert imports <= set(lines)
    same_keys = "        assert sorted(results.keys()) == sorted(exp_results)\n"
    lines[lines.index(same_keys)] = (  # the column that is always added
        '        assert sorted(results.keys()) == sorted(set(exp_results) - {"error"})\n'
    )
    return "".join("\n" if line in imports else line for line in lines)


path = Path(test_search.__file__)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    # Relative imports are those of its package.
    __package__ = test_search.__package__
    exec(compile(ours_instead(path.read_text(encoding="utf-8")), str(path), "exec"))
globals().update(OURS)

theirs = check_cv_results_keys  # noqa: F821


def check_cv_results_keys(cv_results, *args, **kwargs):
    """Their check, without the column that is always added."""
    assert "error" in cv_results
    theirs({k: v for k, v in cv_results.items() if k != "error"}, *args, **kwargs)
