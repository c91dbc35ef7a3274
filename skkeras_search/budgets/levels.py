"""The scores of lower rungs, on the scale of the last."""

import numpy as np

# How much more, or less, scores may differ at the next rung.
SLOPES = (0.2, 3.0)
# As many common candidates, for half of what they show to be believed.
N_DOUBTED = 4


def onto_last(values: np.ndarray) -> np.ndarray:
    """Rescale the values of each rung onto those of the last.

    Training goes on between two rungs, so that means and spreads differ. Those of the
    candidates that were at both are made equal, the spread the less so the fewer they are.

    Parameters
    ----------
    values : ndarray of shape (n_candidates, n_rungs)
        Not finite where a candidate was not, or failed.

    Returns
    -------
    ndarray of shape (n_candidates, n_rungs)

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
    """Slope and offset that give ``u`` the mean of ``v``, and nearly its spread."""
    n = len(u)
    spread = u.std()
    slope = v.std() / spread if n > 2 and spread > 0 else 1.0
    slope = np.clip(slope ** (n / (n + N_DOUBTED)), *SLOPES)
    return float(slope), float(v.mean() - slope * u.mean())
