"""Rescale the scores of lower rungs to the scale of the last rung."""

import numpy as np

# Smallest and largest factor by which the spread of scores may change at the next rung.
SLOPES = (0.2, 3.0)
# Number of common candidates with which the observed change of the spread counts half (in
# logarithms).
N_DOUBTED = 4


def onto_last(values: np.ndarray) -> np.ndarray:
    """Rescale the values of each rung to the scale of the last rung.

    Training continues between two rungs, so means and spreads differ. They are made equal
    for the candidates that reached both rungs. The fewer these candidates are, the less the
    spread is changed.

    Parameters
    ----------
    values : ndarray of shape (n_candidates, n_rungs)
        Values; not finite where a candidate failed or did not reach the rung.

    Returns
    -------
    ndarray of shape (n_candidates, n_rungs)
        The rescaled values.

    Examples
    --------
    >>> import numpy as np
    >>> from skkeras_search.budgets.levels import onto_last
    >>> onto_last(np.array([[3.0, 1.0], [4.0, 2.0], [5.0, np.nan]]))
    array([[ 1.,  1.],
           [ 2.,  2.],
           [ 3., nan]])
    """
    rescaled = values.copy()
    slope, offset = 1.0, 0.0
    for k in range(values.shape[1] - 2, -1, -1):
        u, v = values[:, k], values[:, k + 1]
        common = np.isfinite(u) & np.isfinite(v)
        if common.any():
            s, i = _line(u[common], v[common])
            slope, offset = slope * s, slope * i + offset
        rescaled[:, k] = slope * u + offset
    return rescaled


def _line(u: np.ndarray, v: np.ndarray) -> tuple[float, float]:
    """Return slope and offset that give ``u`` the mean of ``v``, and nearly its spread."""
    n = len(u)
    spread = u.std()
    slope = v.std() / spread if n > 2 and spread > 0 else 1.0
    slope = np.clip(slope ** (n / (n + N_DOUBTED)), *SLOPES)
    return float(slope), float(v.mean() - slope * u.mean())
