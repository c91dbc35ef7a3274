import keras
import numpy as np
import pytest
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import KerasClassifier
from tests.estimators import models
from tests.estimators.data import X_iris, weights, y_iris


def classifier(**kwargs):
    return KerasClassifier(models.mlp, **{"verbose": 0, "random_state": 0, **kwargs})


class Watcher:
    """A callback of scikit-learn's protocol that notes tasks, and may stop or fail."""

    max_propagation_depth = None

    def __init__(self, stop_after=None, fail_at=None):
        self.stop_after, self.fail_at = stop_after, fail_at
        self.tasks = []
        self.torn_down = False

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        if self.fail_at is not None and context.task_name == "epoch":
            if context.task_id == self.fail_at:
                raise RuntimeError("a callback failed")

    def on_fit_task_end(self, estimator, context):
        self.tasks.append((context.task_name, context.task_id))
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_after

    def teardown(self, estimator, context):
        self.torn_down = True


def test_an_epoch_is_a_task():
    watcher = Watcher()
    classifier(epochs=3).set_callbacks(watcher).fit(X_iris, y_iris)
    assert watcher.tasks == [("epoch", 0), ("epoch", 1), ("epoch", 2), ("fit", 0)]
    assert watcher.torn_down


def test_a_callback_stops_training():
    fitted = classifier(epochs=5).set_callbacks(Watcher(stop_after=2)).fit(X_iris, y_iris)
    assert len(fitted.history_["loss"]) == 2


def test_a_callback_stops_training_in_a_pipeline_in_a_search():
    pipeline = make_pipeline(StandardScaler(), classifier(epochs=5))
    grid = GridSearchCV(pipeline, {"kerasclassifier__units": [2]}, cv=2)
    grid.set_callbacks(Watcher(stop_after=1)).fit(X_iris, y_iris)
    assert len(grid.best_estimator_[-1].history_["loss"]) == 1


def test_a_callback_that_fails():
    watcher = Watcher(fail_at=1)
    estimator = classifier(epochs=3).set_callbacks(watcher)
    with pytest.raises(RuntimeError, match="a callback failed"):
        estimator.fit(X_iris, y_iris)
    assert watcher.torn_down
    assert not hasattr(estimator, "model_")


def test_scoring_monitor_scores_each_epoch():
    monitor = ScoringMonitor(scoring="accuracy")
    fitted = classifier(epochs=3).set_callbacks(monitor).fit(X_iris, y_iris)
    log = monitor.get_logs().data
    scores = [row["accuracy"] for row in log if row["task_name"] == "epoch"]
    assert len(scores) == 3
    assert scores[-1] == fitted.score(X_iris, y_iris)


def test_progress_bar_of_a_search_shows_epochs(capsys):
    grid = GridSearchCV(classifier(epochs=2), {"units": [2, 3]}, cv=2)
    grid.set_callbacks(ProgressBar()).fit(X_iris, y_iris)
    shown = capsys.readouterr().out
    assert "GridSearchCV" in shown
    assert "KerasClassifier - fit" in shown


def test_early_stopping_restores_the_best_weights():
    stopped = classifier(
        epochs=30,
        learning_rate=1.0,  # so that the loss goes up as well
        callbacks=keras.callbacks.EarlyStopping,
        callbacks__monitor="val_loss",
        callbacks__patience=2,
        callbacks__restore_best_weights=True,
    ).fit(X_iris, y_iris, validation_data=(X_iris, y_iris))
    best = int(np.argmin(stopped.history_["val_loss"])) + 1
    assert best < len(stopped.history_["val_loss"]) < 30
    again = classifier(epochs=best, learning_rate=1.0).fit(X_iris, y_iris)
    np.testing.assert_allclose(weights(stopped), weights(again), rtol=1e-5)


def test_what_a_callback_was_given_is_the_callers():
    losses = []
    on_end = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda _, logs: losses.append(logs)
    )
    classifier(epochs=2, callbacks=[on_end]).fit(X_iris, y_iris)
    assert len(losses) == 2


def test_callbacks_of_predict():
    class Counter(keras.callbacks.Callback):
        def __init__(self, calls):
            super().__init__()
            self.calls = calls

        def on_predict_begin(self, logs=None):
            self.calls.append("begin")

    in_constructor, in_call = [], []
    fitted = classifier(predict__callbacks=Counter(in_constructor)).fit(X_iris, y_iris)
    fitted.predict(X_iris, callbacks=[Counter(in_call)])
    assert in_constructor == in_call == ["begin"]
