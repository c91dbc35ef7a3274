"""A fit in several segments gives what an uninterrupted fit gives."""

import pickle
import subprocess
import sys
import threading

import joblib
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, optimizers
from numpy.testing import assert_allclose
from sklearn.callback import ScoringMonitor
from sklearn.model_selection import KFold, cross_validate
from tensorflow.python.eager import context

from skkeras_search import KerasClassifier, KerasRegressor
from skkeras_search.budgets.segment import CannotContinue, segment
from skkeras_search.fusion.order import Order
from tests.estimators.data import X_diabetes, X_iris, y_diabetes, y_iris
from tests.estimators.test_callbacks import Watcher

N_EPOCHS = 6
SCHEDULE = optimizers.schedules.ExponentialDecay(0.05, 5, 0.8)
OPTIMIZERS = {
    "momentum": optimizers.SGD(0.05, momentum=0.9),
    "adam": optimizers.Adam(0.02),
    "schedule": optimizers.Adam(SCHEDULE),
    "average": optimizers.Adam(0.02, use_ema=True, ema_momentum=0.8),
    "accumulation": optimizers.SGD(0.05, gradient_accumulation_steps=3),
}


def network(
    meta,
    normalised=False,
    rate=0.0,
    optimizer="adam",
    activation="tanh",
    units=4,
    learning_rate=None,
):
    model = keras.Sequential([layers.Dense(units, activation=activation)])
    if normalised:
        model.add(layers.BatchNormalization(momentum=0.8))
    if rate:
        model.add(layers.Dropout(rate))
    model.add(layers.Dense(meta["n_classes_"], activation="softmax"))
    given = OPTIMIZERS[optimizer]
    made = given.from_config(given.get_config())
    if learning_rate is not None:
        made.learning_rate = learning_rate
    model.compile(made, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Counting(keras.callbacks.Callback):
    """Counts its calls, and refers to parts of the model."""

    def __init__(self):
        super().__init__()
        self.calls = {"begin": 0, "epochs": [], "end": 0}

    def on_train_begin(self, logs=None):
        self.calls["begin"] += 1
        self.layer, self.rate = self.model.layers[0], self.model.optimizer.learning_rate
        self.itself = self.note

    def on_epoch_end(self, epoch, logs=None):
        self.itself(epoch)

    def note(self, epoch):
        self.calls["epochs"].append(epoch)

    def on_train_end(self, logs=None):
        self.calls["end"] += 1


def halved(epoch, rate):
    return rate * 0.8 if epoch % 2 else rate


CALLBACKS = {
    "none": lambda: None,
    "stops": lambda: keras.callbacks.EarlyStopping("loss", patience=1, min_delta=0.08),
    "stops, restores": lambda: keras.callbacks.EarlyStopping(
        "loss", patience=2, min_delta=0.08, restore_best_weights=True
    ),
    "plateau": lambda: keras.callbacks.ReduceLROnPlateau(
        "loss", patience=1, min_delta=0.2, factor=0.5
    ),
    "scheduled": lambda: [keras.callbacks.LearningRateScheduler(halved), Counting()],
    "counts": Counting,
}
SETS_THE_RATE = {"plateau", "scheduled", "counts"}  # not where a schedule does


def classifier(**params):
    defaults = {"verbose": 0, "epochs": N_EPOCHS, "random_state": 0}
    return KerasClassifier(network, **{**defaults, **params})


def in_segments(make, ends, X, y, n_max=N_EPOCHS, **fit_params):
    """Fit up to each of the epochs, each time by a new estimator; give the last."""
    state, n_before, segments = None, 0, []
    for end in ends:
        estimator = make()
        with segment(end / n_max, state=state) as part:
            estimator.fit(X, y, **fit_params)
        assert part.n_trained == part.n_epochs - n_before
        assert part.n_epochs == len(estimator.history_["loss"])
        assert part.history == estimator.history_
        segments.append(part)
        if part.is_finished:
            assert part.state is part.reason is None
            break
        assert part.n_epochs == end
        estimator.predict(X)
        state, n_before = pickle.loads(pickle.dumps(part.state)), part.n_epochs
    return estimator, segments


def numbers(estimator, X):
    model = estimator.model_
    variables = [*model.variables, *model.optimizer.variables]
    return [
        *(keras.ops.convert_to_numpy(variable) for variable in variables),
        estimator.predict_proba(X),
        *estimator.history_.values(),
    ]


def assert_alike(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@st.composite
def cases(draw):
    optimizer = draw(st.sampled_from(sorted(OPTIMIZERS)))
    callbacks = sorted(CALLBACKS)
    if optimizer == "schedule":
        callbacks = sorted(CALLBACKS.keys() - SETS_THE_RATE)
    return {
        "model__optimizer": optimizer,
        "model__normalised": draw(st.booleans()),
        "model__rate": draw(st.sampled_from([0.0, 0.3])),
        "callbacks": draw(st.sampled_from(callbacks)),
        "validation_split": draw(st.sampled_from([0.0, 0.2])),
        "batch_size": draw(st.sampled_from([None, 16, 50])),
        "shuffle": draw(st.booleans()),
        "class_weight": draw(st.sampled_from([None, {0: 1, 1: 3, 2: 1}])),
    }


ENDS = st.sets(st.integers(1, N_EPOCHS - 1), min_size=1, max_size=3)
WEIGHTS = np.linspace(0.5, 1.5, 150)


@settings(max_examples=14, deadline=None, derandomize=True)
@given(cases(), ENDS, st.booleans())
def test_any_segments_make_the_whole(case, ends, is_weighted):
    fit_params = {"sample_weight": WEIGHTS} if is_weighted else {}

    def make():
        return classifier(**{**case, "callbacks": CALLBACKS[case["callbacks"]]()})

    whole = make().fit(X_iris, y_iris, **fit_params)
    ends = [*sorted(ends), N_EPOCHS]
    pieced, segments = in_segments(make, ends, X_iris, y_iris, **fit_params)
    assert whole.engine_ == pieced.engine_ == "fused"
    assert segments[-1].is_finished
    assert whole.history_.keys() == pieced.history_.keys()
    assert_alike(numbers(pieced, X_iris), numbers(whole, X_iris))


@settings(max_examples=5, deadline=None, derandomize=True)
@given(cases(), ENDS)
def test_several_folds_at_a_time(case, ends):
    def make():
        return classifier(**{**case, "callbacks": CALLBACKS[case["callbacks"]]()})

    def in_task(rows):
        fitted, _ = in_segments(make, ends, X_iris[rows], y_iris[rows])
        return numbers(fitted, X_iris)

    ends = [*sorted(ends), N_EPOCHS]
    folds = [rows for rows, _ in KFold(3, shuffle=True, random_state=0).split(X_iris)]
    with joblib.parallel_config("fused"):
        pieced = joblib.Parallel()(joblib.delayed(in_task)(rows) for rows in folds)
    for rows, ours in zip(folds, pieced, strict=True):
        whole = make().fit(X_iris[rows], y_iris[rows])
        assert_alike(ours, numbers(whole, X_iris))


def test_validation_data_and_a_regressor():
    def make():
        return KerasRegressor(
            lambda: keras.Sequential([layers.Dense(3, "relu"), layers.Dense(1)]),
            loss="mse",
            optimizer="adam",
            epochs=4,
            verbose=0,
            random_state=0,
        )

    X, y = X_diabetes[:40], y_diabetes[:40]
    validation = {"validation_data": (X_diabetes[40:], y_diabetes[40:])}
    whole = make().fit(X, y, **validation)
    pieced, _ = in_segments(make, [1, 3, 4], X, y, n_max=4, **validation)
    assert pieced.history_ == whole.history_
    assert_allclose(pieced.predict(X), whole.predict(X), rtol=1e-5)


def test_a_pause_is_not_the_end_for_callbacks():
    def make():
        return classifier(callbacks=Counting())

    first, (part,) = in_segments(make, [2], X_iris, y_iris)
    (counting,) = first.callbacks_
    assert counting.calls == {"begin": 1, "epochs": [0, 1], "end": 0}
    assert counting.params["epochs"] == N_EPOCHS
    with segment(state=part.state):
        last = make().fit(X_iris, y_iris)
    (counting,) = last.callbacks_
    assert counting.calls == {"begin": 1, "epochs": [*range(6)], "end": 1}
    assert counting.layer is last.model_.layers[0]
    assert counting.rate is last.model_.optimizer.learning_rate
    assert counting.itself.__self__ is counting


class Averaging(keras.callbacks.Callback):
    """Has a metric of its own."""

    def __init__(self):
        super().__init__()
        self.mean = keras.metrics.Mean()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.mean.update_state(logs["loss"])
        self.seen.append(float(self.mean.result()))


def test_metrics_of_callbacks_go_on():
    def make():
        return classifier(callbacks=Averaging())

    pieced, _ = in_segments(make, [2, 6], X_iris, y_iris)
    whole = make().fit(X_iris, y_iris)
    assert pieced.callbacks_[0].seen == whole.callbacks_[0].seen


def test_callbacks_of_a_call_go_on():
    callback = Counting()
    with segment(0.5) as part:
        classifier().fit(X_iris, y_iris, callbacks=[Counting()])
    with segment(state=part.state):
        classifier().fit(X_iris, y_iris, callbacks=[callback])
    assert callback.calls == {"begin": 1, "epochs": [*range(6)], "end": 1}


def test_weights_are_restored_at_the_end_only():
    def make():
        stop = keras.callbacks.EarlyStopping(
            "loss", patience=2, min_delta=10.0, restore_best_weights=True
        )
        return classifier(callbacks=stop)

    paused, (part,) = in_segments(make, [2], X_iris, y_iris)
    plain = classifier(epochs=2).fit(X_iris, y_iris)
    assert_alike(numbers(paused, X_iris), numbers(plain, X_iris))
    with segment(state=part.state) as last:
        stopped = make().fit(X_iris, y_iris)
    assert (last.n_epochs, last.n_trained, last.is_finished) == (3, 1, True)
    first_epoch = classifier(epochs=1).fit(X_iris, y_iris)
    ours, theirs = (e.model_.get_weights() for e in (stopped, first_epoch))
    assert_alike(ours, theirs)


def test_averages_of_weights_are_not_gone_on_with():
    def make():
        return classifier(model__optimizer="average")

    paused, _ = in_segments(make, [3], X_iris, y_iris)
    short = make().set_params(epochs=3).fit(X_iris, y_iris)
    assert_alike(paused.model_.get_weights(), short.model_.get_weights())
    pieced, _ = in_segments(make, [3, 6], X_iris, y_iris)
    assert_alike(numbers(pieced, X_iris), numbers(make().fit(X_iris, y_iris), X_iris))


def test_a_state_can_be_gone_on_with_twice():
    def make():
        return classifier(model__rate=0.3, callbacks=CALLBACKS["stops, restores"]())

    _, (part,) = in_segments(make, [2], X_iris, y_iris)
    before = joblib.hash(part.state)
    results = []
    for _ in range(2):
        with segment(state=part.state) as last:
            results.append(numbers(make().fit(X_iris, y_iris), X_iris))
        assert last.n_trained == 4
    assert joblib.hash(part.state) == before
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_state_shares_nothing_with_the_fit_that_left_it():
    _, (part,) = in_segments(classifier, [2], X_iris, y_iris)
    before = joblib.hash(part.state)
    fitted = classifier()
    with segment(3 / 6, state=part.state) as longer:
        fitted.fit(X_iris, y_iris)
    left = joblib.hash(longer.state)
    fitted.partial_fit(X_iris, y_iris)
    fitted.history_["loss"].clear()
    assert (joblib.hash(part.state), joblib.hash(longer.state)) == (before, left)


def test_a_share_that_is_reached_already():
    first, (part,) = in_segments(classifier, [2], X_iris, y_iris)
    with segment(1 / 6, state=part.state) as again:
        second = classifier().fit(X_iris, y_iris)
    assert (again.n_epochs, again.n_trained, again.is_finished) == (2, 0, False)
    assert_alike(numbers(second, X_iris), numbers(first, X_iris))
    with segment(state=again.state):
        last = classifier().fit(X_iris, y_iris)
    assert_alike(numbers(last, X_iris), numbers(classifier().fit(X_iris, y_iris), X_iris))


def test_the_orders_of_an_unseeded_fit_go_on(monkeypatch):
    def orders(fit):
        seen.clear()
        monkeypatch.setattr(
            "skkeras_search.fusion.order.np.random.default_rng",
            lambda: np.random.Generator(np.random.PCG64(3)),
        )
        fit()
        return [order.tolist() for order in seen]

    def make():
        return classifier(random_state=None)

    seen, call = [], Order.__call__
    monkeypatch.setattr(context.context(), "_seed", None)
    monkeypatch.setattr(Order, "__call__", lambda o: seen.append(call(o)) or seen[-1])
    whole = orders(lambda: make().fit(X_iris, y_iris))
    pieced = orders(lambda: in_segments(make, [1, 4, 6], X_iris, y_iris))
    assert pieced == whole
    assert len({tuple(order) for order in whole}) == N_EPOCHS


def changed(change):
    X, y, params, fit_params = X_iris, y_iris, {}, {}
    if change == "values":
        X = X_iris * 1.001
    elif change == "rows":
        X, y = X_iris[:-1], y_iris[:-1]
    elif change == "weights":
        fit_params = {"sample_weight": WEIGHTS}
    else:
        params = change
    return X, y, params, fit_params


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("values", "the data differ"),
        ("rows", "the data differ"),
        ("weights", "the data differ"),
        ({"validation_split": 0.2}, "the data differ"),
        ({"model__units": 5}, "the model differ"),
        ({"model__activation": "relu"}, "the model differ"),
        ({"model__rate": 0.2}, "the model differ"),
        ({"model__optimizer": "momentum"}, "the model and the settings differ"),
        ({"model__learning_rate": 0.03}, "the settings differ"),
        ({"batch_size": 20}, "the settings differ"),
        ({"epochs": 7}, "the settings differ"),
        ({"random_state": 1}, "the settings differ"),
        ({"callbacks": Counting()}, "with callbacks"),
        ({"engine": "keras"}, "keras.Model.fit must train"),
    ],
)
def test_a_state_of_another_fit(change, message):
    _, (part,) = in_segments(classifier, [2], X_iris, y_iris)
    X, y, params, fit_params = changed(change)
    estimator = classifier(**params)
    with pytest.raises(CannotContinue, match=message), segment(state=part.state):
        estimator.fit(X, y, **fit_params)
    assert not hasattr(estimator, "model_")


