import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import approx_fprime
from scipy.special import log_ndtr
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from skkeras_search.samplers.acquisition import LogExpectedImprovement, _log_h
from skkeras_search.samplers.gaussian_process import GaussianProcess, Hyperparameters


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(20, 3))
    X[:, 2] = (rng.integers(3, size=20) + 0.5) / 3
    y = np.sin(5 * X[:, 0]) + X[:, 1] + (X[:, 2] > 0.4) + 0.1 * rng.normal(size=20)
    return X, (y - y.mean()) / y.std(), np.zeros(20)


UNORDERED = np.array([False, False, True])


def test_predictions_are_those_of_scikit_learn(data):
    X, y, noise = data
    X, ell = X[:, :2], np.array([0.3, 2.0])
    process = GaussianProcess(np.zeros(2, bool))
    process.hyperparameters = Hyperparameters(ell, 1.7, 0.01)
    process.condition(X, y, noise)
    kernel = ConstantKernel(1.7) * Matern(ell, nu=2.5)
    theirs = GaussianProcessRegressor(kernel, alpha=0.01, optimizer=None).fit(X, y)
    points = np.random.default_rng(1).uniform(size=(7, 2))
    mean, variance = process.predict(points)
    their_mean, their_deviation = theirs.predict(points, return_std=True)
    assert_allclose(mean, their_mean, rtol=1e-6)
    assert_allclose(variance, their_deviation**2, rtol=1e-5)


def test_the_gradient_of_the_posterior(data):
    X, y, noise = data
    process = GaussianProcess(UNORDERED)
    arguments = (process._squared_differences(X), y, noise)
    for theta in (np.zeros(5) - 0.5, np.array([-1.0, 0.7, 0.1, 0.4, -3.0])):
        _, gradient = process._negative_log_posterior(theta, *arguments)
        numeric = approx_fprime(
            theta, lambda t: process._negative_log_posterior(t, *arguments)[0], 1e-7
        )
        assert_allclose(gradient, numeric, rtol=1e-3, atol=1e-3)


def test_learning_makes_the_data_more_probable(data):
    X, y, noise = data
    process = GaussianProcess(UNORDERED)
    arguments = (process._squared_differences(X), y, noise)
    before, _ = process._negative_log_posterior(
        np.log(np.hstack(process.hyperparameters)), *arguments
    )
    process.fit(X, y, noise)
    after, _ = process._negative_log_posterior(
        np.log(np.hstack(process.hyperparameters)), *arguments
    )
    assert after < before - 1


def test_the_gradient_of_the_acquisition(data):
    X, y, noise = data
    acquisition = LogExpectedImprovement(
        GaussianProcess(UNORDERED).fit(X, y, noise), y.min()
    )
    for point in np.random.default_rng(2).uniform(size=(5, 3)):
        point[2] = 0.5
        value, gradient = acquisition.with_gradient(point[None])
        assert_allclose(value, acquisition(point[None]))
        numeric = approx_fprime(point, lambda x: acquisition(x[None])[0], 1e-6)
        assert_allclose(gradient[0, :2], numeric[:2], rtol=1e-3, atol=1e-3)
        assert gradient[0, 2] == 0


def test_log_expected_improvement_where_it_can_be_computed_plainly():
    z = np.linspace(-5, 5, 41)
    assert_allclose(_log_h(z), np.log(norm.pdf(z) + z * norm.cdf(z)), rtol=1e-6)


def test_log_expected_improvement_far_away():
    z = np.array([-50.0, -9e3, -2e4, -1e8])
    assert_allclose(_log_h(z), norm.logpdf(z) - 2 * np.log(-z), rtol=1e-6)
    assert (np.diff(_log_h(np.linspace(-2e4, 0, 4001))) > 0).all()
    assert log_ndtr(-50.0) > _log_h(np.array([-50.0]))[0]


def test_believing_leaves_the_mean_and_lowers_the_variance(data):
    X, y, noise = data
    process = GaussianProcess(UNORDERED).fit(X, y, noise)
    point = np.array([[0.5, 0.95, 0.5]])
    before, variance = process.predict(point)
    after, lower = process.believing(point).predict(point)
    assert_allclose(after, before, atol=1e-3)
    assert lower < variance


def test_believing_is_conditioning_on_all_points(data):
    X, y, noise = data
    process = GaussianProcess(UNORDERED).fit(X, y, noise)
    points = np.random.default_rng(1).uniform(size=(5, X.shape[1]))
    believer = process.believing(points)
    whole = GaussianProcess(UNORDERED)
    whole.hyperparameters = process.hyperparameters
    whole.condition(believer.X, believer.y, believer.noise)
    tried = np.random.default_rng(2).uniform(size=(20, X.shape[1]))
    for found, expected in zip(believer.predict(tried), whole.predict(tried), strict=True):
        assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_noise_that_is_known_counts(data):
    X, y, noise = data
    process = GaussianProcess(UNORDERED).fit(X, y, noise)
    y, noise = y.copy(), noise.copy()
    y[0], noise[0] = 30.0, 1e4
    mean, _ = process.condition(X, y, noise).predict(X[:1])
    assert mean < 3
