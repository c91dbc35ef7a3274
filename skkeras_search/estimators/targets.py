"""``y`` as users give it, and as a model's losses take it.

An encoder is fitted twice: to ``y``, before there is a model, which gives the
metadata that build functions use; and to the outputs of the model, whose losses
decide between class indices and one-hot vectors.
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
        All labels, where ``y`` may have only some of them.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of ndarray
        The labels, sorted; for several outputs, those of each.
    n_classes_ : int or list of int
    n_outputs_ : int
        Number of columns of ``y`` that are predicted independently.
    n_outputs_expected_ : int or None
        Number of outputs the model must have, None if that is open.
    target_type_ : str
        As ``sklearn.utils.multiclass.type_of_target``. An indicator matrix with one
        label a row becomes "multiclass-onehot" if the model's outputs exclude each
        other.
    """

    def __init__(self, classes: Any = None):
        self.classes = classes

    def fit(self, y: np.ndarray) -> Self:
        """Learn the classes.

        Raises
        ------
        ValueError
            If ``y`` holds no classes, or just one.
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
            _codes(y.ravel(), given)  # refuses labels that are not in `classes`
        elif self.target_type_ == "multilabel-indicator":
            self.classes_ = np.arange(y.shape[1])
            self.n_outputs_expected_ = None
        elif self.target_type_ == "multiclass-multioutput":
            self.classes_ = [np.unique(column) for column in y.T]
            self.n_outputs_ = self.n_outputs_expected_ = y.shape[1]
        else:
            raise ValueError(
                f"Unknown label type: {self.target_type_}. A classifier takes class "
                "labels; for continuous values use KerasRegressor, for targets of "
                "your own override the target_encoder property."
            )
        if self.target_type_ == "multiclass-multioutput":
            self.n_classes_: Any = [len(classes) for classes in self.classes_]
        else:
            self.n_classes_ = len(self.classes_)
        return self

    def fit_outputs(self, outputs: list[Output]) -> Self:
        """Learn how the model wants the classes.

        Parameters
        ----------
        outputs : list of Output

        Raises
        ------
        ValueError
            If an output has the wrong width, or its loss cannot fit the classes.
        """
        self._outputs = outputs
        if self._one_label_a_row and not any(_is_multilabel(out) for out in outputs):
            self.target_type_ = "multiclass-onehot"
        if self.target_type_ == "multiclass-multioutput":
            if len(outputs) != self.n_outputs_:
                raise ValueError(
                    f"y has {self.n_outputs_} columns of classes, which takes a model "
                    f"with as many outputs, but it has {len(outputs)}."
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

        Returns
        -------
        ndarray or list of ndarray
            A target for each output of the model.

        Raises
        ------
        ValueError
            If a label was not there in ``fit``.
        """
        outputs = self._outputs
        if y.shape[1:] != self._trailing_shape:
            raise ValueError(
                f"y has the shape {('n_samples', *y.shape[1:])}, but in fit it had "
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
                raise ValueError("y was one-hot in fit, but now a row has not one label.")
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
            Return probabilities instead of labels.

        Returns
        -------
        ndarray or list of ndarray
            Labels, in the form they had in ``fit``; or probabilities of shape
            (n_samples, n_classes), a list of them for several outputs.

        Raises
        ------
        ValueError
            If no value is a number, which would make labels of nothing.
        """
        values = keras.tree.flatten(y)
        if all(value.size and np.isnan(value).all() for value in values):
            raise ValueError(
                "All outputs of the model are not numbers (NaN), so there is nothing to "
                "predict by: the training has diverged. Lower the learning rate, scale the "
                "features, or clip the gradients."
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
        """Attributes that the estimator takes over and hands to build functions."""
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
    """Arrange numbers for a model's outputs, and its predictions as ``y`` was.

    Attributes
    ----------
    n_outputs_ : int
        Number of columns of ``y``.
    n_outputs_expected_ : int or None
        Number of outputs the model must have, None if that is open.
    """

    def fit(self, y: np.ndarray) -> Self:
        """Learn the shape of ``y``."""
        self._trailing_shape = y.shape[1:]
        self._outputs: list[Output] | None = None
        # As scikit-learn's regressors do: predictions in the precision of y.
        self._dtype = y.dtype if y.dtype.kind == "f" else np.dtype(keras.config.floatx())
        self._y_range = (y.min(), y.max())
        self._y_integral = bool(np.all(np.mod(y, 1) == 0))
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        self.n_outputs_expected_ = 1 if self.n_outputs_ == 1 else None
        return self

    def fit_outputs(self, outputs: list[Output]) -> Self:
        """Learn which output predicts which columns.

        Raises
        ------
        ValueError
            If the outputs have the wrong width, or a loss cannot fit numbers.
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
                    f"loss={output.loss!r} cannot fit a y of numbers between {low:.4g} "
                    f"and {high:.4g}; a regression takes 'mean_squared_error' or "
                    "'mean_absolute_error', and class labels take KerasClassifier."
                )
        return self

    def transform(self, y: np.ndarray) -> Any:
        """Split the columns of ``y`` among the outputs.

        Raises
        ------
        ValueError
            If ``y`` has not the number of columns it had in ``fit``.
        """
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if n_outputs != self.n_outputs_:
            raise ValueError(
                f"Detected ``y`` to have {n_outputs} outputs, but this estimator was "
                f"fitted to {self.n_outputs_} outputs."
            )
        return _split(y, self._outputs)

    def inverse_transform(self, y: Any) -> np.ndarray:
        """Join the outputs, in the shape and precision that ``y`` had."""
        values = [v.reshape(len(v), -1) for v in keras.tree.flatten(y)]
        joined = np.concatenate(values, axis=1) if len(values) > 1 else values[0]
        return joined.reshape(-1, *self._trailing_shape).astype(self._dtype, copy=False)

    def get_metadata(self) -> dict[str, Any]:
        """Attributes that the estimator takes over and hands to build functions."""
        return {
            "n_outputs_": self.n_outputs_,
            "n_outputs_expected_": self.n_outputs_expected_,
        }


