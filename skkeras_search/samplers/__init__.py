"""Samplers, which propose the configurations of a search space to evaluate."""

from skkeras_search.samplers.bayesian import BayesianSampler
from skkeras_search.samplers.grid import GridSampler
from skkeras_search.samplers.quasirandom import QMCSampler
from skkeras_search.samplers.random import RandomSampler
from skkeras_search.samplers.sampler import Sampler

__all__ = [
    "BayesianSampler",
    "GridSampler",
    "QMCSampler",
    "RandomSampler",
    "Sampler",
]
