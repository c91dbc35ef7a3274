"""The base class of the estimators, with all that they share."""

import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, Self

import keras
import numpy as np
from scipy.sparse import issparse
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import Tags, get_tags
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    _check_y,
    check_consistent_length,
    check_is_fitted,
)

from skkeras_search.budgets.segment import CannotContinue, Segment, take_segment
from skkeras_search.estimators.build_function import BuildFunction
from skkeras_search.estimators.callbacks import (
    check_callbacks,
    make_callbacks,
    watches_prediction,
)
from skkeras_search.estimators.compilation import make_compile_arguments
from skkeras_search.estimators.continuation import epochs_before, note
from skkeras_search.estimators.declaring_function import DeclaringFunction
from skkeras_search.estimators.engine import (
    ENGINES,
    Fitted,
    Fused,
    fit_by_keras,
    fit_fused,
    why_keras,
)
from skkeras_search.estimators.epoch_tasks import EpochTasks
from skkeras_search.estimators.inputs import (
    shapes_explained,
    take_rows,
    to_keras,
    validate_inputs,
)
from skkeras_search.estimators.outputs import build, outputs_of
from skkeras_search.estimators.parameters import ParametersMixin
from skkeras_search.estimators.prediction import predict_in_batches
from skkeras_search.estimators.rebuilding import (
    Rebuilt,
    Recipe,
    builder_of,
    first_row,
    keras_restores,
)
from skkeras_search.estimators.retracing import retracing_expected
from skkeras_search.estimators.routed import check_keywords
from skkeras_search.estimators.scikeras_base import (
    ScikerasBaseWrapper,
    metric_name,
    route_params,
)
from skkeras_search.estimators.seeding import call_seeded, draw_seed
from skkeras_search.estimators.serialization import copy_model, pack
from skkeras_search.estimators.shared_model import TrainedState, builds, key_of
from skkeras_search.estimators.targets import refuse_text
from skkeras_search.estimators.tensorflow_memory import forget_kernels, keep_no_graphs
from skkeras_search.estimators.validation_data import unpack_validation_data
from skkeras_search.fusion.backend import current_task
from skkeras_search.fusion.lane import Predictor
from skkeras_search.fusion.metric_names import metrics_named_anew
from skkeras_search.fusion.step import NotFusibleError
from skkeras_search.nearest_name import did_you_mean
from skkeras_search.space.dimensions import plain

# Attributes that are not pickled.
UNPICKLED = (
    "callbacks_",
    "_predict_batch",
    "_trained",
    "_shares_model",
    "_borrows_model",
    "_recipe",
)


