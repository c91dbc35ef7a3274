"""Convert ``y`` from the user's form to the form that the losses of a model require.

An encoder is fitted twice. It is first fitted to ``y``, before there is a model, to find
the metadata that build functions use. It is then fitted to the outputs of the model,
because their losses require either class indices or one-hot vectors.
"""

from typing import Any, Self

import keras
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.multiclass import type_of_target

from skkeras_search.estimators.outputs import Output, to_probabilities


class ClassifierTargetEncoder(TransformerMixin, BaseEstimator):
    """Encode class labels for a model, and decode its predictions.

    Parameters
    ----------
    classes : array-like of shape (n_classes,), optional
        All labels. Required if ``y`` may contain only some of them.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of ndarray
        The sorted labels; a list with one array per column for multioutput ``y``.
    n_classes_ : int or list of int
        Number of classes; a list with one number per column for multioutput ``y``.
    n_outputs_ : int
        Number of columns of ``y`` if each has its own classes, otherwise 1.
    n_outputs_expected_ : int or None
        Number of outputs that the model must have; None if ``y`` does not determine it.
    target_type_ : str
        Type of ``y``, as returned by ``sklearn.utils.multiclass.type_of_target``. An
        indicator matrix with one label per row becomes "multiclass-onehot" if the
        classes are mutually exclusive in the model.
    """

    def __init__(self, classes: Any = None):
        self.classes = classes

    def fit(self, y: np.ndarray) -> Self:
        """Learn the classes.

        Raises
        ------
        ValueError
            If ``y`` does not contain class labels, or contains only one class.
        """
        self._trailing_shape = y.shape[1:]
        self._outputs: list[Output] | None = None
        self.target_type_ = self._type_of_target(y)
        self._one_label_a_row = self.target_type_ == "multilabel-indicator" and bool(
            (y.sum(axis=1) == 1).all()
        )
        self.n_outputs_ = 1
        self.n_outputs_expected_: int | None = 1
        if self.target_type_ in ("binary", "multiclass"):
            given = np.unique(y if self.classes is None else self.classes)
            self.classes_: Any = given
            if len(given) < 2:
                raise ValueError(
                    "A classifier needs samples of at least 2 classes in y, but y has "
                    f"only one class: {given.tolist()[0]!r}."
                )
            _codes(y.ravel(), given)  # raises an error for labels not in `classes`
        elif self.target_type_ == "multilabel-indicator":
            self.classes_ = np.arange(y.shape[1])
            self.n_outputs_expected_ = None
        elif self.target_type_ == "multiclass-multioutput":
            self.classes_ = [np.unique(column) for column in y.T]
            self.n_outputs_ = self.n_outputs_expected_ = y.shape[1]
        else:
            raise ValueError(
                f"Unknown label type: {self.target_type_}. A classifier needs class "
                "labels. For continuous values use KerasRegressor; for other kinds of "
                "targets override the target_encoder property."
            )
        if self.target_type_ == "multiclass-multioutput":
            self.n_classes_: Any = [len(classes) for classes in self.classes_]
        else:
            self.n_classes_ = len(self.classes_)
        return self

    def fit_outputs(self, outputs: list[Output]) -> Self:
        """Learn in which form the model requires the classes.

        Parameters
        ----------
        outputs : list of Output
            The outputs of the model.

        Raises
        ------
        ValueError
            If an output has the wrong width, or its loss does not suit the classes.
        """
        self._outputs = outputs
        if self._one_label_a_row and not any(_is_multilabel(out) for out in outputs):
            self.target_type_ = "multiclass-onehot"
        if self.target_type_ == "multiclass-multioutput":
            if len(outputs) != self.n_outputs_:
                raise ValueError(
                    f"y has {self.n_outputs_} columns of classes, so the model must have "
                    f"{self.n_outputs_} outputs, but it has {len(outputs)}."
                )
            for output, n_classes in zip(outputs, self.n_classes_, strict=True):
                _check_classes(output, n_classes)
        elif self.target_type_ == "multilabel-indicator":
            _check_columns(outputs, self.n_classes_, "labels")
        elif len(outputs) == 1:
            _check_classes(outputs[0], self.n_classes_)
        else:
            raise ValueError(f"y has one column, but the model has {len(outputs)} outputs.")
        return self

    def transform(self, y: np.ndarray) -> Any:
        """Encode labels.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Labels.

        Returns
        -------
        encoded : ndarray or list of ndarray
            The targets of the model; a list with one array per output for multioutput
            ``y``.

        Raises
        ------
        ValueError
            If a label was not seen in ``fit``.
        """
        outputs = self._outputs
        if y.shape[1:] != self._trailing_shape:
            raise ValueError(
                f"y has shape {('n_samples', *y.shape[1:])}, but in fit it had shape "
                f"{('n_samples', *self._trailing_shape)}."
            )
        if self.target_type_ == "multiclass-multioutput":
            columns = zip(y.T, self.classes_, self._each_output(y.shape[1]), strict=True)
            return [_encoded(_codes(c, k), len(k), out) for c, k, out in columns]
        if self.target_type_ == "multilabel-indicator":
            return _split(y.astype(keras.config.floatx()), outputs)
        output = outputs[0] if outputs else None
        if self.target_type_ == "multiclass-onehot":
            if (y.sum(axis=1) != 1).any():
                raise ValueError(
                    "y was one-hot in fit, but a row now does not have exactly one label."
                )
            if output and output.sparse_loss:
                return y.argmax(axis=1)[:, np.newaxis]
            return y.astype(keras.config.floatx())
        return _encoded(_codes(y.ravel(), self.classes_), self.n_classes_, output)

    def inverse_transform(self, y: Any, return_proba: bool = False) -> Any:
        """Decode the predictions of the model.

        Parameters
        ----------
        y : ndarray or list of ndarray
            The values of each output of the model.
        return_proba : bool, default=False
            Whether to return probabilities instead of labels.

        Returns
        -------
        decoded : ndarray or list of ndarray
            Labels, in the form that they had in ``fit``; or probabilities of shape
            (n_samples, n_classes), a list with one array per column for multioutput
            ``y``.

        Raises
        ------
        ValueError
            If all values are NaN.
        """
        values = keras.tree.flatten(y)
        if all(value.size and np.isnan(value).all() for value in values):
            raise ValueError(
                "All outputs of the model are NaN, so no class can be predicted: the "
                "training has diverged. Lower the learning rate, scale the features, or "
                "clip the gradients."
            )
        outputs = self._each_output(len(values))
        exclusive = self.target_type_ != "multilabel-indicator"
        probabilities = [
            to_probabilities(v, out, exclusive) if out else v
            for v, out in zip(values, outputs, strict=True)
        ]
        if self.target_type_ == "multiclass-multioutput":
            if return_proba:
                return [_two_columns(p) for p in probabilities]
            heads = zip(values, probabilities, self.classes_, strict=True)
            return np.column_stack([classes[_best(v, p)] for v, p, classes in heads])
        if self.target_type_ == "multilabel-indicator":
            joined = np.concatenate([p.reshape(len(p), -1) for p in probabilities], axis=1)
            return joined if return_proba else (joined > 0.5).astype(int)
        if return_proba:
            return _two_columns(probabilities[0])
        best = _best(values[0], probabilities[0])
        if self.target_type_ == "multiclass-onehot":
            return np.eye(self.n_classes_, dtype=int)[best]
        return self.classes_[best].reshape(-1, *self._trailing_shape)

    def _each_output(self, n_outputs: int) -> list[Output | None]:
        return list(self._outputs) if self._outputs else [None] * n_outputs

    def get_metadata(self) -> dict[str, Any]:
        """Return what the estimator adds to its attributes, and so to ``meta``.

        Returns
        -------
        metadata : dict
            ``classes_``, ``n_classes_``, ``n_outputs_`` and ``n_outputs_expected_``.
        """
        return {
            "classes_": self.classes_,
            "n_classes_": self.n_classes_,
            "n_outputs_": self.n_outputs_,
            "n_outputs_expected_": self.n_outputs_expected_,
        }

    def _type_of_target(self, y: np.ndarray) -> str:
        kind = str(type_of_target(y, input_name="y", raise_unknown=True))
        if kind == "binary" and self.classes is not None:
            return str(type_of_target(self.classes))
        return kind


