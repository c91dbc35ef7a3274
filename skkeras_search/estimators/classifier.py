"""A Keras model as a scikit-learn classifier."""

import warnings
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import Tags
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _check_sample_weight

from skkeras_search.estimators.base import BaseWrapper
from skkeras_search.estimators.targets import ClassifierTargetEncoder


class KerasClassifier(ClassifierMixin, BaseWrapper):
    """A Keras model as a scikit-learn classifier.

    Parameters
    ----------
    model : callable or keras.Model, default=None
        A function (or partial, bound method, class, callable object) that returns a
        ``keras.Model``, compiled or not. Its arguments are parameters of this
        estimator, with the function's defaults: they can be given to the
        constructor, set and searched. If it has an argument named ``meta``,
        ``compile_kwargs`` or ``params``, it gets a dict of what ``fit`` found out
        (``n_features_in_``, ``X_shape_``, ``n_classes_``, ``target_type_``, ...), of the
        arguments for ``model.compile``, or of all parameters.

        A ``keras.Model`` is copied at each fit with its weights, from which training
        starts; it is itself never changed. ``initialize`` predicts with the model itself.
        If None, the class must implement ``_keras_build_fn``.
    build_fn : callable or keras.Model, default=None
        The old name of ``model``.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the last fit.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of samples and dropout. With the same
        one, ``fit`` gives the same model; no global generator is changed.
    optimizer : str, class or keras.optimizers.Optimizer, default="rmsprop"
        For a model that the function did not compile. Parameters are routed to names
        and classes: ``optimizer__learning_rate=0.01``. Where the
        function has an argument ``optimizer``, that gets what is given here, or has
        its own default.
    loss : str, class, callable or keras.losses.Loss, or list or dict, default=None
        As ``optimizer``, with ``loss__`` parameters. Losses over
        classes get ``y`` one-hot or as class indices, whichever they take.
    metrics : str, class or keras.metrics.Metric, or list or dict, default=None
        As ``optimizer``, with ``metrics__`` parameters.
    batch_size : int or None, default=None
        Samples a training step; None means Keras's 32 and -1 all samples.
    validation_batch_size : int or None, default=None
        Samples a validation step; None means ``batch_size``.
    verbose : int, default=1
        0 is silent, 1 shows a progress bar, 2 a line each epoch.
    callbacks : Callback or class of callbacks, or list or dict of them, default=None
        Each fit works on copies, found in ``callbacks_``. Parameters are routed to
        classes: ``callbacks={"es": EarlyStopping}, callbacks__es__patience=3``.
    validation_split : float, default=0.0
        Share of the samples, the last ones, held out for validation.
    shuffle : bool, default=True
        Whether samples are shuffled before each epoch.
    run_eagerly : bool, default=False
        Whether to train without compiling, to debug.
    epochs : int, default=1
        Number of passes over the samples. With ``warm_start`` it may be 0, which builds
        the model and does not train it.
    engine : {"auto", "fused", "keras"}, default="auto"
        Who trains: a program that all fits of an architecture share, or
        ``keras.Model.fit``. "auto" leaves to Keras what cannot be fused; with "fused"
        that is an error.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, by label. They multiply ``sample_weight``.
    **kwargs : dict
        Arguments of the function, and parameters routed by a prefix: ``model__``
        (the function), ``compile__``, ``fit__``, ``predict__``, ``optimizer__``,
        ``loss__``, ``metrics__``, ``callbacks__`` and ``score__``.

    Attributes
    ----------
    model_ : keras.Model
        The trained model.
    history_ : dict of str to list of float
        The loss and each metric after each epoch.
    engine_ : str
        "fused" or "keras": who trained.
    engine_reason_ : str or None
        Why Keras did, where it did.
    callbacks_ : list of keras.callbacks.Callback
        The callbacks of the last fit, as it left them. Not kept when pickled.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of ``X``, if it had names that are all strings.
    X_shape_, X_dtype_ : tuple of int and dtype
        Shape and dtype of ``X`` in ``fit``.
    y_ndim_, y_dtype_ : int and dtype
        Dimensions and dtype of ``y`` in ``fit``.
    target_type_ : str
        As ``sklearn.utils.multiclass.type_of_target`` tells it.
    target_encoder_, feature_encoder_ : transformer
        What ``y`` and ``X`` pass through on the way to the model.
    n_outputs_ : int
        Number of columns of ``y`` that are predicted independently.
    n_outputs_expected_ : int or None
        Number of outputs of the model, None if ``y`` does not decide it.
    classes_ : ndarray of shape (n_classes,), or list of ndarray
        The labels, sorted; a list for a ``y`` of several columns of classes.
    n_classes_ : int or list of int
        Number of classes.

    See Also
    --------
    KerasRegressor : The same for continuous targets.

    Notes
    -----
    Arguments are routed as in scikeras [1]_, from which this class is derived.

    References
    ----------
    .. [1] `scikeras <https://adriangb.com/scikeras/>`_, A. Garcia Badaracco.

    Examples
    --------
    >>> import keras
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> from skkeras_search import KerasClassifier
    >>> def create_model(meta, units=16, learning_rate=0.01):
    ...     model = keras.Sequential(
    ...         [
    ...             keras.Input((meta["n_features_in_"],)),
    ...             keras.layers.Dense(units, activation="relu"),
    ...             keras.layers.Dense(meta["n_classes_"], activation="softmax"),
    ...         ]
    ...     )
    ...     optimizer = keras.optimizers.Adam(learning_rate)
    ...     model.compile(optimizer, loss="sparse_categorical_crossentropy")
    ...     return model
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = KerasClassifier(
    ...     create_model, learning_rate=0.05, epochs=30, verbose=0, random_state=0
    ... )
    >>> bool(cross_val_score(classifier, X, y, cv=3).mean() > 0.8)
    True
    """

    def __init__(
        self,
        model: Any = None,
        *,
        build_fn: Any = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        batch_size: int | None = None,
        validation_batch_size: int | None = None,
        verbose: int = 1,
        callbacks: Any = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        run_eagerly: bool = False,
        epochs: int = 1,
        engine: str = "auto",
        class_weight: dict[Any, float] | str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            model=model,
            build_fn=build_fn,
            warm_start=warm_start,
            random_state=random_state,
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            batch_size=batch_size,
            validation_batch_size=validation_batch_size,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            shuffle=shuffle,
            run_eagerly=run_eagerly,
            epochs=epochs,
            engine=engine,
            **kwargs,
        )
        self.class_weight = class_weight
        self._yield_to_build_function()

    def partial_fit(  # type: ignore[override]  # `classes` comes third in scikit-learn
        self,
        X: Any,
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Train one more epoch, from the weights and the history there are.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.
        classes : array-like of shape (n_classes,), default=None
            All classes there are. Needed by the first call only, and only if its
            ``y`` has not all of them.
        **kwargs : dict
            Arguments of ``keras.Model.fit``, but for the number of epochs.

        Returns
        -------
        self
        """
        self._all_classes = classes
        try:
            return super().partial_fit(X, y, sample_weight=sample_weight, **kwargs)
        finally:
            del self._all_classes

    def predict_proba(self, X: Any, **kwargs: Any) -> np.ndarray | list[np.ndarray]:
        """Predict the probabilities of the classes.

        Outputs that are not probabilities, as those of a model whose loss has
        ``from_logits=True``, are made so by softmax or sigmoid.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            As in :meth:`fit`.
        **kwargs : dict
            Arguments of ``keras.Model.predict``, which then makes the prediction.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or list of ndarray
            In the order of ``classes_``; a list for a ``y`` of several columns of
            classes. For multilabel ``y``, the probability of each label.
        """
        raw = self._predict_raw(X, **kwargs)
        return self.target_encoder_.inverse_transform(raw, return_proba=True)

    # Not ClassifierMixin's, which knows no `scorer` and no routed parameters.
    score = BaseWrapper.score

    @staticmethod
    def scorer(y_true: Any, y_pred: Any, **kwargs: Any) -> float:
        """Accuracy, as :meth:`score` returns it. Override it for another score.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
        **kwargs : dict
            Arguments of ``sklearn.metrics.accuracy_score``.

        Returns
        -------
        float
        """
        if type_of_target(y_true) == "multiclass-multioutput":  # right in every column
            right = np.all(np.asarray(y_true) == y_pred, axis=1)
            return float(np.average(right, weights=kwargs.get("sample_weight")))
        return float(accuracy_score(y_true, y_pred, **kwargs))

    @property
    def target_encoder(self) -> Any:
        """An unfitted transformer of ``y``. Override it for targets of your own.

        Its ``inverse_transform`` must take ``return_proba``. If it has
        ``get_metadata``, what that returns becomes attributes of the estimator.
        """
        return ClassifierTargetEncoder(classes=getattr(self, "_all_classes", None))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        # Depends on the user's model and on how long it is trained.
        tags.classifier_tags.poor_score = True
        return tags

    def _type_of_target(self, y: np.ndarray) -> str:
        kind = super()._type_of_target(y)
        classes = getattr(self, "_all_classes", None)
        if kind == "binary" and classes is not None:
            return str(type_of_target(classes))
        return kind

    def _training_weight(
        self, y: np.ndarray, sample_weight: Any, fit_params: dict[str, Any]
    ) -> Any:
        if getattr(self.target_encoder_, "target_type_", None) == "multiclass-onehot":
            if not hasattr(self, "_all_classes"):  # rows to come may have the others
                _warn_of_absent_classes(y)
            y = y.argmax(axis=1)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, y)
        default = getattr(self, "fit__class_weight", self.class_weight)
        class_weight = fit_params.pop("class_weight", default)
        fit_params["class_weight"] = None  # Keras would take it for class indices
        if class_weight is not None:
            of_class = compute_sample_weight(class_weight, y)
            sample_weight = of_class if sample_weight is None else of_class * sample_weight
        partial = hasattr(self, "_all_classes")
        if sample_weight is not None and y.ndim == 1 and not partial:
            weighted = np.unique(y[sample_weight != 0])
            if len(weighted) == 1:
                raise ValueError(
                    "A classifier needs samples of at least 2 classes, but only class "
                    f"{weighted.tolist()[0]!r} has samples of non-zero weight."
                )
        return sample_weight

    @property
    def _fit_kwargs(self) -> set[str]:
        # class_weight goes into the sample weights instead
        return super()._fit_kwargs - {"class_weight"}


def _warn_of_absent_classes(y: np.ndarray) -> None:
    """Say which classes no one-hot row has, as in a fold that was not stratified."""
    absent = np.flatnonzero(~y.any(axis=0)).tolist()
    if absent:
        warnings.warn(
            f"y is one-hot, but no row has class {', '.join(map(str, absent))}, so the "
            "model cannot learn it. scikit-learn's cross-validation does not stratify "
            "folds of one-hot rows. Pass class labels, y.argmax(axis=1), or let the "
            "searches of skkeras_search find the folds.",
            stacklevel=2,
        )
