"""A Keras model that behaves as a scikit-learn estimator."""

from skkeras_search.estimators.base import BaseWrapper
from skkeras_search.estimators.classifier import KerasClassifier
from skkeras_search.estimators.multi_input import MultiInput
from skkeras_search.estimators.regressor import KerasRegressor

__all__ = ["BaseWrapper", "KerasClassifier", "KerasRegressor", "MultiInput"]
