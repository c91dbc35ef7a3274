"""Routed names in spaces: what no candidate can use is found before any fit."""

import re
import warnings

import keras
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV as SklearnGridSearchCV
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import GridSearchCV, KerasClassifier, Real
from skkeras_search.estimators.callbacks import make_callbacks
from skkeras_search.searches.spaces import check_names
from skkeras_search.wording import in_words

STOP = keras.callbacks.EarlyStopping
SGD = {"optimizer": "sgd"}


def model(units=3):
    raise AssertionError("A fit has begun.")


def model_with_optimizer(optimizer="adam", loss__alpha=1):
    raise AssertionError


def model_with_params(params):
    raise AssertionError


class Reading(KerasClassifier):
    def _keras_build_fn(self):
        raise AssertionError(self.optimizer__momentum, self.score__bias)


class Scoring(KerasClassifier):
    def score(self, X, y):
        return self.score__bias


def in_pipeline(network):
    return Pipeline([("scale", StandardScaler()), ("net", network)])


@pytest.mark.parametrize(
    ("params", "space", "words"),
    [
        ({}, {"optimizer__nesterov": [True]}, "optimizer__nesterov': RMSprop has no"),
        (
            {},
            {"optimizer": ["adam", "sgd"], "optimizer__nestrov": Real(0.1, 0.9)},
            "optimizer__nestrov': SGD has no .* Did you mean 'nesterov'",
        ),
        (
            {},
            {"optimizer": ["sgd"], "optimizer__nestrov": Real(0.1, 0.9, when=SGD)},
            "optimizer__nestrov': SGD has no",
        ),
        ({"loss": "mse"}, {"loss__reductio": ["sum"]}, "MeanSquaredError has no"),
        ({"metrics": ["auc"]}, {"metrics__0__treshold": [1]}, "mean 'thresholds'"),
        ({}, {"model__unit": [1]}, "model__unit': model=model got .*mean 'units'"),
        ({}, {"callbacks__patience": [1]}, "callbacks__patience' has no object"),
        ({}, {"score__weight": [1]}, "score__weight': KerasClassifier.scorer got"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "net__"])
def test_names_that_no_candidate_can_use(params, space, words, prefix):
    network = KerasClassifier(model, **params)
    estimator = in_pipeline(network) if prefix else network
    given = {f"{prefix}{name}": values for name, values in space.items()}
    if prefix and hasattr(values := next(reversed(given.values())), "when"):
        values.when = {f"{prefix}{name}": value for name, value in values.when.items()}
    with pytest.raises(ValueError, match=words) as error:
        GridSearchCV(estimator, given).fit([[0.0]] * 30, [0, 1, 2] * 10)
    assert prefix in str(error.value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("estimator", "space"),
    [
        (
            KerasClassifier(model),
            {"optimizer": ["adam", "sgd"], "optimizer__nesterov": Real(0, 1, when=SGD)},
        ),
        (KerasClassifier(model), {"callbacks": [None, STOP], "callbacks__patience": [1]}),
        (
            KerasClassifier(model),
            {"callbacks": [{"stop": STOP}], "callbacks__stop__patience": [1]},
        ),
        (KerasClassifier(model, callbacks=None), {"callbacks__patience": [1]}),
        (
            KerasClassifier(model),
            {"compile__optimizer": ["sgd"], "optimizer__nesterov": [True]},
        ),
        (
            KerasClassifier(
                model, optimizer__learning_rate=keras.optimizers.schedules.CosineDecay
            ),
            {"optimizer__learning_rate__alpha": [0.1]},
        ),
        (
            KerasClassifier(model),
            {
                "optimizer": ["adam"],
                "optimizer__learning_rate": [0.1, keras.optimizers.schedules.CosineDecay],
                "optimizer__learning_rate__alpha": [0.1],
            },
        ),
        # A build function or a user's class may have a meaning of its own for a name.
        (KerasClassifier(model_with_optimizer), {"optimizer": ["mine"]}),
        (KerasClassifier(model_with_optimizer), {"loss__alpha": [2]}),
        (KerasClassifier(model_with_params), {"optimizer__anything": [2]}),
        (Reading(), {"optimizer__momentum": [1], "score__bias": [1]}),
        (Scoring(model), {"score__bias": [1]}),
        # Another build function, or another estimator, may accept the name.
        (KerasClassifier(model), {"model": [model_with_params], "optimizer__x": [1]}),
        (
            in_pipeline(KerasClassifier(model)),
            {"net": [KerasClassifier(model_with_params)], "net__optimizer__x": [1]},
        ),
        # The inner search sets the optimizer.
        (
            SklearnGridSearchCV(
                KerasClassifier(model, optimizer__nesterov=True), {"optimizer": ["sgd"]}
            ),
            {"estimator__epochs": [1]},
        ),
        # The parameter may have no effect, which a warning of the fits says.
        (KerasClassifier(model, optimizer__nesterov=True), {"units": [1]}),
    ],
)
def test_names_that_may_be_right(estimator, space):
    check_names(estimator, space)


@pytest.mark.parametrize(
    ("params", "space", "words"),
    [
        ({}, {"optimizer": ["adam", "sdg"]}, "optimizer=sdg fails.* is not known to Keras"),
        (
            {},
            {"optimizer": ["adam", "sgd"], "optimizer__nesterov": [True]},
            r"optimizer=adam fails.*: when=\{'optimizer': 'sgd'\}",
        ),
        (
            {"optimizer__nesterov": True},
            {"optimizer": ["adam", "sgd"]},
            "optimizer=adam fails.*Adam has no argument 'nesterov'",
        ),
    ],
)
def test_choices_that_always_fail(params, space, words):
    with pytest.warns(UserWarning, match=words):
        check_names(KerasClassifier(model, **params), space)


DECAY = keras.optimizers.schedules.CosineDecay
VALUES = {
    "optimizer": ["adam", "sgd", keras.optimizers.RMSprop, "sdg"],
    "optimizer__momentum": [0.1, 0.9],
    "optimizer__nesterov": [True],
    "optimizer__typo": [1],
    "optimizer__learning_rate": [0.1, DECAY],
    "optimizer__learning_rate__initial_learning_rate": [0.1],
    "optimizer__learning_rate__decay_steps": [10],
    "loss": [None, "mse", "sparse_categorical_crossentropy", keras.losses.Huber],
    "loss__from_logits": [True, False],
    "loss__delta": [0.5],
    "metrics": [None, ["accuracy", "auc"], keras.metrics.AUC, {"a": "mse"}],
    "metrics__1__num_thresholds": [10],
    "metrics__curve": ["PR"],
    "metrics__a__name": ["b"],
    "callbacks": [None, STOP, {"stop": STOP}, [STOP]],
    "callbacks__patience": [1],
    "callbacks__stop__patience": [2],
    "compile__optimizer": ["sgd"],
}
SPACES = st.fixed_dictionaries(
    {},
    optional={
        name: st.lists(st.sampled_from(values), min_size=1, max_size=3, unique_by=repr)
        for name, values in VALUES.items()
    },
)
PARAMS = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values) for name, values in VALUES.items()}
)


def fails(estimator):
    """Whether an estimator cannot make what it trains with."""
    try:
        estimator._check_param_names()
        estimator._get_compile_kwargs()
        make_callbacks(estimator._params_for_keras(), "callbacks")
    except (TypeError, ValueError):
        return True
    return False


@settings(max_examples=150, deadline=None)
@given(params=PARAMS, space=SPACES)
def test_only_what_always_fails_is_refused(params, space):
    estimator = KerasClassifier(model, **params)
    candidates = list(ParameterGrid(space))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            check_names(estimator, space)
        except ValueError:
            assert all(fails(clone(estimator).set_params(**c)) for c in candidates)
    for warning in warned:
        found = re.match(r"Every candidate with (\w+)=(.*?) fails", str(warning.message))
        name, value = found.groups()
        choice = {in_words(choice): choice for choice in space[name]}[value]
        concerned = [c for c in candidates if c[name] is choice]
        assert all(fails(clone(estimator).set_params(**c)) for c in concerned)
