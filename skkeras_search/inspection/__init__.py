"""Inspection of a search: displays, a report and summaries.

This subpackage does not import Keras or TensorFlow. It reads the attributes of a search.
"""

from skkeras_search.inspection.convergence import ConvergenceDisplay
from skkeras_search.inspection.fold_scores import FoldScoresDisplay
from skkeras_search.inspection.hyperparameter import HyperparameterDisplay
from skkeras_search.inspection.importance import ImportanceDisplay
from skkeras_search.inspection.learning_curves import LearningCurvesDisplay
from skkeras_search.inspection.overview import plot_overview
from skkeras_search.inspection.parallel_coordinates import ParallelCoordinatesDisplay
from skkeras_search.inspection.report import write_report
from skkeras_search.inspection.timeline import TimelineDisplay

__all__ = [
    "ConvergenceDisplay",
    "FoldScoresDisplay",
    "HyperparameterDisplay",
    "ImportanceDisplay",
    "LearningCurvesDisplay",
    "ParallelCoordinatesDisplay",
    "TimelineDisplay",
    "plot_overview",
    "write_report",
]