def test_a_state_of_a_fit_with_more_callbacks():
    with segment(0.5) as part:
        classifier(callbacks=[Counting(), Averaging()]).fit(X_iris, y_iris)
    with pytest.raises(CannotContinue, match="with callbacks"), segment(state=part.state):
        classifier(callbacks=[Counting()]).fit(X_iris, y_iris)


def test_what_is_no_state():
    with pytest.raises(CannotContinue, match="of type dict"), segment(state={"n": 1}):
        classifier().fit(X_iris, y_iris)


def test_scikit_learn_and_joblib_let_the_refusal_through():
    def fit():
        with segment(state=part.state):
            classifier().fit(X_iris[1:], y_iris[1:])

    with segment(0.5) as part:
        classifier().fit(X_iris, y_iris)
    refused = pytest.raises(CannotContinue, match="the data differ")
    with refused, segment(state=part.state):
        cross_validate(classifier(), X_iris, y_iris, cv=3, error_score=0.0)
    with joblib.parallel_config("fused"), refused:
        joblib.Parallel()([joblib.delayed(fit)()])


def test_a_fit_that_keras_trains():
    def make():
        return classifier(engine="keras", callbacks=Counting())

    for end, n_trained in ((2, 2), (6, 6)):
        with segment(end / 6) as part:
            fitted = make().fit(X_iris, y_iris)
        assert (part.n_epochs, part.n_trained) == (end, n_trained)
        assert part.is_finished == (end == 6)
        assert part.state is None
        assert fitted.callbacks_[0].calls["end"] == 1
    whole = classifier(engine="keras").fit(X_iris, y_iris)
    assert_alike(numbers(fitted, X_iris), numbers(whole, X_iris))
    with segment(1 / 6) as part:
        make().fit(X_iris, y_iris)
    assert part.reason == "engine='keras' was passed"


