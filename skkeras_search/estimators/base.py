"""The part of the estimators that classification and regression share."""

import warnings
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
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

# Attributes that stay behind when an estimator is pickled.
UNPICKLED = (
    "callbacks_",
    "_predict_batch",
    "_trained",
    "_shares_model",
    "_borrows_model",
    "_recipe",
)


class BaseWrapper(ParametersMixin, CallbackSupportMixin, ScikerasBaseWrapper):
    """Base of :class:`KerasClassifier` and :class:`KerasRegressor`.

    To derive other estimators from, such as transformers. It is scikeras's
    ``BaseWrapper``, whose parameters, routing and hooks it keeps, made to follow
    scikit-learn's conventions.
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
    # Whether ``model_`` is the model that was passed, which training must not change.
    _borrows_model = False
    _trained: TrainedState | None = None
    _recipe: Recipe | None = None
    _predict_batch: Predictor | None = None
    # Seeding is ours (see ``_fit_keras_model``): scikeras's leaves traces.
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
        """Build a model and train it.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            Also arrays of more dimensions, a sequence of texts, and for models with
            several inputs a :class:`MultiInput`, or a dict or list of arrays.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels or numbers to predict.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. Those of weight zero take no part.
        X_val, y_val, sample_weight_val : array-like, default=None
            Validation data. By these names a pipeline can transform them as it
            transforms ``X`` (``Pipeline(..., transform_input=["X_val"])``).
        **kwargs : dict
            Arguments of ``keras.Model.fit`` for this call: ``epochs``,
            ``batch_size``, ``validation_data=(X_val, y_val)``, ``callbacks`` (added
            to those of the constructor, and used as they are), ...

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data, the parameters or the model do not fit each other.
        TypeError
            If a parameter reaches nothing, or the build function returns no model.
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
        """Train one more epoch, from the weights and the history there are.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.
        **kwargs : dict
            Arguments of ``keras.Model.fit``, but for the number of epochs.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If ``epochs`` or ``initial_epoch`` is given.
        """
        for name in ("epochs", "initial_epoch"):
            if name in kwargs:
                raise TypeError(
                    f"Invalid argument `{name}` to `partial_fit`: it always trains for "
                    "1 epoch from the current epoch. Use fit for more."
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
        """Make the model ready to predict with the weights it has.

        A ready ``keras.Model`` that was passed as ``model`` becomes ``model_`` itself, so
        that the estimator follows it when another model that shares its layers is
        trained. It needs no loss. Training copies it first.

        Parameters
        ----------
        X, y
            As in :meth:`fit`, which needs no call of this before.

        Returns
        -------
        self
        """
        self._check_params(epochs=1)
        with self._restored_on_error():
            X, _ = self._initialize(X, y)
            if self._shares_model:
                self._make_model(lambda: self._model_inputs(X))
        return self

    def predict(self, X: Any, **kwargs: Any) -> np.ndarray:
        """Predict.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            As in :meth:`fit`.
        **kwargs : dict
            Arguments of ``keras.Model.predict``, which then makes the prediction.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the form that ``y`` had in :meth:`fit`.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ValueError
            If the features are not those of :meth:`fit`.
        """
        raw = self._predict_raw(X, **kwargs)
        return self.target_encoder_.inverse_transform(raw)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Score predictions with ``scorer``, the accuracy or R2 unless overridden.

        Parameters
        ----------
        X, y : array-like
            Test data.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
        """
        y_pred = self.predict(X)
        arguments = route_params(self.get_params(), "score", pass_filter=set())
        y_true = self._check_y(y)
        return self.scorer(y_true, y_pred, sample_weight=sample_weight, **arguments)

    @property
    def current_epoch(self) -> int:
        """Number of epochs of the last fit, with those of ``partial_fit`` after it."""
        return len(getattr(self, "history_", {}).get("loss", ()))

    @property
    def initialized_(self) -> bool:
        """Whether there is a model, to predict with or to train on."""
        return "model_" in vars(self) or self._trained is not None

    def __sklearn_is_fitted__(self) -> bool:
        return self.initialized_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True  # sums of floats in parallel, above all on GPUs
        tags.input_tags.three_d_array = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.dict = True
        tags.target_tags.multi_output = True
        return tags

    # What follows are the steps of a fit. Those that scikeras documents as hooks
    # keep its names.

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
        params = self.get_params()
        self.callbacks_ = make_callbacks(params, "callbacks")
        self.callbacks_ += make_callbacks(params, "fit__callbacks")
        X, y, sample_weight = _drop_weightless(
            X, y, self._training_weight(y, sample_weight, kwargs)
        )
        # Also where there are none: those of `fit__` must not arrive as they are.
        kwargs["validation_data"] = validation_data and self._encode_validation(
            *validation_data
        )
        y = self.target_encoder_.transform(y)
        for target in keras.tree.flatten(y):
            refuse_text(target, "The target_encoder must make numbers of labels.")
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
            del self._fit_callbacks  # they hold the data of this call

    def _initialize(self, X: Any, y: Any = None) -> tuple[Any, Any]:
        """Learn the form of the data and build a model for them."""
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
        """Take a ready model as it is, until it is to be trained; or build one."""
        self._check_model_param()
        ready = self._ready_model()
        if ready is not None and ready.built:
            self.model_, self._borrows_model = ready, True
        else:
            self._find_or_make_model(X)

    def _find_or_make_model(self, X: Any) -> None:
        """Take the model of another fit of this search, if it is the same."""
        self._borrows_model = False
        task = current_task.get()
        if task is None or self._seed is None or not self._may_share():
            self._make_model(lambda: self._model_inputs(X))
            return
        key = self._model_key(self._seed)
        if key not in task.shared:
            self._make_model(lambda: self._model_inputs(X))
            # The parameters, too: identities in the key are those of what lives.
            task.shared[key] = self.model_, self.get_params(deep=False)
        self.model_, _ = task.shared[key]
        self._shares_model = True

    def _may_share(self) -> bool:
        # What a class of the user's does with its model, or to it, cannot be known.
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
        """Make a model of one's own, with weights for what ``inputs`` then gives."""
        forget_kernels()  # those of models that are gone
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
        arguments = route_params(self.get_params(), "fit", pass_filter=self._fit_kwargs)
        arguments = {n: v for n, v in arguments.items() if not n.startswith("callbacks")}
        arguments |= {
            "sample_weight": sample_weight,
            "epochs": initial_epoch + epochs,
            "initial_epoch": initial_epoch,
            **kwargs,
            "callbacks": self._fit_callbacks,
        }
        # Epochs that are trained one call at a time must not repeat the same shuffle.
        seed = self._seed
        if seed is not None:
            seed = (seed + initial_epoch) % 2**32
        n_before = epochs_before(segment)
        fitted = self._train(X, y, arguments, seed, segment)
        self.engine_, self.engine_reason_ = fitted.engine, fitted.reason
        # The history of a segment that goes on has all epochs of the fit in it.
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
        """Leave a shared model to others; ``model_`` is built when it is asked for."""
        estimator, some = copy(self), take_rows(X, [0])  # no view, which would keep all

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
        """The model, or one like it where it is not built yet."""
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
            elif y.ndim != getattr(self, "y_ndim_", y.ndim):  # none without a y
                raise ValueError(
                    f"y has {y.ndim} dimensions, but this {type(self).__name__} is "
                    f"expecting {self.y_ndim_} dimensions in y."
                )
        return X, y

    def _check_y(self, y: Any, y_numeric: bool = False) -> np.ndarray:
        if isinstance(y, dict):
            raise ValueError(
                "y must be an array, for a model of several outputs with their columns in "
                "the order of the outputs, got a dict."
            )
        y = _check_y(y, multi_output=True, y_numeric=y_numeric, estimator=self)
        return y.toarray() if issparse(y) else y

    def _type_of_target(self, y: np.ndarray) -> str:
        return str(type_of_target(y, input_name="y"))

    def _training_weight(
        self, y: np.ndarray, sample_weight: Any, fit_params: dict[str, Any]
    ) -> Any:
        """Weights of the training samples, as given or None."""
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
        if getattr(self.model_, "outputs", None):  # a subclassed model has none
            super()._check_model_compatibility(y)

    def _check_params(self, epochs: Any) -> None:
        self._validate_params()
        if not isinstance(epochs, Integral) or epochs < (0 if self.warm_start else 1):
            of_fit = epochs is not self.epochs
            name = (
                "epochs" if of_fit else f"The 'epochs' parameter of {type(self).__name__}"
            )
            raise ValueError(
                f"{name} must be an integer of at least 1, got {epochs!r}; or 0, with "
                "warm_start=True, to build the model and not train it."
            )
        self._check_param_names()

    def _check_model_param(self) -> Any:
        """Return a function without required arguments that makes the model."""
        if self._param("model") is not None and self._param("build_fn") is not None:
            raise ValueError("Pass model or build_fn (its old name), not both.")
        given = self._given_model()
        ready = self._ready_model()
        if ready is not None:
            return BuildFunction(lambda: copy_model(ready))
        function = self._build_function()
        if given is None and function is None:
            raise ValueError(
                "``model`` is None: pass a function that returns a keras.Model, or the "
                "class must implement ``_keras_build_fn``."
            )
        if function is None:
            raise TypeError(
                "``model`` must be a callable that returns a keras.Model, or one itself, "
                f"got {given!r} of type {type(given).__name__}."
            )
        if given is not None and hasattr(type(self), "_keras_build_fn"):
            raise ValueError(
                f"{type(self).__name__} cannot implement ``_keras_build_fn`` and be given "
                f"``model`` as well; got model={given!r}."
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
        arguments.update({name: magic[name]() for name in function.magic})
        with shapes_explained(self.X_shape_):
            return call_seeded(lambda: function(arguments), self._seed)

    def _declared_training(self) -> dict[str, Any]:
        """Arguments of ``keras.Model.fit`` that a ``HyperModel`` chooses itself."""
        function = self._build_function()
        if not isinstance(function, DeclaringFunction):
            return {}
        params = self.get_params(deep=False)
        return function.training_arguments(
            {name: params[name] for name in function.declared.defaults}
        )

    def _get_compile_kwargs(self) -> dict[str, Any]:
        return make_compile_arguments(self.get_params(), self._compile_kwargs)

    def _loss(self) -> Any:
        """The loss of the model, or the one that it will be compiled with."""
        compiled = self.model_.compiled
        return self.model_.loss if compiled else self._get_compile_kwargs()["loss"]

    def _compile_model(self) -> None:
        """Compile the model, unless it came compiled or there is no loss to train it by."""
        if not self.model_.compiled:
            arguments = self._get_compile_kwargs()
            if not any(keras.tree.flatten(arguments["loss"])):
                return
            self.model_.compile(**arguments)
        elif unused := self._unused_compile_params():
            warnings.warn(
                f"The model came compiled, so {unused} have no effect. Let the build "
                "function return it uncompiled, or have them as arguments.",
                stacklevel=2,
            )
        keep_no_graphs(self.model_.optimizer)

    def _ensure_compiled_model(self) -> None:
        if not any(keras.tree.flatten(self.model_.loss)):
            raise ValueError(
                "The model has no loss. You must provide a loss function: pass loss=... "
                f"to {type(self).__name__}, or compile the model with one in the "
                "function that builds it."
            )
        if self.model_.optimizer is None:
            raise ValueError(
                "The model has no optimizer. You must provide one: pass optimizer=... to "
                f"{type(self).__name__}, or compile the model with one in the function "
                "that builds it."
            )

    def _unused_compile_params(self) -> list[str]:
        """Parameters that were given for a model that came compiled."""
        function = self._build_function()
        if function and set(function.magic) - {"meta"}:
            return []  # it was told of them
        prefixes = ("optimizer__", "loss__", "metrics__", "compile__")
        routed = [name for name in self._extra_params if name.startswith(prefixes)]
        own = function.arguments if function else ()
        if "optimizer" not in own and "optimizer" in self._given:
            routed.append("optimizer")
        return routed

    def _predict_raw(self, X: Any, **kwargs: Any) -> Any:
        """Return the outputs of the model, before they are decoded."""
        check_is_fitted(self)
        self._check_keras_arguments("predict", kwargs)
        X, _ = self._validate_data(X)
        inputs = self._model_inputs(X)
        params = self.get_params()
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
        """The prediction of the program that trained, while it is of this model."""
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
        """Leave nothing of a fit that failed; an interrupted one keeps its model."""
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
            self.model_  # noqa: B018  # builds it, as programs stay in this process
        state = super().__getstate__()
        # The callbacks of the last fit may hold what cannot be pickled, as open files.
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


@lru_cache
def _full_name(name: str) -> str:
    """A metric's name in a history, "mean_squared_error" for "mse"."""
    if name == "loss" or name.startswith("val_"):
        return name
    try:
        full = str(metric_name(name))
    except (TypeError, ValueError):  # not one of Keras's, or one with arguments
        return name
    return name if full.replace("_", "") == name.replace("_", "") else full  # "auc"


def _drop_weightless(X: Any, y: np.ndarray, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Check the weights of samples, and drop the samples that have none."""
    if sample_weight is None:
        return X, y, None
    weights = _check_sample_weight(sample_weight, X, dtype=keras.config.floatx())
    used = weights != 0
    return (X, y, weights) if used.all() else (X[used], y[used], weights[used])