def refuse_text(y: Any, advice: str) -> None:
    """Refuse targets that are text, where only numbers can be trained on.

    Parameters
    ----------
    y : array-like
    advice : str
        What to do instead.

    Raises
    ------
    ValueError
    """
    array = np.asarray(y)
    if array.dtype.kind in "UTO":
        text = next((value for value in array.ravel() if isinstance(value, str)), None)
        if text is not None:
            raise ValueError(f"y holds text, such as {str(text)!r}. {advice}")


def _codes(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Position of each label among the sorted classes."""
    unknown = np.setdiff1d(labels, classes)
    if len(unknown):
        raise ValueError(
            f"Found unknown categories {unknown.tolist()} in y; the classes seen in fit "
            f"are {classes.tolist()}."
        )
    return np.searchsorted(classes, labels)


def _encoded(codes: np.ndarray, n_classes: int, output: Output | None) -> np.ndarray:
    """Class indices as a column, or one-hot where the loss compares with every class."""
    dtype = keras.config.floatx()
    one_hot = (
        output and output.width != 1 and output.builtin_loss and not output.sparse_loss
    )
    if one_hot or (output and output.loss == "categorical_crossentropy"):
        return np.eye(n_classes, dtype=dtype)[codes]
    return codes.astype(dtype)[:, np.newaxis]


def _two_columns(probabilities: np.ndarray) -> np.ndarray:
    """The probabilities of both classes, from those of the second."""
    if probabilities.ndim == 1:
        probabilities = probabilities[:, np.newaxis]
    if probabilities.shape[-1] == 1:
        return np.concatenate([1 - probabilities, probabilities], axis=-1)
    return probabilities


def _best(values: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Position of the class of each row."""
    if values.ndim == 1 or values.shape[-1] == 1:
        return (probabilities.reshape(len(values)) > 0.5).astype(int)
    return values.argmax(axis=-1)  # clipping would make ties


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
            f"{n_columns} {what}; a Dense layer of {n_columns} units fits. A build "
            f"function gets the number as meta[{number!r}]."
        )
    for output in outputs:
        if what == "labels" and output.builtin_loss and output.sparse_loss:
            raise ValueError(
                f"loss={output.loss!r} takes one class a sample, but y is a "
                "multilabel indicator matrix; use 'binary_crossentropy'."
            )


def _check_classes(output: Output, n_classes: int) -> None:
    width, loss = output.width, output.loss
    if width is None:
        return
    single = width == 1 and n_classes == 2
    if not single and width != n_classes:
        raise ValueError(
            f"The output layer {output.name!r} is {width} wide, but y has {n_classes} "
            f"classes; a Dense layer of {n_classes} units with softmax fits. A build "
            "function gets the number as meta['n_classes_']."
        )
    if single and output.builtin_loss and "categorical" in str(loss):
        raise ValueError(
            f"loss={loss!r} compares the outputs for each of the {n_classes} classes "
            f"of y, but the output layer {output.name!r} is 1 wide; use "
            "'binary_crossentropy', or an output layer of 2 units with softmax."
        )
