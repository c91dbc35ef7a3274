"""Gaussian process regression over a mixed space, with a Matern 5/2 kernel.

Notation, with n observations in d dimensions:

X (n, d)   coordinates, each between 0 and 1
y (n,)     values with zero mean and unit variance
ell (d,)   lengthscales, one for each dimension
s2, n2     variances of the signal and of the noise
r2 (n, m)  squared distances. Differences are divided by the lengthscale of the dimension;
           two different categories of an unordered dimension differ by 1.
K (n, n)   s2 matern(r2) + diag(n2 + known noise), with the Cholesky factor L
theta      log ell, log s2, log n2

Where speed matters, only the lower triangle of a symmetric matrix is computed.

See Rasmussen and Williams, "Gaussian Processes for Machine Learning", MIT Press, 2006,
chapters 2 and 5.
"""

import math
from typing import NamedTuple, Self

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs
from scipy.optimize import minimize
from scipy.spatial.distance import cdist, pdist

LENGTHSCALES = (0.02, 50.0)
SIGNAL = (1e-3, 1e3)
NOISE = (1e-6, 10.0)


class Hyperparameters(NamedTuple):
    """Hyperparameters of the process.

    Attributes
    ----------
    ell : ndarray of shape (d,)
        Lengthscales.
    s2, n2 : float
        Variances of the signal and of the noise.
    """

    ell: np.ndarray
    s2: float
    n2: float


