"""Keras models as scikit-learn estimators."""

from skkeras_search.estimators.base import BaseWrapper
from skkeras_search.estimators.classifier import KerasClassifier
from skkeras_search.estimators.multi_input import MultiInput
from skkeras_search.estimators.regressor import KerasRegressor
from skkeras_search.estimators.worker_threads import limit_threads

__all__ = ["BaseWrapper", "KerasClassifier", "KerasRegressor", "MultiInput"]

limit_threads()
