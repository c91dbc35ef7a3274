"""Logarithm of the expected improvement, and its gradient.

The function f is minimized. At a point where the Gaussian process predicts ``mean`` and
``variance`` = sigma**2, the value is log E[max(best - f, 0)] = log sigma + log h(z), with
z = (best - mean) / sigma and h(z) = phi(z) + z Phi(z). Far from promising points the
expected improvement underflows to zero; its logarithm does not. See Ament, Daulton,
Eriksson, Balandat and Bakshy, "Unexpected Improvements to Expected Improvement for
Bayesian Optimization", NeurIPS 2023.
"""

import math

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

from skkeras_search.samplers.gaussian_process import GaussianProcess

# Below this z, the leading term of the asymptotic series is accurate to nearly all digits.
FAR = -1e4


class LogExpectedImprovement:
    """Acquisition function, which is maximized.

    Parameters
    ----------
    process : GaussianProcess
        Process conditioned on observations.
    best : float
        Value below which a function value counts as an improvement.
    """

    def __init__(self, process: GaussianProcess, best: float):
        self._process = process
        self._best = best

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return the values at points.

        Parameters
        ----------
        X : ndarray of shape (m, d)
            Points.

        Returns
        -------
        ndarray of shape (m,)
        """
        mean, variance = self._process.predict(X)
        sigma = np.sqrt(variance)
        return np.log(sigma) + _log_h((self._best - mean) / sigma)

    def with_gradient(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the values and the gradients at points.

        Parameters
        ----------
        X : ndarray of shape (m, d)
            Points.

        Returns
        -------
        values : ndarray of shape (m,)
        gradients : ndarray of shape (m, d)
        """
        mean, variance, d_mean, d_variance = self._process.predict_with_gradient(X)
        sigma = np.sqrt(variance)
        z = (self._best - mean) / sigma
        d_log_sigma = d_variance / (2 * variance)[:, None]
        d_z = -d_mean / sigma[:, None] - z[:, None] * d_log_sigma
        log_h = _log_h(z)
        return np.log(sigma) + log_h, d_log_sigma + _d_log_h(z, log_h)[:, None] * d_z


def _log_h(z: np.ndarray) -> np.ndarray:
    near, middle = z > -1, (z <= -1) & (z > FAR)
    log_phi = -(z**2) / 2 - math.log(2 * math.pi) / 2
    value = log_phi - 2 * np.log(np.maximum(-z, 1))
    x = z[near]
    value[near] = np.log(np.exp(log_phi[near]) + x * ndtr(x))
    x = z[middle]
    value[middle] = log_phi[middle] + np.log1p(x * _mills(x))
    return value


def _d_log_h(z: np.ndarray, log_h: np.ndarray) -> np.ndarray:
    """Return the derivative of ``_log_h``, which is Phi(z) / h(z)."""
    return np.where(z > FAR, np.exp(log_ndtr(z) - log_h), -z)


def _mills(z: np.ndarray) -> np.ndarray:
    """Return Phi(z) / phi(z)."""
    return math.sqrt(math.pi / 2) * erfcx(-z / math.sqrt(2))
