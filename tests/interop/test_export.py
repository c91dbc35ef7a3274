"""An exported model predicts what the estimator does."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV as SklearnGridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
)
from sklearn.svm import SVC

from skkeras_search import (
    GridSearchCV,
    KerasClassifier,
    KerasRegressor,
    export,
    load_search,
)

X, y = load_iris(return_X_y=True)


def classifier(n_outputs=3, activation="softmax", loss="sparse_categorical_crossentropy"):
    layers = [keras.layers.Dense(4, "relu"), keras.layers.Dense(n_outputs, activation)]
    return KerasClassifier(
        keras.Sequential(layers), loss=loss, verbose=0, random_state=0, engine="keras"
    )


def regressor(n_outputs=1):
    layers = [keras.layers.Dense(4, "relu"), keras.layers.Dense(n_outputs)]
    return KerasRegressor(
        keras.Sequential(layers), loss="mse", verbose=0, random_state=0, engine="keras"
    )


def load(path, X):
    """Predict by a file of Keras, without this package."""
    model = keras.saving.load_model(path)
    if not isinstance(model.input, dict):
        return keras.ops.convert_to_numpy(model(np.asarray(X)))  # predict rounds X
    described = json.loads(path.with_name(path.name + ".json").read_text())
    given = {}
    for i, about in enumerate(described["inputs"]):
        column = X.iloc[:, i]
        if about["dtype"] == "string":
            text = [[str(t) if isinstance(t, str) else ""] for t in column]
            given[about["name"]] = keras.ops.convert_to_tensor(text)
        else:
            values = np.asarray(column, float)[:, None]
            given[about["name"]] = keras.ops.convert_to_tensor(values)
    return keras.ops.convert_to_numpy(model(given))


@st.composite
def frames(draw):
    """Columns of several kinds, and a transformer of each."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    n = 40
    frame, parts = {}, []
    for i in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["numbers", "text", "codes"]))
        name = draw(st.sampled_from(["size", "a b/c", "ä", "3"])) + str(i)
        center = draw(st.sampled_from([0.0, 1e6]))
        gaps = rng.random(n) < draw(st.sampled_from([0.0, 0.2]))
        fill = draw(st.sampled_from(["mean", "most_frequent", "constant"]))
        if kind == "numbers":
            values = center + rng.normal(size=n) * draw(st.sampled_from([1e-3, 1.0, 50.0]))
            frame[name] = np.where(gaps, np.nan, values)
            scaler = draw(
                st.sampled_from([StandardScaler(), MinMaxScaler(clip=True), None])
            )
            imputer = SimpleImputer(strategy=fill, add_indicator=draw(st.booleans()))
            steps = [imputer, *([scaler] if scaler or center == 0 else [StandardScaler()])]
            steps = draw(st.permutations(steps)) if None not in steps else [imputer]
            if center and len(steps) == 1:
                steps.append(MinMaxScaler())
        elif kind == "text":
            values = rng.choice(["red", "blue", "green", "ö"], size=n).astype(object)
            values[:4] = ["red", "blue", "green", "ö"]
            values[gaps] = np.nan
            frame[name] = values
            filled = "most_frequent" if fill == "mean" else fill
            imputer = SimpleImputer(strategy=filled)
            steps = [imputer] if draw(st.booleans()) else []
        else:
            values = rng.integers(3, size=n).astype(float)
            values[:3] = 0, 1, 2
            frame[name] = np.where(gaps, np.nan, values)
            steps = []
        if kind != "numbers":
            options = [
                {"handle_unknown": "ignore"},
                {"drop": "first"},
                {"min_frequency": 12, "handle_unknown": "infrequent_if_exist"},
            ]
            steps.append(OneHotEncoder(**draw(st.sampled_from(options))))
        parts.append((f"part{i}", make_pipeline(*steps), [name]))
    rest = draw(st.sampled_from(["drop", "passthrough"]))
    if rest == "passthrough":
        frame["rest"] = rng.normal(size=n)
    order = draw(st.permutations(list(frame)))
    transformer = ColumnTransformer(parts, remainder=rest)
    return pd.DataFrame(frame)[order], transformer


