"""The validation data of a fit."""

from typing import Any


def unpack_validation_data(
    validation_data: Any,
    X_val: Any = None,
    y_val: Any = None,
    sample_weight_val: Any = None,
) -> tuple[Any, Any, Any] | None:
    """Merge the two ways to pass validation data.

    Parameters
    ----------
    validation_data : tuple of (X, y) or (X, y, sample_weight), or None
        Validation data in the form of ``keras.Model.fit``.
    X_val, y_val, sample_weight_val : array-like or None
        Validation data in the form of scikit-learn's metadata routing.

    Returns
    -------
    unpacked : tuple of (X, y, sample_weight), or None
        None if there are no validation data.

    Raises
    ------
    ValueError
        If both forms are given, or the data are incomplete.
    """
    if X_val is None and y_val is None:
        if validation_data is None:
            return None
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (
            2,
            3,
        ):
            raise ValueError(
                "validation_data must be a tuple (X_val, y_val) or (X_val, y_val, "
                f"sample_weight_val), got {type(validation_data).__name__}."
            )
        return (*validation_data, None)[:3]
    if validation_data is not None:
        raise ValueError("Pass either validation_data or X_val and y_val, not both.")
    if X_val is None or y_val is None:
        missing = "X_val" if X_val is None else "y_val"
        raise ValueError(f"Pass both X_val and y_val: {missing} is missing.")
    return X_val, y_val, sample_weight_val
