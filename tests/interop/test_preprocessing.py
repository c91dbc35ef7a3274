"""Transformers as operations of Keras transform as scikit-learn's do."""

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from skkeras_search.interop.export.graph import features_of, table_of
from skkeras_search.interop.export.preprocessing import apply
from skkeras_search.interop.export.tables import ExportError

X, y = load_iris(return_X_y=True)
GAPS = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)


def transformed(step, data):
    """What the counterpart of a fitted transformer gives."""
    features = features_of(step, [("step", step)], "float64")
    inputs = [feature.input() for feature in features]
    outputs = apply(step, table_of(features, inputs), "step").numbers("The test")
    frame = pd.DataFrame(data)
    given = (
        [frame.to_numpy(float)] if len(features) == 1 and features[0].shape != (1,) else []
    )
    for i, feature in enumerate([] if given else features):
        column = frame.iloc[:, i]
        if feature.vocabulary:
            texts = ["" if pd.isna(text) else text for text in column]
            known = {text: 1 + k for k, text in enumerate(feature.vocabulary)}
            given.append(np.array([[known.get(text, 0)] for text in texts], "int32"))
        else:
            given.append(column.to_numpy(float)[:, None])
    return np.asarray(keras.Model(inputs, outputs)(given))


def assert_same(step, data, others=None):
    step.fit(data)
    for rows in (data, data if others is None else others):
        wanted = step.transform(rows)
        wanted = wanted.toarray() if hasattr(wanted, "toarray") else np.asarray(wanted)
        np.testing.assert_allclose(transformed(step, rows), wanted, rtol=1e-6, atol=1e-9)


def mixed():
    frame = pd.DataFrame(X, columns=["a", "b b", "c/c", "d"])
    frame["flag"] = X[:, 0] > 5.5
    frame["word"] = np.array(["u", "v", "w"], object)[y]
    frame["gap"] = np.array(["u", None], object)[y % 2]
    frame["number"] = 2 * y + 1
    frame["category"] = pd.Categorical(np.array(["x", "y", "ö"])[y])
    return frame


@pytest.mark.parametrize(
    ("step", "data"),
    [
        (StandardScaler(with_mean=False), X),
        (StandardScaler(with_std=False), X),
        (StandardScaler(), np.hstack([X, np.ones((len(X), 1))]) + 1e6),
        (MinMaxScaler((-1, 2)), X * 1e-9),
        (SimpleImputer(strategy="median", add_indicator=True), GAPS),
        (SimpleImputer(missing_values=5.1, strategy="most_frequent"), X),
        (SimpleImputer(strategy="constant", fill_value=-1), GAPS),
        (SimpleImputer(), np.hstack([np.full((len(X), 1), np.nan), GAPS])),
        (
            SimpleImputer(keep_empty_features=True),
            np.hstack([GAPS, np.full((len(X), 1), np.nan)]),
        ),
        (OneHotEncoder(), np.stack([y, y % 2], axis=1).astype(object)),
        (OneHotEncoder(), np.where(np.isnan(GAPS), np.nan, y[:, None])),
    ],
)
@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
def test_numbers(step, data):
    assert_same(step, data)


def test_steps_within_steps():
    frozen = FrozenEstimator(StandardScaler().fit(X))
    assert_same(make_pipeline(SimpleImputer(), "passthrough", make_pipeline(frozen)), GAPS)


def test_clipping():
    assert_same(MinMaxScaler(clip=True), X, others=X * 3 - 5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"drop": "first"},
        {"drop": "if_binary"},
        {"max_categories": 2, "handle_unknown": "infrequent_if_exist"},
        {"handle_unknown": "ignore"},
    ],
)
@pytest.mark.parametrize("output", ["default", "pandas"])
def test_text_beside_numbers(options, output):
    encoder = OneHotEncoder(sparse_output=False, **options)
    columns = ["flag", "word", "gap", "number", "category"]
    step = ColumnTransformer(
        [("text", encoder, columns), ("scaled", StandardScaler(), ["d", "a"])],
        remainder="passthrough",
        transformer_weights={"scaled": 2.0},
    ).set_output(transform=output)
    others = mixed().head(4)
    if "handle_unknown" in options:
        others = others.assign(word=["unheard", "u", "v", "w"], number=[1, 7, 3, 5])
    assert_same(step, mixed(), others)
    assert type(step.transform(others)).__module__.split(".")[0] == (
        "pandas" if output == "pandas" else "numpy"
    )  # the encoder's own settings are left as they were


@pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
def test_imputed_text(strategy):
    words = np.array(["u", "v", "v", np.nan], object)
    data = pd.DataFrame({"word": words[np.arange(40) % 4], "n": np.arange(40.0)})
    encoder = OneHotEncoder(handle_unknown="ignore")
    imputed = make_pipeline(SimpleImputer(strategy=strategy), encoder)
    parts = [("text", imputed, ["word"]), ("numbers", "passthrough", ["n"])]
    assert_same(ColumnTransformer(parts), data)


def test_imputed_text_that_pandas_calls_missing():
    words = pd.Series(["u", "v", "v", pd.NA] * 10, dtype=object)
    imputer = SimpleImputer(missing_values=pd.NA, strategy="most_frequent")
    assert_same(make_pipeline(imputer, OneHotEncoder()), pd.DataFrame({"word": words}))


def test_unknown_among_huge_numbers():
    known = np.array([[2.0**53], [2.0**60], [np.finfo(float).max], [np.nan], [0.0]])
    others = np.array([[5.0], [2.0**60], [-(2.0**60)], [1.0]])
    assert_same(OneHotEncoder(handle_unknown="ignore"), known, others)


@settings(max_examples=25, deadline=None)
@given(
    center=st.floats(-1e7, 1e7),
    spread=st.floats(1e-3, 1e3),
    scaler=st.sampled_from([StandardScaler(), MinMaxScaler(), MinMaxScaler((0, 5))]),
    seed=st.integers(0, 1000),
)
def test_any_numbers(center, spread, scaler, seed):
    rng = np.random.default_rng(seed)
    data = center + spread * rng.normal(size=(30, 3))
    data[rng.random(data.shape) < 0.2] = np.nan
    step = make_pipeline(SimpleImputer(), scaler).fit(data)
    np.testing.assert_allclose(transformed(step, data), step.transform(data), atol=1e-5)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (OneHotEncoder(), "a column of numbers and text, such as 1 and 'a'"),
        (SimpleImputer(strategy="most_frequent"), "receives a column of text"),
    ],
)
def test_columns_that_cannot_go_along(step, message):
    data = np.array([["a"], ["b"], ["a"]], dtype=object)
    step.fit(data)
    if isinstance(step, OneHotEncoder):
        step.categories_ = [np.array([1, "a"], dtype=object)]
    with pytest.raises(ExportError, match=message):
        transformed(step, data)


def test_imputer_of_a_certain_text():
    data = np.array([["?"], ["b"], ["a"], ["b"]], dtype=object)
    imputer = SimpleImputer(missing_values="?", strategy="most_frequent")
    step = make_pipeline(imputer, OneHotEncoder()).fit(data)
    with pytest.raises(ExportError, match=r"replaces the text '\?'"):
        transformed(step, data)
