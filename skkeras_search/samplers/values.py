"""Scale values for a Gaussian process."""

import numpy as np

# Limit of the errors, in standard deviations of the values. A value with an error of this
# size carries no information.
LARGEST_ERROR = 1e3
# Limit of the tail of bad values, in units of the distance from the median to the best.
LONGEST_TAIL = 1e3


def standardized(given: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale values to zero mean and unit variance.

    The tail of bad values is compressed first. A value that is not finite is replaced by
    the worst finite value.

    Parameters
    ----------
    given : ndarray of shape (n,)
        Values; smaller is better. At least one is finite.
    errors : ndarray of shape (n,)
        Standard errors of the values.

    Returns
    -------
    values : ndarray of shape (n,)
        Scaled values.
    noise : ndarray of shape (n,)
        Squared standard errors, on the scale of ``values``.
    """
    finite = np.isfinite(given)
    shortened = _with_short_tail(given[finite])
    values = np.full(len(given), shortened.max())
    values[finite] = shortened
    unit = np.ptp(values) or 1.0  # divide by it first, so that squares do not overflow
    values = (values - values.min()) / unit
    scale = values.std() or 1.0
    errors = np.minimum(errors / unit / scale, LARGEST_ERROR)
    return (values - values.mean()) / scale, errors**2


def _with_short_tail(values: np.ndarray) -> np.ndarray:
    """Compress the values that are far worse than the median, and keep their order.

    The tail of a loss may be arbitrarily long. It is not cut off, because a branch or
    region with bad values only would then look flat.
    """
    reach = np.median(values) - values.min()
    if not reach > 0:
        return values
    last = values.min() + 3 * reach
    with np.errstate(over="ignore"):
        beyond = np.clip((values - last) / reach, 0, LONGEST_TAIL)
    shortened: np.ndarray = np.minimum(values, last) + reach * np.log1p(beyond)
    return shortened
