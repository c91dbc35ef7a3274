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
        A function (or partial, bound method, class, callable object) that returns a
        ``keras.Model``, compiled or not. Its arguments are parameters of this
        estimator, with the function's defaults: they can be given to the
        constructor, set and searched. If it has an argument named ``meta``,
        ``compile_kwargs`` or ``params``, it gets a dict of what ``fit`` found out
        (``n_features_in_``, ``X_shape_``, ``n_outputs_``, ...), of the arguments for
        ``model.compile``, or of all parameters.

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
        As ``optimizer``, with ``loss__`` parameters. "mean_squared_error" is the usual
        one.
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

    See Also
    --------
    KerasClassifier : The same for classes.

    Notes
    -----
    Arguments are routed as in scikeras [1]_, from which this class is derived.
    Predictions come in the floating-point precision of ``y``.

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

    # Not RegressorMixin's, which knows no `scorer` and no routed parameters.
    score = BaseWrapper.score

    @staticmethod
    def scorer(y_true: Any, y_pred: Any, **kwargs: Any) -> float:
        """R2, as :meth:`score` returns it. Override it for another score.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
        **kwargs : dict
            Arguments of ``sklearn.metrics.r2_score``.

        Returns
        -------
        float
        """
        return float(r2_score(y_true, y_pred, **kwargs))

    @property
    def target_encoder(self) -> Any:
        """An unfitted transformer of ``y``. Override it for targets of your own.

        If it has ``get_metadata``, what that returns becomes attributes of the
        estimator.
        """
        return RegressorTargetEncoder()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # Depends on the user's model and on how long it is trained.
        tags.regressor_tags.poor_score = True
        return tags

    def _check_y(self, y: Any, y_numeric: bool = True) -> np.ndarray:
        refuse_text(
            y,
            "A regressor takes numbers: convert those that are written as text with "
            "y.astype(float), and use KerasClassifier for class labels.",
        )
        return super()._check_y(y, y_numeric=True)
