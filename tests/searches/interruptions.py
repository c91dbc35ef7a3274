"""Searches that end while they write to their storage."""

import numpy as np
import pytest

from skkeras_search.record.store import Store


def assert_same_results(found, expected, times=False):
    """Compare two searches, all but the times."""
    assert found.cv_results_.keys() == expected.cv_results_.keys()
    for name, column in expected.cv_results_.items():
        if name == "params":
            assert found.cv_results_[name] == column
        elif times or not name.endswith("_time"):
            np.testing.assert_array_equal(found.cv_results_[name], column, err_msg=name)
    assert found.best_params_ == expected.best_params_
    assert found.best_score_ == expected.best_score_


class Killed(BaseException):
    """As if the process had ended here."""


def interrupted(search, n, after):
    """Search until the storage is written to so many times; give whether it died then."""
    with pytest.MonkeyPatch.context() as patch:
        left = n

        def dying(name):
            method = getattr(Store, name)

            def die(*args, **kwargs):
                nonlocal left
                left -= 1
                if not left and not after:
                    raise Killed
                result = method(*args, **kwargs)
                if not left:
                    raise Killed
                return result

            return die

        for name in ("begin", "choose", "propose", "arrive"):
            patch.setattr(Store, name, dying(name))
        try:
            search()
        except Killed:
            return True
        return False