class Slotted(Counting):
    __slots__ = ("hidden",)

    def __init__(self):
        super().__init__()
        self.hidden = 1


class Locked(Counting):
    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.lock = threading.Lock()


class LessDropout(Counting):
    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.model.layers[1].rate = 0.1


@pytest.mark.parametrize(
    ("callback", "reason"),
    [
        (Locked, "cannot be pickled"),
        (Slotted, "__slots__"),
        (LessDropout, "a callback has changed the model"),
    ],
)
def test_callbacks_that_keep_a_fit_from_being_continued(callback, reason):
    with segment(0.5) as part:
        fitted = classifier(callbacks=callback(), model__rate=0.3).fit(X_iris, y_iris)
    assert part.state is None
    assert reason in part.reason
    assert not part.is_finished
    assert fitted.callbacks_[0].calls == {"begin": 1, "epochs": [0, 1, 2], "end": 1}


def test_max_epochs_take_the_place_of_all_others():
    with segment(0.5, max_epochs=4) as part:
        classifier(fit__epochs=9).fit(X_iris, y_iris, epochs=8)
    assert (part.n_epochs, part.n_max_epochs) == (2, 4)


def test_a_second_fit_in_a_block():
    with segment(0.5):
        classifier().fit(X_iris, y_iris)
        with pytest.raises(RuntimeError, match="second Keras estimator"):
            classifier().fit(X_iris, y_iris)


