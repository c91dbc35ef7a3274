"""scikit-learn's own checks of an estimator."""

import re

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skkeras_search import KerasClassifier, KerasRegressor
from tests.estimators import models

# Training by mini-batches: n copies of a sample are met in other batches, and in other
# steps of the optimizer, than one sample of weight n. scikit-learn expects the same
# failures of its own SGDClassifier and SGDRegressor.
MINI_BATCHES = "a weighted sample is not equivalent to repeated ones in mini-batches"
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": MINI_BATCHES,
    "check_sample_weight_equivalence_on_sparse_data": MINI_BATCHES,
}
SETTINGS = {"epochs": 15, "batch_size": 16, "verbose": 0, "random_state": 0}


CHECKS = parametrize_with_checks(
    [
        KerasClassifier(models.mlp, units=32, **SETTINGS),
        KerasRegressor(models.regression_mlp, units=32, **SETTINGS),
    ],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
).mark


def name_of(thing):
    """scikit-learn's name, without addresses: the same in any process."""
    return re.sub("at0x[0-9a-f]+", "", CHECKS.kwargs["ids"](thing))


@pytest.mark.parametrize(*CHECKS.args, ids=name_of)
def test_scikit_learn_check(estimator, check):
    check(estimator)