class RegressorTargetEncoder(TransformerMixin, BaseEstimator):
    """Arrange numbers for the outputs of a model, and its predictions in the form of ``y``.

    Attributes
    ----------
    n_outputs_ : int
        Number of columns of ``y``.
    n_outputs_expected_ : int or None
        Number of outputs that the model must have; None if ``y`` does not determine it.
    """

    def fit(self, y: np.ndarray) -> Self:
        """Learn the shape of ``y``."""
        self._trailing_shape = y.shape[1:]
        self._outputs: list[Output] | None = None
        # Predictions have the precision of y, as in scikit-learn's regressors.
        self._dtype = y.dtype if y.dtype.kind == "f" else np.dtype(keras.config.floatx())
        self._y_range = (y.min(), y.max())
        self._y_integral = bool(np.all(np.mod(y, 1) == 0))
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        self.n_outputs_expected_ = 1 if self.n_outputs_ == 1 else None
        return self

    def fit_outputs(self, outputs: list[Output]) -> Self:
        """Learn which output predicts which columns of ``y``.

        Parameters
        ----------
        outputs : list of Output
            The outputs of the model.

        Raises
        ------
        ValueError
            If the outputs have the wrong width, or a loss does not suit the numbers.
        """
        self._outputs = outputs
        _check_columns(outputs, self.n_outputs_, "target values")
        for output in outputs:
            low, high = self._y_range
            if output.builtin_loss and (
                (output.sparse_loss and not (self._y_integral and low >= 0))
                or (str(output.loss).startswith("categorical_") and output.width == 1)
                or (str(output.loss).startswith("binary_") and (low < 0 or high > 1))
            ):
                raise ValueError(
                    f"loss={output.loss!r} does not suit a y of numbers between {low:.4g} "
                    f"and {high:.4g}. For regression use 'mean_squared_error' or "
                    "'mean_absolute_error'; for class labels use KerasClassifier."
                )
        return self

    def transform(self, y: np.ndarray) -> Any:
        """Split the columns of ``y`` among the outputs.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Target values.

        Returns
        -------
        split : ndarray or list of ndarray
            The targets of the model; a list with one array per output for several
            outputs.

        Raises
        ------
        ValueError
            If ``y`` does not have the number of columns that it had in ``fit``.
        """
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if n_outputs != self.n_outputs_:
            raise ValueError(
                f"Detected ``y`` to have {n_outputs} outputs, but this estimator was "
                f"fitted to {self.n_outputs_} outputs."
            )
        return _split(y, self._outputs)

    def inverse_transform(self, y: Any) -> np.ndarray:
        """Join the outputs, in the shape and precision that ``y`` had in ``fit``."""
        values = [v.reshape(len(v), -1) for v in keras.tree.flatten(y)]
        joined = np.concatenate(values, axis=1) if len(values) > 1 else values[0]
        return joined.reshape(-1, *self._trailing_shape).astype(self._dtype, copy=False)

    def get_metadata(self) -> dict[str, Any]:
        """Return what the estimator adds to its attributes, and so to ``meta``.

        Returns
        -------
        metadata : dict
            ``n_outputs_`` and ``n_outputs_expected_``.
        """
        return {
            "n_outputs_": self.n_outputs_,
            "n_outputs_expected_": self.n_outputs_expected_,
        }