@settings(
    max_examples=5,
    phases=[Phase.generate],  # an example takes too long to be made smaller
    report_multiple_bugs=False,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(given=frames())
def test_random_pipelines(given, tmp_path_factory):
    frame, transformer = given
    labels = np.arange(len(frame)) % 3
    pipeline = make_pipeline(transformer, classifier()).fit(frame, labels)
    path = tmp_path_factory.mktemp("export") / "model.keras"
    export(pipeline, path)
    np.testing.assert_allclose(
        load(path, frame), pipeline.predict_proba(frame), rtol=0, atol=1e-5
    )


def predictions(estimator, X, path):
    export(estimator, path)
    return load(path, X)


def test_both_classes_of_one_output(tmp_path):
    labels = np.where(y == 2, "virginica", "other")
    one = classifier(1, "sigmoid", "binary_crossentropy").fit(X, labels)
    found = predictions(one, X, tmp_path / "m.keras")
    np.testing.assert_allclose(found, one.predict_proba(X), atol=1e-6)
    described = json.loads((tmp_path / "m.keras.json").read_text())
    assert described["outputs"] == [
        {"name": "probabilities", "shape": [2], "classes": ["other", "virginica"]}
    ]


def test_logits_become_probabilities(tmp_path):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    logits = classifier(3, None, loss).fit(X, y)
    found = predictions(logits, X, tmp_path / "m.keras")
    np.testing.assert_allclose(found, logits.predict_proba(X), atol=1e-6)


def test_multilabel(tmp_path):
    several = np.stack([y > 0, y > 1], axis=1).astype(int)
    labels = classifier(2, "sigmoid", "binary_crossentropy").fit(X, several)
    found = predictions(labels, X, tmp_path / "m.keras")
    np.testing.assert_allclose(found, labels.predict_proba(X), atol=1e-6)


def test_several_inputs_and_outputs(tmp_path):
    left, right = keras.Input((1,), name="left"), keras.Input((3,), name="right")
    joined = keras.layers.Concatenate()([left, right])
    heads = [keras.layers.Dense(n, "softmax", name=f"head{n}")(joined) for n in (3, 2)]
    both = KerasClassifier(
        keras.Model([left, right], heads),
        loss=["sparse_categorical_crossentropy"] * 2,
        verbose=0,
        random_state=0,
    )
    columns = np.stack([y, (y > 1).astype(int)], axis=1)
    pipeline = make_pipeline(MinMaxScaler(), both).fit(X, columns)
    export(pipeline, tmp_path / "m.keras")
    model = keras.saving.load_model(tmp_path / "m.keras")
    found = model(X)
    for i, wanted in enumerate(pipeline.predict_proba(X)):
        np.testing.assert_allclose(found[f"probabilities_{i}"], wanted, atol=1e-6)
    export(both.fit(X, columns), tmp_path / "b.keras")
    model = keras.saving.load_model(tmp_path / "b.keras")
    found = model({"left": X[:, :1].astype("float32"), "right": X[:, 1:].astype("float32")})
    for i, wanted in enumerate(both.predict_proba(X)):
        np.testing.assert_allclose(found[f"probabilities_{i}"], wanted, atol=1e-6)


@pytest.mark.parametrize(
    "around",
    [
        {},
        {"transformer": StandardScaler()},
        {"transformer": MinMaxScaler()},
        {"func": np.log1p, "inverse_func": np.expm1},
    ],
)
def test_regression(tmp_path, around):
    X, y = load_diabetes(return_X_y=True)
    inner = make_pipeline(StandardScaler(), regressor())
    outer = TransformedTargetRegressor(inner, **around).fit(X, y)
    found = predictions(outer, X, tmp_path / "m.keras")
    assert found.shape == outer.predict(X).shape
    np.testing.assert_allclose(found, outer.predict(X), rtol=1e-5)


def test_regression_of_columns(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    several = regressor(2).fit(X, np.stack([y, -y], axis=1))
    found = predictions(several, X, tmp_path / "m.keras")
    np.testing.assert_allclose(found, several.predict(X), rtol=1e-5)


def test_images(tmp_path):
    layers = [keras.layers.Conv2D(2, 3), keras.layers.Dropout(0.5)]
    layers += [keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
    images = X[:, :, None, None] * np.ones((1, 1, 4, 1))
    network = keras.Sequential(layers)
    convolution = KerasClassifier(
        network, loss="sparse_categorical_crossentropy", verbose=0, random_state=0
    ).fit(images, y)
    found = predictions(convolution, images, tmp_path / "m.keras")
    np.testing.assert_allclose(found, convolution.predict_proba(images), atol=1e-6)


@pytest.mark.parametrize("of", [GridSearchCV, SklearnGridSearchCV])
def test_search(tmp_path, of):
    pipeline = make_pipeline(StandardScaler(), classifier())
    search = of(pipeline, {"kerasclassifier__batch_size": [50]}, cv=2).fit(X, y)
    found = predictions(search, X, tmp_path / "m.keras")
    np.testing.assert_allclose(found, search.predict_proba(X), atol=1e-6)


def test_nothing_of_the_estimator_changes(tmp_path):
    pipeline = make_pipeline(StandardScaler(), classifier()).fit(X, y)
    before = pipeline.predict_proba(X)
    export(pipeline, tmp_path / "m.keras")
    np.testing.assert_array_equal(pipeline.predict_proba(X), before)
    clone(pipeline).fit(X, y)


def test_missing_and_unknown_text(tmp_path):
    frame = pd.DataFrame({"color": ["red", "blue", "red", "red"] * 9, "n": range(36)})
    parts = ColumnTransformer(
        [
            (
                "text",
                make_pipeline(
                    SimpleImputer(strategy="most_frequent"),
                    OneHotEncoder(handle_unknown="ignore"),
                ),
                ["color"],
            ),
            ("numbers", StandardScaler(), ["n"]),
        ]
    )
    pipeline = make_pipeline(parts, classifier()).fit(frame, np.arange(36) % 3)
    others = pd.DataFrame({"color": [np.nan, "green", "blue"], "n": [1, 2, 3]})
    found = predictions(pipeline, others, tmp_path / "m.keras")
    np.testing.assert_allclose(found, pipeline.predict_proba(others), atol=1e-6)


def test_category_named_as_what_keras_calls_unknown(tmp_path):
    frame = pd.DataFrame({"color": ["[UNK]", "red", "[UNK]?"] * 12})
    encoder = OneHotEncoder(handle_unknown="ignore")
    pipeline = make_pipeline(encoder, classifier()).fit(frame, np.arange(36) % 3)
    others = pd.DataFrame({"color": ["[UNK]", "red", "[UNK]?", "green"]})
    export(pipeline, tmp_path / "m.keras")
    model = keras.saving.load_model(tmp_path / "m.keras")
    found = model(keras.ops.convert_to_tensor(others.to_numpy(str).tolist()))
    np.testing.assert_allclose(found, pipeline.predict_proba(others), atol=1e-6)


@pytest.mark.parametrize("kind", [str, float])
def test_size_grows_as_the_number_of_categories(tmp_path, kind):
    column = np.arange(2000).astype(kind).astype(object)[:, None]
    pipeline = make_pipeline(OneHotEncoder(), classifier()).fit(column, np.arange(2000) % 3)
    export(pipeline, tmp_path / "m.keras")
    assert (tmp_path / "m.keras").stat().st_size < 500_000


@pytest.mark.parametrize("format", ["keras", "onnx"])
def test_columns_that_nothing_reads_are_no_inputs(tmp_path, format):
    frame = pd.DataFrame(
        {"id": list("abc") * 12, "color": ["r", "b"] * 18, "n": range(36), "m": range(36)}
    )
    inner = ColumnTransformer([("scaled", StandardScaler(), [1])])
    parts = ColumnTransformer(
        [("text", OneHotEncoder(), ["color"]), ("numbers", inner, ["m", "n"])]
    )
    pipeline = make_pipeline("passthrough", parts, classifier())
    pipeline.fit(frame, np.arange(36) % 3)
    path = tmp_path / f"m.{format}"
    export(pipeline, path, format)
    described = json.loads(path.with_name(path.name + ".json").read_text())
    assert [each["name"] for each in described["inputs"]] == ["color", "n"]
    found = loaded(path)({name: frame[[name]].to_numpy() for name in ("color", "n")})
    np.testing.assert_allclose(found, pipeline.predict_proba(frame), atol=1e-5)


@pytest.mark.parametrize("format", ["keras", "onnx"])
def test_columns_named_as_outputs(tmp_path, format):
    names = ["probabilities", "predictions", "probabilities_0", "feature_predictions"]
    frame = pd.DataFrame(X, columns=names).assign(color=np.array(["r", "b"])[y % 2])
    parts = ColumnTransformer(
        [("text", OneHotEncoder(), ["color"]), ("numbers", StandardScaler(), names)]
    )
    pipeline = make_pipeline(parts, classifier()).fit(frame, y)
    path = tmp_path / f"m.{format}"
    export(pipeline, path, format)
    described = json.loads(path.with_name(path.name + ".json").read_text())
    inputs = {
        each["name"]: frame[each["features"]].to_numpy() for each in described["inputs"]
    }
    assert [*inputs][:2] == ["feature_probabilities", "feature_predictions"]
    np.testing.assert_allclose(
        loaded(path)(inputs), pipeline.predict_proba(frame), atol=1e-5
    )


def loaded(path):
    """The probabilities by a file, as a function of inputs by name."""
    if path.suffix == ".onnx":
        runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
        session = runtime.InferenceSession(path)
        return lambda inputs: session.run(
            ["probabilities"],
            {n: v if v.dtype == object else v.astype(float) for n, v in inputs.items()},
        )[0]
    model = keras.saving.load_model(path)
    return lambda inputs: keras.ops.convert_to_numpy(
        model({n: keras.ops.convert_to_tensor(v.tolist()) for n, v in inputs.items()})
    )


def test_onnx(tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("tf2onnx", reason="tf2onnx is not installed")
    onnx = pytest.importorskip("onnx")
    frame = pd.DataFrame(X, columns=list("abcd")).assign(color=np.array(["r", "ö"])[y % 2])
    parts = ColumnTransformer(
        [("text", OneHotEncoder(), ["color"]), ("numbers", StandardScaler(), list("abcd"))]
    )
    for pipeline, data in [
        (make_pipeline(SimpleImputer(), MinMaxScaler(), classifier()), X + 1e6),
        (make_pipeline(parts, classifier()), frame),
    ]:
        pipeline.fit(data, np.array(["x", "y", "z"])[y])
        path = tmp_path / f"{type(data).__name__}.onnx"
        export(pipeline, path, "onnx")
        session = runtime.InferenceSession(path)
        names = [each.name for each in session.get_inputs()]
        if names == ["features"]:
            given = {"features": data}
        else:
            given = {name: frame[[name]].to_numpy() for name in names}
        found = session.run(["probabilities"], given)[0]
        np.testing.assert_allclose(found, pipeline.predict_proba(data), atol=1e-5)
        props = {prop.key: prop.value for prop in onnx.load(path).metadata_props}
        described = json.loads(props["skkeras_search"])
        assert described["outputs"][0]["classes"] == ["x", "y", "z"]
        assert described == json.loads(path.with_name(path.name + ".json").read_text())


def test_saved_model(tmp_path):
    tf = pytest.importorskip("tensorflow")
    pipeline = make_pipeline(StandardScaler(), classifier()).fit(X, y)
    export(pipeline, tmp_path / "model", "saved_model")
    serve = tf.saved_model.load(tmp_path / "model").signatures["serving_default"]
    found = serve(features=tf.constant(X))["probabilities"]
    np.testing.assert_allclose(found, pipeline.predict_proba(X), atol=1e-6)
    described = json.loads((tmp_path / "model/assets.extra/metadata.json").read_text())
    assert described["inputs"][0]["shape"] == [4]


class Scaler(StandardScaler):
    pass


@pytest.mark.parametrize(
    ("step", "named"),
    [
        (PCA(2), r"The step 'pca', a sklearn\.decomposition.*\.PCA"),
        (FunctionTransformer(np.log1p), "FunctionTransformer"),
        (Scaler(), r"'scaler', a tests\.interop\.test_export\.Scaler"),
        (
            ColumnTransformer([("p", PCA(2), [0, 1, 2])]),
            "'columntransformer__p', a sklearn",
        ),
    ],
)
def test_other_steps_are_refused_by_name(tmp_path, step, named):
    pipeline = make_pipeline(step, classifier()).fit(X, y)
    with pytest.raises(TypeError, match=named):
        export(pipeline, tmp_path / "m.keras")
    assert not list(tmp_path.iterdir())


def test_bad_input(tmp_path):
    fitted = classifier().fit(X, y)
    with pytest.raises(ValueError, match=r"got 'onxx'\. Did you mean 'onnx'\?"):
        export(fitted, tmp_path / "m.onnx", "onxx")
    with pytest.raises(ValueError, match=r"format must be one of .*, got None"):
        export(fitted, tmp_path / "m.onnx", None)
    with pytest.raises(ValueError, match=r"path must end in '\.keras'"):
        export(fitted, tmp_path / "m.h5")
    with pytest.raises(FileNotFoundError, match=r"directory .* does not exist"):
        export(fitted, tmp_path / "a" / "m.keras")
    (tmp_path / "m.keras").touch()
    with pytest.raises(FileExistsError, match="exists already"):
        export(fitted, tmp_path / "m.keras")
    for unfitted in (
        classifier(),
        make_pipeline(StandardScaler(), classifier()),
        GridSearchCV(classifier(), {"epochs": [1]}),
        TransformedTargetRegressor(regressor()),
    ):
        with pytest.raises(NotFittedError):
            export(unfitted, tmp_path / "n.keras")
    with pytest.raises(TypeError, match=r"got a sklearn\.svm\._classes\.SVC"):
        export(SVC().fit(X, y), tmp_path / "n.keras")
    storage = tmp_path / "search.db"
    unrefitted = GridSearchCV(
        classifier(), {"epochs": [1]}, cv=2, refit=False, storage=storage
    ).fit(X, y)
    with pytest.raises(TypeError, match="refit=False"):
        export(unrefitted, tmp_path / "n.keras")
    with pytest.raises(TypeError, match="it was loaded from its storage"):
        export(load_search(storage), tmp_path / "n.keras")
    logs = TransformedTargetRegressor(
        regressor(), func=np.cbrt, inverse_func=lambda t: t**3, check_inverse=False
    ).fit(X, y)
    with pytest.raises(TypeError, match=r"inverse_func=.* cannot be exported"):
        export(logs, tmp_path / "n.keras")


def test_digits_of_float32():
    from skkeras_search.interop.export.graph import graph_of

    pipeline = make_pipeline(StandardScaler(), classifier()).fit(
        X + np.array([0, 0, 1e6, 0]), y
    )
    with pytest.warns(UserWarning, match=r"columns \[2\] of StandardScaler vary"):
        graph_of(pipeline, "float32")