class GaussianProcess:
    """Gaussian process with zero mean, conditioned on observations.

    Parameters
    ----------
    unordered : ndarray of bool of shape (d,)
        Whether each dimension consists of categories without an order.

    Attributes
    ----------
    hyperparameters : Hyperparameters
        Hyperparameters of the last fit, initially the mode of their prior.
    """

    def __init__(self, unordered: np.ndarray):
        self.unordered = unordered
        # The mode of the prior.
        self.hyperparameters = Hyperparameters(np.ones(len(unordered)), 1.0, 0.1 / 30)

    def fit(
        self, X: np.ndarray, y: np.ndarray, noise: np.ndarray, restart: bool = False
    ) -> Self:
        """Fit the hyperparameters, and condition on observations.

        The hyperparameters maximize the posterior density given the observations. The
        priors are those of the ``GPSampler`` of Optuna, except for the prior of the signal
        variance.

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Points.
        y : ndarray of shape (n,)
            Values, with zero mean and unit variance.
        noise : ndarray of shape (n,)
            Known part of the variance of each value, or zeros.
        restart : bool, default=False
            Whether to start the optimization also from the mode of the prior, in addition
            to the last optimum.

        Returns
        -------
        self
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
                options={"maxfun": 25, "ftol": 1e-6},
            )
            for start in starts
        ]
        self.hyperparameters = _unpacked(min(found, key=lambda result: result.fun).x)
        return self.condition(X, y, noise)

    def condition(self, X: np.ndarray, y: np.ndarray, noise: np.ndarray) -> Self:
        """Condition on observations without fitting the hyperparameters."""
        _, s2, n2 = self.hyperparameters
        self.X, self.y, self.noise = X, y, noise
        K = s2 * _matern(self._squared_distances(X))
        np.fill_diagonal(K, s2 + n2 + noise)
        self._K_inv = _symmetric(_inverse(_factor(K)))
        self._alpha = self._K_inv @ y
        return self

    def believing(self, X: np.ndarray) -> "GaussianProcess":
        """Condition on m more points, assuming that their values equal the predicted mean.

        This is the "Kriging believer" of Ginsbourger, Le Riche and Carraro, 2010. The
        inverse of the covariance matrix is extended by blocks, which takes O(n^2 m) instead
        of O((n + m)^3) operations.
        """
        believer = GaussianProcess(self.unordered)
        _, s2, n2 = believer.hyperparameters = self.hyperparameters
        believer.X = np.vstack([self.X, X])
        believer.y = np.hstack([self.y, self.predict_mean(X)])
        believer.noise = np.hstack([self.noise, np.zeros(len(X))])
        k = s2 * _matern(believer._squared_distances(X))
        among_seen, among_new = np.hsplit(k, [len(self.X)])
        weights = among_seen @ self._K_inv
        rest = among_new - weights @ among_seen.T  # covariance of the new points, given X
        rest.flat[:: len(X) + 1] += n2
        rest_inv = _symmetric(_inverse(_factor(rest)))
        corner = -rest_inv @ weights
        believer._K_inv = np.block(
            [[self._K_inv - weights.T @ corner, corner.T], [corner, rest_inv]]
        )
        believer._alpha = believer._K_inv @ believer.y
        return believer

    def predict_mean(self, X: np.ndarray) -> np.ndarray:
        """Return the mean of the function, of shape (m,), at points of shape (m, d)."""
        k = self.hyperparameters.s2 * _matern(self._squared_distances(X))
        mean: np.ndarray = k @ self._alpha
        return mean

    def predict(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the variance of the function, without noise.

        Parameters
        ----------
        X : ndarray of shape (m, d)
            Points.

        Returns
        -------
        mean, variance : ndarray of shape (m,)
        """
        s2 = self.hyperparameters.s2
        k = s2 * _matern(self._squared_distances(X))
        variance = s2 - np.einsum("ij,ij->i", k @ self._K_inv, k)
        return k @ self._alpha, np.maximum(variance, 1e-12)

    def predict_with_gradient(
        self, X: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the mean, the variance and their gradients.

        Parameters
        ----------
        X : ndarray of shape (m, d)
            Points.

        Returns
        -------
        mean, variance : ndarray of shape (m,)
        d_mean, d_variance : ndarray of shape (m, d)
            Gradients, which are zero in unordered dimensions.
        """
        ell, s2, _ = self.hyperparameters
        r2 = self._squared_distances(X)
        matern, d_matern = _matern_and_derivative(r2)
        k = s2 * matern
        K_inv_k = k @ self._K_inv
        mean = k @ self._alpha
        variance = np.maximum(s2 - np.einsum("ij,ij->i", K_inv_k, k), 1e-12)
        # The derivative of r2 is 2 (x - X_i) / ell**2; of_r2 is the derivative of k by r2.
        of_r2 = s2 * d_matern
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
        if not ordered.all():
            weights = ell[self.unordered] ** -2.0
            differ = cdist(
                X[:, self.unordered], self.X[:, self.unordered], "hamming", w=weights
            )
            r2 += weights.sum() * differ
        return r2

    def _squared_differences(self, X: np.ndarray) -> np.ndarray:
        """Return the squared distances in each dimension, of shape (d, n (n - 1) / 2)."""
        differences = np.array([pdist(x[:, None], "sqeuclidean") for x in X.T])
        differences[self.unordered] = differences[self.unordered] != 0
        return differences

    @staticmethod
    def _negative_log_posterior(
        theta: np.ndarray, differences: np.ndarray, y: np.ndarray, noise: np.ndarray
    ) -> tuple[float, np.ndarray]:
        ell, s2, n2 = _unpacked(theta)
        matern, d_matern = _matern_and_derivative(ell**-2.0 @ differences)
        n = len(y)
        # Indices in the order of pdist. LAPACK reads the transpose.
        above = np.flatnonzero(np.arange(n) > np.arange(n)[:, None])
        K = np.diag(s2 + n2 + noise)
        K.flat[above] = s2 * matern
        L = _factor(K.T)
        K_inv = _inverse(L).T
        alpha = _solve(L, y)
        value = y @ alpha / 2 + np.log(np.diag(L)).sum()
        # Derivatives by each entry of K together with its mirror entry.
        d_K = (K_inv - np.outer(alpha, alpha)).ravel()[above]
        d_diagonal = (np.diag(K_inv) - alpha**2) / 2
        d_log_l = -2 * ell**-2.0 * (differences @ (d_K * (s2 * d_matern)))
        d_log_s2 = s2 * (d_K @ matern + d_diagonal.sum())
        gradient = np.hstack([d_log_l, d_log_s2, n2 * d_diagonal.sum()])
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
    """Return the lower Cholesky factor of a matrix, even if rounding made it indefinite.

    Only the lower triangle and the diagonal of the matrix are read, and only those of the
    factor are set.
    """
    jitter = 1e-10 * K[0, 0]
    while True:
        L, info = dpotrf(K + np.diag(np.full(len(K), jitter)), lower=1, clean=0)
        if info == 0:
            return np.asarray(L)
        jitter *= 10


def _solve(L: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, _ = dpotrs(L, y, lower=1)
    return np.asarray(x)


def _inverse(L: np.ndarray) -> np.ndarray:
    """Return the lower triangle of the inverse of the matrix with Cholesky factor L."""
    lower, _ = dpotri(L, lower=1)
    return np.asarray(lower)


def _symmetric(lower: np.ndarray) -> np.ndarray:
    """Return the symmetric matrix with the given lower triangle and diagonal."""
    lower = np.tril(lower)
    whole: np.ndarray = lower + np.tril(lower, -1).T
    return whole


def _matern(r2: np.ndarray) -> np.ndarray:
    return _matern_and_derivative(r2)[0]


def _matern_and_derivative(r2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Matern 5/2 function of squared distances, and its derivative by them."""
    r = np.sqrt(5 * r2)
    decay = np.exp(-r)
    slope = (1 + r) * decay
    return slope + 5 / 3 * r2 * decay, -5 / 6 * slope
