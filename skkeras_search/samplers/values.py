"""Values of any scale, as a Gaussian process wants them."""

import numpy as np

# In units of the standard deviation of the values; one as large says nothing.
LARGEST_ERROR = 1e3
# Of the tail of bad values, in units of the distance from the median to the best.
LONGEST_TAIL = 1e3


def standardized(given: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give values zero mean and unit variance.

    The tail of bad values is drawn nearer first. A value that is not finite becomes the
    worst of the finite ones.

    Parameters
    ----------
    given : ndarray of shape (n,)
        To be minimised; at least one is finite.
    errors : ndarray of shape (n,)
        Their standard errors.

    Returns
    -------
    values : ndarray of shape (n,)
    noise : ndarray of shape (n,)
        Variances of the errors in the scale of the values.
    """
    finite = np.isfinite(given)
    shortened = _with_short_tail(given[finite])
    values = np.full(len(given), shortened.max())
    values[finite] = shortened
    unit = np.ptp(values) or 1.0  # first, as squares may overflow
    values = (values - values.min()) / unit
    scale = values.std() or 1.0
    errors = np.minimum(errors / unit / scale, LARGEST_ERROR)
    return (values - values.mean()) / scale, errors**2


def _with_short_tail(values: np.ndarray) -> np.ndarray:
    """Draw values that are far worse than the median nearer, and keep their order.

    The tail of a loss may reach as far as it likes. Were it cut off, a branch or a region
    of which only bad values are known would pass for flat.
    """
    reach = np.median(values) - values.min()
    if not reach > 0:
        return values
    last = values.min() + 3 * reach
    with np.errstate(over="ignore"):
        beyond = np.clip((values - last) / reach, 0, LONGEST_TAIL)
    shortened: np.ndarray = np.minimum(values, last) + reach * np.log1p(beyond)
    return shortened