class BaseWrapper(ParametersMixin, CallbackSupportMixin, ScikerasBaseWrapper):
    """Base class of :class:`KerasClassifier` and :class:`KerasRegressor`.

    Derive from this class to write other estimators, such as transformers. A subclass can
    define ``_keras_build_fn``, a method that is used as the build function (see ``model``
    below), and override ``target_encoder``, ``feature_encoder`` and ``scorer``.

    Parameters
    ----------
    model : callable or keras.Model, default=None
        The build function: a function, ``functools.partial``, bound method, class or
        callable object that returns a ``keras.Model``, compiled or not. Each of its
        arguments is a parameter of the estimator, with the function's default. The
        estimator itself fills in arguments with these names:

        - ``meta``: a dict of what ``fit`` has learned about the data: ``n_features_in_``,
          ``X_shape_``, ``X_dtype_``, ``y_ndim_``, ``y_dtype_``, ``target_type_``,
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
        constructor.
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

    See Also
    --------
    KerasClassifier : A Keras model as a classifier.
    KerasRegressor : A Keras model as a regressor.

    Notes
    -----
    Every argument of the build function is a hyperparameter. It can be passed to the
    constructor (``BaseWrapper(create_model, units=32)``), changed by ``set_params`` and
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
    warning is issued for ``optimizer``, ``metrics`` and routed parameters, and a different
    ``loss`` raises an error.

    ``meta`` also contains the items that the ``get_metadata`` method of the target encoder
    or the feature encoder returns, if there is such a method.

    The parameters are routed as in scikeras [1]_, from which this class is derived.

    References
    ----------
    .. [1] `scikeras <https://adriangb.com/scikeras/>`_, A. Garcia Badaracco.

    Examples
    --------
    >>> import keras
    >>> from sklearn.base import TransformerMixin
    >>> from sklearn.datasets import load_iris
    >>> from skkeras_search import BaseWrapper
    >>> class Autoencoder(TransformerMixin, BaseWrapper):
    ...     def _keras_build_fn(self, meta, n_components=2):
    ...         inputs = keras.Input((meta["n_features_in_"],))
    ...         codes = keras.layers.Dense(n_components, name="codes")(inputs)
    ...         outputs = keras.layers.Dense(meta["n_features_in_"])(codes)
    ...         return keras.Model(inputs, outputs)
    ...     def fit(self, X, y=None):
    ...         return super().fit(X, X)
    ...     def transform(self, X):
    ...         codes = self.model_.get_layer("codes").output
    ...         return keras.Model(self.model_.inputs, codes).predict(X, verbose=0)
    >>> X, _ = load_iris(return_X_y=True)
    >>> autoencoder = Autoencoder(n_components=3, loss="mse", epochs=2, verbose=0)
    >>> autoencoder.fit_transform(X).shape
    (150, 3)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            Options(Integral, {-1}),
            None,
        ],
        "validation_batch_size": [
            Interval(Integral, 1, None, closed="left"),
            Options(Integral, {-1}),
            None,
        ],
        "validation_split": [Interval(Real, 0, 1, closed="left")],
        "random_state": ["random_state"],
        "engine": [StrOptions(set(ENGINES))],
    }

    history_: dict[str, list[Any]]
    engine_: str
    engine_reason_: str | None
    _shares_model = False
    # Whether ``model_`` is the model that the user passed, which training must not change.
    _borrows_model = False
    _trained: TrainedState | None = None
    _recipe: Recipe | None = None
    _predict_batch: Predictor | None = None
    # scikeras seeds if this is set, and does not restore the global generators. Seeding
    # is done in ``_fit_keras_model`` instead.
    _random_state = None

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
        )
        self.engine = engine
        self._extra_params = kwargs
        self._yield_to_build_function()

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Build the model and train it.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Training samples. Arrays with more dimensions, shape (n_samples, ...), and
            sequences of strings are also accepted. For a model with several inputs, pass
            a :class:`MultiInput`, or a dict or list of arrays.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target values: class labels for a classifier, numbers for a regressor.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. Samples with weight zero are not used.
        X_val : array-like of shape (n_validation_samples, n_features), default=None
            Validation samples, in the form of ``X``. With metadata routing and
            ``set_fit_request(X_val=True, y_val=True)``, a pipeline that is made with
            ``Pipeline(..., transform_input=["X_val"])`` transforms them like ``X``.
        y_val : array-like of shape (n_validation_samples,) or \
(n_validation_samples, n_outputs), default=None
            Target values of the validation samples.
        sample_weight_val : array-like of shape (n_validation_samples,), default=None
            Weights of the validation samples.
        **kwargs : dict
            Arguments of ``keras.Model.fit``, for this call only, such as ``batch_size``
            and ``validation_data=(X_val, y_val)``. ``epochs`` is the number of epochs to
            train, also with ``initial_epoch``. ``callbacks`` are used in addition to the
            callbacks of the estimator, and are not copied.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter has an invalid value, or the data do not fit the model.
        TypeError
            If a parameter is unknown, or the build function does not return a model.
        """
        declared = self._declared_training()
        callbacks = check_callbacks(kwargs.pop("callbacks", ()))
        callbacks += check_callbacks(declared.pop("callbacks", ()))
        chosen = {n: v for n, v in declared.items() if not hasattr(self, f"fit__{n}")}
        kwargs = chosen | kwargs
        epochs = kwargs.pop("epochs", getattr(self, "fit__epochs", self.epochs))
        segment = take_segment(epochs)
        if segment is not None:
            epochs, segment.X = segment.n_max_epochs, X
        self._check_params(epochs)
        data = {
            "X": X,
            "y": y,
            "metadata": {} if sample_weight is None else {"sample_weight": sample_weight},
        }
        context = self._init_callback_context(max_subtasks=epochs)
        context.call_on_fit_task_begin(estimator=self, **data)
        if hasattr(self, "_skl_callbacks"):
            tasks = EpochTasks(
                context, self, data, self._fitted_attributes, epochs_before(segment)
            )
            callbacks.append(tasks)
        with self._restored_on_error():
            self._fit(
                X,
                y,
                sample_weight,
                warm_start=self.warm_start,
                epochs=epochs,
                initial_epoch=kwargs.pop(
                    "initial_epoch", getattr(self, "fit__initial_epoch", 0)
                ),
                callbacks=callbacks,
                validation_data=unpack_validation_data(
                    kwargs.pop(
                        "validation_data", getattr(self, "fit__validation_data", None)
                    ),
                    X_val,
                    y_val,
                    sample_weight_val,
                ),
                segment=segment,
                **kwargs,
            )
        context.call_on_fit_task_end(
            estimator=self, **data, reconstruction_attributes=self._fitted_attributes
        )
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Self:
        """Train for one more epoch, continuing from the current weights.

        The first call builds the model, unless :meth:`fit` or :meth:`initialize` has
        built it. The results of the epoch are appended to ``history_``.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Training samples, in any form that :meth:`fit` accepts.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target values.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. Samples with weight zero are not used.
        **kwargs : dict
            Arguments of ``keras.Model.fit``, for this call only, except ``epochs`` and
            ``initial_epoch``.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        TypeError
            If ``epochs`` or ``initial_epoch`` is given.
        """
        for name in ("epochs", "initial_epoch"):
            if name in kwargs:
                raise TypeError(
                    f"Invalid argument `{name}` to `partial_fit`, which always trains for "
                    "1 epoch from the current epoch. Use `fit` to train several epochs."
                )
        self._check_params(epochs=1)
        with self._restored_on_error():
            self._fit(
                X,
                y,
                sample_weight,
                warm_start=True,
                epochs=1,
                initial_epoch=self.current_epoch,
                callbacks=check_callbacks(kwargs.pop("callbacks", ())),
                validation_data=unpack_validation_data(
                    kwargs.pop(
                        "validation_data", getattr(self, "fit__validation_data", None)
                    )
                ),
                **kwargs,
            )
        return self

    def initialize(self, X: Any, y: Any = None) -> Self:
        """Build the model without training it, so that it can predict.

        Calling this method before :meth:`fit` is not required.

        If ``model`` is a ``keras.Model``, ``model_`` is this model itself, not a copy. The
        estimator then predicts with its current weights, even if they change later
        because another model that shares its layers is trained. The model does not need
        a loss. Training copies it first.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Samples, in any form that :meth:`fit` accepts.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Target values. A classifier and a regressor require them.

        Returns
        -------
        self : estimator
            The estimator with a model.
        """
        self._check_params(epochs=1)
        with self._restored_on_error():
            X, _ = self._initialize(X, y)
            if self._shares_model:
                self._make_model(lambda: self._model_inputs(X))
        return self

    def predict(self, X: Any, **kwargs: Any) -> np.ndarray:
        """Predict the target values of samples.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Samples, in any form that :meth:`fit` accepts.
        **kwargs : dict
            Arguments of ``keras.Model.predict``. If any is given,
            ``keras.Model.predict`` makes the prediction.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted labels or values, in the form that ``y`` had in :meth:`fit`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted or initialized.
        ValueError
            If ``X`` does not have the features that were seen in :meth:`fit`.
        """
        raw = self._predict_raw(X, **kwargs)
        return self.target_encoder_.inverse_transform(raw)

    def score(self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> float:
        """Return the score of the predictions for test data.

        The score is computed by :meth:`scorer`: the accuracy for
        :class:`KerasClassifier`, the coefficient of determination (R2) for
        :class:`KerasRegressor`. Parameters with the prefix ``score__`` are passed to it.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Test samples, in any form that :meth:`fit` accepts.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True labels or values.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        **kwargs : dict
            Arguments of ``keras.Model.predict``, such as ``batch_size``.

        Returns
        -------
        score : float
            Higher is better.
        """
        y_pred = self.predict(X, **kwargs)
        arguments = route_params(self.get_params(), "score", pass_filter=set())
        y_true = self._check_y(y)
        return self.scorer(y_true, y_pred, sample_weight=sample_weight, **arguments)

    @staticmethod
    def scorer(y_true: Any, y_pred: Any, **kwargs: Any) -> float:
        """Compute the score that :meth:`score` returns. Subclasses must override it.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True labels or values.
        y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Predictions.
        **kwargs : dict
            ``sample_weight``, and the parameters with the prefix ``score__``.

        Returns
        -------
        score : float
            Higher is better.

        Raises
        ------
        NotImplementedError
            If the subclass does not override this method.
        """
        raise NotImplementedError(
            "BaseWrapper has no score. Override the static method `scorer` in a subclass."
        )

    @property
    def target_encoder(self) -> Any:
        """An unfitted transformer of ``y``. By default, it leaves ``y`` unchanged.

        Override this property to encode targets differently. If the transformer has a
        method ``get_metadata``, the items of the dict that it returns become attributes of
        the estimator.
        """
        return super().target_encoder

    @property
    def feature_encoder(self) -> Any:
        """An unfitted transformer of ``X``. By default, it leaves ``X`` unchanged.

        Override this property to change what the model receives. If the transformer has a
        method ``get_metadata``, the items of the dict that it returns become attributes of
        the estimator.
        """
        return super().feature_encoder

    @property
    def current_epoch(self) -> int:
        """Number of epochs trained by the last ``fit`` and later ``partial_fit``."""
        return len(getattr(self, "history_", {}).get("loss", ()))

    @property
    def initialized_(self) -> bool:
        """Whether the estimator has a model, trained or not."""
        return "model_" in vars(self) or self._trained is not None

    def __sklearn_is_fitted__(self) -> bool:
        return self.initialized_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True  # parallel sums of floats, above all on GPUs
        tags.input_tags.three_d_array = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.dict = True
        tags.target_tags.multi_output = True
        return tags

    # The following methods are the steps of a fit. Methods that scikeras documents as
    # hooks keep their names.

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        warm_start: bool,
        epochs: int,
        initial_epoch: int,
        callbacks: Any = (),
        validation_data: Any = None,
        segment: Segment | None = None,
        **kwargs: Any,
    ) -> None:
        if self.initialized_ and (self.warm_start or warm_start):
            X, y = self._validate_data(X, y)
        else:
            X, y = self._initialize(X, y)
        if self._borrows_model:
            self._find_or_make_model(X)
        self._ensure_compiled_model()
        self._check_keras_arguments("fit", {*self._routed_names("fit"), *kwargs})
        self._check_keras_arguments("predict", self._routed_names("predict"))
        params = self._params_for_keras()
        self.callbacks_ = make_callbacks(params, "callbacks")
        self.callbacks_ += make_callbacks(params, "fit__callbacks")
        X, y, sample_weight = _drop_weightless(
            X, y, self._training_weight(y, sample_weight, kwargs)
        )
        # Set even if it is None, so that `fit__validation_data` is not passed unencoded.
        kwargs["validation_data"] = validation_data and self._encode_validation(
            *validation_data
        )
        y = self.target_encoder_.transform(y)
        for target in keras.tree.flatten(y):
            refuse_text(target, "The target_encoder must encode labels as numbers.")
        X = self._model_inputs(X)
        self._check_model_compatibility(y)
        for name in ("batch_size", "validation_batch_size"):
            if kwargs.get(name, getattr(self, f"fit__{name}", getattr(self, name))) == -1:
                kwargs[name] = keras.tree.flatten(X)[0].shape[0]
        self._fit_callbacks = [*self.callbacks_, *callbacks]
        try:
            self._fit_keras_model(
                X,
                y,
                sample_weight=sample_weight,
                warm_start=warm_start,
                epochs=epochs,
                initial_epoch=initial_epoch,
                segment=segment,
                **kwargs,
            )
        finally:
            del self._fit_callbacks  # they refer to the data of this call

    def _initialize(self, X: Any, y: Any = None) -> tuple[Any, Any]:
        """Learn the form of the data and make a model for them."""
        for name in self._fitted_attributes():
            delattr(self, name)
        self._trained = self._predict_batch = None
        self._seed = draw_seed(self.random_state)
        X, y = self._validate_data(X, y, reset=True)
        self.target_encoder_ = self.target_encoder.fit(y)
        self.feature_encoder_ = self.feature_encoder.fit(X)
        for encoder in (self.target_encoder_, self.feature_encoder_):
            self.__dict__.update(getattr(encoder, "get_metadata", dict)())
        self._borrow_or_make_model(X)
        if hasattr(self.target_encoder_, "fit_outputs"):
            outputs = outputs_of(self.model_, self._model_inputs(X), self._loss())
            self.target_encoder_.fit_outputs(outputs)
        return X, y

    def _borrow_or_make_model(self, X: Any) -> None:
        """Use the user's model itself until it is trained, or build a model."""
        self._check_model_param()
        ready = self._ready_model()
        if ready is not None and ready.built:
            self.model_, self._borrows_model = ready, True
        else:
            self._find_or_make_model(X)

    def _find_or_make_model(self, X: Any) -> None:
        """Use the model of another fit of this search if it is equal, or make one."""
        self._borrows_model = False
        task = current_task.get()
        if task is None or self._seed is None or not self._may_share():
            self._make_model(lambda: self._model_inputs(X))
            return
        key = self._model_key(self._seed)
        if key not in task.shared:
            self._make_model(lambda: self._model_inputs(X))
            # The key contains ids of parameters, which must be kept alive with it.
            task.shared[key] = self.model_, self.get_params(deep=False)
        self.model_, _ = task.shared[key]
        self._shares_model = True

    def _may_share(self) -> bool:
        # A user's class may change its model, or build it from anything.
        return type(self).__module__.startswith("skkeras_search.")

    def _model_key(self, seed: int) -> Hashable:
        function = self._check_model_param()
        meta = self._get_metadata() if "meta" in function.magic else {}
        params = self.get_params(deep=False)
        if "params" not in function.magic:
            params = {n: v for n, v in params.items() if builds(n) or function.accepts(n)}
        form = (self.n_features_in_, self.X_shape_[1:], self.X_dtype_)
        return type(self), seed, key_of(params, meta), form

    def _make_model(self, inputs: Callable[[], Any]) -> None:
        """Make a model for this estimator alone, and build it for ``inputs()``."""
        forget_kernels()  # the kernels of deleted models
        self._shares_model = False
        self._recipe, builder = None, builder_of(self)
        with metrics_named_anew():
            self.model_ = self._build_keras_model()
            self._compile_model()
        arranged = inputs()
        if self._build_function():
            row = None if self.model_.built else first_row(arranged)
            self._recipe = Recipe(builder, row)
        with shapes_explained(self.X_shape_):
            call_seeded(lambda: build(self.model_, arranged), self._seed)

    def _fit_keras_model(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        warm_start: bool,
        epochs: int,
        initial_epoch: int,
        segment: Segment | None = None,
        **kwargs: Any,
    ) -> None:
        arguments = route_params(
            self._params_for_keras(), "fit", pass_filter=self._fit_kwargs
        )
        arguments = {n: v for n, v in arguments.items() if not n.startswith("callbacks")}
        arguments |= {
            "sample_weight": sample_weight,
            "epochs": initial_epoch + epochs,
            "initial_epoch": initial_epoch,
            **{name: plain(value) for name, value in kwargs.items()},
            "callbacks": self._fit_callbacks,
        }
        # Successive calls of partial_fit must not shuffle in the same order.
        seed = self._seed
        if seed is not None:
            seed = (seed + initial_epoch) % 2**32
        n_before = epochs_before(segment)
        fitted = self._train(X, y, arguments, seed, segment)
        self.engine_, self.engine_reason_ = fitted.engine, fitted.reason
        # The history of a continued segment already contains all epochs of the fit.
        goes_on = warm_start and initial_epoch > 0 and not n_before
        history = defaultdict(list, getattr(self, "history_", {}) if goes_on else {})
        for name, values in fitted.history.items():
            history[_full_name(name)] += values
        self.history_ = dict(history)
        if segment is not None:
            note(segment, fitted.ending, self.history_)

    def _train(
        self,
        X: Any,
        y: Any,
        arguments: dict[str, Any],
        seed: int | None,
        segment: Segment | None,
    ) -> Fitted:
        reason = why_keras(self.model_, X, y, arguments, self.engine)
        averages = getattr(self.model_.optimizer, "use_ema", False)  # at the end of fit
        if self._shares_model and (reason or averages or arguments["callbacks"]):
            self._make_model(lambda: X)
        if reason is None:
            model = self.model_
            try:
                fitted = fit_fused(
                    model, X, y, arguments, seed, self._shares_model, segment
                )
            except NotFusibleError as found:
                reason = str(found)
            else:
                self._predict_batch = fitted.predict
                if self._shares_model:
                    self._leave_model(X, fitted)
                return fitted
        if self._shares_model:
            self._make_model(lambda: X)
        return fit_by_keras(
            self.model_, X, y, arguments, seed, reason, self.engine, segment
        )

    def _leave_model(self, X: Any, fitted: Fused) -> None:
        """Leave a shared model to other fits; build ``model_`` when it is first read."""
        # One row, copied: a view would keep the whole array alive.
        estimator, some = copy(self), take_rows(X, [0])

        def build_model() -> keras.Model:
            estimator._make_model(lambda: some)
            return estimator.model_

        self._trained = TrainedState(
            self.model_, fitted.predict, fitted.metrics, build_model
        )
        self._shares_model = False
        del self.model_

    def __getattr__(self, name: str) -> Any:
        trained = vars(self).get("_trained")
        if name == "model_" and trained is not None:
            self.model_ = trained.make()
            self._trained = self._predict_batch = None
            return self.model_
        return super().__getattr__(name)

    @property
    def _architecture(self) -> keras.Model:
        """The model, or one of the same architecture if the model is not built yet."""
        trained = self._trained
        return self.model_ if trained is None else trained.like

    def _validate_data(
        self, X: Any = None, y: Any = None, reset: bool = False, y_numeric: bool = False
    ) -> tuple[Any, Any]:
        if X is not None:
            X = validate_inputs(self, X, reset=reset)
        if y is None and reset and get_tags(self).target_tags.required:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the "
                "target y is None."
            )
        if y is not None:
            y = self._check_y(y, y_numeric)
            if X is not None:
                check_consistent_length(X, y)
            if reset:
                self.target_type_ = self._type_of_target(y)
                self.y_dtype_, self.y_ndim_ = y.dtype, y.ndim
            elif y.ndim != getattr(self, "y_ndim_", y.ndim):  # absent if y was None
                raise ValueError(
                    f"y has {y.ndim} dimensions, but this {type(self).__name__} is "
                    f"expecting {self.y_ndim_} dimensions in y."
                )
        return X, y

    def _check_y(self, y: Any, y_numeric: bool = False) -> np.ndarray:
        if isinstance(y, dict):
            raise ValueError(
                "y must be an array, got a dict. For a model with several outputs, pass "
                "an array whose columns are in the order of the outputs."
            )
        y = _check_y(y, multi_output=True, y_numeric=y_numeric, estimator=self)
        return y.toarray() if issparse(y) else y

    def _type_of_target(self, y: np.ndarray) -> str:
        return str(type_of_target(y, input_name="y"))

    def _training_weight(
        self, y: np.ndarray, sample_weight: Any, fit_params: dict[str, Any]
    ) -> Any:
        """The weights of the training samples; by default, those given, or None."""
        return sample_weight

    def _encode_validation(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, ...]:
        X, y = self._validate_data(X, y)
        X, y, sample_weight = _drop_weightless(X, y, sample_weight)
        encoded = (self._model_inputs(X), self.target_encoder_.transform(y))
        return encoded if sample_weight is None else (*encoded, sample_weight)

    def _model_inputs(self, X: Any) -> Any:
        encoded = self.feature_encoder_.transform(X)
        return to_keras(
            encoded, self._architecture, getattr(self, "feature_names_in_", None)
        )

    def _check_model_compatibility(self, y: Any) -> None:
        if getattr(self.model_, "outputs", None):  # subclassed models have no outputs
            super()._check_model_compatibility(y)

    def _check_params(self, epochs: Any) -> None:
        self._validate_params()
        if not isinstance(epochs, Integral) or epochs < (0 if self.warm_start else 1):
            of_fit = epochs is not self.epochs
            name = (
                "epochs" if of_fit else f"The 'epochs' parameter of {type(self).__name__}"
            )
            raise ValueError(
                f"{name} must be an integer of at least 1, got {epochs!r}. With "
                "warm_start=True, 0 is also allowed: the model is built and not trained."
            )
        self._check_param_names()
        function = self._build_function()
        own = function.arguments if function else ()
        routed = [n for n in self._routed_to("score") if f"score__{n}" not in own]
        self._check_arguments_of_scorer(routed, "score")

    def _check_arguments_of_scorer(self, names: Collection[str], prefix: str) -> None:
        if type(self).score is BaseWrapper.score:  # a user's method may use the parameters
            check_keywords(self.scorer, names, prefix, f"{type(self).__name__}.scorer")

    def _check_model_param(self) -> Any:
        """Return the build function; for a ``keras.Model``, a function that copies it."""
        if self._param("model") is not None and self._param("build_fn") is not None:
            raise ValueError(
                "Pass either model or build_fn (the old name of model), not both."
            )
        given = self._given_model()
        ready = self._ready_model()
        if ready is not None:
            return BuildFunction(lambda: copy_model(ready))
        function = self._build_function()
        if given is None and function is None:
            is_old = callable(self)  # a subclass of a wrapper of tf.keras
            raise ValueError(
                "``model`` is None. Pass a function that returns a keras.Model, or define "
                "the method ``_keras_build_fn`` in a subclass."
                + (" Rename the method ``__call__`` to this name." if is_old else "")
            )
        if function is None:
            raise TypeError(
                "``model`` must be a keras.Model or a callable that returns one, got "
                f"{given!r} of type {type(given).__name__}."
            )
        if given is not None and hasattr(type(self), "_keras_build_fn"):
            raise ValueError(
                f"{type(self).__name__} defines ``_keras_build_fn``, so ``model`` must be "
                f"None, got {given!r}."
            )
        return function

    def _build_keras_model(self) -> keras.Model:
        function = self._check_model_param()
        params = self.get_params()
        own = function.arguments
        arguments = {
            n: v for n, v in self._extra_params.items() if "__" not in n or n in own
        }
        arguments |= self._assigned_params()
        arguments.update(route_params(params, "model", pass_filter=(), strict=True))
        magic = {
            "meta": self._get_metadata,
            "compile_kwargs": self._get_compile_kwargs,
            "params": self.get_params,
        }
        arguments = {name: plain(value) for name, value in arguments.items()}
        arguments.update({name: magic[name]() for name in function.magic})
        with shapes_explained(self.X_shape_):
            return call_seeded(lambda: function(arguments), self._seed)

    def _get_metadata(self) -> dict[str, Any]:
        return Metadata(super()._get_metadata())

    def _declared_training(self) -> dict[str, Any]:
        """Arguments of ``keras.Model.fit`` that the ``fit`` of a ``HyperModel`` chooses."""
        function = self._build_function()
        if not isinstance(function, DeclaringFunction):
            return {}
        params = self.get_params(deep=False)
        return function.training_arguments(
            {name: params[name] for name in function.declared.defaults}
        )

    def _get_compile_kwargs(self) -> dict[str, Any]:
        return make_compile_arguments(self._params_for_keras(), self._compile_kwargs)

    def _loss(self) -> Any:
        """The loss that the model is, or will be, compiled with."""
        compiled = self.model_.compiled
        return self.model_.loss if compiled else self._get_compile_kwargs()["loss"]

    def _compile_model(self) -> None:
        """Compile the model, unless it is already compiled or there is no loss."""
        if not self.model_.compiled:
            arguments = self._get_compile_kwargs()
            if not any(keras.tree.flatten(arguments["loss"])):
                return
            self._check_keras_arguments("compile", self._routed_names("compile"))
            self.model_.compile(**arguments)
        elif unused := self._unused_compile_params():
            warnings.warn(
                f"The model is already compiled, so {unused} have no effect. Return an "
                "uncompiled model from the build function, or accept these parameters as "
                "arguments of the build function.",
                stacklevel=2,
            )
        keep_no_graphs(self.model_.optimizer)

    def _ensure_compiled_model(self) -> None:
        if not any(keras.tree.flatten(self.model_.loss)):
            raise ValueError(
                "The model has no loss. You must provide a loss function: pass loss=... "
                f"to {type(self).__name__}, or compile the model with a loss in the build "
                "function."
            )
        if self.model_.optimizer is None:
            raise ValueError(
                "The model has no optimizer. You must provide one: pass optimizer=... to "
                f"{type(self).__name__}, or compile the model with an optimizer in the "
                "build function."
            )

    def _unused_compile_params(self) -> list[str]:
        """Parameters for compiling that have no effect on a compiled model."""
        function = self._build_function()
        reads_attributes = self._given_model() is None
        if reads_attributes or (function and set(function.magic) - {"meta"}):
            return []  # the function received them, or may have read them
        prefixes = ("optimizer__", "loss__", "metrics__", "compile__")
        routed = [name for name in self._extra_params if name.startswith(prefixes)]
        own = function.arguments if function else ()
        given = [name for name in ("optimizer", "metrics") if name in self._given]
        return routed + [name for name in given if name not in own and self._param(name)]

    def _predict_raw(self, X: Any, **kwargs: Any) -> Any:
        """Return the outputs of the model, which are not decoded yet."""
        check_is_fitted(self)
        self._check_keras_arguments("predict", kwargs)
        X, _ = self._validate_data(X)
        inputs = self._model_inputs(X)
        params = self._params_for_keras()
        callbacks = make_callbacks(params, "callbacks")
        callbacks += make_callbacks(params, "predict__callbacks")
        callbacks += check_callbacks(kwargs.pop("callbacks", ()))
        arguments = route_params(params, "predict", self._predict_kwargs, strict=True)
        callbacks = [callback for callback in callbacks if watches_prediction(callback)]
        arguments = {**arguments, **kwargs, "callbacks": callbacks}
        if arguments.get("batch_size") == -1:
            arguments["batch_size"] = keras.tree.flatten(inputs)[0].shape[0]
        sparse = any(t.sparse for t in getattr(self._architecture, "inputs", None) or ())
        size = arguments["batch_size"]
        with retracing_expected():
            if kwargs or callbacks or sparse or arguments.get("steps"):
                return self.model_.predict(inputs, **arguments)
            exactly = getattr(self, "predict__batch_size", None)
            sizes = {"batch_size": size} if exactly else {"at_least": size or 32}
            if predict := self._fused_predict():
                try:
                    return predict_in_batches(predict, inputs, **sizes)
                except NotFusibleError:  # the model has changed since it was fitted
                    self._predict_batch = None
            return predict_in_batches(self.model_.predict_on_batch, inputs, **sizes)

    def _fused_predict(self) -> Predictor | None:
        """The prediction of the fused program, if it is still for this model."""
        predict = self._predict_batch
        if self._trained is None and predict and not predict.is_of(self.model_):
            return None
        return predict

    def _fitted_attributes(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in vars(self).items()
            if name.endswith("_") and not name.startswith("_")
        }

    @contextmanager
    def _restored_on_error(self) -> Iterator[None]:
        """Restore the attributes if a fit fails; an interrupted fit keeps its model."""
        model = ("_trained", "_predict_batch", "_shares_model", "_borrows_model", "_recipe")
        before = {
            **self._fitted_attributes(),
            **{name: getattr(self, name) for name in model},
        }
        try:
            yield
        except (Exception, CannotContinue):
            for name in self._fitted_attributes():
                delattr(self, name)
            self.__dict__.update(before)
            raise

    def __getstate__(self) -> dict[str, Any]:
        if self.initialized_:
            self.model_  # noqa: B018  # builds it: fused programs cannot be pickled
        state = super().__getstate__()
        # The callbacks of the last fit, which may hold open files, are left out.
        packed = {name: pack(v) for name, v in state.items() if name not in UNPICKLED}
        if self._recipe and not keras_restores(self.model_):
            packed["model_"] = Rebuilt(self.model_, self._recipe)
            packed["_recipe"] = self._recipe
        return packed

    def __copy__(self) -> Self:
        copied = object.__new__(type(self))
        copied.__dict__.update(vars(self))
        copied._extra_params = dict(self._extra_params)
        copied._given = set(self._given)
        return copied

    __repr__ = ParametersMixin.__repr__


class Metadata(dict[str, Any]):
    """The items of ``meta``, with a message about a missing one."""

    def __missing__(self, name: str) -> Any:
        raise KeyError(
            f"meta has no item {name!r}.{did_you_mean(name, self)} It has {sorted(self)!r}."
        )


@lru_cache
def _full_name(name: str) -> str:
    """The name of a metric in ``history_``: "mean_squared_error" for "mse"."""
    if name == "loss" or name.startswith("val_"):
        return name
    try:
        full = str(metric_name(name))
    except (TypeError, ValueError):  # not a metric of Keras, or one with arguments
        return name
    return name if full.replace("_", "") == name.replace("_", "") else full  # "auc"


def _drop_weightless(X: Any, y: np.ndarray, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Check the weights of samples, and drop the samples with weight zero."""
    if sample_weight is None:
        return X, y, None
    weights = _check_sample_weight(sample_weight, X, dtype=keras.config.floatx())
    used = weights != 0
    return (X, y, weights) if used.all() else (X[used], y[used], weights[used])
