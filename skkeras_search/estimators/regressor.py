"""A Keras model as a scikit-learn regressor."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import Tags

from skkeras_search.estimators.base import BaseWrapper
from skkeras_search.estimators.targets import RegressorTargetEncoder, refuse_text


class KerasRegressor(RegressorMixin, BaseWrapper):
    """A Keras model as a scikit-learn regressor.

    Parameters
    ----------
    model : callable or keras.Model, default=None
        The build function: a function, ``functools.partial``, bound method, class or
        callable object that returns a ``keras.Model``, compiled or not. Each of its
        arguments is a parameter of the estimator, with the function's default. The
        estimator itself fills in arguments with these names:

        - ``meta``: a dict of what ``fit`` has learned about the data: ``n_features_in_``,
          ``X_shape_``, ``X_dtype_``, ``y_ndim_``, ``y_dtype_``, ``target_type_``,
          ``n_outputs_``, ``n_outputs_expected_``,
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
        constructor. The usual loss is "mean_squared_error".
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
        Number of columns of ``y``.
    n_outputs_expected_ : int or None
        Number of outputs that the model must have; None if ``y`` does not determine it.

    See Also
    --------
    KerasClassifier : A Keras model as a classifier.
    MultiInput : The arrays of a model with several inputs.

    Notes
    -----
    Every argument of the build function is a hyperparameter. It can be passed to the
    constructor (``KerasRegressor(create_model, units=32)``), changed by ``set_params`` and
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

    Predictions have the floating-point dtype of ``y``. If ``y`` holds integers, they have
    the dtype ``keras.config.floatx()``.

    The parameters are routed as in scikeras [1]_, from which this class is derived.

    References
    ----------
    .. [1] `scikeras <https://adriangb.com/scikeras/>`_, A. Garcia Badaracco.

    Examples
    --------
    >>> import keras
    >>> from sklearn.datasets import make_regression
    >>> from sklearn.model_selection import cross_val_score
    >>> from skkeras_search import KerasRegressor
    >>> def create_model(units=16):
    ...     hidden = keras.layers.Dense(units, activation="relu")
    ...     return keras.Sequential([hidden, keras.layers.Dense(1)])
    >>> X, y = make_regression(200, 5, random_state=0)
    >>> regressor = KerasRegressor(
    ...     create_model,
    ...     loss="mse",
    ...     optimizer="adam",
    ...     optimizer__learning_rate=0.05,
    ...     epochs=30,
    ...     verbose=0,
    ...     random_state=0,
    ... )
    >>> bool(cross_val_score(regressor, X, y, cv=3).mean() > 0.8)
    True
    """

    # RegressorMixin's score would ignore `scorer` and the routed parameters.
    score = BaseWrapper.score

    @staticmethod
    def scorer(  # type: ignore[override]
        y_true: Any,
        y_pred: Any,
        *,
        sample_weight: Any = None,
        multioutput: Any = "uniform_average",
        force_finite: bool = True,
    ) -> float:
        """Compute the coefficient of determination (R2), which :meth:`score` returns.

        Override this static method to use another score.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True values.
        y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Predicted values.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        multioutput : {"uniform_average", "variance_weighted"} or array-like of shape \
(n_outputs,), default="uniform_average"
            How the scores of several outputs are averaged, as in
            :func:`sklearn.metrics.r2_score`.
        force_finite : bool, default=True
            Whether the score of constant ``y_true`` is 1.0 or 0.0 instead of not finite.

        Returns
        -------
        score : float
            R2 of the predictions; 1.0 is the best value.
        """
        return float(
            r2_score(
                y_true,
                y_pred,
                sample_weight=sample_weight,
                multioutput=multioutput,
                force_finite=force_finite,
            )
        )

    @property
    def target_encoder(self) -> Any:
        """An unfitted transformer that arranges ``y`` for the outputs of the model.

        Override this property to support other kinds of targets. If the transformer has a
        method ``get_metadata``, the items of the dict that it returns become attributes of
        the estimator.
        """
        return RegressorTargetEncoder()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # The score depends on the user's model and on the number of epochs.
        tags.regressor_tags.poor_score = True
        return tags

    def _check_y(self, y: Any, y_numeric: bool = True) -> np.ndarray:
        refuse_text(
            y,
            "A regressor needs numbers: convert numbers in text form with "
            "y.astype(float), and use KerasClassifier for class labels.",
        )
        return super()._check_y(y, y_numeric=True)
