"""Gaussian process regression over a mixed space, with a Matern 5/2 kernel.

Notation, with n observations in d dimensions:

X (n, d)   coordinates, each between 0 and 1
y (n,)     values, of zero mean and unit variance
ell (d,)   lengthscales, one for each dimension
s2, n2     variances of the signal and of the noise
r2 (n, m)  squared distances, each dimension divided by its lengthscale. Two categories
           without an order are at distance 1 if they differ.
K (n, n)   s2 matern(r2) + diag(n2 + known noise), L its Cholesky factor
theta      log ell, log s2, log n2

See Rasmussen and Williams, "Gaussian Processes for Machine Learning", MIT Press, 2006,
chapters 2 and 5.
"""

import math
from typing import NamedTuple, Self

import numpy as np
from scipy.linalg import cholesky
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

LENGTHSCALES = (0.02, 50.0)
SIGNAL = (1e-3, 1e3)
NOISE = (1e-6, 10.0)


class Hyperparameters(NamedTuple):
    """What the process learns about the function.

    Attributes
    ----------
    ell : ndarray of shape (d,)
    s2, n2 : float
    """

    ell: np.ndarray
    s2: float
    n2: float


class GaussianProcess:
    """A zero-mean process, conditioned on observations.

    Parameters
    ----------
    unordered : ndarray of bool of shape (d,)
        Which dimensions are categories without an order.

    Attributes
    ----------
    hyperparameters : Hyperparameters
    """

    def __init__(self, unordered: np.ndarray):
        self.unordered = unordered
        # The mode of the prior.
        self.hyperparameters = Hyperparameters(np.ones(len(unordered)), 1.0, 0.1 / 30)

    def fit(
        self, X: np.ndarray, y: np.ndarray, noise: np.ndarray, restart: bool = False
    ) -> Self:
        """Learn the hyperparameters, and condition on observations.

        They are the most probable ones given the observations, under priors that Optuna's
        ``GPSampler`` uses but for that of the signal's variance.

        Parameters
        ----------
        X : ndarray of shape (n, d)
        y : ndarray of shape (n,)
        noise : ndarray of shape (n,)
            Variances of the noise as far as they are known.
        restart : bool, default=False
            Whether to begin also from the prior's mode, not only from the last optimum.
        """
        differences = self._squared_differences(X)
        starts = [self.hyperparameters]
        if restart:
            starts.append(GaussianProcess(self.unordered).hyperparameters)
        bounds = [LENGTHSCALES] * X.shape[1] + [SIGNAL, NOISE]
        found = [
            minimize(
                self._negative_log_posterior,
                np.log(np.hstack(start)),
                (differences, y, noise),
                "L-BFGS-B",
                jac=True,
                bounds=np.log(bounds),
                options={"maxfun": 25},
            )
            for start in starts
        ]
        self.hyperparameters = _unpacked(min(found, key=lambda result: result.fun).x)
        return self.condition(X, y, noise)

    def condition(self, X: np.ndarray, y: np.ndarray, noise: np.ndarray) -> Self:
        """Condition on observations, with the hyperparameters as they are."""
        _, s2, n2 = self.hyperparameters
        self.X, self.y, self.noise = X, y, noise
        K = s2 * _matern(self._squared_distances(X))
        self._K_inv = _inverse(_factor(K + np.diag(n2 + noise)))
        self._alpha = self._K_inv @ y
        return self

    def believing(self, X: np.ndarray) -> "GaussianProcess":
        """Condition on further points as if their values were what is expected of them.

        The "Kriging believer" of Ginsbourger, Le Riche and Carraro, 2010.
        """
        believer = GaussianProcess(self.unordered)
        believer.hyperparameters = self.hyperparameters
        mean, _ = self.predict(X)
        return believer.condition(
            np.vstack([self.X, X]),
            np.hstack([self.y, mean]),
            np.hstack([self.noise, np.zeros(len(X))]),
        )

    def predict(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of the function, without noise.

        Parameters
        ----------
        X : ndarray of shape (m, d)

        Returns
        -------
        mean, variance : ndarray of shape (m,)
        """
        s2 = self.hyperparameters.s2
        k = s2 * _matern(self._squared_distances(X))
        variance = s2 - ((k @ self._K_inv) * k).sum(axis=1)
        return k @ self._alpha, np.maximum(variance, 1e-12)

    def predict_with_gradient(
        self, X: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Mean, variance, and what they change by with each coordinate.

        Parameters
        ----------
        X : ndarray of shape (m, d)

        Returns
        -------
        mean, variance : ndarray of shape (m,)
        d_mean, d_variance : ndarray of shape (m, d)
            Zero for dimensions without an order.
        """
        ell, s2, _ = self.hyperparameters
        r2 = self._squared_distances(X)
        k = s2 * _matern(r2)
        K_inv_k = k @ self._K_inv
        mean = k @ self._alpha
        variance = np.maximum(s2 - (k * K_inv_k).sum(axis=1), 1e-12)
        # r2 changes by 2 (x - X_i) / ell**2, and k by as much times `of_r2`.
        of_r2 = s2 * _d_matern(r2)
        scale = np.where(self.unordered, 0, 2 * ell**-2.0)

        def by_coordinate(weights: np.ndarray) -> np.ndarray:
            return scale * (weights.sum(axis=1)[:, None] * X - weights @ self.X)

        d_mean = by_coordinate(of_r2 * self._alpha)
        d_variance = -2 * by_coordinate(of_r2 * K_inv_k)
        return mean, variance, d_mean, d_variance

    def _squared_distances(self, X: np.ndarray) -> np.ndarray:
        ell, ordered = self.hyperparameters.ell, ~self.unordered
        r2 = cdist(
            X[:, ordered] / ell[ordered], self.X[:, ordered] / ell[ordered], "sqeuclidean"
        )
        for j in np.flatnonzero(self.unordered):
            r2 += (X[:, None, j] != self.X[:, j]) / ell[j] ** 2
        return r2

    def _squared_differences(self, X: np.ndarray) -> np.ndarray:
        """Squared distances in each dimension, of shape (d, n, n)."""
        differences = (X.T[:, :, None] - X.T[:, None]) ** 2
        differences[self.unordered] = differences[self.unordered] != 0
        return differences

    @staticmethod
    def _negative_log_posterior(
        theta: np.ndarray, differences: np.ndarray, y: np.ndarray, noise: np.ndarray
    ) -> tuple[float, np.ndarray]:
        ell, s2, n2 = _unpacked(theta)
        r2 = np.tensordot(ell**-2.0, differences, axes=1)
        K = s2 * _matern(r2)
        L = _factor(K + np.diag(n2 + noise))
        K_inv = _inverse(L)
        alpha = K_inv @ y
        value = y @ alpha / 2 + np.log(np.diag(L)).sum()
        # What the value changes by with each entry of K.
        d_K = (K_inv - np.outer(alpha, alpha)) / 2
        d_r2 = d_K * s2 * _d_matern(r2)
        d_log_l = -2 * ell**-2.0 * np.tensordot(differences, d_r2, axes=2)
        gradient = np.hstack([d_log_l, (d_K * K).sum(), n2 * np.trace(d_K)])
        prior = (
            0.1 * (ell**2 + ell**-2.0).sum()
            + (math.log(s2) / 0.7) ** 2 / 2
            - 0.1 * math.log(n2)
            + 30 * n2
        )
        d_prior = np.hstack(
            [0.2 * (ell**2 - ell**-2.0), math.log(s2) / 0.7**2, 30 * n2 - 0.1]
        )
        return value + prior, gradient + d_prior


def _unpacked(theta: np.ndarray) -> Hyperparameters:
    *ell, s2, n2 = np.exp(theta)
    return Hyperparameters(np.array(ell), s2, n2)


def _factor(K: np.ndarray) -> np.ndarray:
    """The lower Cholesky factor, of a matrix that rounding may have made indefinite."""
    jitter = 1e-10 * K[0, 0]
    while True:
        try:
            return cholesky(K + jitter * np.eye(len(K)), lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            jitter *= 10


def _inverse(L: np.ndarray) -> np.ndarray:
    """The inverse of the matrix of which L is the Cholesky factor."""
    lower, _ = dpotri(L, lower=True)
    return np.tril(lower) + np.tril(lower, -1).T


def _matern(r2: np.ndarray) -> np.ndarray:
    r = np.sqrt(5 * r2)
    return (1 + r + r**2 / 3) * np.exp(-r)


def _d_matern(r2: np.ndarray) -> np.ndarray:
    """The derivative of ``_matern`` by ``r2``."""
    r = np.sqrt(5 * r2)
    return -5 / 6 * (1 + r) * np.exp(-r)