def test_epochs_that_scikit_learns_callbacks_see_go_on():
    with segment(0.5) as part:
        classifier().fit(X_iris, y_iris)
    watcher, monitor = Watcher(), ScoringMonitor(scoring="accuracy")
    with segment(state=part.state) as last:
        classifier().set_callbacks(watcher, monitor).fit(X_iris, y_iris)
    epochs = [number for name, number in watcher.tasks if name == "epoch"]
    assert epochs == [3, 4, 5]
    assert last.n_trained == 3


def test_the_progress_bar_counts_on(capsys):
    with segment(0.5) as part:
        classifier(verbose=2).fit(X_iris, y_iris)
    with segment(state=part.state):
        classifier(verbose=2).fit(X_iris, y_iris)
    shown = capsys.readouterr().out
    assert [n for n in range(1, 7) if f"Epoch {n}/6" in shown] == [1, 2, 3, 4, 5, 6]


def test_a_fit_that_goes_on_from_an_epoch():
    def fit(share, state=None):
        estimator = classifier(epochs=4)
        with segment(share, state=state) as part:
            estimator.fit(X_iris, y_iris, initial_epoch=3, callbacks=[counting])
        return estimator, part

    counting = Counting()
    _, part = fit(0.5)
    last, part = fit(1, part.state)
    whole = classifier(epochs=4).fit(X_iris, y_iris, initial_epoch=3)
    assert counting.calls["epochs"] == [3, 4, 5, 6]
    assert_alike(numbers(last, X_iris), numbers(whole, X_iris))


def everything():
    callbacks = [CALLBACKS["stops, restores"](), CALLBACKS["plateau"](), Counting()]
    return classifier(
        model__rate=0.3, model__normalised=True, callbacks=callbacks, validation_split=0.2
    )


def go_on(path):
    """Continue the fit that is in a file, and leave the result there."""
    with segment(state=joblib.load(path)):
        fitted = everything().fit(X_iris, y_iris)
    joblib.dump(numbers(fitted, X_iris), path)


def test_another_process_goes_on(tmp_path):
    path = str(tmp_path / "state")
    with segment(2 / 6) as part:
        everything().fit(X_iris, y_iris)
    joblib.dump(part.state, path)
    script = f"from tests.estimators import test_continuation as t; t.go_on({path!r})"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
    whole = everything().fit(X_iris, y_iris)
    assert len(whole.history_["loss"]) > 2
    assert_alike(joblib.load(path), numbers(whole, X_iris))
