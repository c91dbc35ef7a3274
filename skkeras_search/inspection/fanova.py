"""Share of the variance of the score that is due to each hyperparameter alone (fANOVA).

Notation, for trees with L leaves over the unit cube of d hyperparameters:

low, high (L, d)  bounds of the box of each leaf
f (L,)            prediction in each leaf
v (L,)            volume of each leaf
V                 variance of the prediction of a tree over the cube
V_j               variance of the marginal prediction for hyperparameter j, which is the
                  mean over all other hyperparameters

See F. Hutter, H. Hoos and K. Leyton-Brown, "An Efficient Approach for Assessing
Hyperparameter Importance", ICML 2014, algorithm 2, http://proceedings.mlr.press/v32/hutter14.
"""

from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestRegressor

N_TREES = 64


def importances(X: np.ndarray, y: np.ndarray, random_state: Any = 0) -> np.ndarray:
    """Return the shares V_j / V in the trees of a random forest.

    Parameters
    ----------
    X : ndarray of shape (n_candidates, d)
        Coordinates between 0 and 1.
    y : ndarray of shape (n_candidates,)
        Scores.
    random_state : int, RandomState instance or None, default=0
        Seed of the random forest.

    Returns
    -------
    ndarray of shape (n_trees, d)
        Shares between 0 and 1. All are 0 for a tree that predicts a constant.
    """
    forest = RandomForestRegressor(N_TREES, min_samples_split=2, random_state=random_state)
    y = (y - y.min()) / (np.ptp(y) or 1.0)  # so that squares do not overflow
    return np.array([_shares(tree.tree_) for tree in forest.fit(X, y).estimators_])


def _shares(tree: Any) -> np.ndarray:
    low, high, f = _leaves(tree)
    v = np.prod(high - low, axis=1)
    mean = f @ v
    total = (f - mean) ** 2 @ v
    if not total > 1e-24:
        return np.zeros(tree.n_features)
    columns = range(tree.n_features)
    variances = [_marginal_variance(low[:, j], high[:, j], f * v, mean) for j in columns]
    return np.array(variances) / total


def _leaves(tree: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the bounds of the leaves of a tree, and their predictions."""
    low = np.zeros((tree.node_count, tree.n_features))
    high = np.ones((tree.node_count, tree.n_features))
    for node in range(tree.node_count):  # parents come before their children
        left, right = tree.children_left[node], tree.children_right[node]
        if left == -1:
            continue
        low[[left, right]], high[[left, right]] = low[node], high[node]
        feature, threshold = tree.feature[node], tree.threshold[node]
        high[left, feature] = low[right, feature] = np.clip(threshold, 0, 1)
    is_leaf = tree.children_left == -1
    return low[is_leaf], high[is_leaf], tree.value[is_leaf, 0, 0]


def _marginal_variance(
    low: np.ndarray, high: np.ndarray, mass: np.ndarray, mean: float
) -> float:
    """Return V_j, from the bounds in dimension j, f times v, and the mean of the tree."""
    edges = np.unique(np.r_[low, high])
    widths = np.diff(edges)
    # Each leaf adds its density to all intervals between its bounds.
    density = np.zeros(len(edges))
    size = high - low
    shares = np.divide(mass, size, out=np.zeros_like(mass), where=size > 0)
    np.add.at(density, np.searchsorted(edges, low), shares)
    np.add.at(density, np.searchsorted(edges, high), -shares)
    marginal = np.cumsum(density)[:-1]
    return float((marginal - mean) ** 2 @ widths)
