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
        The build function: a function, ``functools.partial``, bound method, class or
        callable object that returns a ``keras.Model``, compiled or not. Each of its
        arguments is a parameter of the estimator, with the function's default. The
        estimator itself fills in arguments with these names:

        - ``meta``: a dict of what ``fit`` has learned about the data: ``n_features_in_``,
          ``X_shape_``, ``X_dtype_``, ``y_ndim_``, ``y_dtype_``, ``target_type_``,
          ``classes_``, ``n_classes_``, ``n_outputs_``, ``n_outputs_expected_``,
          and ``feature_names_in_`` if the columns have names;
        - ``compile_kwargs``: a dict of the arguments of ``keras.Model.compile``, made
          from ``optimizer``, ``loss``, ``metrics`` and the parameters routed to them;
        - ``params``: a dict of all parameters of the estimator;
        - ``hp``, if it is the first argument and has no default: an object by which the
          function declares its hyperparameters (``hp.Int("units", 8, 64)``), as in
          KerasTuner. A ``keras_tuner.HyperModel`` is also accepted.

        If ``model`` is a ``keras.Model``, each fit trains a copy, starting from the
        weights of the model. The model itself is never changed. If None, a subclass
        must define the method ``_keras_build_fn``.
    build_fn : callable or keras.Model, default=None
        The old name of ``model``.
    warm_start : bool, default=False
        If True, ``fit`` continues training from the weights of the previous fit. If
        False, each fit builds a new model.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of the samples and the random numbers of
        layers such as dropout. Pass an int for reproducible fits. Neither a RandomState
        instance nor the global random generators are advanced.
    optimizer : str, class or keras.optimizers.Optimizer, default="rmsprop"
        Optimizer for a model that the build function does not compile. A name or class
        is constructed with the parameters routed to it, such as
        ``optimizer__learning_rate=0.01``.
    loss : str, class, callable or keras.losses.Loss, or list or dict, default=None
        Loss for a model that the build function does not compile; a list or dict has one
        loss for each output. Parameters with the prefix ``loss__`` are passed to its
        constructor. A loss over classes receives ``y`` one-hot encoded or as class
        indices, as it requires.
    metrics : str, class or keras.metrics.Metric, or list or dict, default=None
        Metrics for a model that the build function does not compile. Parameters with the
        prefix ``metrics__`` are passed to their constructors.
    batch_size : int or None, default=None
        Number of samples per training step. None means 32, Keras's default; -1 means all
        samples.
    validation_batch_size : int or None, default=None
        Number of samples per validation step. None means ``batch_size``; -1 means the
        number of training samples.
    verbose : int, default=1
        Output during training: 0 for none, 1 for a progress bar, 2 for one line per epoch.
    callbacks : keras.callbacks.Callback, class, or list or dict of them, default=None
        Keras callbacks. Each fit uses shallow copies, which it stores in ``callbacks_``.
        A class is constructed with the parameters routed to it:
        ``callbacks={"stop": EarlyStopping}, callbacks__stop__patience=3``.
    validation_split : float, default=0.0
        Fraction of the samples to hold out for validation, taken from the end of the data.
    shuffle : bool, default=True
        Whether to shuffle the samples. If ``random_state`` is set, all epochs of a fit use
        the same order, as in ``keras.Model.fit``.
    run_eagerly : bool, default=False
        Whether to run the model eagerly, without compiling a graph, for debugging. Applies
        to a model that the build function does not compile.
    epochs : int, default=1
        Number of epochs to train. With ``warm_start=True``, 0 is allowed and builds the
        model without training it.
    engine : {"auto", "fused", "keras"}, default="auto"
        What trains the model. "fused" is a compiled program that all fits of the same
        architecture share; a fit that cannot be fused raises an error. "keras" is
        ``keras.Model.fit``. "auto" uses the fused program where possible and
        ``keras.Model.fit`` otherwise; ``engine_reason_`` gives the reason.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class, by label; "balanced" weights classes inversely to their
        frequencies. They multiply ``sample_weight``.
    **kwargs : dict
        Arguments of the build function, and parameters routed by a prefix: ``model__`` to
        the build function; ``compile__``, ``fit__`` and ``predict__`` to the methods of
        ``keras.Model``; ``optimizer__``, ``loss__``, ``metrics__`` and ``callbacks__`` to
        the constructors of these objects; ``score__`` to ``scorer``.

    Attributes
    ----------
    model_ : keras.Model
        The trained model.
    history_ : dict of str to list of float
        Value of the loss and of each metric after each epoch.
    engine_ : {"fused", "keras"}
        The engine that trained the model.
    engine_reason_ : str or None
        Why ``keras.Model.fit`` trained the model; None for a fused fit.
    callbacks_ : list of keras.callbacks.Callback
        The callbacks of the last fit, in their final state. They are not pickled.
    n_features_in_ : int
        Number of features seen during ``fit``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen during ``fit``. Defined only if all column names of
        ``X`` are strings.
    X_shape_ : tuple of int
        Shape of ``X`` in ``fit``.
    X_dtype_ : dtype or None
        Dtype of ``X`` in ``fit``; None for several input arrays.
    y_ndim_ : int
        Number of dimensions of ``y`` in ``fit``.
    y_dtype_ : dtype
        Dtype of ``y`` in ``fit``.
    target_type_ : str
        Type of ``y``, as returned by ``sklearn.utils.multiclass.type_of_target``.
    target_encoder_ : transformer
        Encodes ``y`` for the model and decodes the model's predictions.
    feature_encoder_ : transformer
        Transforms ``X`` before it is passed to the model.
    n_outputs_ : int
        Number of columns of ``y`` if each column has its own classes, otherwise 1.
    n_outputs_expected_ : int or None
        Number of outputs that the model must have; None if ``y`` does not determine it.
    classes_ : ndarray of shape (n_classes,), or list of ndarray
        The sorted class labels; a list with one array per column for multioutput ``y``.
    n_classes_ : int or list of int
        Number of classes; a list with one number per column for multioutput ``y``.

    See Also
    --------
    KerasRegressor : A Keras model as a regressor.
    MultiInput : The arrays of a model with several inputs.

    Notes
    -----
    Every argument of the build function is a hyperparameter. It can be passed to the
    constructor (``KerasClassifier(create_model, units=32)``), changed by ``set_params`` and
    searched under its name. An argument without a default must be given a value. If an
    argument has the name of a constructor parameter, such as ``optimizer``, the function
    receives the value that the user gives, or else keeps its own default. A function with
    ``**kwargs`` accepts any parameter, and receives ``meta``, ``compile_kwargs`` and
    ``params``. Unknown parameters raise an error.

    A function with ``hp`` is called before there are any data, so it cannot have ``meta``.
    The hyperparameters that it declares are parameters of the estimator, and a search that
    is given no search space uses the declared one (see :meth:`declared_space`).

    An uncompiled model is compiled with ``optimizer``, ``loss``, ``metrics`` and
    ``run_eagerly``. They have no effect on a model that the build function compiles: a
    warning is issued for ``optimizer`` and for routed parameters, and a different ``loss``
    raises an error.

    The parameters are routed as in scikeras [1]_, from which this class is derived.

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
    >>> classifier.get_params()["units"], classifier.get_params()["learning_rate"]
    (16, 0.05)
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
        """Train for one more epoch, continuing from the current weights.

        The first call builds the model, unless :meth:`fit` or :meth:`initialize` has
        built it. The results of the epoch are appended to ``history_``.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Training samples, in any form that :meth:`fit` accepts.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels.
        classes : array-like of shape (n_classes,), default=None
            All class labels. Required only in the first call, if its ``y`` does not
            contain every class.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. Samples with weight zero are not used.
        **kwargs : dict
            Arguments of ``keras.Model.fit``, for this call only, except ``epochs`` and
            ``initial_epoch``.

        Returns
        -------
        self : KerasClassifier
            The fitted classifier.

        Raises
        ------
        TypeError
            If ``epochs`` or ``initial_epoch`` is given.
        ValueError
            If ``y`` contains a label that is not among the classes.
        """
        self._all_classes = classes
        try:
            return super().partial_fit(X, y, sample_weight=sample_weight, **kwargs)
        finally:
            del self._all_classes

    def predict_proba(self, X: Any, **kwargs: Any) -> np.ndarray | list[np.ndarray]:
        """Predict the class probabilities of samples.

        If the outputs of the model are not probabilities (its loss has
        ``from_logits=True``, for example), softmax or sigmoid is applied to them.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Samples, in any form that :meth:`fit` accepts.
        **kwargs : dict
            Arguments of ``keras.Model.predict``. If any is given,
            ``keras.Model.predict`` makes the prediction.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), or list of ndarray
            Probabilities of the classes, in the order of ``classes_``. For multilabel
            ``y``, the probability of each label. For multioutput ``y``, a list with one
            array per column.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted or initialized.
        ValueError
            If ``X`` does not have the features that were seen in :meth:`fit`.
        """
        raw = self._predict_raw(X, **kwargs)
        return self.target_encoder_.inverse_transform(raw, return_proba=True)

    # ClassifierMixin's score would ignore `scorer` and the routed parameters.
    score = BaseWrapper.score

    @staticmethod
    def scorer(  # type: ignore[override]
        y_true: Any, y_pred: Any, *, normalize: bool = True, sample_weight: Any = None
    ) -> float:
        """Compute the accuracy, which :meth:`score` returns.

        Override this static method to use another score. For multioutput ``y``, a sample
        counts as correct if all its columns are.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True labels.
        y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Predicted labels.
        normalize : bool, default=True
            Whether to return a fraction. If False, the number of samples is returned.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            Fraction, or number, of the samples that are classified correctly.
        """
        if type_of_target(y_true) == "multiclass-multioutput":  # right in every column
            right = np.all(np.asarray(y_true) == y_pred, axis=1)
            y_true, y_pred = np.ones_like(right), right
        settings = {"normalize": normalize, "sample_weight": sample_weight}
        return float(accuracy_score(y_true, y_pred, **settings))

    @property
    def target_encoder(self) -> Any:
        """An unfitted transformer that encodes ``y``.

        Override this property to support other kinds of targets. The method
        ``inverse_transform`` of the transformer must accept ``return_proba``. If the
        transformer has a method ``get_metadata``, the items of the dict that it returns
        become attributes of the estimator.
        """
        return ClassifierTargetEncoder(classes=getattr(self, "_all_classes", None))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        # The score depends on the user's model and on the number of epochs.
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
            if not hasattr(self, "_all_classes"):  # later batches may have the others
                _warn_of_absent_classes(y)
            y = y.argmax(axis=1)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, y)
        default = getattr(self, "fit__class_weight", self.class_weight)
        class_weight = fit_params.pop("class_weight", default)
        fit_params["class_weight"] = None  # Keras expects class indices, not labels
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
        # class_weight is multiplied into the sample weights instead
        return super()._fit_kwargs - {"class_weight"}


def _warn_of_absent_classes(y: np.ndarray) -> None:
    """Warn of classes that no one-hot row has, as in a fold that is not stratified."""
    absent = np.flatnonzero(~y.any(axis=0)).tolist()
    if absent:
        warnings.warn(
            f"y is one-hot, but no row has class {', '.join(map(str, absent))}, so the "
            "model cannot learn this class. scikit-learn does not stratify the folds of a "
            "one-hot y. Pass class labels, y.argmax(axis=1), or use a search of "
            "skkeras_search, which stratifies them.",
            stacklevel=2,
        )