def refuse_text(y: Any, advice: str) -> None:
    """Check that targets are numbers.

    Parameters
    ----------
    y : array-like
        Targets.
    advice : str
        A sentence for the error message: what to do instead.

    Raises
    ------
    ValueError
        If ``y`` contains a string.
    """
    array = np.asarray(y)
    if array.dtype.kind in "UTO":
        text = next((value for value in array.ravel() if isinstance(value, str)), None)
        if text is not None:
            raise ValueError(f"y contains text, such as {str(text)!r}. {advice}")


def _codes(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The position of each label among the sorted classes."""
    unknown = np.setdiff1d(labels, classes)
    if len(unknown):
        raise ValueError(
            f"Found unknown categories {unknown.tolist()} in y; the classes seen in fit "
            f"are {classes.tolist()}."
        )
    return np.searchsorted(classes, labels)


def _encoded(codes: np.ndarray, n_classes: int, output: Output | None) -> np.ndarray:
    """A column of class indices, or one-hot rows if the loss needs one value per class."""
    dtype = keras.config.floatx()
    one_hot = (
        output and output.width != 1 and output.builtin_loss and not output.sparse_loss
    )
    if one_hot or (output and output.loss == "categorical_crossentropy"):
        return np.eye(n_classes, dtype=dtype)[codes]
    return codes.astype(dtype)[:, np.newaxis]


def _two_columns(probabilities: np.ndarray) -> np.ndarray:
    """The probabilities of both classes, if only those of the second are given."""
    if probabilities.ndim == 1:
        probabilities = probabilities[:, np.newaxis]
    if probabilities.shape[-1] == 1:
        return np.concatenate([1 - probabilities, probabilities], axis=-1)
    return probabilities


def _best(values: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The position of the predicted class of each row."""
    if values.ndim == 1 or values.shape[-1] == 1:
        return (probabilities.reshape(len(values)) > 0.5).astype(int)
    return values.argmax(axis=-1)  # clipped probabilities may have ties


def _is_multilabel(output: Output) -> bool:
    return output.activation == "sigmoid" or str(output.loss).startswith("binary_")


def _split(y: np.ndarray, outputs: list[Output] | None) -> Any:
    if not outputs or len(outputs) == 1:
        return y
    widths = [output.width or 1 for output in outputs]
    return np.split(y, np.cumsum(widths)[:-1], axis=1)


def _check_columns(outputs: list[Output], n_columns: int, what: str) -> None:
    widths = [output.width for output in outputs]
    if None not in widths and sum(filter(None, widths)) != n_columns:
        number = "n_classes_" if what == "labels" else "n_outputs_"
        names = " and ".join(repr(output.name) for output in outputs)
        raise ValueError(
            f"The output layer {names} is {' + '.join(map(str, widths))} wide, but y has "
            f"{n_columns} {what}. Use a Dense layer with {n_columns} units. A build "
            f"function receives this number as meta[{number!r}]."
        )
    for output in outputs:
        if what == "labels" and output.builtin_loss and output.sparse_loss:
            raise ValueError(
                f"loss={output.loss!r} needs one class per sample, but y is a "
                "multilabel indicator matrix. Use 'binary_crossentropy'."
            )


def _check_classes(output: Output, n_classes: int) -> None:
    width, loss = output.width, output.loss
    if width is None:
        return
    single = width == 1 and n_classes == 2
    if not single and width != n_classes:
        raise ValueError(
            f"The output layer {output.name!r} is {width} wide, but y has {n_classes} "
            f"classes. Use a Dense layer with {n_classes} units and softmax. A build "
            "function receives this number as meta['n_classes_']."
        )
    if single and output.builtin_loss and "categorical" in str(loss):
        raise ValueError(
            f"loss={loss!r} needs one output for each of the {n_classes} classes of y, "
            f"but the output layer {output.name!r} is 1 wide. Use 'binary_crossentropy', "
            "or an output layer with 2 units and softmax."
        )
